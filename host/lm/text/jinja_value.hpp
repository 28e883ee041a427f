// Jinja's values: Python's, as far as templates use them.  Used by jinja.cpp alone.  What Python
// would do with anything else is not guessed: Unreadable.
#pragma once
#include "lm/text/jinja.hpp"

namespace samara::host::jinja {

inline const Value kUndefined(Value::value_t::discarded);

[[noreturn]] void unreadable(const std::string& what);

bool truth(const Value& value);
std::string text_of(const Value& value);  ///< as it is printed
int64_t whole_of(const Value& value);
Value item_of(const Value& value, const Value& key);
/// value[begin:end:step] of a list; bounds may be none.
Value slice_of(const Value& value, const std::vector<Value>& bounds);
bool contains(const Value& container, const Value& item);
bool passes(const std::string& test, const Value& value);
Value arithmetic(const std::string& sign, int64_t a, int64_t b);
Value call_method(const Value& self, const std::string& name, const std::vector<Value>& args);

}  // namespace samara::host::jinja
