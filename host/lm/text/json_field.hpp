// Strict reading of a model folder's JSON: every refusal names the file and the path of the field
// inside it. It knows nothing of tokenizers; tokenizer.cpp and encoder.cpp say what they accept.
#pragma once
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace samara::host {

/// The whole file.  Errors: io if it cannot be read.
std::string read_text_file(const std::string& path);

/// A place in a JSON document.  Refers to the document and the file name: both must outlive it.
class JsonField {
public:
    JsonField(const nlohmann::json& value, const std::string& file, std::string path = "")
        : value_(&value), file_(&file), path_(std::move(path)) {}

    [[nodiscard]] const nlohmann::json& value() const { return *value_; }
    [[nodiscard]] bool is_null() const { return value_->is_null(); }

    /// Throws Error(config): "PATH: REASON", where = the file.
    [[noreturn]] void refuse(const std::string& reason, const std::string& help = "") const;
    /// Refuses the value it has, shown in short form: "model.type is "WordPiece"; only "BPE" is
    /// read".
    [[noreturn]] void refuse_value(const std::string& expected) const;

    /// A member; null and absent are the same.
    [[nodiscard]] std::optional<JsonField> find(std::string_view key) const;
    [[nodiscard]] JsonField at(std::string_view key) const;  ///< refuses if absent or null
    [[nodiscard]] JsonField element(size_t index) const;     ///< of an array

    [[nodiscard]] std::string text() const;
    [[nodiscard]] bool flag(std::string_view key, bool absent) const;
    [[nodiscard]] int64_t whole() const;  ///< an integer >= 0

    void need_object() const;
    void need_array() const;
    /// Refuses every member that is not named here.
    void only(std::initializer_list<std::string_view> keys) const;
    /// Refuses the member unless it is absent, null, false or "".
    void need_off(std::string_view key) const;

private:
    const nlohmann::json* value_;
    const std::string* file_;
    std::string path_;
};

/// Parses; Errors: corrupt with the byte offset if it is not JSON.
nlohmann::json parse_json(const std::string& text, const std::string& file);

}  // namespace samara::host
