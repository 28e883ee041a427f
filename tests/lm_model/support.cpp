// Shared helpers of the language-model tests; see support.hpp.
#include "support.hpp"

#include "lm/model/safetensors.hpp"

#include <ATen/Parallel.h>
#include <catch2/catch_test_macros.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace samara::test {
namespace fs = std::filesystem;
using nlohmann::json;

TemporaryFolder::TemporaryFolder() {
    static int count = 0;
    path_ = (fs::temp_directory_path() /
             ("samara-test-" + std::to_string(::getpid()) + "-" + std::to_string(count++)))
                .string();
    fs::create_directories(path_);
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

namespace {

/// One thread: the matrices here are so small that a second one only waits, and on a busy machine
/// waits long.
class OneThread : public Catch::EventListenerBase {
public:
    using Catch::EventListenerBase::EventListenerBase;
    void testRunStarting(const Catch::TestRunInfo&) override { at::set_num_threads(1); }
};

std::string read_file(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

std::string interpreter() {
    const char* named = std::getenv("SAMARA_TEST_PYTHON");
    std::string path = named ? named : SAMARA_SOURCE_DIR "/.venv-test/bin/python";
    if (!fs::exists(path)) {
        const std::string message =
            "no test interpreter at " + path + " (scripts/dev test sets it up)";
        if (std::getenv("CI"))
            FAIL(message);
        SKIP(message);
    }
    return path;
}

}  // namespace

std::string run_oracle(const std::vector<std::string>& arguments) {
    std::string command =
        "'" + interpreter() + "' '" SAMARA_SOURCE_DIR "/tests/lm_model/oracle.py'";
    for (const auto& argument : arguments)
        command += " '" + argument + "'";
    const TemporaryFolder logs;
    const std::string out = logs.path() + "/out", err = logs.path() + "/err";
    const int status = std::system((command + " >" + out + " 2>" + err).c_str());
    INFO(command << "\n" << read_file(err));
    REQUIRE(status == 0);
    return read_file(out);
}

std::string case_folder(const std::string& name) {
    interpreter();
    const std::string script = read_file(SAMARA_SOURCE_DIR "/tests/lm_model/oracle.py");
    const fs::path all = fs::path(SAMARA_BUILD_DIR) /
                         ("lm_model_cases_" + std::to_string(std::hash<std::string>{}(script)));
    if (!fs::exists(all)) {
        const fs::path fresh = all.string() + "." + std::to_string(::getpid());
        run_oracle({"make", fresh.string()});
        std::error_code
            lost_race;  // another test process may have been first: its cases are the same
        fs::rename(fresh, all, lost_race);
        if (lost_race)
            fs::remove_all(fresh);
    }
    return (all / name).string();
}

std::map<std::string, at::Tensor> read_tensors(const std::string& path) {
    const host::SafetensorsFile file(path);
    std::map<std::string, at::Tensor> tensors;
    for (const auto& [name, entry] : file.entries()) {
        tensors[name] = at::empty(entry.shape, at::kFloat);
        file.read_into(name, tensors[name]);
    }
    return tensors;
}

host::Group group_of(const json& candidates) {
    host::Group group;
    group.record_id = "case";
    for (const auto& row : candidates) {
        host::Candidate candidate;
        candidate.prompt_ids = row["prompt"].get<host::Ids>();
        candidate.response_ids = row["response"].get<host::Ids>();
        group.candidates.push_back(candidate);
    }
    return group;
}

json read_case(const std::string& folder) {
    return json::parse(read_file(folder + "/case.json"));
}

host::Scored score(host::DecoderModel& model, const host::Group& group, host::Wanted wanted) {
    const host::Group* one[] = {&group};
    return model.forward(one, wanted);
}

double relative(const at::Tensor& a, const at::Tensor& b) {
    REQUIRE(a.sizes() == b.sizes());
    const double scale = b.abs().max().item<double>();
    const double gap = (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
    return gap == 0 ? 0 : gap / scale;
}

void zero_grads(host::LanguageModel& model) {
    for (auto& parameter : model.parameters())
        if (parameter.value.grad().defined())
            parameter.value.mutable_grad().zero_();
}

std::map<std::string, at::Tensor> grads_of(host::LanguageModel& model) {
    std::map<std::string, at::Tensor> grads;
    for (auto& parameter : model.parameters())
        grads[parameter.name] = parameter.value.grad().defined() ? parameter.value.grad().clone()
                                                                 : at::zeros_like(parameter.value);
    return grads;
}

host::ModelRequest request_for(const std::string& folder,
                               bool score_head,
                               const std::string& dtype) {
    host::ModelRequest request;
    request.path = folder;
    request.score_head = score_head;
    request.dtype = dtype;
    request.seed = 7;
    return request;
}

}  // namespace samara::test

CATCH_REGISTER_LISTENER(samara::test::OneThread)
