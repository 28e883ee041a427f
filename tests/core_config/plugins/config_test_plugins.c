/* Plugins that only exist to be configured: one of every kind, with every type of parameter.  They
 * refuse to run.  */
#include <samara/samara.h>

#include <math.h>

static int64_t create(const samara_host* host,
                      samara_call* call,
                      const samara_value* params,
                      int64_t n,
                      void** self) {
    (void)host, (void)call, (void)params, (void)n;
    *self = 0;
    return SAMARA_UNSUPPORTED;
}
static void destroy(void* self) {
    (void)self;
}

#define HEAD(type) sizeof(type), create, destroy, 0, 0

static int64_t synthesizer_describe(void* self, samara_call* call, samara_synthesizer_info* info) {
    (void)self, (void)call, (void)info;
    return SAMARA_UNSUPPORTED;
}
static int64_t synthesize(void* self,
                          samara_call* call,
                          const samara_dataset* data,
                          int64_t first,
                          int64_t last,
                          uint64_t seed,
                          const samara_sink* sink) {
    (void)self, (void)call, (void)data, (void)first, (void)last, (void)seed, (void)sink;
    return SAMARA_UNSUPPORTED;
}
static int64_t objective_describe(void* self, samara_call* call, samara_objective_info* info) {
    (void)self, (void)call, (void)info;
    return SAMARA_UNSUPPORTED;
}
static int64_t forward(void* self,
                       samara_call* call,
                       const samara_tensor* columns,
                       samara_tensor* losses) {
    (void)self, (void)call, (void)columns, (void)losses;
    return SAMARA_UNSUPPORTED;
}
static int64_t slots(void* self,
                     samara_call* call,
                     const samara_param_info* info,
                     const samara_slot** out,
                     int64_t* n) {
    (void)self, (void)call, (void)info, (void)out, (void)n;
    return SAMARA_UNSUPPORTED;
}
static int64_t step(void* self, samara_call* call, const samara_step* group) {
    (void)self, (void)call, (void)group;
    return SAMARA_UNSUPPORTED;
}
static int64_t types(void* self,
                     samara_call* call,
                     const samara_instruction_type* const** out,
                     int64_t* n) {
    (void)self, (void)call, (void)out, (void)n;
    return SAMARA_UNSUPPORTED;
}
static int64_t check(void* self,
                     samara_call* call,
                     const samara_message* prompt,
                     int64_t n_prompt,
                     samara_str response,
                     samara_check* checks,
                     int64_t n) {
    (void)self, (void)call, (void)prompt, (void)n_prompt, (void)response, (void)checks, (void)n;
    return SAMARA_UNSUPPORTED;
}
static int64_t solve(void* self,
                     samara_call* call,
                     const samara_dataset* corpus,
                     int64_t type,
                     const samara_message* prompt,
                     int64_t n_prompt,
                     const samara_demand* demands,
                     int64_t n,
                     uint64_t seed,
                     samara_put_solution* put,
                     void* ctx) {
    (void)self, (void)call, (void)corpus, (void)type, (void)prompt, (void)n_prompt, (void)demands,
        (void)n, (void)seed, (void)put, (void)ctx;
    return SAMARA_UNSUPPORTED;
}
static int64_t phrase(void* self,
                      samara_call* call,
                      samara_str id,
                      samara_str kwargs,
                      int64_t negated,
                      int64_t set,
                      uint64_t seed,
                      samara_put* put,
                      void* ctx) {
    (void)self, (void)call, (void)id, (void)kwargs, (void)negated, (void)set, (void)seed, (void)put,
        (void)ctx;
    return SAMARA_UNSUPPORTED;
}

static const samara_synthesizer synthesizer = {HEAD(samara_synthesizer),
                                               synthesizer_describe,
                                               synthesize};
static const samara_objective objective = {HEAD(samara_objective),
                                           objective_describe,
                                           forward,
                                           0,
                                           0};
static const samara_optimizer optimizer = {HEAD(samara_optimizer), slots, step, 0};
static const samara_instructions instructions = {HEAD(samara_instructions),
                                                 types,
                                                 check,
                                                 solve,
                                                 phrase};

static const samara_param draw_params[] = {
    {"count", SAMARA_P_INTS, "[1, 3]", 1, 5, 0, 0, "a range"},
    {"functions", SAMARA_P_STRINGS, "[]", 0, 0, 0, 0, "types"},
    {"temperatures", SAMARA_P_FLOATS, "[0.5, 1.0]", 0, 2, 0, 0, "floats"},
    {"wordings", SAMARA_P_PATH, 0, 0, 0, SAMARA_P_OPTIONAL, 0, "a file"},
    {"rollout_prompts", SAMARA_P_BOOL, "false", 0, 0, 0, 0, "a truth"}};
static const samara_param loss_params[] = {
    {"beta", SAMARA_P_FLOAT, "0.1", 0, INFINITY, SAMARA_P_OPEN_MIN, 0, "a scale"},
    {"form", SAMARA_P_STRING, "\"sigmoid\"", 0, 0, 0, "sigmoid|hinge", "a form"}};
static const samara_param step_params[] = {
    {"momentum", SAMARA_P_FLOAT, 0, 0, 1, 0, 0, "must be given"}};

#define PLUGIN(name, id, kind, n, params, table)              \
    static const samara_plugin name = {sizeof(samara_plugin), \
                                       id,                    \
                                       kind,                  \
                                       "1.0.0",               \
                                       "Apache-2.0",          \
                                       "for tests",           \
                                       0,                     \
                                       0,                     \
                                       SAMARA_DETERMINISTIC,  \
                                       n,                     \
                                       params,                \
                                       table}
PLUGIN(pairs, "test.pairs", "synthesizer/1", 0, 0, &synthesizer);
PLUGIN(draw, "test.draw", "synthesizer/1", 5, draw_params, &synthesizer);
PLUGIN(loss, "test.loss", "objective/1", 2, loss_params, &objective);
PLUGIN(plain, "test.plain_step", "optimizer/1", 0, 0, &optimizer);
PLUGIN(momentum, "test.momentum", "optimizer/1", 1, step_params, &optimizer);
PLUGIN(rules, "test.rules", "instruction/1", 0, 0, &instructions);

static const samara_plugin* const plugins[] = {&pairs, &draw, &loss, &plain, &momentum, &rules};
const samara_entry samara_plugin_entry = {sizeof(samara_entry),
                                          SAMARA_MAGIC,
                                          SAMARA_ABI,
                                          6,
                                          plugins};
