/* One small objective in C, compiled once for each way in which a library or its tables can differ.
 */
#include <samara/samara.h>

#include <math.h>

static const char* const columns[] = {"gap.score"};
static const samara_loss losses[] = {{"square", SAMARA_PER_RELATION, SAMARA_BY_WEIGHT, 0, 1.0}};

#if defined(UNRESOLVED)
extern double samara_function_that_is_nowhere(double);
#endif

#if defined(OLD_HOST_VIEW)
static const samara_host* kept;
#endif

static int64_t create(const samara_host* host,
                      samara_call* call,
                      const samara_value* values,
                      int64_t n,
                      void** self) {
    (void)call, (void)values, (void)n;
#if defined(OLD_HOST_VIEW)
    kept = host;
    if (!SAMARA_HAS(host, samara_host, get_extension))
        return SAMARA_UNSUPPORTED;
#endif
    (void)host;
    *self = NULL; /* no state: legal */
    return SAMARA_OK;
}
static void destroy(void* self) {
    (void)self;
}
static int64_t describe(void* self, samara_call* call, samara_objective_info* info) {
    (void)self, (void)call;
    if (!SAMARA_HAS(info, samara_objective_info, orders))
        return SAMARA_UNSUPPORTED;
    info->columns = columns, info->n_columns = 1, info->losses = losses, info->n_losses = 1,
    info->orders = 3;
    return SAMARA_OK;
}
static int64_t value_and_grad(void* self,
                              samara_call* call,
                              const samara_array* in,
                              const samara_array* weights,
                              samara_array* out,
                              samara_array* grads) {
    const double *gap = in[0].data, *w = weights[0].data;
    double *loss = out[0].data, *g = grads[0].data;
    (void)self, (void)call;
    for (int64_t r = 0; r < in[0].shape[0]; ++r) {
        loss[r] = gap[r] * gap[r];
#if defined(UNRESOLVED)
        loss[r] = samara_function_that_is_nowhere(gap[r]);
#endif
        if (g)
            g[r] = 2 * w[r] * gap[r];
    }
#if defined(OLD_HOST_VIEW)
    return kept->info(call)->struct_size >= sizeof(samara_info) ? SAMARA_OK : SAMARA_UNSUPPORTED;
#endif
    return SAMARA_OK;
}

/* A table of a later release: known fields first, unknown ones after them. */
struct later {
    samara_objective known;
    void* unknown[4];
};
static const struct later table = {
    {
#if defined(SMALLER)
        offsetof(samara_objective,
                 value_and_grad), /* an objective that ends before its first release did */
#elif defined(LARGER)
        sizeof(struct later),
#else
        sizeof(samara_objective),
#endif
        create,
        destroy,
        NULL,
        NULL,
        describe,
        NULL,
        value_and_grad,
        NULL},
    {(void*)1, (void*)2, (void*)3, (void*)4}};

static const samara_param params[] = {
    {"beta", SAMARA_P_FLOAT, "-1.0", 0, 1, 0, NULL, "its default is out of its range"}};

struct later_plugin {
    samara_plugin known;
    uint64_t unknown[2];
};
static const struct later_plugin plugin = {{
#if defined(LARGER)
                                               sizeof(struct later_plugin),
                                               "test.larger",
#elif defined(OLD_HOST_VIEW)
                                               sizeof(samara_plugin),
                                               "test.old_host_view",
#else
                                               sizeof(samara_plugin),
                                               "test.variant",
#endif
#if defined(NEWER_KIND)
                                               "objective/9",
#else
                                               "objective/1",
#endif
                                               "1.0.0",
                                               "Apache-2.0",
                                               "squares the gap",
                                               "gap^2",
                                               "",
                                               SAMARA_DETERMINISTIC,
#if defined(BAD_DEFAULT)
                                               1,
                                               params,
#else
                                               0,
                                               params,
#endif
                                               &table},
                                           {1, 2}};

static const samara_plugin* const list[] = {&plugin.known};
#if !defined(NO_ENTRY)
SAMARA_EXPORT const samara_entry samara_plugin_entry = {sizeof(samara_entry),
#if defined(WRONG_MAGIC)
                                                        SAMARA_MAGIC + 1,
#else
                                                        SAMARA_MAGIC,
#endif
#if defined(WRONG_ABI)
                                                        (uint64_t)7 << 32,
#else
                                                        SAMARA_ABI + 3, /* a later minor version is
                                                                           no reason to refuse */
#endif
                                                        1,
                                                        list};
#else
SAMARA_EXPORT const samara_plugin* const* samara_something_else(void);
const samara_plugin* const* samara_something_else(void) {
    return list;
}
#endif
