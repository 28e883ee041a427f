// Host records as the ABI's samara_dataset: views built on demand, freed on release.  Internal to
// runtime/.
#pragma once
#include "runtime/records.hpp"
#include "samara/samara.h"

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

/// Valid while the records live.  [any-thread]
class DatasetView {
public:
    explicit DatasetView(std::span<const Record> records) : records_(records) {
        abi_ = {sizeof abi_, this, static_cast<int64_t>(records.size()), get, release};
    }
    DatasetView(const DatasetView&) = delete;
    DatasetView& operator=(const DatasetView&) = delete;
    [[nodiscard]] const samara_dataset* abi() const { return &abi_; }

private:
    struct Row {
        std::vector<samara_message> prompt;
        std::vector<samara_pair> meta;
        samara_record record{};
        int64_t users = 0;
    };
    static const samara_record* get(void* ctx, int64_t index) noexcept;
    static void release(void* ctx, int64_t index) noexcept;

    std::span<const Record> records_;
    samara_dataset abi_{};
    std::mutex lock_;
    std::unordered_map<int64_t, Row> rows_;
};

}  // namespace samara::host
