#include "autograd/tape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

dr_status dr_tape_init(dr_tape *g)
{
    return dr_tape_init_on(g, dr_ops_get());
}

dr_status dr_tape_init_on(dr_tape *g, const dr_ops *ops)
{
    memset(g, 0, sizeof *g);
    g->ops = ops;
    g->dummy = (dr_tensor){.rank = 4, .dim = {1, 1, 1, 1}};
    dr_status st = dr_arena_init(&g->arena, 0);
    return st ? st : dr_arena_init_in(&g->values, 0, ops->take, ops->give);
}

void dr_tape_clear(dr_tape *g)
{
    dr_arena_clear(&g->arena);
    dr_arena_clear(&g->values);
    memset(g, 0, sizeof *g);
}

void dr_tape_reset(dr_tape *g)
{
    dr_arena_rewind(&g->arena, 0);
    dr_arena_rewind(&g->values, 0);
    g->last = NULL;
    g->inner = false;
    g->activation_kept = 0;
    g->status = DR_OK;
    g->message[0] = 0;
}

void dr_tape_trim(dr_tape *g)
{
    dr_arena_trim(&g->arena);
    dr_arena_trim(&g->values);
}

dr_status dr_tape_status(dr_tape *g)
{
    if (g->status)
        dr_fail(g->status, "%s", g->message);
    return g->status;
}

void dr_tape_fail(dr_tape *g, dr_status st)
{
    if (!st || g->status)
        return;
    g->status = st;
    snprintf(g->message, sizeof g->message, "%s", dr_error());
}

bool dr_tape_stopped(dr_tape *g)
{
    if (!g->status && g->cancelled && g->cancelled(g->user))
        dr_tape_fail(g, dr_fail(DR_ECANCELLED, "cancelled"));
    return g->status != DR_OK;
}

static dr_tensor *new_header(dr_tape *g, int rank, const int64_t *dim)
{
    dr_tensor *t = g->status ? NULL : dr_arena_zalloc(&g->arena, sizeof *t);
    if (!t) {
        dr_tape_fail(g, DR_ENOMEM);
        return &g->dummy;
    }
    t->dtype = DR_F32;
    t->rank = rank;
    for (int i = 0; i < 4; i++)
        t->dim[i] = i < rank ? dim[i] : 1;
    return t;
}

dr_tensor *dr_new(dr_tape *g, int rank, const int64_t *dim)
{
    dr_tensor *t = new_header(g, rank, dim);
    if (t == &g->dummy)
        return t;
    t->data = dr_arena_alloc(&g->values, dr_nbytes(t));
    if (!t->data) {
        dr_tape_fail(g, DR_ENOMEM);
        return &g->dummy;
    }
    return t;
}

dr_tensor *dr_new4(dr_tape *g, int64_t a, int64_t b, int64_t c, int64_t d)
{
    return dr_new(g, 4, (int64_t[]){a, b, c, d});
}

dr_tensor *dr_new3(dr_tape *g, int64_t a, int64_t b, int64_t c)
{
    return dr_new(g, 3, (int64_t[]){a, b, c});
}

dr_tensor *dr_new2(dr_tape *g, int64_t a, int64_t b)
{
    return dr_new(g, 2, (int64_t[]){a, b});
}

dr_tensor *dr_new_like(dr_tape *g, const dr_tensor *t)
{
    return dr_new(g, t->rank, t->dim);
}

dr_tensor *dr_wrap(dr_tape *g, float *data, int rank, const int64_t *dim)
{
    dr_tensor *t = new_header(g, rank, dim);
    if (t != &g->dummy)
        t->data = data;
    return t;
}

dr_tensor *dr_input(dr_tape *g, const float *host, int rank, const int64_t *dim)
{
    dr_tensor *t = dr_new(g, rank, dim);
    dr_tensor_set(g, t, host);
    return t;
}

void dr_tensor_set(dr_tape *g, dr_tensor *t, const float *host)
{
    if (!g->status)
        g->ops->put(dr_f32(t), host, dr_nbytes(t));
}

void dr_tensor_get(const dr_tape *g, const dr_tensor *t, float *host)
{
    if (!g->status)
        g->ops->get(host, dr_f32(t), dr_nbytes(t));
}

float dr_tensor_value(const dr_tape *g, const dr_tensor *t)
{
    float value = NAN;
    DR_ASSERT(g->status || dr_numel(t) == 1, "the value of a tensor with %lld", (long long)dr_numel(t));
    dr_tensor_get(g, t, &value);
    return value;
}

void *dr_put(dr_tape *g, const void *host, size_t bytes)
{
    void *values = g->status ? NULL : dr_arena_alloc(&g->values, bytes);
    if (values)
        g->ops->put(values, host, bytes);
    else
        dr_tape_fail(g, DR_ENOMEM);
    return values;
}

static bool wants_grad(const dr_tensor *t)
{
    return t && t->needs_grad;
}

static dr_node *push(dr_tape *g, dr_backward_fn *fn, dr_tensor *y)
{
    dr_node *n = dr_arena_zalloc(&g->arena, sizeof *n);
    if (!n) {
        dr_tape_fail(g, DR_ENOMEM);
        return NULL;
    }
    n->fn = fn;
    n->y = y;
    n->prev = g->last;
    g->last = n;
    y->needs_grad = true;
    return n;
}

/* A block that runs again uses nothing that has not been counted. */
static void count_uses(const dr_tape *g, const dr_node *n)
{
    for (int i = 0; g->complete && !g->returning && i < 4; i++)
        if (n->in[i] && n->in[i]->name)
            n->in[i]->uses++;
}

static void count_back(dr_tape *g, const dr_node *n)
{
    for (int i = 0; g->complete && !g->status && i < 4; i++)
        if (n->in[i] && n->in[i]->name && --n->in[i]->uses == 0)
            g->complete(g, g->owner, n->in[i]);
}

dr_node *dr_record(dr_tape *g, dr_backward_fn *fn, dr_tensor *y, dr_tensor *a, dr_tensor *b, dr_tensor *c, dr_tensor *d)
{
    if (!g->recording || g->status || !(wants_grad(a) || wants_grad(b) || wants_grad(c) || wants_grad(d)))
        return NULL;
    dr_node *n = push(g, fn, y);
    if (n) {
        n->in[0] = a;
        n->in[1] = b;
        n->in[2] = c;
        n->in[3] = d;
        count_uses(g, n);
    }
    return n;
}

float *dr_grad(dr_tape *g, dr_tensor *t)
{
    if (!wants_grad(t) || g->status)
        return NULL;
    if (!t->grad) {
        t->grad = dr_arena_alloc(&g->values, (size_t)dr_numel(t) * sizeof(float));
        if (t->grad)
            g->ops->fill(dr_numel(t), 0, t->grad);
        else
            dr_tape_fail(g, DR_ENOMEM);
    }
    return t->grad;
}

/* Runs the nodes from the last one back. */
static void unwind(dr_tape *g)
{
    for (dr_node *n = g->last; n && !dr_tape_stopped(g); n = n->prev) {
        if (n->y->grad) /* otherwise nothing downstream depends on it */
            n->fn(g, n);
        count_back(g, n);
    }
    g->last = NULL;
}

dr_status dr_backward(dr_tape *g, dr_tensor *y, float scale)
{
    float *dy = dr_grad(g, y);
    if (!dy && !g->status)
        dr_tape_fail(g, dr_fail(DR_EINVAL, "nothing to differentiate: no input needs a gradient"));
    if (dy)
        g->ops->fill(dr_numel(y), scale, dy);
    bool recording = g->recording;
    g->recording = false;
    g->returning = true;
    unwind(g);
    g->returning = false;
    g->recording = recording;
    return dr_tape_status(g);
}

/* --- blocks ------------------------------------------------------------------------------------- */

typedef struct block_call {
    dr_block_fn *fn;
    const void *self;
} block_call;

/* A place in both arenas. */
typedef struct mark {
    size_t arena, values;
} mark;

static mark mark_now(const dr_tape *g)
{
    return (mark){dr_arena_mark(&g->arena), dr_arena_mark(&g->values)};
}

/* Runs the block once more, this time recording, and goes back through it. All that this allocates is
 * released; the inputs' gradients are allocated first, outside. */
static void block_backward(dr_tape *g, dr_node *n)
{
    const block_call *c = n->saved;
    for (int i = 0; i < 4; i++)
        dr_grad(g, n->in[i]);
    mark m = mark_now(g);
    dr_node *outer = g->last;
    g->last = NULL;
    g->recording = g->inner = true;
    dr_tensor *y = c->fn(g, c->self, n->in);
    g->recording = g->inner = false;
    if (!g->status && y->needs_grad) {
        y->grad = n->y->grad;
        unwind(g);
        if (!g->status && g->block_done)
            g->block_done(g, g->owner);
    }
    g->last = outer;
    dr_arena_rewind(&g->arena, m.arena);
    dr_arena_rewind(&g->values, m.values);
}

/* Releases all that was allocated since `m` except y's values, which move into `kept`. */
static dr_tensor *keep_result(dr_tape *g, dr_tensor *kept, const dr_tensor *y, mark m)
{
    if (g->status)
        return &g->dummy;
    const unsigned char *data = y->data;
    *kept = *y;
    kept->needs_grad = false;
    kept->grad = NULL;
    dr_arena_rewind(&g->arena, m.arena);
    if (data >= g->values.base + m.values && data < g->values.base + g->values.used)
        kept->data = dr_arena_keep(&g->values, m.values, data, dr_nbytes(kept), g->ops->move);
    else
        dr_arena_rewind(&g->values, m.values);
    return kept;
}

dr_tensor *dr_block(dr_tape *g, dr_block_fn *fn, const void *self, int n, dr_tensor *const *in)
{
    DR_ASSERT(n >= 1 && n <= 3, "%d inputs", n);
    if (dr_tape_stopped(g))
        return &g->dummy;
    if (g->recording && (g->inner || !g->checkpointing))
        return fn(g, self, in);

    dr_tensor *kept = new_header(g, 1, (int64_t[]){1});
    block_call *call = g->recording && !g->status ? dr_arena_alloc(&g->arena, sizeof *call) : NULL;
    if (g->status || (g->recording && !call)) {
        dr_tape_fail(g, DR_ENOMEM);
        return &g->dummy;
    }
    mark m = mark_now(g);
    dr_node *before = g->last;
    bool was_inner = g->inner;
    g->inner = g->recording;
    dr_tensor *y = fn(g, self, in);
    g->inner = was_inner;
    if (!g->recording)
        return keep_result(g, kept, y, m);

    mark now = mark_now(g);
    size_t used = now.arena - m.arena + now.values - m.values;
    if (g->status || g->activation_kept + used <= g->activation_budget) {
        g->activation_kept += used; /* there is room: no need to run it again */
        return g->status ? &g->dummy : y;
    }
    bool needs = y->needs_grad;
    g->last = before;
    y = keep_result(g, kept, y, m);
    if (!needs)
        return y;
    dr_node *node = push(g, block_backward, y);
    if (node) {
        *call = (block_call){fn, self};
        node->saved = call;
        for (int i = 0; i < n; i++)
            node->in[i] = in[i];
    }
    return y;
}

/* A view of sample k. */
static dr_tensor *sample(dr_tape *g, const dr_tensor *t, int64_t k)
{
    int64_t dim[4], n = g->status ? 0 : dr_numel(t) / t->dim[0];
    memcpy(dim, t->dim, sizeof dim);
    dim[0] = 1;
    return g->status ? &g->dummy : dr_wrap(g, dr_f32(t) + k * n, t->rank, dim);
}

static void each(dr_tape *g, dr_block_fn *fn, const void *self, int n, dr_tensor *const *in, dr_tensor *y)
{
    size_t bytes = dr_nbytes(y) / (size_t)y->dim[0];
    for (int64_t k = 0; k < y->dim[0] && !dr_tape_stopped(g); k++) {
        dr_tensor *one[3] = {NULL};
        mark m = mark_now(g);
        for (int i = 0; i < n; i++)
            one[i] = sample(g, in[i], k);
        const dr_tensor *part = fn(g, self, one);
        if (!g->status) {
            DR_ASSERT(dr_nbytes(part) == bytes, "a sample of %zu bytes, expected %zu", dr_nbytes(part), bytes);
            g->ops->move((char *)y->data + (size_t)k * bytes, part->data, bytes);
        }
        dr_arena_rewind(&g->arena, m.arena);
        dr_arena_rewind(&g->values, m.values);
    }
}

dr_tensor *dr_block_each(dr_tape *g, dr_block_fn *fn, const void *self, int n, dr_tensor *const *in, int rank,
                         const int64_t *dim)
{
    DR_ASSERT(n >= 1 && n <= 3 && !g->recording, "%d inputs", n);
    if (dr_tape_stopped(g))
        return &g->dummy;
    for (int i = 0; i < n; i++)
        DR_ASSERT(in[i]->dim[0] == dim[0], "%lld samples of input %d, expected %lld", (long long)in[i]->dim[0], i,
                  (long long)dim[0]);
    dr_tensor *y = dr_new(g, rank, dim);
    void (*watch)(void *, const char *, const dr_tensor *) = g->watch;
    g->watch = NULL;
    if (!g->status)
        each(g, fn, self, n, in, y);
    g->watch = watch;
    return g->status ? &g->dummy : y;
}
