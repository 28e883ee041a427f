// Which errors of LibTorch and of the C++ library mean that memory ran out; used by the trainer,
// which knows the micro-batch, and by main.cpp for all other places.
#pragma once
#include <exception>
#include <string>

namespace samara::host {

/// "out of memory", with the bytes asked for where LibTorch says them; empty for any other error.
std::string out_of_memory(const std::exception& error);

/// What makes a step smaller.
inline constexpr const char* kMemoryHelp = "lower [train] tokens_per_batch or [data] max_tokens";

}  // namespace samara::host
