// Tokenizers of every kind that is read, in the spellings that model folders use: changes to a base
// that oracle.py trains.  kinds_test.cpp holds them to the `tokenizers` library.
#pragma once
#include "support.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace samara::test {

struct TokenizerKind {
    std::string name;
    std::string base;     ///< of oracle.py's command base
    std::string changes;  ///< a JSON merge patch; "absent" lists tokens that get other names
};

inline const std::string kLlama3Split =
    R"j({"type":"Split","pattern":{"Regex":"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated","invert":false})j";
inline const std::string kQwen2Split =
    R"j({"type":"Split","pattern":{"Regex":"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated","invert":false})j";
inline const std::string kCaseSplit =
    R"j({"type":"Split","pattern":{"Regex":"[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated","invert":false})j";
inline const std::string kBytesOnly =
    R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false})";
inline const std::string kBeginning =
    R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],)"
    R"("pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],)"
    R"("special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}})";
inline const std::string kBothEnds =
    R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],)"
    R"("pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],)"
    R"("special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]},"</s>":{"id":"</s>","ids":[2],"tokens":["</s>"]}}})";
inline const std::string kLlama2Normalizer =
    R"({"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]})";
inline const std::string kLlama2Decoder =
    R"({"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]})";

inline std::string metaspace(const std::string& scheme, bool split) {
    return R"({"type":"Metaspace","replacement":"▁","prepend_scheme":")" + scheme +
           R"(","split":)" + (split ? "true}" : "false}");
}
inline std::string steps(const std::string& part, const std::string& list) {
    return R"({"type":"Sequence",")" + part + R"(":[)" + list + "]}";
}

inline std::vector<TokenizerKind> byte_kinds() {
    return {
        {"llama3",
         "bytes",
         R"({"model":{"ignore_merges":true},"pre_tokenizer":)" +
             steps("pretokenizers", kLlama3Split + "," + kBytesOnly) + R"(,"post_processor":)" +
             steps("processors", kBytesOnly + "," + kBeginning) + "}"},
        {"byte fallback beside ByteLevel", "bytes", R"({"model":{"byte_fallback":true}})"},
        {"qwen2",
         "bytes",
         R"({"normalizer":{"type":"NFC"},"pre_tokenizer":)" +
             steps("pretokenizers", kQwen2Split + "," + kBytesOnly) + "}"},
        {"mistral's later kind, by letter case",
         "bytes",
         R"({"model":{"ignore_merges":true},"pre_tokenizer":)" +
             steps("pretokenizers", kCaseSplit + "," + kBytesOnly) + "}"},
        {"the older GPT-2 with a space before",
         "bytes",
         R"({"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false}})"},
        {"bytes with an unknown token for absent letters",
         "bytes",
         R"({"model":{"unk_token":"<unk>","merges":[]},"absent":["a","Ġ","Ã"]})"},
        {"bytes with fused unknown tokens",
         "bytes",
         R"({"model":{"unk_token":"<unk>","fuse_unk":true,"merges":[]},"absent":["a","Ġ","Ã"]})"},
        {"lower case, compatibility forms and cuts before bytes",
         "bytes",
         R"({"normalizer":)" +
             steps(
                 "normalizers",
                 R"j({"type":"NFKC"},{"type":"Lowercase"},{"type":"Strip","strip_left":true,"strip_right":true},)j"
                 R"j({"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "},{"type":"Replace","pattern":{"String":"''"},"content":"\""})j") +
             R"(,"pre_tokenizer":)" +
             steps("pretokenizers",
                   R"({"type":"Whitespace"},{"type":"Punctuation"},)" + kBytesOnly) +
             "}"}};
}

inline std::vector<TokenizerKind> character_kinds() {
    const std::string fallback =
        R"("model":{"byte_fallback":true,"fuse_unk":true,"unk_token":"<unk>"})";
    return {
        {"llama2 and mistral, the older spelling",
         "characters",
         "{" + fallback + R"(,"normalizer":)" + kLlama2Normalizer +
             R"(,"pre_tokenizer":null,"decoder":)" + kLlama2Decoder + R"(,"post_processor":)" +
             kBeginning + "}"},
        {"llama2 and mistral, Metaspace first",
         "characters",
         "{" + fallback + R"(,"pre_tokenizer":)" + metaspace("first", false) + R"(,"decoder":)" +
             kLlama2Decoder + R"(,"post_processor":)" + kBothEnds + "}"},
        {"Metaspace first, split",
         "characters",
         "{" + fallback + R"(,"pre_tokenizer":)" + metaspace("first", true) + R"(,"decoder":)" +
             metaspace("first", true) + "}"},
        {"Metaspace always",
         "characters",
         "{" + fallback + R"(,"pre_tokenizer":)" + metaspace("always", true) + R"(,"decoder":)" +
             metaspace("always", true) + "}"},
        {"Metaspace never",
         "characters",
         "{" + fallback + R"(,"pre_tokenizer":)" + metaspace("never", true) + R"(,"decoder":)" +
             metaspace("never", true) + "}"},
        {"Metaspace before 2024",
         "characters",
         "{" + fallback +
             R"(,"pre_tokenizer":{"type":"Metaspace","replacement":"▁","add_prefix_space":true},)"
             R"("decoder":{"type":"Metaspace","replacement":"▁","add_prefix_space":true}})"},
        {"gemma",
         "characters",
         "{" + fallback +
             R"(,"normalizer":{"type":"Replace","pattern":{"String":" "},"content":"▁"},)"
             R"("pre_tokenizer":{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false},)"
             R"("decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}]}})"},
        {"a fallback that lacks bytes",
         "characters",
         R"({"model":{"byte_fallback":true,"unk_token":"<unk>"},"absent":["<0xC3>","<0xE4>","<0x0A>"],"pre_tokenizer":)" +
             metaspace("always", true) + R"(,"decoder":)" + kLlama2Decoder + "}"},
        {"unknown tokens, fused",
         "characters",
         R"({"model":{"fuse_unk":true,"unk_token":"<unk>"},"pre_tokenizer":)" +
             metaspace("always", true) + R"(,"decoder":)" + kLlama2Decoder + "}"},
        {"unknown tokens, one by one",
         "characters",
         R"({"model":{"unk_token":"<unk>","ignore_merges":true},"pre_tokenizer":)" +
             metaspace("always", true) + R"(,"decoder":)" + kLlama2Decoder + "}"},
        {"unknown characters dropped, words without a Metaspace",
         "characters",
         R"({"normalizer":{"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"Strip","strip_left":false,"strip_right":true}]},"pre_tokenizer":)" +
             steps(
                 "pretokenizers",
                 R"({"type":"WhitespaceSplit"},{"type":"Digits","individual_digits":true},{"type":"Punctuation","behavior":"MergedWithNext"})") +
             R"(,"decoder":{"type":"Fuse"}})"},
        {"a Metaspace after other cuts",
         "characters",
         "{" + fallback + R"(,"normalizer":{"type":"NFKD"},"pre_tokenizer":)" +
             steps("pretokenizers",
                   R"({"type":"Digits","individual_digits":false},)" + metaspace("always", true) +
                       R"(,{"type":"Punctuation","behavior":"Contiguous"})") +
             R"(,"decoder":)" + metaspace("first", true) + "}"}};
}

inline std::vector<TokenizerKind> tokenizer_kinds(const std::string& shared) {
    std::vector<TokenizerKind> all = byte_kinds();
    for (TokenizerKind& kind : character_kinds()) {
        all.push_back(std::move(kind));
    }
    const std::string data = shared + "/data/tokenizers/";
    all.push_back({"gpt2", "files:" + data + "gpt2_encoder.json:" + data + "gpt2_vocab.bpe", "{}"});
    all.push_back({"a vocabulary and merges in text files",
                   "files:" + data + "torchtune_tiny_bpe_vocab.json:" + data +
                       "torchtune_tiny_bpe_merges.txt",
                   "{}"});
    return all;
}

/// The base of the kind with its changes, as the text of a tokenizer.json; bases are made once.
inline std::string tokenizer_text(const TokenizerKind& kind) {
    static std::map<std::string, nlohmann::json> bases;
    nlohmann::json& base = bases[kind.base];
    if (base.is_null()) {
        base = nlohmann::json::parse(run_oracle({"base", kind.base}));
    }
    nlohmann::json value = base;
    const nlohmann::json changes = nlohmann::json::parse(kind.changes);
    value.merge_patch(changes);
    for (const char* name : {"normalizer", "pre_tokenizer", "post_processor", "decoder"}) {
        if (changes.contains(name)) {
            value[name] = changes[name];  // a part is replaced as a whole
        }
    }
    for (const nlohmann::json& token : value.value("absent", nlohmann::json::array())) {
        nlohmann::json& vocab = value["model"]["vocab"];
        vocab["absent " + token.get<std::string>()] = vocab.at(token.get<std::string>());
        vocab.erase(token.get<std::string>());
    }
    value.erase("absent");
    return value.dump();
}

inline TokenizerKind kind_named(const std::string& name) {
    for (const TokenizerKind& kind : tokenizer_kinds("")) {
        if (kind.name == name) {
            return kind;
        }
    }
    throw std::runtime_error("no kind is named " + name);
}

}  // namespace samara::test
