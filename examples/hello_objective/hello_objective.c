/* hello_objective.c - a whole objective in plain C, without tensors: Bradley-Terry on the gaps of
 * scores.
 *
 *   cc -shared -fPIC -I sdk/include hello_objective.c -o hello_objective.so -lm
 *   samara plugins check hello_objective.so
 *
 * then [plugins] load = ["hello_objective.so"] and [[objective]] plugin = "example.hello_objective"
 * in a run's file.
 *
 * Per relation r:   z = beta * gap[r] - margin[r],   loss[r] = (1 - p) log(1 + exp(-z)) + p log(1 +
 * exp(z)), where p = flip[r] is the probability that the relation is the other way round. */
#include <samara/samara.h>

#include <math.h>
#include <stdlib.h>

/* What the host is to compute for us, and what we give back: one number per relation, averaged by
 * weight.     */
static const char* const columns[] = {"gap.score", "rel.margin", "rel.flip"};
static const samara_loss losses[] = {{"hello", SAMARA_PER_RELATION, SAMARA_BY_WEIGHT, 0, 1.0}};

/* One parameter: `params = { beta = 0.1 }`.  The host checks type and range before `create` is
 * called.        */
static const samara_param params[] = {
    {"beta", SAMARA_P_FLOAT, "1.0", 0, HUGE_VAL, SAMARA_P_OPEN_MIN, NULL, "scale of the scores"}};

typedef struct hello {
    const samara_host* host;
    double beta;
} hello;

static int64_t create(const samara_host* host,
                      samara_call* call,
                      const samara_value* values,
                      int64_t n,
                      void** self) {
    static const char no_memory[] = "no memory";
    hello* me = malloc(sizeof *me);
    (void)n; /* always the number of declared parameters */
    if (me == NULL) {
        host->set_error(call, (samara_str){no_memory, sizeof no_memory - 1});
        return SAMARA_INTERNAL;
    }
    me->host = host;
    me->beta = values[0].u.d;
    *self = me;
    return SAMARA_OK;
}

static void destroy(void* self) {
    free(self);
}

static int64_t describe(void* self, samara_call* call, samara_objective_info* info) {
    (void)self;
    (void)call;
    info->columns = columns;
    info->n_columns = 3;
    info->losses = losses;
    info->n_losses = 1;
    info->orders = 3; /* gaps mean preferences and contrasts alike */
    return SAMARA_OK;
}

/* log(1 + exp(x)) without overflow. */
static double softplus(double x) {
    return (x > 0 ? x : 0) + log1p(exp(x > 0 ? -x : x));
}

/* Plain memory: every float is a double here.  grads[c].data is NULL for columns that need no
 * derivative.     */
static int64_t value_and_grad(void* self,
                              samara_call* call,
                              const samara_array* in,
                              const samara_array* weights,
                              samara_array* out,
                              samara_array* grads) {
    const hello* me = self;
    const int64_t n = in[0].shape[0];
    const double *gap = in[0].data, *margin = in[1].data, *flip = in[2].data,
                 *weight = weights[0].data;
    double *loss = out[0].data, *d_gap = grads[0].data;
    (void)call;
    for (int64_t r = 0; r < n; ++r) {
        const double z = me->beta * gap[r] - margin[r];
        loss[r] = (1 - flip[r]) * softplus(-z) + flip[r] * softplus(z);
        if (d_gap != NULL) {
            /* d softplus(x) / dx = 1 / (1 + exp(-x)) */
            const double slope = -(1 - flip[r]) / (1 + exp(z)) + flip[r] / (1 + exp(-z));
            d_gap[r] = weight[r] * me->beta * slope;
        }
    }
    return SAMARA_OK;
}

static const samara_objective table = {.struct_size = sizeof table,
                                       .create = create,
                                       .destroy = destroy,
                                       .describe = describe,
                                       .value_and_grad = value_and_grad};

static const samara_plugin plugin = {
    .struct_size = sizeof plugin,
    .id = "example.hello_objective",
    .kind = "objective/1",
    .version = "1.0.0",
    .license = "Apache-2.0",
    .doc = "Bradley-Terry on score gaps, in plain C.",
    .formula = "-(1-flip)*log sigmoid(z) - flip*log sigmoid(-z), z = beta*gap.score - rel.margin",
    .source = "Bradley and Terry 1952",
    .flags = SAMARA_DETERMINISTIC,
    .n_params = 1,
    .params = params,
    .vtable = &table};

static const samara_plugin* const plugins[] = {&plugin};
SAMARA_EXPORT const samara_entry
    samara_plugin_entry = {sizeof(samara_entry), SAMARA_MAGIC, SAMARA_ABI, 1, plugins};
