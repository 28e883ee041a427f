// Where records come from when there may be more of them than memory holds.  Between the data room,
// which reads them from files, and the synthesizers, which see them through the ABI.
#pragma once
#include "runtime/records.hpp"

#include <memory>
#include <span>

namespace samara::host {

/// Records by index.  [any-thread]
class RecordSource {
public:
    virtual ~RecordSource() = default;
    [[nodiscard]] virtual int64_t size() const = 0;
    /// Record `index` of [0, size()); lives as long as the pointer.  Throws Error when it cannot be
    /// read.
    [[nodiscard]] virtual std::shared_ptr<const Record> get(int64_t index) const = 0;
};

/// Records that are in memory; they must outlive this.
class RecordSpan final : public RecordSource {
public:
    explicit RecordSpan(std::span<const Record> records) : records_(records) {}
    [[nodiscard]] int64_t size() const override { return static_cast<int64_t>(records_.size()); }
    [[nodiscard]] std::shared_ptr<const Record> get(int64_t index) const override {
        return {std::shared_ptr<void>(), &records_[static_cast<size_t>(index)]};
    }

private:
    std::span<const Record> records_;
};

}  // namespace samara::host
