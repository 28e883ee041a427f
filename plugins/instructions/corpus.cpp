// corpus.cpp - measuring a data set and pairing its responses, behind corpus.hpp.
#include "corpus.hpp"

#include "propose.hpp"
#include "rules.hpp"

#include <algorithm>
#include <map>

namespace samara::ifeval {
namespace {

bool is_blank(std::string_view text) {
    return strip(decode(text)).empty();
}

// A text's length and beginning: enough to tell rows apart, cheap enough for every call.
uint64_t glance(std::optional<std::string_view> text) {
    constexpr size_t kBytes = 256;
    const std::string_view s = text.value_or("");
    return content_hash(s.substr(0, kBytes)) + s.size();
}

// The rows that stand for the whole: eight, evenly spread.
uint64_t sample(const Dataset& data) {
    uint64_t hash = content_hash("");
    const int64_t step = std::max<int64_t>(1, data.size() / 8);
    for (int64_t i = 0; i < data.size(); i += step) {
        const Record record = data[i];
        hash = hash * 31 + glance(record.chosen());
        hash = hash * 31 + glance(record.rejected());
    }
    return hash;
}

}  // namespace

uint64_t content_hash(std::string_view text) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * UINT64_C(1099511628211);
    }
    return hash;
}

int64_t measure_text(Kind kind, View text) {
    if (const std::optional<int64_t> count = count_of(kind, text)) {
        return *count;
    }
    if (const std::optional<bool> fixed = fixed_form(kind, text)) {
        return *fixed ? 1 : 0;
    }
    return kind == Kind::postscript
               ? (has_postscript(text, U"P.S.") ? 1 : 0) + (has_postscript(text, U"P.P.S") ? 2 : 0)
               : 0;
}

Corpus::Corpus(const Dataset& data)
    : ctx_(data.raw().ctx), records_(data.size()), fingerprint_(sample(data)) {
    if (data.size() > INT32_MAX / 2) {
        fail("a data set of more than 2^30 rows cannot be measured");
    }
    places_.reserve(2 * static_cast<size_t>(data.size()));
    by_hash_.reserve(2 * static_cast<size_t>(data.size()));
    for (int64_t i = 0; i < data.size(); ++i) {
        const Record record = data[i];
        const auto chosen = record.chosen();
        const auto rejected = record.rejected();
        const bool both = chosen && rejected && !is_blank(*chosen) && !is_blank(*rejected);
        paired_ = paired_ && both;
        for (const bool second : {false, true}) {
            const auto& response = second ? rejected : chosen;
            if (response && !is_blank(*response)) {
                by_hash_.emplace_back(content_hash(*response),
                                      static_cast<uint32_t>(places_.size()));
                places_.push_back(static_cast<uint32_t>(2 * i + (second ? 1 : 0)));
            }
        }
    }
    std::sort(by_hash_.begin(), by_hash_.end());
    // By place, not by content: of a text that the data set repeats, the right share.
    Random random(fingerprint_, "measured");
    const size_t wanted = std::min(size(), kMeasured);
    for (uint32_t i = 0; measured_.size() < wanted; ++i) {
        if (random.below(size() - i) < wanted - measured_.size()) {
            measured_.push_back(i);
        }
    }
}

bool Corpus::describes(const Dataset& data) const {
    return data.raw().ctx == ctx_ && data.size() == records_ && sample(data) == fingerprint_;
}

Text Corpus::text(const Dataset& data, uint32_t index) const {
    const Record record = data[places_[index] / 2];
    return decode((places_[index] % 2 == 1 ? record.rejected() : record.chosen()).value_or(""));
}

uint32_t Corpus::find(std::string_view response, uint64_t salt) const {
    const uint64_t hash = content_hash(response);
    const auto first = std::lower_bound(by_hash_.begin(), by_hash_.end(), std::pair(hash, 0U));
    const auto last = std::lower_bound(first, by_hash_.end(), std::pair(hash, kNone));
    const auto n = static_cast<uint64_t>(last - first);
    return n == 0 ? kNone : first[static_cast<ptrdiff_t>(salt % n)].second;
}

uint32_t Corpus::sibling(uint32_t index) const {
    return paired_ ? index ^ 1U : kNone;
}

uint32_t Corpus::member(Kind kind, uint32_t index) const {
    if (!needs_no_text(kind)) {
        return index;
    }
    const auto it = std::lower_bound(measured_.begin(), measured_.end(), index);
    return it != measured_.end() && *it == index ? static_cast<uint32_t>(it - measured_.begin())
                                                 : kNone;
}

uint32_t Corpus::Measure::partner(size_t pairing, uint32_t member) const {
    if (!pairings[pairing].empty()) {
        return pairings[pairing][member];
    }
    // Rows are mirrored; in every other pairing chosen meets chosen and rejected meets rejected.
    const uint64_t row = member / 2;
    const uint64_t circle = members / 4 * 2;
    return row < circle ? static_cast<uint32_t>(2 * ((mirrors[pairing] + circle - row) % circle) +
                                                (member + pairing) % 2)
                        : kNone;
}

uint32_t Corpus::Measure::stand_in(int64_t value, uint64_t hash) const {
    const auto less = [&](uint32_t member, int64_t v) { return values[member] < v; };
    const auto first = std::lower_bound(by_value.begin(), by_value.end(), value, less);
    const auto last = std::lower_bound(first, by_value.end(), value + 1, less);
    const auto n = static_cast<uint64_t>(last - first);
    return n == 0 ? kNone : first[static_cast<ptrdiff_t>(hash % n)];
}

const Corpus::Measure& Corpus::measure(const Dataset& data, Kind kind) {
    const auto [it, fresh] = measures_.try_emplace(static_cast<int>(kind));
    Measure& out = it->second;
    if (!fresh) {
        return out;
    }
    if (needs_no_text(kind)) {
        out.members = measured_.size();
        for (const uint32_t index : measured_) {
            out.values.push_back(measure_text(kind, text(data, index)));
            out.by_value.push_back(static_cast<uint32_t>(out.by_value.size()));
        }
        std::sort(out.by_value.begin(), out.by_value.end(), [&](uint32_t a, uint32_t b) {
            return std::pair(out.values[a], a) < std::pair(out.values[b], b);
        });
    } else {
        out.members = size();
        if (size() > kMeasured) {
            Random random(fingerprint_, "mirror", static_cast<int64_t>(kind));
            for (uint64_t& mirror : out.mirrors) {
                mirror = 2 * random.below(size() / 4) + 1;
            }
            out.balanced = true;
            return out;
        }
        for (uint32_t i = 0; i < size(); ++i) {
            out.values.push_back(i);  // every response differs
        }
    }
    pair_up(kind, out);
    return out;
}

void Corpus::pair_up(Kind kind, Measure& out) const {
    std::map<int64_t, size_t> counts;
    for (const int64_t value : out.values) {
        ++counts[value];
    }
    size_t most = 0;
    int64_t common = 0;  // the most frequent value
    for (const auto& [value, n] : counts) {
        if (n > most) {
            most = n;
            common = value;
        }
    }
    const size_t others = out.members - most;
    // Fewer than one response in a hundred: what is left would be the same few rows every time.
    out.balanced =
        others >= 1 && (!needs_no_text(kind) || others >= std::max<size_t>(4, out.members / 100));
    if (!out.balanced) {
        return;
    }
    // The most frequent value keeps at most as many responses as have another one.
    Random random(fingerprint_, "pairing", static_cast<int64_t>(kind));
    std::vector<uint32_t> members(out.members);
    for (uint32_t i = 0; i < members.size(); ++i) {
        members[i] = i;
    }
    random.shuffle(members);
    size_t kept = 0;
    const size_t most_kept = std::min(most, others);
    std::erase_if(members,
                  [&](uint32_t i) { return out.values[i] == common && ++kept > most_kept; });
    if (members.size() % 2 == 1) {
        members.pop_back();
        // An odd number: the common ones are fewer than half.
    }
    const size_t half = members.size() / 2;
    for (auto& pairing : out.pairings) {
        pairing.assign(out.members, kNone);
        random.shuffle(members);
        std::unordered_map<int64_t, uint64_t> keys;
        for (const uint32_t i : members) {
            keys.try_emplace(out.values[i], random.next());
        }
        // Equal values stand together, at most half the circle: opposite ones always differ.
        std::stable_sort(members.begin(), members.end(), [&](uint32_t a, uint32_t b) {
            return keys.at(out.values[a]) < keys.at(out.values[b]);
        });
        for (size_t i = 0; i < half; ++i) {
            pairing[members[i]] = members[i + half];
            pairing[members[i + half]] = members[i];
        }
    }
}

}  // namespace samara::ifeval
