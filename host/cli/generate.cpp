// samara generate: responses to the prompts of a JSONL file, one object per response, each written
// as soon as it and those before it are done.
#include "cli/cli.hpp"
#include "cli/rows.hpp"
#include "core/config/config.hpp"
#include "core/data/reader.hpp"
#include "core/log/log.hpp"
#include "core/model.hpp"
#include "core/store/files.hpp"
#include "lm/model/config.hpp"
#include "runtime/error.hpp"
#include "runtime/random.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdio>
#include <memory>

namespace samara::host::cli {
namespace {

struct Arguments {
    std::string model, file, chat = "auto", device = "cpu", dtype = "float32";
    std::vector<std::string> stop;
    Sampling sampling;
    int threads = 0;
};

// What is written for the rows' prompts.
struct Output {
    const std::vector<Record>& records;
    const Encoder& encoder;
    const Arguments& arguments;
    int64_t written = 0;

    // The first place at which a stop string begins, or the text's end.
    [[nodiscard]] size_t end_of(const std::string& text) const {
        size_t end = text.size();
        for (const std::string& stop : arguments.stop) {
            end = std::min(end, text.find(stop));
        }
        return end;
    }

    // A stop string ends with the newest token, so only the last tokens have to be looked at: each
    // holds a byte at least, and three more bytes keep a character whole.
    [[nodiscard]] bool ends(std::span<const int64_t> ids) const {
        return std::any_of(arguments.stop.begin(), arguments.stop.end(), [&](const auto& stop) {
            const auto tail = ids.last(std::min(ids.size(), stop.size() + 3));
            return encoder.decode(tail).find(stop) != std::string::npos;
        });
    }

    void write(size_t index, const Sampled& sample) {
        const Sampling& sampling = arguments.sampling;
        const Record& record = records[index / static_cast<size_t>(sampling.samples)];
        std::span<const int64_t> ids = sample.ids;
        const Ids& stops = sampling.stop_ids;
        if (std::find(stops.begin(), stops.end(), ids.back()) != stops.end()) {
            ids = ids.first(ids.size() - 1);
        }
        const std::string text = encoder.decode(ids);
        Json row = {{"id", record.id}};
        if (sampling.samples > 1) {
            row["sample"] = index % static_cast<size_t>(sampling.samples);
        }
        if (!record.prompt_ids.empty()) {
            row["prompt_ids"] = record.prompt_ids;
        } else if (record.prompt.size() == 1 && record.prompt[0].role.empty()) {
            row["prompt"] = record.prompt[0].content;
        } else {
            for (const Message& message : record.prompt) {
                row["prompt"].push_back({{"role", message.role}, {"content", message.content}});
            }
        }
        row["response"] = text.substr(0, end_of(text));
        row["tokens"] = sample.ids;
        row["stopped"] = sample.stopped;
        double logp = 0;
        for (const double token : sample.logp) {
            logp += token;
        }
        row["logp"] = logp;
        print_line(row);
        if (std::fflush(stdout) != 0) {
            throw Error(Code::io, "cannot write to the standard output");
        }
        ++written;
    }
};

void check_arguments(const Arguments& arguments) {
    const Sampling& sampling = arguments.sampling;
    const auto refuse = [](const std::string& what) {
        throw Error(Code::config, what, "", "set --temperature, for example 1");
    };
    if (sampling.temperature == 0 && sampling.samples > 1) {
        refuse("--samples: at temperature 0 all samples of a prompt are equal");
    }
    if (sampling.temperature == 0 && (sampling.top_k > 0 || sampling.top_p < 1)) {
        refuse("--top-k and --top-p mean nothing at temperature 0");
    }
    if (std::any_of(arguments.stop.begin(), arguments.stop.end(), [](const auto& stop) {
            return stop.empty();
        })) {
        throw Error(Code::config, "--stop: the text is empty");
    }
}

std::vector<Prompt> prompts_of(const std::vector<Record>& records, const Encoder& encoder) {
    std::vector<Prompt> prompts;
    for (const Record& record : records) {
        Prompt prompt{record.prompt_ids, derive_seed(0, record.id, 0), record.where};
        if (prompt.ids.empty()) {
            prompt.ids = encoder.encode(record.prompt, "").prompt_ids;
        }
        prompts.push_back(std::move(prompt));
    }
    return prompts;
}

int do_generate(Arguments& arguments) {
    check_arguments(arguments);
    install_signal_handlers();
    if (arguments.threads > 0) {
        at::set_num_threads(arguments.threads);
    }
    ModelRequest request;
    request.path = verify_published(model_folder(arguments.model));
    request.chat = arguments.chat;
    request.device = arguments.device;
    request.dtype = arguments.dtype;
    const auto encoder = open_encoder(request);
    DataSpec data;
    data.files = {arguments.file};
    DataReport report;
    const std::vector<Record> records = read_records(data, 0, report, cancelled);
    const std::vector<Prompt> prompts = prompts_of(records, *encoder);
    const Ids ends = encoder->end_ids();
    Sampling& sampling = arguments.sampling;
    sampling.stop_ids.insert(sampling.stop_ids.end(), ends.begin(), ends.end());
    const auto model = open_model(request);
    Output output{records, *encoder, arguments};
    GenerateHooks hooks;
    hooks.cancelled = cancelled;
    hooks.done = [&](size_t index, const Sampled& sample) { output.write(index, sample); };
    if (!arguments.stop.empty()) {
        hooks.ends = [&](std::span<const int64_t> ids) { return output.ends(ids); };
    }
    try {
        static_cast<void>(model->generate(prompts, sampling, hooks));
    } catch (const Error& error) {
        if (error.code() != Code::preempted) {
            throw;
        }
        const auto total = static_cast<int64_t>(prompts.size()) * sampling.samples;
        log::warning("stopped by a signal; " + std::to_string(output.written) + " of " +
                     std::to_string(total) + " responses are written");
        return static_cast<int>(Code::preempted);
    }
    return 0;
}

}  // namespace

void add_generate(CLI::App& app, Common& common, Action& action) {
    auto arguments = std::make_shared<Arguments>();
    Sampling& sampling = arguments->sampling;
    sampling.temperature = 0;  // the same answer every time, unless more is asked for
    CLI::App* verb =
        app.add_subcommand("generate", "responses to prompts, one JSON object per response");
    verb->add_option("MODEL", arguments->model, "Hugging Face folder, or cache:NAME")->required();
    verb->add_option("FILE", arguments->file, "JSONL with \"prompt\": text or messages")
        ->required();
    verb->add_option("--max-tokens", sampling.max_new_tokens, "of a response; default 256");
    verb->add_option("--temperature", sampling.temperature, "default 0: the most probable tokens");
    verb->add_option("--top-k", sampling.top_k, "draw among so many tokens; 0: all");
    verb->add_option("--top-p", sampling.top_p, "draw among the fewest tokens of this share");
    verb->add_option("--samples", sampling.samples, "responses of each prompt; default 1");
    verb->add_option("--seed", sampling.seed, "default 0");
    verb->add_option("--stop", arguments->stop, "a response ends before this text (repeatable)")
        ->allow_extra_args(false);
    verb->add_option("--stop-id", sampling.stop_ids, "a response ends with this token (repeatable)")
        ->allow_extra_args(false);
    verb->add_option("--batch", sampling.batch, "responses decoded together; default 32");
    verb->add_option("--chat", arguments->chat, "auto, always or never");
    verb->add_option("--threads", arguments->threads, "default: as LibTorch chooses");
    verb->add_option("--device", arguments->device, "cpu or cuda");
    verb->add_option("--dtype", arguments->dtype, "float32 or float64");
    verb->add_flag("--json", common.json, "output is JSON lines either way");
    verb->callback(
        [arguments, &action] { action = [arguments] { return do_generate(*arguments); }; });
}

}  // namespace samara::host::cli
