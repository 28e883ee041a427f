// samara score: rewards (a reward model) or log-probabilities (a language model) of responses, one
// object per row.
#include "cli/cli.hpp"
#include "cli/rows.hpp"
#include "core/config/config.hpp"
#include "core/data/reader.hpp"
#include "core/model_tensors.hpp"
#include "core/store/files.hpp"
#include "lm/model/config.hpp"
#include "runtime/error.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cstdio>
#include <memory>

namespace samara::host::cli {
namespace {

struct Arguments {
    std::string model, file, chat = "auto", device = "cpu", dtype = "float32";
};

/// The candidates of a record, in the order chosen, rejected; ids given or made.
Group group_of(const Record& record, const Encoder& encoder) {
    Group group;
    group.record_id = record.id;
    const auto add = [&](const std::optional<std::string>& text, const Ids& ids) {
        if (!text && ids.empty()) {
            return;
        }
        Candidate candidate;
        candidate.prompt_ids = record.prompt_ids;
        candidate.response_ids = ids;
        if (text) {
            Encoded encoded = encoder.encode(record.prompt, *text);
            candidate.prompt_ids = std::move(encoded.prompt_ids);
            candidate.response_ids = std::move(encoded.response_ids);
        }
        group.candidates.push_back(std::move(candidate));
    };
    add(record.chosen, record.chosen_ids);
    add(record.rejected, record.rejected_ids);
    return group;
}

Json describe(const Scored& scored,
              const Candidate& candidate,
              int64_t index,
              int64_t first_token) {
    Json out = Json::object();
    if (scored.score.defined()) {
        out["score"] = scored.score[index].item<double>();
    } else {
        const auto n = static_cast<int64_t>(candidate.response_ids.size());
        const at::Tensor logps =
            scored.tok_logp.narrow(0, first_token, n).to(at::kCPU, at::kDouble).contiguous();
        out["logp"] = scored.logp[index].item<double>();
        out["token_logps"] =
            std::vector<double>(logps.const_data_ptr<double>(), logps.const_data_ptr<double>() + n);
    }
    out["ids"] = candidate.response_ids;
    return out;
}

int do_score(const Arguments& arguments, const Common& common) {
    const c10::NoGradGuard no_grad;
    ModelRequest request;
    request.path = verify_published(model_folder(arguments.model));
    request.chat = arguments.chat;
    request.device = arguments.device;
    request.dtype = arguments.dtype;
    request.score_head = has_score_head(request.path);
    choose_fp32_route(request.path, "");
    const auto encoder = open_encoder(request);
    const auto model = open_model(request);
    DataSpec data;
    data.files = {arguments.file};
    DataReport report;
    int64_t pairs = 0, right = 0;
    for (const Record& record : read_records(data, 0, report)) {
        const Group group = group_of(record, *encoder);
        const Group* one[] = {&group};
        const Scored scored =
            model->forward(one, {.score = request.score_head, .logp = !request.score_head});
        const bool paired = group.candidates.size() == 2;
        Json out = {{"id", record.id}};
        out[paired ? "chosen" : "response"] = describe(scored, group.candidates[0], 0, 0);
        if (paired) {
            const auto first = static_cast<int64_t>(group.candidates[0].response_ids.size());
            out["rejected"] = describe(scored, group.candidates[1], 1, first);
            const at::Tensor& value = request.score_head ? scored.score : scored.logp;
            right += value[0].item<double>() > value[1].item<double>() ? 1 : 0;
            ++pairs;
        }
        if (common.json) {
            print_line(out);
        } else {
            const char* what = request.score_head ? "score" : "logp";
            const auto number = [&](const char* side) { return out[side][what].get<double>(); };
            paired ? std::printf("%-20s %s %10.4f  %10.4f\n",
                                 record.id.c_str(),
                                 what,
                                 number("chosen"),
                                 number("rejected"))
                   : std::printf("%-20s %s %10.4f\n", record.id.c_str(), what, number("response"));
        }
    }
    if (pairs > 0) {
        std::fprintf(stderr,
                     "accuracy %.4f (%ld of %ld pairs)\n",
                     static_cast<double>(right) / static_cast<double>(pairs),
                     static_cast<long>(right),
                     static_cast<long>(pairs));
    }
    return 0;
}

}  // namespace

void add_score(CLI::App& app, Common& common, Action& action) {
    auto arguments = std::make_shared<Arguments>();
    CLI::App* verb =
        app.add_subcommand("score", "rewards or log-probabilities of responses; accuracy if pairs");
    verb->add_option("MODEL", arguments->model, "Hugging Face folder, or cache:NAME")->required();
    verb->add_option("FILE", arguments->file, "JSONL of pairs, or of prompts with a response")
        ->required();
    verb->add_option("--chat", arguments->chat, "auto, always or never");
    verb->add_option("--device", arguments->device, "cpu or cuda");
    verb->add_option("--dtype", arguments->dtype, "float32 or float64");
    verb->add_flag("--json", common.json, "one JSON object per row");
    verb->callback([arguments, &common, &action] {
        action = [arguments, &common] { return do_score(*arguments, common); };
    });
}

}  // namespace samara::host::cli
