// Shared by the tests of the data room: files in a folder of their own, and reading them with one
// call.
#pragma once
#include "core/data/reader.hpp"
#include "runtime/error.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

namespace data_test {

namespace sh = samara::host;

/// A folder that goes with the object.
class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "samara-data-XXXXXX").string();
        path_ = mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string file(const std::string& name, const std::string& bytes) const {
        std::ofstream(path_ + "/" + name, std::ios::binary) << bytes;
        return path_ + "/" + name;
    }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

struct Read {
    std::vector<sh::Record> records;
    sh::DataReport report;
};

inline Read read(sh::DataSpec spec, uint64_t seed = 0) {
    Read out;
    out.records = sh::read_records(spec, seed, out.report);
    return out;
}

/// Reads `bytes` as one file, t.jsonl.
inline Read read_text(const std::string& bytes, sh::DataSpec spec = {}) {
    const Folder folder;
    spec.files = {folder.file("t.jsonl", bytes)};
    return read(spec);
}

/// The first problem of reading `bytes`; `where` without the folder.
inline sh::Problem problem_of(const std::string& bytes, sh::DataSpec spec = {}) {
    try {
        read_text(bytes, spec);
    } catch (const sh::Error& error) {
        sh::Problem problem = error.problems().front();
        const size_t name = problem.where.rfind('/');
        problem.where = name == std::string::npos ? problem.where : problem.where.substr(name + 1);
        return problem;
    }
    return {sh::Code::internal, "no error", "", ""};
}

}  // namespace data_test
