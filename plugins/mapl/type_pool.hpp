// The instruction types that a synthesizer may draw from, and sets of k of them that do not
// conflict.  It looks at ids and the conflict table only; arguments and texts are draft.hpp's.
#pragma once
#include <samara/records.hpp>

#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace samara::mapl {

/// Allowed types of the run, in the order of their ids.
///
/// Conflicts  the symmetric closure of what the types say: t and u conflict when either names the
/// other ("*"
///            names all, "-id" takes one back); a type is never drawn twice.
/// Errors     std::invalid_argument: an unknown, repeated or unsolvable id in `functions` or
/// `exclude`.
class TypePool {
public:
    /// `types`: of the run, sorted by id.  `functions` empty: every type that can be solved.
    TypePool(std::span<const samara_instruction_type* const> types,
             const std::vector<std::string>& functions,
             const std::vector<std::string>& exclude);

    size_t size() const { return indices_.size(); }
    /// Index of allowed type n among the run's types.
    int64_t index(size_t n) const { return indices_[n]; }
    const std::string& id(size_t n) const { return ids_[n]; }
    bool conflict(size_t n, size_t m) const { return conflicts_[n * size() + m] != 0; }

    /// Which allowed types cannot stand beside these ids (of any library, offered or not): one flag
    /// for each type of the pool.
    using Barred = std::vector<char>;
    Barred barred_by(std::span<const std::string> ids) const;
    /// True when k allowed types without a conflict exist.
    bool can_draw(int k, const Barred& barred = {}) const { return completable({}, k, barred); }
    /// k distinct types without a conflict, as positions in this pool: each uniformly among those
    /// with which the set can still be completed.  Needs can_draw(k, barred).
    std::vector<size_t> draw(int k, Random& random, const Barred& barred = {}) const;

private:
    bool fits(std::span<const size_t> chosen, size_t n, const Barred& barred) const;
    bool completable(std::vector<size_t> chosen,
                     int k,
                     const Barred& barred,
                     size_t from = 0) const;

    std::vector<int64_t> indices_;
    std::vector<std::string> ids_;
    std::vector<std::string> lists_;  // what each type says it conflicts with
    std::map<std::string, std::string, std::less<>> every_list_;  // of every type of the run
    std::vector<char> conflicts_;                                 // size() x size(), symmetric
};

}  // namespace samara::mapl
