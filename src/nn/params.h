/* The one table of a model's parameters: name, shape, tensor.
 *
 * A model declares its parameters while it reads its config; loading, saving, random weights, the
 * optimizer and gradient checks all walk this table. Names and shapes are the checkpoint's. */
#ifndef DR_NN_PARAMS_H
#define DR_NN_PARAMS_H

#include "autograd/tape.h"

/* How `drape init` fills a parameter; as PyTorch's modules do by default. */
typedef enum dr_init {
    DR_INIT_ZEROS,
    DR_INIT_ONES,
    DR_INIT_KAIMING, /* uniform in +-1/sqrt(fan_in): nn.Linear and nn.Conv2d, weight and bias */
    DR_INIT_NORMAL   /* normal with deviation 0.02: embeddings and CLIP */
} dr_init;

typedef struct dr_param {
    dr_tensor t; /* t.name, shape; data bound by the loader */
    dr_init init;
    int64_t fan_in; /* for DR_INIT_KAIMING */
    struct dr_param *next;
    void *owned; /* values of its own, taken from the table of ops, that dr_params_clear() gives back; or NULL */
    size_t owned_size;
} dr_param;

typedef struct dr_params {
    dr_arena arena;         /* the model arena: names and this table */
    dr_param *first, *last; /* in declaration order */
    size_t count;
    dr_status status; /* out of memory while declaring is sticky */
} dr_params;

dr_status dr_params_init(dr_params *p);
/** Drops packed copies, owned storage and the table. Safe on a zeroed struct. */
void dr_params_clear(dr_params *p);

/** Declares `prefix` + "." + `name` (or just one of them if the other is "") with a shape of `rank` axes.
 *  Returns the tensor, whose data is bound later. Never NULL; after a failure a dummy. */
dr_tensor *dr_param_add(dr_params *p, const char *prefix, const char *name, dr_init init, int64_t fan_in, int rank,
                        int64_t d0, int64_t d1, int64_t d2, int64_t d3);

/** A copy of a text, as long-lived as the table; "" after a failure. */
const char *dr_params_text(dr_params *p, const char *text);

dr_param *dr_param_find(const dr_params *p, const char *name);

/** Values in all parameters. */
int64_t dr_params_numel(const dr_params *p);

/** Gives a parameter zeroed storage of its own (page-aligned). `t.mapped` becomes false: a packed copy then
 *  lies beside it. */
dr_status dr_param_own(dr_param *p, dr_dtype dtype);
/** Gives that storage back, if there is any. */
void dr_param_disown(dr_param *p);

/** `n` values from `at` on, in the parameter's dtype (whole blocks), to and from the host. Its storage must be its own
 * to be set. */
void dr_param_set(dr_param *p, size_t at, size_t n, const void *host);
void dr_param_get(const dr_param *p, size_t at, size_t n, void *host);

#endif
