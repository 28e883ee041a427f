// Damaged files, many at random: whatever a run reads back is what was written, or it is refused.
// SAMARA_MUTANTS (1,000) and SAMARA_MUTANT_SEED (1) say how many and which:
//   SAMARA_MUTANTS=10000 build/release/bin/test_corruption
// A model from elsewhere carries no hash, so a changed weight is a weight: there the promise is
// less, that a file is read or refused, never worse.
#include "../core_store/store_help.hpp"
#include "../lm_text/support.hpp"
#include "core/store/inventory.hpp"
#include "core/store/reference_store.hpp"
#include "core/store/rollout_store.hpp"
#include "core/train/checkpoint.hpp"
#include "lm/model/folder.hpp"
#include "lm/model/safetensors.hpp"
#include "lm/text/tokenizer.hpp"
#include "mutate.hpp"

#include <ATen/ATen.h>
#include <catch2/catch_test_macros.hpp>

#include <cstdio>
#include <cstdlib>
#include <set>

using namespace samara::host;
using corruption::Random;
using store_test::Folder;
using store_test::key;
using store_test::sample;
using store_test::show;
using store_test::slurp;
using store_test::spill;

// Damage that reaches HDF5 makes its own error paths leak; ours are still watched.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
    return "leak:libhdf5";
}

namespace {

namespace fs = std::filesystem;

const store_test::InitHdf5 kInit;

/// One sort of file, and how a run reads it.
struct Target {
    std::string name;
    std::vector<std::string> files;     ///< one of them is damaged
    std::set<Code> codes;               ///< exit codes of a refusal
    bool vouched = true;                ///< a hash speaks for every byte
    std::function<std::string()> read;  ///< all that a run takes from it, or an Error
};

struct Tally {
    int refused = 0, same = 0, other = 0;
};

size_t number(const char* name, size_t absent) {
    const char* text = std::getenv(name);
    return text == nullptr ? absent : static_cast<size_t>(std::strtoull(text, nullptr, 10));
}

/// Puts a mutant in the place of a file, reads, and puts the sound one back.
void try_one(const Target& target, const std::string& expected, Random& random, Tally& tally) {
    const std::string file = target.files[corruption::below(random, target.files.size())];
    const std::string sound = slurp(file);
    const auto bytes = corruption::mutant(sound, random);
    if (bytes) {
        spill(file, *bytes);
    } else {
        fs::remove(file);
    }
    CAPTURE(target.name, file);
    try {
        const std::string found = target.read();
        (found == expected ? tally.same : tally.other) += 1;
        if (target.vouched && found != expected) {
            spill(fs::temp_directory_path() / "samara-silent-mutant", bytes.value_or(""));
            FAIL(
                "values that were never written; see samara-silent-mutant in the folder of "
                "temporary files");
        }
    } catch (const Error& error) {
        ++tally.refused;
        CAPTURE(error.what());
        CHECK(target.codes.contains(error.code()));
        CHECK_FALSE(error.problems().front().where.empty());
    }  // any other exception fails the test
    spill(file, sound);
}

std::string numbers(const at::Tensor& tensor) {
    const at::Tensor flat = tensor.detach().cpu().contiguous();
    return std::string(static_cast<const char*>(flat.const_data_ptr()), flat.nbytes());
}

std::string text_of(const LogpsOfGroups& values) {
    std::string out;
    for (const auto& [hash, group] : values) {
        out += hash;
        for (const auto* list : {&group.logp, &group.tok_logp, &group.prompt_logp}) {
            out += " (";
            for (const double value : *list) {
                out += std::to_string(value) + " ";
            }
            out += ")";
        }
    }
    return out;
}

Target group_cache(const std::string& folder) {
    GroupStore(folder).write(key(), sample(6), "{\"a\": 1}");
    const std::string name = folder + "/" + key().digest();
    Target target{"group caches", {name + ".json"}, {Code::corrupt, Code::io}, true, {}};
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() == ".h5") {
            target.files.push_back(entry.path().string());
        }
    }
    target.read = [folder] {
        const auto cached = GroupStore(folder).read(key(), OnCorrupt::fail);
        if (!cached) {  // the manifest is gone: built again, like any other
            throw Error(Code::corrupt, "not cached", folder);
        }
        return show(cached->groups) + cached->summary;
    };
    return target;
}

Target reference_shard(const std::string& folder) {
    ReferenceStore(folder, key())
        .write({{std::string(64, 'a'), {{-1.5, -2.25}, {-1.0, -0.5, -2.25}, {-3, -4}, 0.1}},
                {std::string(64, 'b'), {{-0.5}, {-0.25, -0.25}, {-7}, 0.2}}});
    const std::string inside = folder + "/" + key().digest();
    const std::string file = fs::directory_iterator(inside)->path().string();
    return {"reference shards", {file}, {Code::corrupt, Code::io}, true, [folder, file] {
                verify_reference(file);
                return text_of(ReferenceStore(folder, key()).read());
            }};
}

std::vector<Group> rolled_out() {
    std::vector<Group> batch = sample(3);
    double value = 0;
    for (Group& group : batch) {
        for (Candidate& c : group.candidates) {
            auto rollout = std::make_shared<Rollout>();
            for (size_t t = 0; t < c.response_ids.size(); ++t) {
                c.ref_tok_logp.push_back(value -= 0.5);
                rollout->old_logp.push_back(value - 1);
                rollout->advantage.push_back(value + 1);
            }
            c.rollout = std::move(rollout);
        }
    }
    return batch;
}

Target rollouts(const std::string& folder) {
    const std::string file = folder + "/batch-000007.h5";
    write_rollouts(file, "7", rolled_out());
    return {"rollouts", {file}, {Code::corrupt, Code::io}, true, [file] {
                std::vector<Group> batch = sample(3);
                read_rollouts(file, "7", batch);
                std::string out = show(batch);
                for (const Group& group : batch) {
                    for (const Candidate& c : group.candidates) {
                        for (size_t t = 0; t < c.response_ids.size(); ++t) {
                            out += std::to_string(c.ref_tok_logp.at(t)) + " " +
                                   std::to_string(c.rollout->old_logp.at(t)) + " " +
                                   std::to_string(c.rollout->advantage.at(t)) + "\n";
                        }
                    }
                }
                return out;
            }};
}

Target checkpoint(const std::string& folder) {
    at::manual_seed(5);
    const std::vector<NamedTensor> tensors{{"w", at::randn({7, 5})},
                                           {"m.w", at::randn({3}, at::kDouble)},
                                           {"step", at::arange(4, at::kLong)}};
    save_checkpoint(folder, 12, {{"step", 12}, {"metrics_bytes", 345}, {"x", "y"}}, tensors, 2);
    const std::string inside = folder + "/checkpoints/step-00000012/";
    return {"checkpoints",
            {inside + "tensors.safetensors", inside + "state.json", inside + "manifest.json"},
            {Code::corrupt, Code::io},
            true,
            [folder, tensors] {
                const auto found = newest_checkpoint(folder);
                std::vector<NamedTensor> read;
                for (const NamedTensor& tensor : tensors) {
                    read.push_back({tensor.name, at::zeros_like(tensor.value)});
                }
                load_tensors(found.value(), read);
                std::string out = found->state.dump();
                for (const NamedTensor& tensor : read) {
                    out += tensor.name + numbers(tensor.value);
                }
                return out;
            }};
}

/// A decoder of one layer and a byte-level tokenizer.
void write_model(const std::string& folder) {
    spill(folder + "/config.json",
          R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 8,
"intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2,
"num_key_value_heads": 1, "vocab_size": 260, "max_position_embeddings": 64, "rms_norm_eps": 1e-05,
"rope_theta": 10000.0, "tie_word_embeddings": true, "eos_token_id": 2, "bos_token_id": 1})");
    spill(folder + "/tokenizer.json", samara::test::small_tokenizer());
    spill(folder + "/tokenizer_config.json",
          R"({"eos_token": "c", "tokenizer_class": "PreTrainedTokenizerFast"})");
    Weights weights = make_weights(
        parse_model_config(slurp(folder + "/config.json"), "config"), at::kFloat, false);
    at::manual_seed(6);
    std::vector<std::pair<std::string, at::Tensor>> tensors;
    for (const auto& parameter : weights.parameters) {
        tensors.emplace_back(parameter.name, at::randn(parameter.value.sizes()));
    }
    write_safetensors(folder + "/model.safetensors", tensors);
}

std::string read_model(const std::string& folder) {
    Weights weights = make_weights(read_model_config(folder), at::kFloat, false);
    load_weights(folder, weights);
    std::string out = weights.config.json.dump();
    for (const auto& parameter : weights.parameters) {
        out += parameter.name + numbers(parameter.value);
    }
    ModelRequest request;
    request.path = folder;
    const auto encoder = open_encoder(request);
    for (const int64_t id : encoder->encode_text("the theme of th\xc3\xa9 42\n")) {
        out += std::to_string(id) + " ";
    }
    return out + encoder->fingerprint();
}

Target published_model(const std::string& folder) {
    const std::string model = folder + "/model/";
    AtomicFolder out(folder + "/model");
    write_model(out.path());
    out.publish();
    return {"published models",
            {model + "config.json",
             model + "model.safetensors",
             model + "tokenizer.json",
             model + "tokenizer_config.json",
             model + "manifest.json"},
            {Code::corrupt, Code::io},
            true,
            [model] { return read_model(verify_published(model)); }};
}

/// Only a part, so that mutants reach its reader alone.
Target foreign(const std::string& folder,
               const std::string& name,
               std::function<std::string(const std::string&)> read) {
    write_model(folder);
    const std::string file = folder + "/" + name;
    return {
        "foreign " + name, {file}, {Code::config, Code::corrupt, Code::io}, false, [file, read] {
            return read(file);
        }};
}

std::string read_safetensors(const std::string& path) {
    const SafetensorsFile file(path);
    std::string out;
    for (const auto& [name, entry] : file.entries()) {
        const at::Tensor tensor = at::empty(entry.shape, at::kFloat);
        file.read_into(name, tensor);
        out += name + numbers(tensor);
    }
    return out;
}

std::vector<Target> all_targets(const std::vector<Folder>& folders) {
    const auto at = [&](size_t i) { return folders[i].path(); };
    return {group_cache(at(0)),
            reference_shard(at(1)),
            rollouts(at(2)),
            checkpoint(at(3)),
            published_model(at(4)),
            foreign(at(5), "model.safetensors", read_safetensors),
            foreign(at(6),
                    "config.json",
                    [](const std::string& file) {
                        return parse_model_config(slurp(file), file).json.dump();
                    }),
            foreign(at(7), "tokenizer.json", [](const std::string& file) {
                ModelRequest request;
                request.path = fs::path(file).parent_path().string();
                return open_encoder(request)->fingerprint();
            })};
}

}  // namespace

TEST_CASE("Damaged files are refused or read as they were: no wrong value, no crash") {
    const std::vector<Folder> folders(8);
    const std::vector<Target> targets = all_targets(folders);
    const size_t mutants = number("SAMARA_MUTANTS", 1000);
    const size_t seed = number("SAMARA_MUTANT_SEED", 1);
    for (size_t k = 0; k < targets.size(); ++k) {
        const Target& target = targets[k];
        const std::string expected = target.read();
        REQUIRE(expected.size() > 50);
        Random random(seed * 1000 + k);
        Tally tally;
        const size_t n = mutants / targets.size();
        for (size_t i = 0; i < n; ++i) {
            CAPTURE(seed, i);
            try_one(target, expected, random, tally);
        }
        CHECK(target.read() == expected);  // the file is sound again
        CHECK(tally.refused > static_cast<int>(n / 3));
        std::printf("%-26s %6d refused %6d read as they were %6d read otherwise (no hash)\n",
                    target.name.c_str(),
                    tally.refused,
                    tally.same,
                    tally.other);
        CHECK((!target.vouched || tally.other == 0));
    }
}
