#include "learn/exchange_piece.h"

#include "ops/quant8.h"

#include <stdlib.h>
#include <string.h>

#define VALUES ((size_t)2 << 20) /* of all ranks together that travel at once, at most */

size_t dr_piece_room(void)
{
    return 2 * VALUES * sizeof(float);
}

/* --- parameters ----------------------------------------------------------------------------------------- */

typedef struct numbered {
    const dr_tensor *t;
    size_t i;
} numbered;

static int by_address(const void *a, const void *b)
{
    const dr_tensor *x = ((const numbered *)a)->t, *y = ((const numbered *)b)->t;
    return x < y ? -1 : x > y;
}

static dr_status sort_parameters(dr_pieces *p)
{
    size_t count = p->g->count;
    numbered *all = calloc(count + 1, sizeof *all);
    if (!all)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (size_t i = 0; i < count; i++)
        all[i] = (numbered){p->g->param[i], i};
    qsort(all, count, sizeof *all, by_address);
    for (size_t i = 0; i < count; i++) {
        p->sorted[i] = all[i].t;
        p->index[i] = all[i].i;
    }
    free(all);
    return DR_OK;
}

size_t dr_pieces_index(const dr_pieces *p, const dr_tensor *t)
{
    size_t low = 0, high = p->g->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (p->sorted[middle] == t)
            return p->index[middle];
        if (p->sorted[middle] < t)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

/* The parameter that has value `at` of the flat array. */
static size_t parameter_at(const dr_pieces *p, size_t at)
{
    size_t low = 0, high = p->g->count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (p->start[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

dr_status dr_pieces_init(dr_pieces *p, dr_ranks *ranks, const dr_gradients *g, bool bf16)
{
    *p = (dr_pieces){.ranks = ranks, .g = g, .bf16 = bf16};
    p->start = calloc(g->count + 1, sizeof *p->start);
    p->sorted = calloc(g->count + 1, sizeof *p->sorted);
    p->index = calloc(g->count + 1, sizeof *p->index);
    if (!p->start || !p->sorted || !p->index)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (size_t i = 0; i < g->count; i++)
        p->start[i + 1] = p->start[i] + (size_t)dr_numel(g->param[i]);
    size_t most = VALUES; /* pages are made as they are first written */
    for (int i = 0; i < DR_RANKS_AT_ONCE; i++) {
        p->slot[i].out = malloc(most * sizeof(float));
        p->slot[i].in = malloc(most * sizeof(float));
        if (!p->slot[i].out || !p->slot[i].in)
            return dr_fail(DR_ENOMEM, "out of memory: %zu MiB for what travels between ranks", most >> 15);
    }
    return sort_parameters(p);
}

void dr_pieces_clear(dr_pieces *p)
{
    for (int i = 0; i < DR_RANKS_AT_ONCE; i++) {
        free(p->slot[i].out);
        free(p->slot[i].in);
    }
    free(p->start);
    free(p->sorted);
    free(p->index);
    *p = (dr_pieces){0};
}

/* --- cutting ------------------------------------------------------------------------------------------- */

size_t dr_pieces_share(const dr_pieces *p, size_t from, size_t to, int rank)
{
    size_t ranks = (size_t)dr_ranks_size(p->ranks), at = from + (to - from) / ranks * (size_t)rank;
    if (rank == 0 || (size_t)rank == ranks || at >= to)
        return rank == 0 ? from : to;
    size_t start = p->start[parameter_at(p, at)];
    return start + (at - start) / DR_QUANT8_BLOCK * DR_QUANT8_BLOCK;
}

static dr_status make(dr_piece *piece, dr_pieces *p, int tag)
{
    size_t n = (size_t)dr_ranks_size(p->ranks);
    *piece = (dr_piece){.all = p, .job.tag = tag};
    piece->from = calloc(2 * n, sizeof *piece->from);
    piece->part = calloc(2 * n, sizeof *piece->part);
    piece->job.request = calloc(2 * n, sizeof *piece->job.request);
    if (!piece->from || !piece->part || !piece->job.request)
        return dr_fail(DR_ENOMEM, "out of memory");
    piece->n = piece->from + n;
    return DR_OK;
}

dr_status dr_pieces_cut(dr_pieces *p, size_t from, size_t to, int *tag, dr_piece **out, int *count)
{
    int ranks = dr_ranks_size(p->ranks);
    size_t each = VALUES / (size_t)ranks, longest = 0;
    for (int r = 0; r < ranks; r++) {
        size_t n = dr_pieces_share(p, from, to, r + 1) - dr_pieces_share(p, from, to, r);
        longest = n > longest ? n : longest;
    }
    *count = (int)((longest + each - 1) / each);
    *out = calloc((size_t)*count + 1, sizeof **out);
    if (!*out) {
        *count = 0;
        return dr_fail(DR_ENOMEM, "out of memory");
    }
    dr_status st = DR_OK;
    for (int k = 0; !st && k < *count; k++) {
        st = make(&(*out)[k], p, (*tag)++ % DR_RANKS_TAGS);
        for (int r = 0; !st && r < ranks; r++) {
            size_t start = dr_pieces_share(p, from, to, r) + (size_t)k * each,
                   end = dr_pieces_share(p, from, to, r + 1);
            (*out)[k].from[r] = start < end ? start : end;
            (*out)[k].n[r] = start >= end ? 0 : end - start < each ? end - start : each;
        }
    }
    return st;
}

void dr_pieces_free(dr_piece *piece, int count)
{
    for (int k = 0; k < count; k++) {
        free(piece[k].from);
        free(piece[k].part);
        free(piece[k].job.request);
    }
    free(piece);
}

/* --- on the way ----------------------------------------------------------------------------------------- */

static float *values_at(const dr_pieces *p, dr_piece_kind kind, size_t i, size_t at)
{
    return kind == DR_PIECE_GRADIENT ? p->g->flat + p->start[i] + at : dr_f32(p->g->param[i]) + at;
}

/* Values [from, from + n) of the flat array to the host, or back. */
static void copy(const dr_pieces *p, dr_piece_kind kind, size_t from, size_t n, float *host, bool back)
{
    const dr_ops *ops = dr_ops_get();
    for (size_t i = n ? parameter_at(p, from) : 0; n > 0; i++) {
        size_t at = from - p->start[i], here = p->start[i + 1] - from;
        here = here < n ? here : n;
        if (here && back)
            ops->put(values_at(p, kind, i, at), host, here * sizeof *host);
        else if (here)
            ops->get(host, values_at(p, kind, i, at), here * sizeof *host);
        from += here;
        host += here;
        n -= here;
    }
}

/* In place: what is written is never before what is still to be read. */
static void round_to_bf16(void *values, size_t n)
{
    float part[1024];
    for (size_t at = 0; at < n; at += 1024) {
        size_t here = n - at < 1024 ? n - at : 1024;
        memcpy(part, (const float *)values + at, here * sizeof *part);
        dr_from_f32(part, (uint16_t *)values + at, DR_BF16, here);
    }
}

static size_t width(const dr_piece *piece)
{
    return piece->all->bf16 && piece->kind == DR_PIECE_GRADIENT ? sizeof(uint16_t) : sizeof(float);
}

/* Every other rank gets its share of our gradients, and sends what it has of ours. */
static void lay_gradients(dr_piece *piece, int me)
{
    dr_pieces *p = piece->all;
    int ranks = dr_ranks_size(p->ranks);
    size_t w = width(piece), out = 0, in = 0;
    for (int r = 0; r < ranks; r++) {
        if (r == me)
            continue;
        char *to = (char *)piece->slot->out + out * sizeof(float), *at = (char *)piece->slot->in + in * w;
        copy(p, piece->kind, piece->from[r], piece->n[r], (float *)(void *)to, false);
        if (w == sizeof(uint16_t))
            round_to_bf16(to, piece->n[r]);
        if (piece->n[r])
            piece->job.send[piece->job.sends++] = (dr_ranks_part){r, to, piece->n[r] * w};
        if (piece->n[me])
            piece->job.receive[piece->job.receives++] = (dr_ranks_part){r, at, piece->n[me] * w};
        out += piece->n[r];
        in += piece->n[me];
    }
}

static void lay_weights(dr_piece *piece, int me)
{
    dr_pieces *p = piece->all;
    int ranks = dr_ranks_size(p->ranks);
    size_t in = 0;
    copy(p, piece->kind, piece->from[me], piece->n[me], piece->slot->out, false);
    for (int r = 0; r < ranks; r++) {
        if (r == me)
            continue;
        if (piece->n[me])
            piece->job.send[piece->job.sends++] = (dr_ranks_part){r, piece->slot->out, piece->n[me] * sizeof(float)};
        if (piece->n[r])
            piece->job.receive[piece->job.receives++] =
                (dr_ranks_part){r, (float *)piece->slot->in + in, piece->n[r] * sizeof(float)};
        in += piece->n[r];
    }
}

static void before(dr_ranks_job *job)
{
    dr_piece *piece = job->owner;
    int me = dr_ranks_rank(piece->all->ranks), ranks = dr_ranks_size(piece->all->ranks), i = 0;
    while (i < DR_RANKS_AT_ONCE && piece->all->slot[i].taken)
        i++;
    DR_ASSERT(i < DR_RANKS_AT_ONCE, "more than %d pieces travel", DR_RANKS_AT_ONCE);
    piece->slot = &piece->all->slot[i];
    piece->slot->taken = true;
    job->send = piece->part;
    job->receive = piece->part + ranks;
    job->sends = job->receives = 0;
    if (piece->kind == DR_PIECE_GRADIENT)
        lay_gradients(piece, me);
    else
        lay_weights(piece, me);
}

static void add(float *restrict sum, const void *restrict x, size_t n, bool bf16)
{
    const float *f = x;
    const uint16_t *h = x;
    if (bf16)
        for (size_t i = 0; i < n; i++)
            sum[i] += dr_bf16_to_f32(h[i]);
    else
#pragma omp simd
        for (size_t i = 0; i < n; i++)
            sum[i] += f[i];
}

/* In the order of ranks, whoever came first. */
static void sum_up(dr_piece *piece, int me)
{
    dr_pieces *p = piece->all;
    int ranks = dr_ranks_size(p->ranks), k = 0;
    size_t n = piece->n[me], w = width(piece);
    float *own = piece->slot->out, *sum = own + n; /* what was sent has arrived */
    if (!n)
        return;
    copy(p, piece->kind, piece->from[me], n, own, false);
    memset(sum, 0, n * sizeof *sum);
    for (int r = 0; r < ranks; r++)
        if (r == me)
            add(sum, own, n, false);
        else
            add(sum, (const char *)piece->slot->in + (size_t)k++ * n * w, n, w == sizeof(uint16_t));
    copy(p, piece->kind, piece->from[me], n, sum, true);
}

static void after(dr_ranks_job *job)
{
    dr_piece *piece = job->owner;
    int me = dr_ranks_rank(piece->all->ranks), ranks = dr_ranks_size(piece->all->ranks);
    const float *in = piece->slot->in;
    if (piece->kind == DR_PIECE_GRADIENT)
        sum_up(piece, me);
    for (int r = 0; r < ranks && piece->kind == DR_PIECE_WEIGHT; r++)
        if (r != me) {
            copy(piece->all, piece->kind, piece->from[r], piece->n[r], (float *)(uintptr_t)in, true);
            in += piece->n[r];
        }
    piece->slot->taken = false;
}

void dr_piece_start(dr_piece *piece, dr_piece_kind kind)
{
    piece->kind = kind;
    piece->job.owner = piece;
    piece->job.before = before;
    piece->job.after = after;
    dr_ranks_start(piece->all->ranks, &piece->job);
}
