// Builds the pool and its conflict matrix, and draws from it.
#include "type_pool.hpp"

#include <algorithm>

namespace samara::mapl {
namespace {

std::vector<std::string_view> split(std::string_view words) {
    std::vector<std::string_view> out;
    while (!words.empty()) {
        const size_t end = std::min(words.find(' '), words.size());
        if (end > 0) {
            out.push_back(words.substr(0, end));
        }
        words.remove_prefix(std::min(end + 1, words.size()));
    }
    return out;
}

/// True when a type whose list is `conflicts` says that `id` cannot stand beside it.
bool names(std::string_view conflicts, std::string_view id) {
    bool named = false;
    for (const std::string_view word : split(conflicts)) {
        if (word.front() == '-') {
            if (word.substr(1) == id) {
                return false;
            }
        } else {
            named = named || word == "*" || word == id;
        }
    }
    return named;
}

bool has(const std::vector<std::string>& list, std::string_view id) {
    return std::find(list.begin(), list.end(), id) != list.end();
}

/// Every id of `list` must be a type of the run, and stand once.
void require_known(std::span<const samara_instruction_type* const> types,
                   const std::vector<std::string>& list,
                   const std::string& key) {
    for (size_t n = 0; n < list.size(); ++n) {
        const auto same = [&](const samara_instruction_type* t) { return list[n] == t->id; };
        if (std::none_of(types.begin(), types.end(), same)) {
            throw std::invalid_argument(key + " names '" + list[n] +
                                        "', which no [[instructions]] library of the run has");
        }
        if (std::find(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(n), list[n]) !=
            list.begin() + static_cast<std::ptrdiff_t>(n)) {
            throw std::invalid_argument(key + " names '" + list[n] + "' twice");
        }
    }
}

}  // namespace

TypePool::TypePool(std::span<const samara_instruction_type* const> types,
                   const std::vector<std::string>& functions,
                   const std::vector<std::string>& exclude) {
    require_known(types, functions, "functions");
    require_known(types, exclude, "exclude_functions");
    std::vector<const samara_instruction_type*> chosen;
    for (size_t n = 0; n < types.size(); ++n) {
        const samara_instruction_type& type = *types[n];
        const std::string list = type.conflicts == nullptr ? "" : type.conflicts;
        every_list_[type.id] = list;
        if (has(functions, type.id) && type.can_solve == 0) {
            throw std::invalid_argument("functions names '" + std::string(type.id) +
                                        "', which can be checked but not solved");
        }
        if (type.can_solve == 0 || has(exclude, type.id) ||
            (!functions.empty() && !has(functions, type.id))) {
            continue;
        }
        chosen.push_back(&type);
        indices_.push_back(static_cast<int64_t>(n));
        ids_.emplace_back(type.id);
        lists_.push_back(list);
    }
    conflicts_.assign(chosen.size() * chosen.size(), 0);
    for (size_t n = 0; n < chosen.size(); ++n) {
        for (size_t m = 0; m < chosen.size(); ++m) {
            conflicts_[n * chosen.size() + m] =
                n == m || names(lists_[n], ids_[m]) || names(lists_[m], ids_[n]);
        }
    }
}

TypePool::Barred TypePool::barred_by(std::span<const std::string> ids) const {
    Barred out(size(), 0);
    for (const std::string& id : ids) {
        const auto list = every_list_.find(id);
        for (size_t n = 0; n < size(); ++n) {
            out[n] = out[n] != 0 || ids_[n] == id || names(lists_[n], id) ||
                     (list != every_list_.end() && names(list->second, ids_[n]));
        }
    }
    return out;
}

bool TypePool::fits(std::span<const size_t> chosen, size_t n, const Barred& barred) const {
    return (barred.empty() || barred[n] == 0) &&
           std::none_of(chosen.begin(), chosen.end(), [&](size_t m) { return conflict(n, m); });
}

bool TypePool::completable(std::vector<size_t> chosen,
                           int k,
                           const Barred& barred,
                           size_t from) const {
    if (chosen.size() >= static_cast<size_t>(k)) {
        return true;
    }
    for (size_t n = from; n < size(); ++n) {
        if (fits(chosen, n, barred)) {
            std::vector<size_t> longer = chosen;
            longer.push_back(n);
            if (completable(std::move(longer), k, barred, n + 1)) {
                return true;
            }
        }
    }
    return false;
}

std::vector<size_t> TypePool::draw(int k, Random& random, const Barred& barred) const {
    std::vector<size_t> chosen;
    while (chosen.size() < static_cast<size_t>(k)) {
        std::vector<size_t> possible;
        for (size_t n = 0; n < size(); ++n) {
            if (!fits(chosen, n, barred)) {
                continue;
            }
            std::vector<size_t> longer = chosen;
            longer.push_back(n);
            if (completable(std::move(longer), k, barred)) {
                possible.push_back(n);
            }
        }
        if (possible.empty()) {
            throw std::invalid_argument("there are no " + std::to_string(k) +
                                        " instruction types without a conflict");
        }
        chosen.push_back(possible[random.below(possible.size())]);
    }
    return chosen;
}

}  // namespace samara::mapl
