// The flow from a file to a plan, section by section, and what keys mean together; see config.hpp.
#include "core/config/config.hpp"

#include "core/config/bind.hpp"
#include "core/config/ppo.hpp"
#include "core/config/training.hpp"
#include "core/config/uses.hpp"

#include <filesystem>
#include <set>

namespace samara::host {
namespace fs = std::filesystem;
namespace config {
namespace {

/// Builds the plan.  Each method fills one part of it and appends that part to the resolved text.
class Planner {
public:
    Planner(const Node& root, const std::string& file, Registry& registry, Problems& problems)
        : root_(root),
          registry_(registry),
          problems_(problems),
          base_(fs::absolute(file).parent_path().lexically_normal().string()),
          uses_(registry, base_, problems),
          params_of_([this](const Node& entry) { return uses_.params_of(entry); }) {
        loaded_.plan.file = fs::absolute(file).lexically_normal().string();
    }

    LoadedConfig load() {
        check_top_level(root_, problems_);
        load_run();
        load_model();
        load_dpo();
        load_ppo();
        load_data();
        load_plugins();
        load_uses();
        load_training();
        for (Bound& bound : bind_list(section("eval"), root_, "", problems_, params_of_)) {
            load_eval(bound);
        }
        check_eval_names();
        load_best();
        return std::move(loaded_);
    }

private:
    Bound read(const std::string& name) {
        return bind_section(section(name), root_.find(name), name, problems_);
    }
    std::vector<Bound> read_list(const std::string& name) {
        return bind_list(section(name), root_, "", problems_, params_of_);
    }
    void write(const Bound& bound) {
        loaded_.plan.resolved += (loaded_.plan.resolved.empty() ? "" : "\n") + to_toml(bound);
    }
    void write(const std::vector<Bound>& list) {
        for (const Bound& bound : list) {
            write(bound);
        }
    }
    [[nodiscard]] std::string absolute(const std::string& path) const {
        return (fs::path(base_) / path).lexically_normal().string();
    }
    void warn(Where at, const std::string& text) {
        loaded_.warnings.push_back(problems_.text(at) + ": " + text);
    }

    void load_run() {
        Plan& plan = loaded_.plan;
        const Bound run = read("run");
        plan.pipeline = run.text("pipeline");
        plan.output = run.text("output").empty()
                          ? ""
                          : fs::absolute(run.text("output")).lexically_normal().string();
        plan.seed = static_cast<uint64_t>(run.integer("seed"));
        plan.device = run.text("device");
        write(run);
    }

    // The absolute path of a model folder, or "cache:NAME"; a missing folder is a problem.
    std::string model_path(const std::string& path, const std::string& key, Where at) {
        const bool cached = path.starts_with("cache:");
        const std::string full = cached || path.empty() ? path : absolute(path);
        if (path.empty() || problems_.has(at)) {
            return full;
        }
        try {
            const std::string folder = model_folder(full);
            if (!fs::is_directory(folder) && cached) {
                // Scripts may fetch it between a check and a run.
                warn(at, key + ": '" + path + "' is not in the cache (" + folder + ")");
            } else if (!fs::is_directory(folder)) {
                problems_.add(
                    at,
                    key + ": no folder '" + path + "'",
                    "looked at " + folder + "; paths are relative to the configuration file");
            }
        } catch (const Error& error) {
            const Problem& problem = error.problems().front();
            problems_.add(at, key + ": " + problem.what, problem.help);
        }
        return full;
    }

    void load_model() {
        const Bound model = read("model");
        loaded_.plan.dtype = model.text("dtype");
        loaded_.plan.model_path = model_path(model.text("path"), "model.path", model.where("path"));
        write(model);
    }

    void load_dpo() {
        const Bound dpo = read("dpo");
        if (loaded_.plan.pipeline != "dpo") {
            if (const Node* node = root_.find("dpo"); node != nullptr) {
                problems_.add(
                    node->at,
                    "[dpo] has no effect with run.pipeline = \"" + loaded_.plan.pipeline + "\"",
                    "remove it, or set run.pipeline = \"dpo\"");
            }
            return;
        }
        load_reference(dpo);
        write(dpo);
    }

    void load_reference(const Bound& section) {
        const std::string reference = section.text("reference");
        loaded_.plan.reference =
            reference == "initial" || reference == "none"
                ? reference
                : model_path(reference, section.path + ".reference", section.where("reference"));
    }

    void load_ppo() {
        const Node* node = root_.find("ppo");
        if (loaded_.plan.pipeline != "ppo") {
            if (node != nullptr) {
                problems_.add(
                    node->at,
                    "[ppo] has no effect with run.pipeline = \"" + loaded_.plan.pipeline + "\"",
                    "remove it, or set run.pipeline = \"ppo\"");
            }
            return;
        }
        const Bound bound = read("ppo");
        load_reference(bound);
        PpoSpec& ppo = loaded_.plan.ppo;
        ppo = read_ppo(bound, problems_);
        if (!ppo.critic.empty()) {
            ppo.critic = model_path(ppo.critic, "ppo.critic", bound.where("critic"));
        }
        write(bound);
        std::vector<Bound> rewards =
            node != nullptr && node->table() != nullptr
                ? bind_list(section("ppo.reward"), *node, "ppo.", problems_, params_of_)
                : std::vector<Bound>{};
        for (Bound& reward : rewards) {
            RewardUse use = read_reward(reward, problems_);
            if (!reward.text("plugin").empty()) {
                use.plugin = uses_.bind_use(reward, "reward/1");
            }
            if (!use.model.empty()) {
                use.model = model_path(use.model, reward.path + ".model", reward.where("model"));
            }
            ppo.rewards.push_back(std::move(use));
        }
        if (rewards.empty()) {
            problems_.add(node != nullptr ? node->at : Where{},
                          "missing [[ppo.reward]]: at least one is needed",
                          "name a reward model's folder, a plugin, or instructions = \"fraction\"");
        }
        write(rewards);
    }

    void check_file(const std::string& path, const std::string& key, Where at) {
        std::error_code error;
        const std::string full = absolute(path);
        if (!problems_.has(at) && !fs::is_regular_file(full, error)) {
            problems_.add(
                at,
                key + ": " +
                    (fs::is_directory(full, error) ? "a folder, not a file: '" : "no file '") +
                    path + "'",
                "looked at " + full + "; paths are relative to the configuration file");
        }
    }

    void load_data() {
        DataSpec& data = loaded_.plan.data;
        const Bound bound = read("data");
        const auto& train = bound.get<std::vector<std::string>>("train");
        const Node* list = bound.node != nullptr ? bound.node->find("train") : nullptr;
        for (size_t i = 0; i < train.size(); ++i) {
            check_file(train[i], "data.train." + std::to_string(i), (*list->array())[i].at);
            data.files.push_back(absolute(train[i]));
        }
        if (list != nullptr && list->array() != nullptr && list->array()->empty()) {
            problems_.add(list->at, "data.train: expected at least one file, got an empty array");
        }
        data.columns = bound.get<std::map<std::string, std::string>>("columns");
        data.format = bound.text("format");
        data.on_bad_row = bound.text("on_bad_row");
        data.max_bad_rows = bound.integer("max_bad_rows");
        data.chat = bound.text("chat");
        data.max_tokens = bound.integer("max_tokens");
        data.too_long = bound.text("too_long");
        data.order = bound.text("order");
        data.prompt = bound.text("prompt");
        data.response = bound.text("response");
        data.max_records = bound.integer("max_records");
        data.seed = static_cast<uint64_t>(bound.integer("seed"));
        if (data.max_bad_rows > 0 && data.on_bad_row == "error") {
            problems_.add(bound.where("max_bad_rows"),
                          "data.max_bad_rows has no effect with data.on_bad_row = \"error\"",
                          "set data.on_bad_row = \"skip\", or remove data.max_bad_rows");
        }
        write(bound);
    }

    void load_plugins() {
        const Bound bound = read("plugins");
        const auto& files = bound.get<std::vector<std::string>>("load");
        const Node* list = bound.node != nullptr ? bound.node->find("load") : nullptr;
        for (size_t i = 0; i < files.size(); ++i) {
            const std::string file = absolute(files[i]);
            loaded_.plan.plugin_files.push_back(file);
            try {
                registry_.load(file);
            } catch (const Error& error) {
                for (const Problem& problem : error.problems()) {
                    problems_.add((*list->array())[i].at,
                                  "plugins.load." + std::to_string(i) + ": " + problem.what +
                                      (problem.where.empty() ? "" : " (" + problem.where + ")"),
                                  problem.help,
                                  problem.code);
                }
            }
        }
        write(bound);
    }

    void load_uses() {
        Plan& plan = loaded_.plan;
        auto instructions = read_list("instructions");
        plan.instructions = uses_.bind_uses(instructions, "instruction/1");
        write(instructions);
        auto synthesizers = read_list("synthesizer");
        plan.synthesizers = uses_.bind_uses(synthesizers, "synthesizer/1");
        write(synthesizers);
        need_one("synthesizer", synthesizers.empty());
        auto objectives = read_list("objective");
        for (Bound& bound : objectives) {
            ObjectiveUse use;
            static_cast<PluginUse&>(use) = uses_.bind_use(bound, "objective/1");
            use.weight = bound.number("weight");
            use.tags = bound.get<std::map<std::string, double>>("tags");
            use.tags_where = problems_.text(bound.where("tags"));
            plan.objectives.push_back(std::move(use));
        }
        write(objectives);
        need_one("objective", objectives.empty());
        const Node* node = root_.find("optimizer");
        Bound optimizer =
            bind_section(section("optimizer"),
                         node,
                         "optimizer",
                         problems_,
                         node != nullptr ? uses_.params_of(*node) : std::vector<std::string>{});
        plan.optimizer = uses_.bind_use(optimizer, "optimizer/1");
        write(optimizer);
    }

    void need_one(const std::string& name, bool none) {
        const Node* node = root_.find(name);
        if (none && (node == nullptr || node->array() != nullptr)) {
            problems_.add(node != nullptr ? node->at : Where{},
                          "missing [[" + name + "]]: at least one is needed",
                          "`samara plugins list` shows which there are");
        }
    }

    void load_training() {
        const Bound schedule = read("schedule"), checkpoint = read("checkpoint");
        Bound train = read("train");
        read_training(schedule,
                      train,
                      checkpoint,
                      loaded_.plan,
                      problems_,
                      [this](Where at, const auto& text) { warn(at, text); });
        write(schedule);
        write(train);
        write(checkpoint);
    }

    void load_best() {
        const Bound best = read("best");
        read_best(best, loaded_.plan, problems_);
        if (!loaded_.plan.best_metric.empty()) {
            write(best);
        }
    }

    void load_eval(const Bound& bound) {
        EvalSpec spec;
        spec.name = bound.text("name");
        spec.data = loaded_.plan.data;
        spec.data.files = {absolute(bound.text("path"))};
        spec.data.prompt = bound.text("prompt");
        spec.data.response = bound.text("response");
        spec.data.max_records = bound.integer("max_records");
        spec.every_steps = bound.integer("every_steps");
        spec.on_start = bound.text("on_start") == "evaluate";
        spec.by = bound.get<std::vector<std::string>>("by");
        spec.by_where = problems_.text(bound.where("by"));
        if (!bound.text("path").empty()) {
            check_file(bound.text("path"), bound.path + ".path", bound.where("path"));
        }
        write(bound);
        eval_places_.push_back(bound.where("name"));
        if (bound.node != nullptr && bound.node->table() != nullptr) {
            auto instructions = bind_list(
                section("eval.instructions"), *bound.node, bound.path + ".", problems_, params_of_);
            spec.instructions = uses_.bind_uses(instructions, "instruction/1");
            write(instructions);
            auto synthesizers = bind_list(
                section("eval.synthesizer"), *bound.node, bound.path + ".", problems_, params_of_);
            spec.synthesizers = uses_.bind_uses(synthesizers, "synthesizer/1");
            write(synthesizers);
        }
        loaded_.plan.evals.push_back(std::move(spec));
    }

    // Metrics are kept by name.
    void check_eval_names() {
        std::set<std::string> seen;
        for (size_t i = 0; i < loaded_.plan.evals.size(); ++i) {
            const std::string& name = loaded_.plan.evals[i].name;
            if (!name.empty() && !seen.insert(name).second) {
                problems_.add(eval_places_[i],
                              "eval." + std::to_string(i) + ".name: '" + name + "' names two sets",
                              "give every [[eval]] its own name");
            }
        }
    }

    const Node& root_;
    Registry& registry_;
    Problems& problems_;
    std::string base_;  ///< the folder of the configuration file
    Uses uses_;
    ParamsOf params_of_;
    LoadedConfig loaded_;
    std::vector<Where> eval_places_;
};

}  // namespace
}  // namespace config

LoadedConfig load_plan(const std::string& file,
                       const std::vector<std::string>& overrides,
                       Registry& registry,
                       const std::vector<std::string>& places) {
    config::Problems problems(file, places);
    std::optional<config::Node> root =
        config::parse_document(config::read_document(file), problems);
    if (!root) {
        problems.throw_if_any();
    }
    for (size_t i = 0; i < overrides.size(); ++i) {
        config::apply_override(*root, overrides[i], static_cast<int64_t>(i) + 1, problems);
    }
    config::expand_environment(*root, "", problems);
    config::refuse_non_finite(*root, "", problems);
    LoadedConfig loaded = config::Planner(*root, file, registry, problems).load();
    problems.throw_if_any();
    return loaded;
}

}  // namespace samara::host
