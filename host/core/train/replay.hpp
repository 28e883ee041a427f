// A coupled loss (a sort, a batch mean) needs the whole step's columns at once, but not the whole
// step's activations (docs/design.md, section 3, rule 6): the columns are computed without a graph,
// the objectives run once on them, and every micro-batch is computed again with the gradients of
// its rows.
#pragma once
#include "core/model_tensors.hpp"

#include <array>
#include <vector>

namespace samara::host {

/// The columns of micro-batches, one after the other, as one.
Scored join(const std::vector<Scored>& parts);

constexpr size_t kReplayed = 6;  ///< columns that carry gradients

class Replay {
public:
    /// `whole`: the step's columns, without a graph.
    explicit Replay(Scored whole);
    /// What the loss is computed from: leaves that collect gradients.
    [[nodiscard]] const Scored& columns() const { return whole_; }
    /// Back through the next micro-batch, in the order of `whole`.  Every part that has a gradient
    /// must have been given one.
    void backward(const Scored& part);

private:
    Scored whole_;
    std::array<int64_t, kReplayed> begin_{};
};

}  // namespace samara::host
