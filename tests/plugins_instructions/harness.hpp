// harness.hpp - drives the built instruction library through its table, as the host does, and reads
// the data and the oracles of these tests.  Knows nothing of the library's sources.
#pragma once
#include <samara/instruction.hpp>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace samara::test {

using Row = nlohmann::json;

/// What check() says; `error` is empty unless it refused, and then there is no verdict.
struct Judged {
    int64_t status, strict, loose;
    std::string error;
};

/// Responses as a data set: rows of {"chosen", "rejected"}.
class Rows {
public:
    explicit Rows(std::vector<Row> rows);
    Rows(const Rows&) = delete;
    const samara_dataset& dataset() const { return dataset_; }
    const std::vector<Row>& rows() const { return rows_; }
    /// Response 2 * row for chosen, 2 * row + 1 for rejected.
    const std::string& response(size_t index) const { return texts_[index]; }
    size_t size() const { return texts_.size(); }

private:
    static const samara_record* get(void* ctx, int64_t index);
    std::vector<Row> rows_;
    std::vector<std::string> texts_;
    std::vector<samara_record> records_;
    samara_dataset dataset_;
};

/// A library of the build's plugin folder.
class Library {
public:
    explicit Library(const std::string& id = "samara.ifeval");
    ~Library();
    Library(const Library&) = delete;
    std::vector<const samara_instruction_type*> types() const;
    int64_t find(const std::string& id) const;
    Judged check(const std::string& id,
                 const std::string& kwargs,
                 const std::string& response,
                 bool negated = false) const;
    std::optional<Solution> solve(const samara_dataset& corpus,
                                  int64_t type,
                                  const std::vector<Demand>& demands,
                                  uint64_t seed) const;
    /// The wording, or the refusal's text in `error`.
    std::string phrase(const std::string& id,
                       const Solution& solution,
                       Wordings set,
                       uint64_t seed,
                       std::string* error = nullptr) const;
    const samara_plugin& descriptor() const { return *plugin_; }

private:
    const samara_plugin* plugin_;
    const samara_instructions* table_;
    void* self_ = nullptr;
};

/// Rows of a JSONL file.
std::vector<Row> read_rows(const std::string& path);
/// The shared data folder, or empty: says so and skips (fails under CI).
std::string shared_or_skip();
/// Runs a Python oracle of this folder in the test-only environment; skips (fails under CI) when
/// that is absent. Standard output, or a failed test with the error's text.
std::string run_python(const std::string& script, const std::vector<std::string>& arguments);
/// A path in a fresh folder for this process.
std::string scratch(const std::string& name);

}  // namespace samara::test
