// harness.cpp - the model, the comparison and the oracle runner behind harness.hpp.
#include "harness.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace samara::test {
namespace {

struct Shape {
    const char *name, *kind;  ///< kind: the role as torch_oracle.py calls it
    int64_t role;
    std::vector<int64_t> shape;
};

/// Sizes above and below a vector register, none a multiple of one.
const std::vector<Shape>& shapes() {
    static const std::vector<Shape> kShapes{
        {"tall", "matrix", SAMARA_ROLE_MATRIX, {17, 5}},
        {"norm", "norm", SAMARA_ROLE_NORM, {7}},
        {"wide", "matrix", SAMARA_ROLE_MATRIX, {3, 11}},
        {"bias", "bias", SAMARA_ROLE_BIAS, {19}},
        {"square", "matrix", SAMARA_ROLE_MATRIX, {4, 4}},
        {"embedding", "embedding", SAMARA_ROLE_EMBEDDING, {9, 4}},
        {"head", "head", SAMARA_ROLE_HEAD, {1, 4}},
        {"cube", "matrix", SAMARA_ROLE_MATRIX, {2, 3, 3}},
        {"other", "other", SAMARA_ROLE_OTHER, {5, 3}},
    };
    return kShapes;
}

std::vector<double> numbers(const at::Tensor& t) {
    const at::Tensor flat = t.detach().to(at::kDouble).contiguous();
    return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

bool same_bytes(const at::Tensor& a, const at::Tensor& b) {
    const at::Tensor x = a.detach().contiguous(), y = b.detach().contiguous();
    return x.scalar_type() == y.scalar_type() && x.sizes() == y.sizes() &&
           std::memcmp(x.const_data_ptr(), y.const_data_ptr(), x.nbytes()) == 0;
}

}  // namespace

std::unique_ptr<OptimizerInstance> make_optimizer(const std::string& id, const Given& given) {
    static const Registry registry(
        SearchPath{{SAMARA_PLUGIN_DIR "/samara_optimizers.so"}, {}, false});
    const Plugin* plugin = registry.find(id);
    INFO(id);
    REQUIRE(plugin != nullptr);
    BoundParams params;
    const auto issues = bind_params(*plugin->descriptor, given, params);
    INFO((issues.empty() ? "" : issues.front().key + ": " + issues.front().what));
    REQUIRE(issues.empty());
    return std::make_unique<OptimizerInstance>(*plugin, params);
}

Model::Model(const std::string& id, const Given& given, at::ScalarType dtype) {
    for (const Shape& s : shapes()) {
        const at::Tensor start =
            at::cos(0.7 * at::arange(c10::multiply_integers(s.shape), at::kDouble) +
                    static_cast<double>(parameters.size()));
        parameters.push_back({s.name, s.role, start.reshape(s.shape).to(dtype).requires_grad_()});
    }
    optimizer.emplace(make_optimizer(id, given), parameters);
}

at::Tensor Model::gradient(size_t p, int64_t number) const {
    const at::Tensor& value = parameters[p].value;
    const at::Tensor index = at::arange(value.numel(), at::kDouble);
    const auto phase = static_cast<double>(number + 3 * static_cast<int64_t>(p));
    // Two incommensurable waves: full rank, both signs, no zeros.
    return (at::sin(1.3 * index + phase) + 0.5 * at::cos(0.37 * index * index + 2 * phase))
        .reshape(value.sizes())
        .to(value.scalar_type());
}

void Model::run(int64_t first, int64_t last) {
    for (int64_t number = first + 1; number <= last; ++number) {
        for (size_t p = 0; p < parameters.size(); ++p) {
            parameters[p].value.mutable_grad() = gradient(p, number);
        }
        step(number);
    }
}

void Model::step(int64_t number) {
    optimizer->step(number, 100, learning_rate(number), {});
}

std::vector<at::Tensor> Model::values() const {
    std::vector<at::Tensor> out;
    for (const Parameter& parameter : parameters) {
        out.push_back(parameter.value.detach().clone());
    }
    return out;
}

void Model::restore_from(const Model& other) {
    for (size_t p = 0; p < parameters.size(); ++p) {
        parameters[p].value.detach().copy_(other.parameters[p].value.detach());
    }
    const std::vector<NamedTensor> to = optimizer->state(), from = other.optimizer->state();
    REQUIRE(to.size() == from.size());
    for (size_t i = 0; i < to.size(); ++i) {
        REQUIRE(to[i].name == from[i].name);
        to[i].value.copy_(from[i].value);
    }
    optimizer->load_plugin(const_cast<Model&>(other).optimizer->save_plugin());
}

bool Model::equals(const Model& other) const {
    for (size_t p = 0; p < parameters.size(); ++p) {
        if (!same_bytes(parameters[p].value, other.parameters[p].value)) {
            return false;
        }
    }
    const std::vector<NamedTensor> mine = optimizer->state(), theirs = other.optimizer->state();
    REQUIRE(mine.size() == theirs.size());
    for (size_t i = 0; i < mine.size(); ++i) {
        if (!same_bytes(mine[i].value, theirs[i].value)) {
            return false;
        }
    }
    return true;
}

at::Tensor Model::slot(const std::string& name) const {
    for (const NamedTensor& tensor : optimizer->state()) {
        if (tensor.name == name) {
            return tensor.value;
        }
    }
    return {};
}

nlohmann::json oracle_case(const std::string& optimizer,
                           const nlohmann::json& options,
                           int64_t steps,
                           at::ScalarType dtype) {
    const Model model("samara.sgd", {}, dtype);  // for its values and gradients only
    nlohmann::json out{{"optimizer", optimizer},
                       {"options", options},
                       {"dtype", dtype == at::kDouble ? "float64" : "float32"}};
    for (int64_t number = 1; number <= steps; ++number) {
        out["learning_rates"].push_back(Model::learning_rate(number));
    }
    for (size_t p = 0; p < model.parameters.size(); ++p) {
        nlohmann::json parameter{{"role", shapes()[p].kind},
                                 {"shape", shapes()[p].shape},
                                 {"start", numbers(model.parameters[p].value)}};
        for (int64_t number = 1; number <= steps; ++number) {
            parameter["gradients"].push_back(numbers(model.gradient(p, number)));
        }
        out["parameters"].push_back(std::move(parameter));
    }
    return out;
}

std::vector<Trace> run_oracle(const nlohmann::json& cases) {
    const char* given = std::getenv("SAMARA_TEST_PYTHON");
    const std::string python =
        given != nullptr ? given : SAMARA_SOURCE_DIR "/.venv-test/bin/python";
    if (!std::filesystem::exists(python)) {
        if (std::getenv("CI") != nullptr) {
            FAIL("the test-only Python environment is absent, and CI may not skip it");
        }
        SKIP("the test-only Python environment is absent: nothing was compared with torch.optim");
    }
    const auto folder =
        std::filesystem::temp_directory_path() / ("samara_optimizers_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    const std::string in = folder / "in.json", out = folder / "out.json", err = folder / "err.txt";
    std::ofstream(in) << cases;
    const std::string command =
        "'" + python + "' '" SAMARA_SOURCE_DIR "/tests/plugins_optimizers/torch_oracle.py' '" + in +
        "' '" + out + "' 2> '" + err + "'";
    const int status = std::system(command.c_str());
    std::stringstream why;
    why << std::ifstream(err).rdbuf();
    nlohmann::json answer = nlohmann::json::parse(std::ifstream(out), nullptr, false);
    std::filesystem::remove_all(folder);
    INFO(command << "\n" << why.str());
    REQUIRE(WEXITSTATUS(status) == 0);
    std::vector<Trace> traces;
    for (const auto& steps : answer) {
        Trace& trace = traces.emplace_back();
        for (const auto& values : steps) {
            auto& tensors = trace.emplace_back();
            for (size_t p = 0; p < values.size(); ++p) {
                const auto flat = values[p].get<std::vector<double>>();
                tensors.push_back(at::tensor(flat, at::kDouble).reshape(shapes()[p].shape));
            }
        }
    }
    REQUIRE(traces.size() == cases.size());
    return traces;
}

void check_trace(const std::string& id,
                 const Given& given,
                 const Trace& expected,
                 double tolerance,
                 at::ScalarType dtype) {
    Model model(id, given, dtype);
    REQUIRE(expected.size() >= 5);
    for (size_t i = 0; i < expected.size(); ++i) {
        const auto number = static_cast<int64_t>(i + 1);
        model.run(number - 1, number);
        for (size_t p = 0; p < model.parameters.size(); ++p) {
            INFO(id << ", " << model.parameters[p].name << ", step " << number);
            CHECK(distance(model.parameters[p].value, expected[i][p]) <= tolerance);
        }
    }
}

double distance(const at::Tensor& a, const at::Tensor& b) {
    return (a.detach().to(at::kDouble) - b.detach().to(at::kDouble)).abs().max().item<double>();
}

}  // namespace samara::test
