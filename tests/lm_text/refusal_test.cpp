// Everything in a tokenizer.json that is not implemented or broken is refused: code, path of the
// field, file.
#include "lm/text/tokenizer.hpp"
#include "runtime/error.hpp"
#include "support.hpp"

#include <catch2/catch_test_macros.hpp>

#include <nlohmann/json.hpp>

using namespace samara::host;
using namespace samara::test;

namespace {

struct Refusal {
    std::string changes;  ///< of the small tokenizer
    std::string what;     ///< the message begins with this
};

std::string split_with(const std::string& pattern) {
    const nlohmann::json value = {
        {"pre_tokenizer",
         {{"type", "Sequence"},
          {"pretokenizers",
           {{{"type", "Split"},
             {"pattern", {{"Regex", pattern}}},
             {"behavior", "Isolated"},
             {"invert", false}},
            {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}}}};
    return value.dump();
}

std::string added(const std::string& fields) {
    return R"({"added_tokens":[{"id":260,"content":"<x>"},{)" + fields + "}]}";
}

const std::string kPattern = "pre_tokenizer.pretokenizers[0].pattern.Regex: ";

const std::vector<Refusal> kRefusals = {
    {R"({"version":"2.0"})", "version is \"2.0\""},
    {R"({"surprise":1})", "unknown field 'surprise'"},
    {R"({"truncation":{"max_length":5}})", "truncation is {\"max_length\":5}"},
    {R"({"padding":{"strategy":"BatchLongest"}})", "padding is "},
    {R"({"normalizer":{"type":"BertNormalizer"}})", "normalizer.type is \"BertNormalizer\""},
    {R"({"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"StripAccents"}]}})",
     "normalizer.normalizers[1].type is \"StripAccents\""},
    {R"({"normalizer":{"type":"Replace","pattern":{"Regex":"x*"},"content":""}})",
     "normalizer.pattern.Regex: a pattern that may match nothing"},
    {R"({"normalizer":{"type":"Replace","pattern":{"String":""},"content":""}})",
     "normalizer.pattern.String is \"\""},
    {R"({"normalizer":{"type":"Prepend"}})", "normalizer: the field 'prepend' is missing"},
    {R"({"normalizer":{"type":"Strip"},"pre_tokenizer":{"type":"Metaspace","replacement":"_","prepend_scheme":"first"}})",
     "pre_tokenizer: \"prepend_scheme\": \"first\" after a normalizer"},
    {R"({"normalizer":{"type":"NFC","x":1}})", "normalizer: unknown field 'x'"},
    {R"({"normalizer":[]})", "normalizer is []"},
    {R"({"post_processor":{"type":"BertProcessing"}})",
     "post_processor.type is \"BertProcessing\""},
    {R"({"post_processor":{"type":"TemplateProcessing","single":[]}})",
     "post_processor.single: one sequence 'A' is expected"},
    {R"({"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}}],"special_tokens":{}}})",
     "post_processor.special_tokens: the field '<s>' is missing"},
    {R"({"post_processor":{"type":"Sequence","processors":[{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},{"Sequence":{"id":"A"}}],"special_tokens":{"<s>":{"ids":[1]}}},{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A"}}],"special_tokens":{}}]}})",
     "post_processor.processors[1]: a second TemplateProcessing"},
    {R"({"decoder":{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"ByteLevel"}]}})",
     "decoder.decoders[1]: ByteLevel after another step"},
    {R"({"decoder":{"type":"Strip","content":" ","start":1,"stop":1}})", "decoder.stop is 1"},
    {R"({"decoder":{"type":"Replace","pattern":{"Regex":"a"},"content":""}})",
     "decoder.pattern: unknown field 'Regex'"},
    {R"({"decoder":{"type":"WordPiece"}})", "decoder.type is \"WordPiece\""},
    {R"({"decoder":null})", "the field 'decoder' is missing"},
    {R"({"pre_tokenizer":{"type":"Metaspace"}})",
     "pre_tokenizer: the field 'replacement' is missing"},
    {R"({"pre_tokenizer":{"type":"Metaspace","replacement":"__"}})",
     "pre_tokenizer.replacement is \"__\"; one character"},
    {R"({"pre_tokenizer":{"type":"Metaspace","replacement":"_","prepend_scheme":"last"}})",
     "pre_tokenizer.prepend_scheme is \"last\""},
    {R"({"pre_tokenizer":{"type":"Metaspace","replacement":"_","prepend_scheme":"first","add_prefix_space":false}})",
     "pre_tokenizer: add_prefix_space contradicts prepend_scheme"},
    {R"({"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Metaspace","replacement":"_"},{"type":"Metaspace","replacement":"_"}]}})",
     "pre_tokenizer.pretokenizers[1]: a second Metaspace step"},
    {R"({"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"_","prepend_scheme":"first"}]}})",
     "pre_tokenizer.pretokenizers[1]: \"prepend_scheme\": \"first\" after another step"},
    {R"({"pre_tokenizer":{"type":"ByteLevel","new":true}})", "pre_tokenizer: unknown field 'new'"},
    {R"({"pre_tokenizer":{"type":"ByteLevel","use_regex":"yes"}})",
     "pre_tokenizer.use_regex is \"yes\""},
    {R"({"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"ByteLevel"},{"type":"Digits"}]}})",
     "pre_tokenizer.pretokenizers[1]: a step after ByteLevel"},
    {R"({"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"BertPreTokenizer"}]}})",
     "pre_tokenizer.pretokenizers[0].type is \"BertPreTokenizer\""},
    {R"({"pre_tokenizer":{"type":"Split","pattern":{"Glob":"x"},"behavior":"Isolated"}})",
     "pre_tokenizer.pattern: unknown field 'Glob'"},
    {R"({"pre_tokenizer":{"type":"Split","pattern":{"String":""},"behavior":"Isolated"}})",
     "pre_tokenizer.pattern.String is \"\""},
    {R"({"pre_tokenizer":{"type":"Split","pattern":{"String":"x"},"behavior":"Shuffled"}})",
     "pre_tokenizer.behavior is \"Shuffled\""},
    {split_with("\\w+"), kPattern + "regular expression construct \\w at character 0"},
    {split_with("a.b"), kPattern + "regular expression construct '.' at character 1"},
    {split_with("^a"), kPattern + "regular expression construct '^'"},
    {split_with("[\\S]+"), kPattern + "regular expression construct \\S inside a class"},
    {split_with("[a-z&&[b]]"), kPattern + "regular expression construct nested class"},
    {split_with("\\p{Han}+"), kPattern + "regular expression construct '\\p{Han}'"},
    {split_with("(?<=a)b"), kPattern + "regular expression construct '(?<='"},
    {split_with("(?i:\\p{Lu})"), kPattern + "regular expression construct '(?i:'"},
    {split_with("a{2}+"), kPattern + "regular expression construct '{'"},
    {split_with("a{,2}b"), kPattern + "regular expression construct '{'"},
    {split_with("(a"), kPattern + "not a regular expression at 2"},
    {split_with("[a"), kPattern + "regular expression construct class without an end"},
    {split_with("a*"), kPattern + "a pattern that may match nothing"},
    {R"({"model":{"type":"WordPiece"}})", "model.type is \"WordPiece\""},
    {R"({"model":{"dropout":0.1}})", "model.dropout is 0.1"},
    {R"({"model":{"unk_token":"<unk>"}})", "model.unk_token is \"<unk>\""},
    {R"({"model":{"continuing_subword_prefix":"##"}})", "model.continuing_subword_prefix is"},
    {R"({"model":{"end_of_word_suffix":"</w>"}})", "model.end_of_word_suffix is"},
    {R"({"model":{"fuse_unk":1}})", "model.fuse_unk is 1"},
    {R"({"model":{"byte_fallback":true}})", "accepted"},  // every byte is there: without effect
    {R"({"model":{"byte_fallback":true,"vocab":{"!":null}}})", "model.byte_fallback is true"},
    {R"({"model":{"scores":[]}})", "model: unknown field 'scores'"},
    {R"({"model":{"vocab":{"zz":7}}})", "model.vocab: two tokens have the id 7"},
    {R"({"model":{"vocab":{"zz":-1}}})", "model.vocab: the id of 'zz'"},
    {R"({"model":{"vocab":{"zz":99999999}}})", "model.vocab: the id of 'zz'"},
    {R"({"model":{"merges":["t h","thh"]}})", "model.merges[1] is \"thh\""},
    {R"({"model":{"merges":["t h e"]}})", "model.merges[0] is \"t h e\""},
    {R"({"model":{"merges":[["t"]]}})", "model.merges[0] is [\"t\"]"},
    {R"({"model":{"merges":["q q"]}})", "model.merges[0] is \"q q\""},
    {R"({"model":{"merges":{}}})", "model.merges is {}"},
    {R"({"added_tokens":{"a":1}})", "added_tokens is {\"a\":1}"},
    {added(R"("id":262,"content":"<y>")"), "added_tokens[1].id is 262; its place is 261"},
    {added(R"("id":-1,"content":"<y>")"), "added_tokens[1].id is -1"},
    {added(R"("id":261,"content":"")"), "added_tokens[1].content is \"\""},
    {added(R"("id":260,"content":"<x>")"), "added_tokens[1].content is \"<x>\""},
    {added(R"("id":5,"content":"the")"), "added_tokens[1].id is 5; its place is 257"},
    {added(R"("id":261,"content":"<y>","lstrip":1)"), "added_tokens[1].lstrip is 1"},
    {added(R"("id":261,"content":"<y>","color":"red")"), "added_tokens[1]: unknown field 'color'"},
};

}  // namespace

TEST_CASE("what is not implemented is refused by the path of the field", "[tokenizer][refusal]") {
    const TemporaryFolder folder;
    (void)Tokenizer(folder.write("tokenizer.json", small_tokenizer()));  // itself it is accepted
    for (const Refusal& refusal : kRefusals) {
        const std::string file = folder.write("tokenizer.json", small_tokenizer(refusal.changes));
        INFO(refusal.changes);
        try {
            const Tokenizer tokenizer(file);
            CHECK(refusal.what == "accepted");
        } catch (const Error& error) {
            CHECK(error.code() == Code::config);
            CHECK(error.problems().front().what.substr(0, refusal.what.size()) == refusal.what);
            CHECK(error.problems().front().where == file);
        }
    }
}

TEST_CASE("a file that is not JSON is corrupt, an absent one an io error", "[tokenizer][refusal]") {
    const TemporaryFolder folder;
    const auto code_of = [](const std::string& file) {
        try {
            (void)Tokenizer(file);
        } catch (const Error& error) {
            return error.code();
        }
        return Code::internal;
    };
    CHECK(code_of(folder.write("cut.json", small_tokenizer().substr(0, 500))) == Code::corrupt);
    CHECK(code_of(folder.write("empty.json", "")) == Code::corrupt);
    CHECK(code_of(folder.write("bytes.json", "{\"version\":\"\xFF\"}")) == Code::corrupt);
    CHECK(code_of(folder.path() + "/absent.json") == Code::io);
    CHECK(code_of(folder.write("list.json", "[]")) == Code::config);
}
