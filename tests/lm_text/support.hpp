// What the tests of the text room share: the Python oracle, its records, the demo model's folder,
// small files.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace samara::test {

/// A fresh folder that is removed at the end of the test.
class TemporaryFolder {
public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }
    /// Writes a file into the folder and returns its path.
    std::string write(const std::string& name, const std::string& text) const;

private:
    std::string path_;
};

/// One record of oracle.py.
struct Case {
    std::string text;
    std::vector<int64_t> numbers;
};

/// Runs oracle.py with the arguments and a last one, the file to write; returns that file's text or
/// records. Without an interpreter the test is skipped, and fails where the environment says CI.
std::string run_oracle(const std::vector<std::string>& arguments);
std::vector<Case> oracle_cases(const std::vector<std::string>& arguments);

/// "fuzz:COUNT" for oracle.py; SAMARA_TEST_FUZZ in the environment goes before `count`.
std::string fuzz_corpus(int count);

/// The folder with data, or the demo model's in the user's cache; skips or fails like run_oracle
/// where it is absent.
std::string shared_folder();
std::string demo_model();

/// A byte-level tokenizer of 256 letters and a few merges, with the given JSON text in place of
/// some top-level fields:
/// {"normalizer": {"type": "NFC"}, ...}; "model" is merged, field by field.  The letter of byte b
/// has id b; then "th" 256, "the" 257, "Ġt" 258, "Ġthe" 259.
std::string small_tokenizer(const std::string& changes = "{}");

/// As text that Catch can print whatever the bytes.
std::string shown(const std::string& text);

}  // namespace samara::test
