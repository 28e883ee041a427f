// samara tokenize: token ids as a run would see them.
#include "cli/cli.hpp"
#include "cli/rows.hpp"
#include "core/config/config.hpp"
#include "core/data/reader.hpp"
#include "core/model.hpp"
#include "core/store/files.hpp"
#include "runtime/error.hpp"

#include <memory>

namespace samara::host::cli {
namespace {

struct Arguments {
    std::string model, file;
    bool chat = false;
};

// Rows with a text give its ids; pairs give prompt, chosen and rejected.
int do_tokenize(const Arguments& arguments) {
    ModelRequest request;
    request.path = verify_published(model_folder(arguments.model));
    request.chat = arguments.chat ? "auto" : "never";
    const auto encoder = open_encoder(request);
    bool pairs = false;
    for_each_row(arguments.file, [&](const Json& row, const std::string&) {
        pairs = pairs || row.contains("chosen");
    });
    if (!pairs) {
        for_each_row(arguments.file, [&](const Json& row, const std::string& where) {
            print_line({{"ids", encoder->encode_text(text_field(row, "text", where))}});
        });
        return 0;
    }
    DataSpec data;
    data.files = {arguments.file};
    DataReport report;
    for (const Record& record : read_records(data, 0, report)) {
        Json out = Json::object();
        const Encoded chosen = encoder->encode(record.prompt, record.chosen.value_or(""));
        out["prompt_ids"] = chosen.prompt_ids;
        out["chosen_ids"] = chosen.response_ids;
        if (record.rejected) {
            out["rejected_ids"] = encoder->encode(record.prompt, *record.rejected).response_ids;
        }
        print_line(out);
    }
    return 0;
}

}  // namespace

void add_tokenize(CLI::App& app, Common& common, Action& action) {
    auto arguments = std::make_shared<Arguments>();
    CLI::App* verb = app.add_subcommand(
        "tokenize", "token ids of texts or of preference pairs, one JSON object per row");
    verb->add_option("MODEL", arguments->model, "Hugging Face folder, or cache:NAME")->required();
    verb->add_option("FILE", arguments->file, "JSONL with \"text\", or with pairs")->required();
    verb->add_flag("--chat", arguments->chat, "through the model's chat format");
    verb->add_flag("--json", common.json, "output is JSON lines either way");
    verb->callback(
        [arguments, &action] { action = [arguments] { return do_tokenize(*arguments); }; });
}

}  // namespace samara::host::cli
