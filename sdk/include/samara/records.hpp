// records.hpp - what synthesizers and instruction types read: messages, records, the data set; and
// the random numbers they draw.  Owning C++ types and views over samara.h, section 4.
//
// Texts     UTF-8, as in the file; nothing is tokenised or put into a chat format yet.  Only the
//           dialogues of format "hh" have their turns trimmed, and a pair without a prompt is cut
//           where its two answers part.
// Lifetime  A Record keeps its row's views alive, the call keeps everything: nothing of this file
//           may be kept in a member beyond the call but copies.
// Threads   Reading is [any-thread] during the call; Random belongs to whoever made it.
#pragma once
#include "core.hpp"

#include <optional>

namespace samara {

/// One turn of a conversation.  Plain text is one message with an empty role: a user turn for a
/// model with a chat format, the text as it is for one without.  Two or more messages need roles
/// that the chat format knows.
struct Message {
    std::string role;     ///< "system", "user", "assistant", "tool", or empty
    std::string content;  ///< UTF-8; may be empty
    bool operator==(const Message&) const = default;
};
/// A prompt: its last message is what gets answered.  Appending to that message's content extends
/// the prompt; appending a message adds a turn.
using Messages = std::vector<Message>;

/// Views of messages for the ABI; valid while `messages` lives unchanged.  The roles and contents
/// are not copied, so never borrow from a temporary:
///     const Messages prompt = record.prompt();
///     const auto views = borrow(prompt);
inline std::vector<samara_message> borrow(std::span<const Message> messages) {
    std::vector<samara_message> out;
    out.reserve(messages.size());
    for (const Message& m : messages) { out.push_back({text(m.role), text(m.content)}); }
    return out;
}

/// Owning copies of n messages of the ABI; n = 0 gives none, and `messages` may then be NULL.
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
///
///   row                 prompt  chosen    rejected   *_ids              label
///   pair                text    text      text       empty              0
///   one response        text    text      absent     empty              1, -1, or 0 when not given
///   tokenised           empty   absent    absent     set, as above      as above
///
/// The host has refused or skipped rows that are none of these, and pairs of equal answers, before
/// any plugin sees the data.  Any field may be long: nothing is cut before tokens are counted, and
/// that is after synthesis.
class Record {
public:
    /// Usually data[index].  An index outside [0, size()) fails the call; without exceptions the
    /// object must then not be used.
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

    /// Its place in the data set: the `record` of groups, the index of random streams.
    int64_t index() const { return index_; }
    /// From the row, else "<file stem>:<line>".  For people: it need not be unique.
    std::string_view id() const { return view(record_->id); }
    /// A copy: prompts are usually extended.  Empty for rows that came tokenised.
    Messages prompt() const { return copy(record_->prompt, record_->n_prompt); }
    /// Absent for rows that came tokenised.  An unpaired response stands in chosen, whatever its
    /// label.
    std::optional<std::string_view> chosen() const { return maybe(record_->chosen); }
    /// Absent for unpaired and supervised rows, and for rows that came tokenised.
    std::optional<std::string_view> rejected() const { return maybe(record_->rejected); }
    /// Token ids, 0 .. 2^31 - 1, for rows that came tokenised; else empty.  prompt_ids may be empty
    /// even then; chosen_ids never is, so that it tells the two kinds of rows apart.
    std::span<const int64_t> prompt_ids() const { return ids(record_->prompt_ids); }
    std::span<const int64_t> chosen_ids() const { return ids(record_->chosen_ids); }
    std::span<const int64_t> rejected_ids() const { return ids(record_->rejected_ids); }
    /// Of the row: weight >= 0, 1 unless given; margin finite, 0 unless given.  A synthesizer hands
    /// them on to the relations it makes, or says in its documentation that it does not.
    double weight() const { return record_->weight; }
    double margin() const { return record_->margin; }
    /// Unpaired rows: 1 desirable, -1 undesirable, 0 unknown.  Pairs: 0, and a field `label` of the
    /// row is in meta.
    int64_t label() const { return record_->label; }
    /// The row's other fields by name, as JSON text (a string comes with its quotes; json.hpp reads
    /// it); absent if there is none.  Linear in the number of fields.
    std::optional<std::string_view> meta(std::string_view key) const {
        for (int64_t i = 0; i < record_->n_meta; ++i) {
            if (view(record_->meta[i].key) == key) { return view(record_->meta[i].value); }
        }
        return std::nullopt;
    }
    /// For C functions; dies with this object.
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

/// All records of one data set (training, or one evaluation set), in file order.  [any-thread] but
/// only during the call.  Cheap to copy: it borrows.
///     for (int64_t r = first; r < last; ++r) { const Record record = data[r]; ... }
/// A scan over everything stays flat in memory as long as records are let go one after the other.
class Dataset {
public:
    explicit Dataset(const samara_dataset& data) : data_(&data) {}
    /// Records, not pairs: rows of one response count too.
    int64_t size() const { return data_->count; }
    /// Takes a lock and builds views; the texts are not copied.  Hold the Record, do not ask twice.
    Record operator[](int64_t index) const { return Record(*data_, index); }
    /// For C functions (Instructions::solve); dies with the call.
    const samara_dataset& raw() const { return *data_; }

private:
    const samara_dataset* data_;
};

/// Random numbers that are the same on every machine and compiler (SplitMix64, public domain, S.
/// Vigna 2015). Derive one stream per record and purpose, so that what is drawn for one record
/// never depends on another:
///     Random random(seed, "intra", record.index());
/// Not for secrets.  An object is 8 bytes; copying it copies the place in the stream.
/// Use it instead of <random>, whose distributions differ between standard libraries.
class Random {
public:
    /// The stream of (seed, stream, index); other triples give other streams.
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
    /// 64 random bits.  The state steps by a constant, so no start is bad and the period is 2^64.
    uint64_t next() {
        uint64_t z = (state_ += UINT64_C(0x9e3779b97f4a7c15));
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
    }
    /// Uniform in [0, n), without bias; n > 0 (0 divides by zero).  Draws again where a remainder
    /// would favour small numbers, so it may use more than one word of the stream.
    uint64_t below(uint64_t n) {
        const uint64_t limit = UINT64_MAX - UINT64_MAX % n;
        uint64_t drawn = next();
        while (drawn >= limit) { drawn = next(); }
        return drawn % n;
    }
    /// Uniform in [low, high], ends included; low <= high, and high - low below 2^63.
    int64_t between(int64_t low, int64_t high) {
        return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low) + 1));
    }
    /// Uniform in [0, 1), 53 bits; never 1.  `random.real() < p` is true with probability p.
    double real() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
    /// Every order equally likely (Fisher-Yates, from the back); std::shuffle differs between
    /// standard libraries.  For containers with size() and [].
    template <class Container>
    void shuffle(Container& items) {
        for (size_t i = items.size(); i > 1; --i) { std::swap(items[i - 1], items[below(i)]); }
    }

private:
    uint64_t state_;
};

}  // namespace samara
