// records.hpp - what synthesizers and instruction types read: messages, records, the data set; and
// the random numbers they draw.  Owning C++ types and views over samara.h, section 4.
#pragma once
#include "core.hpp"

#include <optional>

namespace samara {

/// One turn of a conversation.  Plain text is one message with an empty role.
struct Message {
    std::string role;
    std::string content;
    bool operator==(const Message&) const = default;
};
using Messages = std::vector<Message>;

/// Views of messages for the ABI; valid while `messages` lives unchanged.
inline std::vector<samara_message> borrow(std::span<const Message> messages) {
    std::vector<samara_message> out;
    out.reserve(messages.size());
    for (const Message& m : messages) { out.push_back({text(m.role), text(m.content)}); }
    return out;
}

/// Owning copies of messages of the ABI.
inline Messages copy(const samara_message* messages, int64_t n) {
    Messages out;
    out.reserve(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) {
        out.push_back(
            {std::string(view(messages[i].role)), std::string(view(messages[i].content))});
    }
    return out;
}

/// One row of the data set: a prompt with a preferred and a rejected response, or one response with
/// a label.  Texts are as in the file: UTF-8, neither trimmed nor normalised.  Borrowed from the
/// host for the life of this object.  Views die with it.  Move-only.
class Record {
public:
    Record(const samara_dataset& data, int64_t index)
        : data_(&data), index_(index), record_(data.get(data.ctx, index)) {
        if (record_ == nullptr) { fail("record " + std::to_string(index) + " does not exist"); }
    }
    ~Record() {
        if (record_ != nullptr && data_->release != nullptr) { data_->release(data_->ctx, index_); }
    }
    Record(Record&& other) noexcept
        : data_(other.data_),
          index_(other.index_),
          record_(std::exchange(other.record_, nullptr)) {}
    Record& operator=(Record&&) = delete;

    int64_t index() const { return index_; }
    std::string_view id() const { return view(record_->id); }
    /// A copy: prompts are usually extended.
    Messages prompt() const { return copy(record_->prompt, record_->n_prompt); }
    /// Absent for rows that came tokenised.  An unpaired response stands in chosen, whatever its
    /// label.
    std::optional<std::string_view> chosen() const { return maybe(record_->chosen); }
    /// Absent for unpaired and supervised rows.
    std::optional<std::string_view> rejected() const { return maybe(record_->rejected); }
    /// Token ids, for rows that came tokenised; else empty.
    std::span<const int64_t> prompt_ids() const { return ids(record_->prompt_ids); }
    std::span<const int64_t> chosen_ids() const { return ids(record_->chosen_ids); }
    std::span<const int64_t> rejected_ids() const { return ids(record_->rejected_ids); }
    double weight() const { return record_->weight; }  ///< of the row; 1 unless given
    double margin() const { return record_->margin; }  ///< of the row; 0 unless given
    /// Unpaired rows: 1 desirable, -1 undesirable, 0 unknown.
    int64_t label() const { return record_->label; }
    /// The row's other fields by name, as JSON text; absent if there is none.
    std::optional<std::string_view> meta(std::string_view key) const {
        for (int64_t i = 0; i < record_->n_meta; ++i) {
            if (view(record_->meta[i].key) == key) { return view(record_->meta[i].value); }
        }
        return std::nullopt;
    }
    const samara_record& raw() const { return *record_; }

private:
    static std::optional<std::string_view> maybe(samara_str s) {
        return s.ptr == nullptr ? std::nullopt : std::optional(view(s));
    }
    static std::span<const int64_t> ids(samara_ids i) {
        return {i.ptr, static_cast<size_t>(i.len)};
    }
    const samara_dataset* data_;
    int64_t index_;
    const samara_record* record_;
};

/// All records of the run's data, in file order.  [any-thread] but only during the call.
class Dataset {
public:
    explicit Dataset(const samara_dataset& data) : data_(&data) {}
    int64_t size() const { return data_->count; }
    Record operator[](int64_t index) const { return Record(*data_, index); }
    const samara_dataset& raw() const { return *data_; }

private:
    const samara_dataset* data_;
};

/// Random numbers that are the same on every machine and compiler (SplitMix64, public domain, S.
/// Vigna 2015). Derive one stream per record and purpose, so that what is drawn for one record
/// never depends on another:
///     Random random(seed, "intra", record.index());
class Random {
public:
    explicit Random(uint64_t seed, std::string_view stream = "", int64_t index = 0) : state_(seed) {
        // FNV-1a over the name keeps streams of equal seeds apart.
        uint64_t hash = UINT64_C(14695981039346656037);
        for (const char c : stream) {
            hash = (hash ^ static_cast<unsigned char>(c)) * UINT64_C(1099511628211);
        }
        state_ = next() ^ hash;
        state_ = next() ^ static_cast<uint64_t>(index);
        state_ = next();
    }
    /// 64 random bits.
    uint64_t next() {
        uint64_t z = (state_ += UINT64_C(0x9e3779b97f4a7c15));
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
    }
    /// Uniform in [0, n), without bias; n > 0.
    uint64_t below(uint64_t n) {
        const uint64_t limit = UINT64_MAX - UINT64_MAX % n;
        uint64_t drawn = next();
        while (drawn >= limit) { drawn = next(); }
        return drawn % n;
    }
    /// Uniform in [low, high], ends included.
    int64_t between(int64_t low, int64_t high) {
        return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low) + 1));
    }
    /// Uniform in [0, 1), 53 bits.
    double real() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
    /// Fisher-Yates; std::shuffle differs between standard libraries.
    template <class Container>
    void shuffle(Container& items) {
        for (size_t i = items.size(); i > 1; --i) { std::swap(items[i - 1], items[below(i)]); }
    }

private:
    uint64_t state_;
};

}  // namespace samara
