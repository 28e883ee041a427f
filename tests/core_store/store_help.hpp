// Shared by the tests of the store room: a folder, groups that use every field, and comparison by
// value.
#pragma once
#include "core/store/store.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>

namespace store_test {

namespace sh = samara::host;
namespace fs = std::filesystem;

/// Does what cli/ does at start, but for the one test that needs a process without it.
struct InitHdf5 {
    InitHdf5() {
        if (std::getenv("SAMARA_TEST_FRESH") == nullptr) {
            sh::init_hdf5();
        }
    }
};

/// A folder that goes with the object.
class Folder {
public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "samara-store-XXXXXX").string();
        path_ = mkdtemp(name.data());
    }
    ~Folder() {
        std::error_code ignored;
        fs::permissions(path_, fs::perms::owner_all, ignored);
        fs::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }
    /// Names in the folder, sorted, that end in `suffix`.
    [[nodiscard]] std::vector<std::string> names(const std::string& suffix = "") const {
        std::vector<std::string> out;
        for (const auto& entry : fs::directory_iterator(path_)) {
            const std::string name = entry.path().filename().string();
            if (name.ends_with(suffix)) {
                out.push_back(name);
            }
        }
        std::sort(out.begin(), out.end());
        return out;
    }

private:
    std::string path_;
};

inline std::string slurp(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path, std::ios::binary).rdbuf();
    return out.str();
}

inline void spill(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// `count` groups that differ, with every kind of field: absent and empty responses, prompts
/// alone, notes,
/// contrasts, non-ASCII text.
inline std::vector<sh::Group> sample(int count, int variant = 0) {
    std::vector<sh::Group> out;
    for (int n = 0; n < count; ++n) {
        const std::string k = std::to_string(n + 1000 * variant);
        sh::Group g;
        g.record = n;
        g.record_id = "r" + k;
        for (int c = 0; c < 3 + n % 3; ++c) {
            sh::Candidate candidate;
            candidate.prompt = {{"system", ""}, {"user", "Frage \xc3\xbc " + k}};
            if (c != 2 && c != 4) {
                candidate.response = c == 0 ? "" : "answer " + std::to_string(c);
            }
            candidate.prompt_ids = {1, n, 2147483647};
            candidate.response_ids =
                sh::Ids(static_cast<size_t>(c == 4 ? 0 : c), c);  // 4: a prompt
            candidate.label = c - 1;
            candidate.auxiliary = c == 1;
            candidate.weight = 0.1 * c;
            candidate.tag = c == 0 ? "" : "t" + std::to_string(c);
            candidate.instructions = c == 1 ? R"([{"id":"x"}])" : "";
            g.candidates.push_back(candidate);
        }
        g.relations.push_back({1, 0, 1, -1, -1, 1.0, 0.0, 0.0, "base"});
        g.relations.push_back({2, 0, 1, 1, 2, 0.25, -1.5, 0.5, "inter"});
        g.notes = {{"condition", "a"}};
        g.meta = {{"score", "0.5"}, {"n", k}};
        out.push_back(g);
    }
    return out;
}

/// Every field as text, for equality with a readable difference.
inline std::string show(const std::vector<sh::Group>& groups) {
    std::ostringstream out;
    out.precision(17);
    for (const sh::Group& g : groups) {
        out << "G " << g.record << " " << g.record_id << "\n";
        for (const sh::Candidate& c : g.candidates) {
            out << " C";
            for (const sh::Message& m : c.prompt) {
                out << " [" << m.role << "|" << m.content << "]";
            }
            out << " -> " << (c.response ? "'" + *c.response + "'" : "absent");
            for (const sh::Ids* ids : {&c.prompt_ids, &c.response_ids}) {
                out << " (";
                for (const int64_t id : *ids) {
                    out << id << " ";
                }
                out << ")";
            }
            out << " " << c.label << " " << c.auxiliary << " " << c.weight << " " << c.tag << " "
                << c.instructions << "\n";
        }
        for (const sh::Relation& r : g.relations) {
            out << " R " << r.order << " " << r.i << " " << r.j << " " << r.k << " " << r.l << " "
                << r.weight << " " << r.margin << " " << r.flip << " " << r.tag << "\n";
        }
        for (const auto& [key, value] : g.notes) {
            out << " N " << key << "=" << value << "\n";
        }
        for (const auto& [key, value] : g.meta) {
            out << " M " << key << "=" << value << "\n";
        }
    }
    return out.str();
}

inline sh::CacheKey key(const std::string& data = "d1") {
    return {{{"data", data},
             {"synthesizer 0 samara.pairs", "version=1;file=aa;params=x"},
             {"tokenizer", "t1"}}};
}

/// The code of what `action` throws; Code::internal with a failed check when it throws nothing.
template <class Action>
sh::Problem problem_of(const Action& action) {
    try {
        action();
    } catch (const sh::Error& error) {
        return error.problems().front();
    }
    return {sh::Code::internal, "no error", "", ""};
}

/// A Python with h5py for oracle tests, or empty.
inline std::string python() {
    const char* named = std::getenv("SAMARA_TEST_PYTHON");
    const std::string path = named != nullptr ? named : SAMARA_SOURCE_DIR "/.venv-test/bin/python";
    return fs::exists(path) ? path : "";
}

}  // namespace store_test
