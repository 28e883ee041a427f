// samara.hpp - the whole C++20 layer of the SDK: include this, write a class, end with
// SAMARA_PLUGINS(...).
//   core.hpp         from a class to a plugin; with it come
//   call.hpp         the current call, failing, logging, metrics
//   params.hpp       parameters: declared, checked, read
//   tensor.hpp       tensors and every ATen operator by name, without linking LibTorch
//   objective.hpp    columns in, losses out
//   optimizer.hpp    moves parameters
//   records.hpp      messages, records, data set, reproducible random numbers
//   instruction.hpp  verifiable instruction types, and their use from synthesizers
//   reward.hpp       sampled responses in, numbers out
//   row_instructions.hpp  verifiable instructions that a row brings along
//   synthesizer.hpp  records in, groups of candidates and relations out
//   json.hpp         the JSON that kwargs and instruction lists travel in
#pragma once
#include "core.hpp"
#include "instruction.hpp"
#include "json.hpp"
#include "objective.hpp"
#include "optimizer.hpp"
#include "records.hpp"
#include "reward.hpp"
#include "row_instructions.hpp"
#include "synthesizer.hpp"
#include "tensor.hpp"
