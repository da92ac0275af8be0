/* The tape: where ops run, remember how to go back, and report failures.
 *
 * Ops run eagerly. When the tape records and an input needs a gradient, an op leaves a node behind;
 * dr_backward() walks them in reverse. A tape that does not record is inference: nothing is kept but
 * the tensors themselves, and blocks (dr_block) give their inner tensors back as they return.
 *
 * Failures inside a forward (out of memory, cancelled) are sticky: later ops do nothing and return a
 * shapeless tensor, and the caller checks dr_tape_status() once. */
#ifndef DR_AUTOGRAD_TAPE_H
#define DR_AUTOGRAD_TAPE_H

#include "base/arena.h"
#include "base/status.h"
#include "ops/ops.h"
#include "tensor/tensor.h"

typedef struct dr_tape dr_tape;
typedef struct dr_node dr_node;

/* Adds to the gradients of the inputs what n->y->grad says. */
typedef void dr_backward_fn(dr_tape *g, dr_node *n);

struct dr_node {
    dr_backward_fn *fn;
    dr_tensor *y;
    dr_tensor *in[4]; /* inputs, unused ones NULL */
    void *saved;      /* what the forward kept for the way back; in the tape's arena */
    dr_node *prev;
};

struct dr_tape {
    dr_arena arena;  /* the step's own of the host: tensors' headers, nodes, what a forward wants to remember */
    dr_arena values; /* the step's values: activations, gradients in flight, scratch. For rows alone */
    const dr_ops *ops;
    dr_precision precision;   /* of the products in both directions */
    int64_t whole_h, whole_w; /* convolutions see windows of maps of that size, see dr_conv_args; 0: all of them */
    bool recording;
    bool checkpointing; /* blocks keep their inputs only, and run again in the backward */
    dr_node *last;
    bool inner; /* inside a block that runs again: blocks within it run plainly */
    dr_status status;
    char message[512];
    /* asked between ops; true stops with DR_ECANCELLED. May be NULL. */
    bool (*cancelled)(void *user);
    void *user;
    /* bytes of activations that blocks may keep instead of running again; 0 = none */
    size_t activation_budget, activation_kept;
    /* called in the backward each time a block that ran again has given its gradients, while those that lie on the
     * tape still exist; may be NULL. Lets an optimizer use and drop gradients as they come. */
    void (*block_done)(dr_tape *g, void *owner);
    void *owner;
    /* called in the backward for each tensor with a name whose gradient is complete, as often as the forward has used
     * it having been gone back through; may be NULL, and counts nothing then. Set it before the forward. */
    void (*complete)(dr_tape *g, void *owner, const dr_tensor *t);
    bool returning; /* in the backward */
    /* shown what each block of a model gives, under the name that published files have for it; may be NULL */
    void (*watch)(void *watcher, const char *block, const dr_tensor *y);
    void *watcher;
    dr_tensor dummy; /* what ops return once something failed */
};

dr_status dr_tape_init(dr_tape *g);
/** The same on another table of ops than the active one. */
dr_status dr_tape_init_on(dr_tape *g, const dr_ops *ops);
void dr_tape_clear(dr_tape *g);

/** Forgets all tensors and nodes made on the tape; the status is cleared too. */
void dr_tape_reset(dr_tape *g);

/** Gives the pages of all that was forgotten back to the system. */
void dr_tape_trim(dr_tape *g);

/** The sticky status; when not DR_OK, dr_error() holds the message. */
dr_status dr_tape_status(dr_tape *g);

/** Makes `st` sticky, with the current message, if nothing failed before. */
void dr_tape_fail(dr_tape *g, dr_status st);

/** True when ops should do nothing: something failed, or the user cancelled. */
bool dr_tape_stopped(dr_tape *g);

/** A new f32 tensor of the step, contents undefined. Never NULL: when memory ends, that becomes the
 *  sticky status and the result is a dummy without data, which ops pass on. */
dr_tensor *dr_new(dr_tape *g, int rank, const int64_t *dim);
dr_tensor *dr_new4(dr_tape *g, int64_t a, int64_t b, int64_t c, int64_t d);
dr_tensor *dr_new3(dr_tape *g, int64_t a, int64_t b, int64_t c);
dr_tensor *dr_new2(dr_tape *g, int64_t a, int64_t b);
dr_tensor *dr_new_like(dr_tape *g, const dr_tensor *t);
/** A tensor over values that exist already (the caller's, taken from g->ops), which must outlive the tape's use. */
dr_tensor *dr_wrap(dr_tape *g, float *data, int rank, const int64_t *dim);
/** A new tensor with the host's values. */
dr_tensor *dr_input(dr_tape *g, const float *host, int rank, const int64_t *dim);

/** All values of a tensor from the host's memory, and to it. Nothing once the tape failed: ask its status first. */
void dr_tensor_set(dr_tape *g, dr_tensor *t, const float *host);
void dr_tensor_get(const dr_tape *g, const dr_tensor *t, float *host);
/** The value of a tensor that has one; NaN once the tape failed. */
float dr_tensor_value(const dr_tape *g, const dr_tensor *t);

/** `bytes` of the host's as values of the step, for a row; NULL when out of memory, which is sticky. */
void *dr_put(dr_tape *g, const void *host, size_t bytes);

/** Leaves a node for y if the tape records and one of the inputs needs a gradient; sets y->needs_grad.
 *  Returns the node, to set `saved`, or NULL. Inputs that are NULL are skipped. */
dr_node *dr_record(dr_tape *g, dr_backward_fn *fn, dr_tensor *y, dr_tensor *a, dr_tensor *b, dr_tensor *c,
                   dr_tensor *d);

/** t->grad, allocated and zeroed on the tape at first use; NULL if t is NULL, needs none, or on failure. */
float *dr_grad(dr_tape *g, dr_tensor *t);

/** Back-propagates from `y`, whose gradient is taken as ones times `scale`. Gradients of weights are added
 *  to their `grad` buffers (the owner's; allocated on the tape if NULL). */
dr_status dr_backward(dr_tape *g, dr_tensor *y, float scale);

/** Runs fn(g, self, in) as one block with one result. In inference all that it allocated but the result is
 *  released on return. When recording with checkpointing, only `in` and the result are kept, and the block
 *  runs again in the backward. `in` has `n` <= 3 tensors. `self` must outlive the tape's use of it. */
typedef dr_tensor *dr_block_fn(dr_tape *g, const void *self, dr_tensor *const *in);
dr_tensor *dr_block(dr_tape *g, dr_block_fn *fn, const void *self, int n, dr_tensor *const *in);

/** The same in inference (asserted) for one sample after the other: of what fn allocates no more than a sample's exists
 * at once. All `in` have dim[0] samples; fn gives a tensor of `dim` with one. Nobody watches it meanwhile: a block is
 *  shown whole, by the caller. */
dr_tensor *dr_block_each(dr_tape *g, dr_block_fn *fn, const void *self, int n, dr_tensor *const *in, int rank,
                         const int64_t *dim);

#endif
