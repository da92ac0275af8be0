#include "learn/exchange.h"

#include "learn/exchange_piece.h"

#include <stdlib.h>
#include <string.h>

#define BUCKET ((size_t)4 << 20) /* values, about: leaves as one */
#define FEWEST 8                 /* buckets, where there are parameters enough: or nothing would leave early */

typedef struct bucket {
    size_t first, count; /* parameters */
    size_t missing;      /* whose gradients are not complete yet */
    dr_piece *piece;     /* [pieces]: the jobs that carry it */
    int pieces;
    bool started;
} bucket;

struct dr_exchange {
    dr_pieces all; /* how values get from here to there and back */
    bucket *bucket;
    int buckets;
    int *of;        /* [parameters]: the bucket */
    dr_span *own;   /* [parameters] */
    int *order;     /* in which buckets leave, the same on all ranks */
    int *found;     /* in which they became complete here */
    int next, seen; /* in `order`, in `found` */
    bool learned;   /* the order is that of a backward */
};

dr_ranks *dr_exchange_ranks(const dr_exchange *x)
{
    return x ? x->all.ranks : NULL;
}

const dr_span *dr_exchange_own(const dr_exchange *x)
{
    return x ? x->own : NULL;
}

bool dr_exchange_bucket(const dr_exchange *x, int b, size_t *first, size_t *count)
{
    if (b >= x->buckets)
        return false;
    *first = x->bucket[b].first;
    *count = x->bucket[b].count;
    return true;
}

size_t dr_exchange_bytes(void)
{
    return DR_RANKS_AT_ONCE * dr_piece_room();
}

/* --- buckets ------------------------------------------------------------------------------------------- */

static size_t values_of(const dr_exchange *x, size_t i)
{
    return (size_t)dr_numel(x->all.g->param[i]);
}

/* Whole parameters, until there are enough values. */
static void fill_buckets(dr_exchange *x)
{
    const dr_gradients *g = x->all.g;
    size_t most = g->values / FEWEST < BUCKET ? g->values / FEWEST : BUCKET, values = 0;
    for (size_t i = 0; i < g->count; i++) {
        if (x->buckets == 0 || values >= most) {
            x->bucket[x->buckets++] = (bucket){.first = i};
            values = 0;
        }
        bucket *b = &x->bucket[x->buckets - 1];
        b->count++;
        values += values_of(x, i);
        x->of[i] = x->buckets - 1;
    }
}

static void note_own(dr_exchange *x)
{
    for (size_t i = 0; i < x->all.g->count; i++)
        x->own[i] = dr_exchange_span(x, x->all.g->param[i], i, dr_ranks_rank(x->all.ranks));
}

static size_t flat_end(const dr_exchange *x, const bucket *b)
{
    return x->all.start[b->first + b->count];
}

static dr_status cut_buckets(dr_exchange *x)
{
    dr_status st = DR_OK;
    int tag = 0;
    for (int i = 0; !st && i < x->buckets; i++) {
        bucket *b = &x->bucket[i];
        st = dr_pieces_cut(&x->all, x->all.start[b->first], flat_end(x, b), &tag, &b->piece, &b->pieces);
        x->order[i] = i;
    }
    return st;
}

dr_span dr_exchange_span(const dr_exchange *x, const dr_tensor *p, size_t i, int rank)
{
    if (!x)
        return (dr_span){0, dr_numel(p)};
    const bucket *b = &x->bucket[x->of[i]];
    size_t from = x->all.start[b->first], to = flat_end(x, b), start = x->all.start[i], end = x->all.start[i + 1];
    size_t first = dr_pieces_share(&x->all, from, to, rank), last = dr_pieces_share(&x->all, from, to, rank + 1);
    first = first < start ? start : first > end ? end : first;
    last = last < start ? start : last > end ? end : last;
    return (dr_span){(int64_t)(first - start), (int64_t)(last - first)};
}

dr_status dr_exchange_open(dr_exchange **out, dr_ranks *ranks, const dr_gradients *g, bool bf16)
{
    dr_exchange *x = *out = calloc(1, sizeof *x);
    if (!x)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = dr_pieces_init(&x->all, ranks, g, bf16);
    x->bucket = calloc(g->count + 1, sizeof *x->bucket);
    x->of = calloc(g->count + 1, sizeof *x->of);
    x->own = calloc(g->count + 1, sizeof *x->own);
    x->order = calloc(g->count + 1, sizeof *x->order);
    x->found = calloc(g->count + 1, sizeof *x->found);
    if (!st && (!x->bucket || !x->of || !x->own || !x->order || !x->found))
        st = dr_fail(DR_ENOMEM, "out of memory");
    if (!st) {
        fill_buckets(x);
        st = cut_buckets(x);
    }
    if (!st)
        note_own(x);
    if (st) {
        dr_exchange_close(x);
        *out = NULL;
    }
    return st;
}

void dr_exchange_close(dr_exchange *x)
{
    if (!x)
        return;
    for (int i = 0; i < x->buckets; i++)
        dr_pieces_free(x->bucket[i].piece, x->bucket[i].pieces);
    dr_pieces_clear(&x->all);
    free(x->bucket);
    free(x->of);
    free(x->own);
    free(x->order);
    free(x->found);
    free(x);
}

/* --- gradients ----------------------------------------------------------------------------------------- */

static void start(dr_exchange *x, int b, dr_piece_kind kind)
{
    x->bucket[b].started = true;
    for (int k = 0; k < x->bucket[b].pieces; k++)
        dr_piece_start(&x->bucket[b].piece[k], kind);
}

static dr_status wait_for_all(dr_exchange *x)
{
    dr_status st = DR_OK;
    for (int i = 0; !st && i < x->buckets; i++)
        for (int k = 0; !st && k < x->bucket[i].pieces; k++)
            st = dr_ranks_wait(x->all.ranks, &x->bucket[i].piece[k].job);
    return st;
}

void dr_exchange_begin(dr_exchange *x)
{
    x->next = x->seen = 0;
    for (int i = 0; i < x->buckets; i++) {
        x->bucket[i].missing = x->bucket[i].count;
        x->bucket[i].started = false;
    }
}

/* Buckets begin in the same order on all ranks: each rank has room for a few at once, and would otherwise hold ones
 * that the others have no room for. */
void dr_exchange_complete(dr_exchange *x, const dr_tensor *p)
{
    size_t i = dr_pieces_index(&x->all, p);
    if (i == SIZE_MAX || x->bucket[x->of[i]].missing == 0)
        return;
    if (--x->bucket[x->of[i]].missing > 0)
        return;
    x->found[x->seen++] = x->of[i];
    while (x->learned && x->next < x->buckets && x->bucket[x->order[x->next]].missing == 0)
        start(x, x->order[x->next++], DR_PIECE_GRADIENT);
}

/* The first backward tells in which order buckets become complete; rank 0's is everybody's from then on. Those of which
 * nothing was seen come last. */
static dr_status learn_order(dr_exchange *x)
{
    int seen = x->seen;
    dr_status st = dr_ranks_broadcast(x->all.ranks, 0, &seen, sizeof seen);
    if (st || seen == 0)
        return st;
    for (int b = 0; b < x->buckets; b++)
        if (x->bucket[b].missing > 0)
            x->found[x->seen++] = b;
    st = dr_ranks_broadcast(x->all.ranks, 0, x->found, (size_t)x->buckets * sizeof *x->found);
    memcpy(x->order, x->found, (size_t)x->buckets * sizeof *x->order);
    x->learned = !st;
    return st;
}

dr_status dr_exchange_gradients(dr_exchange *x)
{
    while (x->next < x->buckets)
        start(x, x->order[x->next++], DR_PIECE_GRADIENT);
    dr_status st = wait_for_all(x);
    return st || x->learned ? st : learn_order(x);
}

/* --- weights ------------------------------------------------------------------------------------------- */

void dr_exchange_share(dr_exchange *x, int b)
{
    start(x, b, DR_PIECE_WEIGHT);
}

dr_status dr_exchange_weights(dr_exchange *x)
{
    dr_status st = wait_for_all(x);
    for (size_t i = 0; i < x->all.g->count; i++)
        dr_weight_unpack(x->all.g->param[i]); /* a packed copy would keep the old values */
    return st;
}
