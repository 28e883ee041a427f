// The whole flow of a run, top to bottom:
//   config -> data -> [synthesizer] -> store -> text -> forest -> model -> [objective] ->
//   [optimizer] -> run
// What happens inside a stage is in its own room.
#include "core/train/pipeline.hpp"

#include "core/config/config.hpp"
#include "core/data/groups.hpp"
#include "core/log/log.hpp"
#include "core/store/files.hpp"
#include "core/train/answers.hpp"
#include "core/train/changes.hpp"
#include "core/train/locked.hpp"
#include "core/train/models.hpp"
#include "core/train/prepare.hpp"
#include "core/train/reference.hpp"
#include "core/train/rollouts.hpp"
#include "core/train/trainer.hpp"
#include "runtime/error.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

namespace samara::host {
namespace {

using Json = nlohmann::ordered_json;

/// Everything prepared before a model is loaded.
struct Data {
    std::vector<Group> train;
    Kept kept;                   ///< which of the prepared groups `train` has
    std::vector<Group> prompts;  ///< one candidate without a response in each
    std::vector<EvalSet> evals;
    std::vector<std::string> tags;
    Json summary = Json::object();  ///< per data set: cache key, reused, counts
};

void add_tags(std::vector<std::string>& tags, const std::vector<std::string>& more) {
    for (const std::string& tag : more) {
        if (std::find(tags.begin(), tags.end(), tag) == tags.end()) {
            tags.push_back(tag);
        }
    }
}

/// Of an evaluation set: the run's, but for what it replaces.
Synthesis synthesis_of(const Plan& plan,
                       const EvalSpec& spec,
                       const Registry& registry,
                       const HostHooks& hooks) {
    return {spec.instructions.empty() ? plan.instructions : spec.instructions,
            spec.synthesizers.empty() ? plan.synthesizers : spec.synthesizers,
            registry,
            hooks};
}

Json describe(const Preparation& prepared) {
    return {{"cache_key", prepared.key.digest()},
            {"reused", prepared.reused},
            {"summary", Json::parse(prepared.summary)}};
}

void say(const std::string& name, const Preparation& prepared) {
    log::info(name + ": " + std::to_string(prepared.groups) + " groups, " +
              (prepared.reused ? "reused from the cache" : "synthesised and cached") + " (key " +
              prepared.key.digest().substr(0, 12) + ")");
    // What is missing from the data is said at every run, also when the groups come from a cache.
    const Json summary = Json::parse(prepared.summary);
    const auto warn = [&](int64_t n, const std::string& what, const Json& first) {
        if (n > 0) {
            log::warning(name + ": " + std::to_string(n) + " " + what +
                         (first.empty() ? "" : ", first: " + first.dump()));
        }
    };
    const Json& too_long = summary["too_long"];
    warn(summary["bad_rows"], "malformed rows skipped", summary["first_bad"]);
    warn(too_long["candidates"],
         "candidates over max_tokens removed, and with them " + too_long["relations"].dump() +
             " relations and " + too_long["groups"].dump() + " whole groups",
         too_long["first"]);
    if (summary.contains("truncated")) {  // caches without it are of runs that cut nothing
        const Json& truncated = summary["truncated"];
        warn(truncated["candidates"],
             "prompts cut on their left to fit max_tokens, by " + truncated["tokens"].dump() +
                 " tokens in all",
             truncated["first"]);
    }
}

/// Tags that the synthesizers of the run and of its evaluation sets may emit.
std::vector<std::string> tags_of(const Plan& plan,
                                 const Registry& registry,
                                 const Synthesis& synthesis,
                                 const HostHooks& hooks) {
    std::vector<std::string> tags = synthesis.tags();
    for (const EvalSpec& spec : plan.evals) {
        const auto& types = spec.instructions.empty() ? plan.instructions : spec.instructions;
        add_tags(tags, Synthesis(types, spec.synthesizers, registry, hooks).tags());
    }
    return tags;
}

Data prepare_all(const Plan& plan,
                 const Registry& registry,
                 Synthesis& synthesis,
                 const Encoder& encoder,
                 GroupStore& store,
                 const HostHooks& hooks) {
    Data data;
    const Preparation train = prepare(plan.data, plan.data.seed, synthesis, encoder, store, hooks);
    say("training data", train);
    data.summary["train"] = describe(train);
    data.train = load_groups(store, train.key);
    for (const EvalSpec& spec : plan.evals) {
        const bool own = !spec.synthesizers.empty() || !spec.instructions.empty();
        Synthesis other = synthesis_of(plan, spec, registry, hooks);
        const Preparation prepared =
            prepare(spec.data, spec.data.seed, own ? other : synthesis, encoder, store, hooks);
        say("evaluation set '" + spec.name + "'", prepared);
        data.summary["eval " + spec.name] = describe(prepared);
        data.evals.push_back({spec.name,
                              spec.every_steps,
                              spec.on_start,
                              spec.by,
                              load_groups(store, prepared.key),
                              {}});
        check_fields(data.evals.back(), spec.by_where);
    }
    return data;
}

Json environment_of(const Plan& plan,
                    const Registry& registry,
                    const RunOptions& options,
                    const LanguageModel& model,
                    const Data& data) {
    Json environment = {{"threads", at::get_num_threads()}};
    for (const auto& [key, value] : options.environment) {
        environment[key] = value;
    }
    environment["model"] = model.facts();
    environment["plugins"] = plugins_of(plan, registry);
    environment["data"] = data.summary;
    return environment;
}

/// Pairs of one response under two prompts say nothing of which response is likelier: alone they
/// let DPO lower the log-probability of every response.
void warn_without_anchor(const std::vector<Group>& groups) {
    bool prompt_side = false;
    for (const Group& group : groups) {
        for (const Relation& r : group.relations) {
            const auto at = [&](int64_t end) -> const Candidate& {
                return group.candidates[static_cast<size_t>(end)];
            };
            if (r.order == 1 && at(r.i).prompt_ids == at(r.j).prompt_ids) {
                return;
            }
            prompt_side = prompt_side || r.order == 1;
        }
    }
    if (!prompt_side) {
        return;  // contrasts cancel it; unpaired rows have no such pairs
    }
    log::warning(
        "no pair of two responses to one prompt is trained on: add samara.pairs (tag base) as an "
        "anchor, or the log-probability of every response may fall");
}

/// Micro-batches hold whole groups; said once.
void warn_of_large_groups(const Plan& plan,
                          const LanguageModel& model,
                          const std::vector<Group>& groups) {
    for (const Group& group : groups) {
        if (const int64_t tokens = model.tree_tokens(group); tokens > plan.tokens_per_batch) {
            log::warning("record " + group.record_id + " has " + std::to_string(tokens) +
                         " tokens, more than [train] tokens_per_batch = " +
                         std::to_string(plan.tokens_per_batch) +
                         ": such groups are micro-batches of their own");
            return;
        }
    }
}

/// Prompts to be answered are for the ppo pipeline; preferences that nothing learns from are not
/// scored.
void settle_groups(const Plan& plan, const Objectives& objectives, Data& data) {
    data.prompts = take_prompts(data.train);
    std::vector<int64_t> records;
    for (const Group& group : data.train) {
        records.push_back(group.record);
    }
    drop_tags(data.train, objectives.dead_tags());
    data.kept.prepared = records.size();
    for (size_t place = 0; data.kept.places.size() < data.train.size(); ++place) {
        if (records[place] == data.train[data.kept.places.size()].record) {
            data.kept.places.push_back(place);
        }
    }
    const bool preferences = objectives.sees(Side::preferences);
    for (EvalSet& set : data.evals) {
        set.prompts = take_prompts(set.groups);
        if (!preferences) {
            set.groups.clear();
        }
    }
    if (preferences && data.train.empty()) {
        throw Error(Code::data,
                    "no group is left to train on: every tag of the data has weight 0",
                    plan.file,
                    "give some tag that the synthesizers emit a weight");
    }
    if (plan.pipeline == "ppo" && data.prompts.empty()) {
        throw Error(Code::data,
                    "no prompt is to be answered: no synthesizer emits any",
                    plan.file,
                    "give samara.pairs or samara.mapl_inter params = { rollout_prompts = true }");
    }
}

}  // namespace

void check_plan(const Plan& plan, const Registry& registry) {
    check_device(plan);
    std::vector<std::string> tags =
        Synthesis(plan.instructions, plan.synthesizers, registry, {}).tags();
    for (const EvalSpec& spec : plan.evals) {
        add_tags(tags, synthesis_of(plan, spec, registry, {}).tags());
    }
    check_tags(plan, tags);
    const Objectives objectives(plan, registry, tags, {});
}

RunResult run_pipeline(const Plan& plan, Registry& registry, const RunOptions& options) {
    const HostHooks hooks{
        [](int level, const std::string& text) { log::log(static_cast<log::Level>(level), text); },
        options.cancelled};
    // ---- what is minimised, and where: refused here, before any work, when it cannot be ----
    check_device(plan);
    Synthesis synthesis(plan.instructions, plan.synthesizers, registry, hooks);
    const std::vector<std::string> tags = tags_of(plan, registry, synthesis, hooks);
    check_tags(plan, tags);
    Objectives objectives(plan, registry, tags, hooks);

    RunResult result;
    RunFolder folder(plan, options.resume);
    result.model_folder = folder.path() + "/model";
    if (!folder.done().is_null()) {
        result.notes.emplace_back("this run had already ended; nothing was done");
        result.steps = folder.done().at("steps");
        return result;
    }
    try {
        // ---- data: read, synthesise, merge, tokenise, store ----
        verify_published(model_folder(plan.model_path));
        const std::unique_ptr<Encoder> encoder = open_encoder(policy_request(plan));
        GroupStore store(options.cache_folder + "/groups",
                         [](const std::string& text) { log::warning(text); });
        Data data = prepare_all(plan, registry, synthesis, *encoder, store, hooks);
        data.tags = tags;

        // ---- what the objectives make of it, refused before a model is loaded ----
        settle_groups(plan, objectives, data);
        objectives.check_groups(data.train);
        check_best(plan, objectives, data.evals, tags);

        if (plan.pipeline == "dpo" && plan.reference != "none") {
            warn_without_anchor(data.train);
        }

        std::unique_ptr<Rewards> rewards;
        if (plan.pipeline == "ppo") {
            rewards =
                std::make_unique<Rewards>(plan, registry, *encoder, synthesis.instructions, hooks);
        }

        // ---- models and optimizer ----
        Models models = open_models(plan);
        Optimizer optimizer(std::make_unique<OptimizerInstance>(
                                *registry.find(plan.optimizer.id), plan.optimizer.params, hooks),
                            models.parameters);
        warn_of_large_groups(plan, *models.policy, data.train);
        const Json environment = environment_of(plan, registry, options, *models.policy, data);
        if (has_checkpoint(folder.path())) {
            check_same(folder.environment(), environment, folder.path() + "/environment.json");
        } else {
            folder.write("environment.json", environment.dump(2) + "\n");
        }
        for (const auto& [key, value] : models.policy->facts()) {
            result.notes.push_back(key + ": " + value);
        }

        // ---- the reference: what the policy's log-probabilities are compared with ----
        std::string reference_key;
        std::optional<ReferenceStore> references;  // in use until the run ends, as `store` is
        if (plan.pipeline != "reward" && plan.reference != "none") {
            const Reference reference{models.reference(),  // before any step and any resume
                                      precision_of(plan, options),
                                      objectives.reads("ref_prompt_logp")};
            reference_key = key_of(reference).digest();
            references.emplace(options.cache_folder + "/reference",
                               key_of(reference),
                               [](const std::string& text) { log::warning(text); });
            attach_references(
                plan, reference, *references, data.train, data.kept, data.evals, options);
        }
        if (plan.pipeline == "dpo") {
            models.other.reset();
        }

        // ---- where a step's groups come from: the data, or rollouts of the policy ----
        std::unique_ptr<StepSource> source;
        if (plan.pipeline == "ppo") {
            source = std::make_unique<RolloutSource>(RolloutParts{plan,
                                                                  options,
                                                                  folder,
                                                                  models,
                                                                  *encoder,
                                                                  *rewards,
                                                                  data.prompts,
                                                                  data.train,
                                                                  data.kept});
        } else {
            source = std::make_unique<DataSource>(plan, data.train, data.kept);
        }

        // ---- train ----
        Trainer trainer(plan,
                        options,
                        folder,
                        {*models.policy, models.critic.get(), models.parameters, optimizer},
                        objectives,
                        *source,
                        data.evals,
                        data.tags,
                        reference_key);
        trainer.resume();
        folder.write("environment.json", environment.dump(2) + "\n");  // nothing refuses it now
        const std::optional<int64_t> last = trainer.run();
        folder.flush();
        result.steps = trainer.step();
        if (!last) {
            result.preempted = true;
            return result;
        }

        // ---- the result: a Hugging Face folder that appears whole or not at all ----
        if (*last != trainer.step()) {
            result.notes.push_back("best " + plan.best_metric + ": " +
                                   std::to_string(trainer.best().value()) + " at step " +
                                   std::to_string(*last) + ", whose weights are saved");
        }
        AtomicFolder out(result.model_folder);
        models.policy->save(out.path());
        out.publish();
        result.changes = changes_of(folder.path(), data.evals, data.tags, *last);
        Json done = {{"steps", trainer.step()}, {"changes", to_json(result.changes)}};
        if (trainer.best().step()) {
            done["best"] = {
                {"metric", plan.best_metric}, {"step", *last}, {"value", trainer.best().value()}};
        }
        folder.write("done.json", done.dump(2) + "\n");
        return result;
    } catch (const Error& error) {
        if (error.code() != Code::preempted) {
            throw;
        }
        result.preempted = true;  // stopped before training: every published file is whole
        return result;
    }
}

}  // namespace samara::host
