// params.hpp - parameters of a plugin: declared by its class, checked by the host, read from Params.
// Included by core.hpp.
#pragma once
#include "call.hpp"

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace samara {

/// For open-ended bounds of parameters: param::number("beta", "1.0", 0, kInfinity, "...").  The
/// bound only: a user's value that is infinite or NaN is refused whatever the bounds.
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Declarations of parameters, for `static constexpr samara_param params[]` of a class.
///
///   key       the TOML key under `params`; distinct, never renamed, its meaning never changed
///   fallback  the default as TOML text, or nullptr: the user must give it.  Checked when the
///             library is loaded: a default outside its own range refuses the whole file
///   min, max  belong to the range unless `flags` says SAMARA_P_OPEN_MIN or SAMARA_P_OPEN_MAX; both
///             0 means no bounds at all
///   flags     SAMARA_P_OPTIONAL with a nullptr fallback makes an absent value legal; Params::given
///             is then false
///   doc       one phrase; `samara plugins describe ID` shows it
///
/// The host checks all of it before `create`, so a plugin never sees a value out of range.  All
/// mistakes of a configuration are reported together, with line and column.
///     static constexpr samara_param params[] = {
///         samara::param::number("beta", "0.1", 0, samara::kInfinity, "scale", SAMARA_P_OPEN_MIN)};
namespace param {
/// A float; an integer in the file is accepted.  Never NaN or infinite.
constexpr samara_param number(const char* key, const char* fallback, double min, double max,
                              const char* doc, int64_t flags = 0) {
    return {key, SAMARA_P_FLOAT, fallback, min, max, flags, nullptr, doc};
}
/// A 64-bit integer; bounds up to 2^53 are exact.  A float in the file is refused, 3.0 too.
constexpr samara_param integer(const char* key, const char* fallback, double min, double max,
                               const char* doc, int64_t flags = 0) {
    return {key, SAMARA_P_INT, fallback, min, max, flags, nullptr, doc};
}
/// true or false.  0 and 1 are refused.
constexpr samara_param flag(const char* key, const char* fallback, const char* doc) {
    return {key, SAMARA_P_BOOL, fallback, 0, 0, 0, nullptr, doc};
}
/// One of `choices`, written "a|b|c".  The fallback is TOML text: "\"a\"".  Read it with
/// Params::string.
constexpr samara_param choice(const char* key, const char* fallback, const char* choices,
                              const char* doc, int64_t flags = 0) {
    return {key, SAMARA_P_STRING, fallback, 0, 0, flags, choices, doc};
}
/// Any text, an empty one too.  The fallback is TOML text: "\"\"" is the empty one.
constexpr samara_param string(const char* key, const char* fallback, const char* doc,
                              int64_t flags = 0) {
    return {key, SAMARA_P_STRING, fallback, 0, 0, flags, nullptr, doc};
}
/// A file or folder; arrives absolute (the file says it relative to itself).  A fallback arrives as
/// it is written here.  Whether it exists is the plugin's to check.  Read it with Params::string.
constexpr samara_param path(const char* key, const char* fallback, const char* doc,
                            int64_t flags = 0) {
    return {key, SAMARA_P_PATH, fallback, 0, 0, flags, nullptr, doc};
}
/// Lists; bounds and choices hold for every element, and an empty list passes.
constexpr samara_param integers(const char* key, const char* fallback, double min, double max,
                                const char* doc, int64_t flags = 0) {
    return {key, SAMARA_P_INTS, fallback, min, max, flags, nullptr, doc};
}
constexpr samara_param numbers(const char* key, const char* fallback, double min, double max,
                               const char* doc, int64_t flags = 0) {
    return {key, SAMARA_P_FLOATS, fallback, min, max, flags, nullptr, doc};
}
constexpr samara_param strings(const char* key, const char* fallback, const char* doc,
                               int64_t flags = 0, const char* choices = nullptr) {
    return {key, SAMARA_P_STRINGS, fallback, 0, 0, flags, choices, doc};
}
}  // namespace param

/// The bound parameters of an instance.
///
///     explicit Hinge(const Params& p) : margin_(p.number("margin")), names_(p.strings("names")) {}
///
/// The getter is that of the declared type: number() for param::number, string() for choices and
/// paths.  A number declared as a float arrives as one even if the file says 1.  Found by the key
/// under which the class declared them.  Lives during the constructor only: copy what you keep.  A
/// key or type that was never declared fails the call (a plugin bug), and so does the getter of an
/// optional parameter that was left out: ask given() first.
///     const int64_t cap = p.given("cap") ? p.integer("cap") : size_of_the_corpus;
/// Rules between parameters are the plugin's own: check them in the constructor and fail(), so that
/// the run is refused before its first step.
class Params {
public:
    /// values[n] belongs to declared[n]; both are borrowed.  Made by create().
    Params(std::span<const samara_value> values, std::span<const samara_param> declared)
        : values_(values), declared_(declared) {}

    /// False only for an optional parameter that the user left out.
    bool given(std::string_view key) const { return find(key).tag != SAMARA_NONE; }
    /// All getters return copies.  number() is finite; flag() is a TOML bool.
    double number(std::string_view key) const { return get(key, SAMARA_FLOAT).u.d; }
    int64_t integer(std::string_view key) const { return get(key, SAMARA_INT).u.i; }
    bool flag(std::string_view key) const { return get(key, SAMARA_TRUTH).u.i != 0; }
    /// For param::string, param::choice (one of the choices, so no else is needed) and param::path.
    std::string string(std::string_view key) const {
        const samara_value v = get(key, SAMARA_STRING);
        return std::string(v.u.s == nullptr ? "" : v.u.s, static_cast<size_t>(v.len));
    }
    /// Lists in the order of the file; they may be empty and may repeat: check what matters.
    std::vector<int64_t> integers(std::string_view key) const {
        const samara_value v = get(key, SAMARA_INTS);
        return std::vector<int64_t>(v.u.ints, v.u.ints + v.len);
    }
    std::vector<double> numbers(std::string_view key) const {
        const samara_value v = get(key, SAMARA_FLOATS);
        return std::vector<double>(v.u.floats, v.u.floats + v.len);
    }
    std::vector<std::string> strings(std::string_view key) const {
        const samara_value v = get(key, SAMARA_STRINGS);
        std::vector<std::string> out;
        for (int64_t i = 0; i < v.len; ++i) { out.emplace_back(view(v.u.strings[i])); }
        return out;
    }

private:
    // A plugin bug, not the user's: SAMARA_INTERNAL, in the constructor, where the first trial run
    // of the plugin shows it.
    samara_value find(std::string_view key) const {
        for (size_t i = 0; i < declared_.size() && i < values_.size(); ++i) {
            if (key == declared_[i].key) { return values_[i]; }
        }
        fail("the plugin reads a parameter '" + std::string(key) + "' that it does not declare",
             SAMARA_INTERNAL);
        return {};
    }
    samara_value get(std::string_view key, int64_t tag) const {
        const samara_value v = find(key);
        if (v.tag == tag) { return v; }
        fail("the plugin reads parameter '" + std::string(key) + "' as another type than declared",
             SAMARA_INTERNAL);
        return {};
    }
    std::span<const samara_value> values_;
    std::span<const samara_param> declared_;
};

}  // namespace samara
