// The folder of a run: lock, resolved configuration, environment, metrics, events, evaluations,
// checkpoints, model.
//   config.toml environment.json metrics.jsonl timing.jsonl events.out.tfevents.* eval/
//   checkpoints/ model/ done.json
#pragma once
#include "core/config/plan.hpp"
#include "core/report/events.hpp"
#include "core/report/metrics.hpp"

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace samara::host {

class RunFolder {
public:
    /// Creates the folder, or opens the same run again when `resume`.  Throws Error: config (the
    /// folder holds a run and `resume` was not asked for), corrupt (it holds a run of another
    /// configuration), busy (a live process has it), io.
    RunFolder(const Plan& plan, bool resume);
    ~RunFolder();
    RunFolder(const RunFolder&) = delete;
    RunFolder& operator=(const RunFolder&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }
    /// The record of a run that already ended, or null.
    [[nodiscard]] nlohmann::json done() const;
    /// environment.json of an earlier start of this run, or null.
    [[nodiscard]] nlohmann::json environment() const;
    void write(const std::string& name,
               const std::string& bytes) const;  ///< atomic, inside the folder

    /// Opens metrics, timing and events, cut back to `metrics_bytes` (0: from the start).
    void open_logs(int64_t metrics_bytes, int64_t step);
    /// One line of metrics.jsonl, and its numbers as TensorBoard scalars under `prefix`.
    void metrics(const Row& row, const std::string& prefix, int64_t step);
    /// Markdown for people, in the TensorBoard file only.
    void text(const std::string& name, const std::string& markdown, int64_t step);
    void timing(const Row& row);
    [[nodiscard]] int64_t metrics_bytes() const { return metrics_->offset(); }
    void flush();

private:
    std::string path_;
    int lock_ = -1;  ///< descriptor that holds the flock, for the object's life
    std::unique_ptr<MetricsWriter> metrics_, timing_;
    std::unique_ptr<EventsWriter> events_;
};

}  // namespace samara::host
