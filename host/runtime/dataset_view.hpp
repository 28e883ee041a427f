// Host records as the ABI's samara_dataset: views built on demand, freed on release.  Internal to
// runtime/.
#pragma once
#include "runtime/record_source.hpp"
#include "samara/samara.h"

#include <exception>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

namespace samara::host {

inline samara_str text(const std::string& s) {
    return {s.c_str(), static_cast<int64_t>(s.size())};
}
inline samara_ids ids(const Ids& v) {
    return {v.empty() ? nullptr : v.data(), static_cast<int64_t>(v.size())};
}

inline std::vector<samara_message> views(std::span<const Message> messages) {
    std::vector<samara_message> out;
    out.reserve(messages.size());
    for (const Message& m : messages) {
        out.push_back({text(m.role), text(m.content)});
    }
    return out;
}

/// Valid while the source lives.  [any-thread]
class DatasetView {
public:
    explicit DatasetView(const RecordSource& records) : records_(records) {
        abi_ = {sizeof abi_, this, records.size(), get, release};
    }
    DatasetView(const DatasetView&) = delete;
    DatasetView& operator=(const DatasetView&) = delete;
    [[nodiscard]] const samara_dataset* abi() const { return &abi_; }
    /// Throws what the source threw, if it did: the plugin only saw that there is no such record.
    void rethrow() const {
        if (failed_) {
            std::rethrow_exception(failed_);
        }
    }

private:
    struct Row {
        std::shared_ptr<const Record> held;
        std::vector<samara_message> prompt;
        std::vector<samara_pair> meta;
        samara_record record{};
        int64_t users = 0;
    };
    static const samara_record* get(void* ctx, int64_t index) noexcept;
    static void release(void* ctx, int64_t index) noexcept;

    Row& row(int64_t index);

    const RecordSource& records_;
    samara_dataset abi_{};
    std::exception_ptr failed_;
    std::mutex lock_;
    std::unordered_map<int64_t, Row> rows_;
};

}  // namespace samara::host
