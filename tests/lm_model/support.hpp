// What the tests of this folder share: the Python oracle, its cases as groups, and comparisons.
#pragma once
#include "lm/lm.hpp"
#include "runtime/error.hpp"

#include <ATen/ATen.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace samara::test {

/// A fresh folder that is removed at the end of the test.
class TemporaryFolder {
public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

/// Runs oracle.py with the test interpreter and returns what it prints.  Without an interpreter the
/// test is skipped, and fails where the environment says CI.
std::string run_oracle(const std::vector<std::string>& arguments);

/// The folder of one case of oracle.py; all cases are made once for each version of oracle.py.
std::string case_folder(const std::string& name);

/// All tensors of a file, in float32.
std::map<std::string, at::Tensor> read_tensors(const std::string& path);

host::Group group_of(const nlohmann::json& candidates);
nlohmann::json read_case(const std::string& folder);

/// The forest of one group run by `model`.
host::Scored score(host::DecoderModel& model, const host::Group& group, host::Wanted wanted);

/// max|a - b| / max|b|; both zero: 0.
double relative(const at::Tensor& a, const at::Tensor& b);

void zero_grads(host::LanguageModel& model);
/// Gradients by name, copied; a missing one is zero.
std::map<std::string, at::Tensor> grads_of(host::LanguageModel& model);

host::ModelRequest request_for(const std::string& folder,
                               bool score_head,
                               const std::string& dtype = "float32");

}  // namespace samara::test
