// Short ways to write keys of the schema, and the sections of schema_train.cpp.  A part of
// schema.cpp.
#pragma once
#include "core/config/schema.hpp"

namespace samara::host::config {

inline constexpr double kMany = 1e9;  // an upper bound for counts that nobody reaches on purpose
inline constexpr double kInf = std::numeric_limits<double>::infinity();

inline Key text(const char* name, const char* fallback, const char* doc) {
    return {name, Type::text, fallback, doc};
}

inline Key choice(const char* name,
                  const char* fallback,
                  const char* choices,
                  const char* doc,
                  const char* later = nullptr) {
    Key key{name, Type::text, fallback, doc};
    key.choices = choices;
    key.later = later;
    return key;
}

inline Key count(const char* name,
                 const char* fallback,
                 const char* doc,
                 double min = 0,
                 double max = kMany) {
    return {name, Type::integer, fallback, doc, min, max};
}

inline Key number(const char* name, const char* fallback, const char* doc) {
    return {name, Type::number, fallback, doc, 0};
}

Section dpo_section();
Section ppo_section();
Section reward_section();
Section schedule_section();
Section train_section();
Section best_section();
Section checkpoint_section();

}  // namespace samara::host::config
