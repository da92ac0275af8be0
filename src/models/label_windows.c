#include "models/label_windows.h"

#include <stdlib.h>
#include <string.h>

#define OUTSIDE 15u /* of the four bits that a label has in a key */
#define SIDE 5

/* A window's 25 labels: columns from the left, each from its top, 20 bits a column. */
typedef struct key {
    uint64_t low, high; /* three columns, two columns */
} key;

typedef struct table {
    int32_t *slot; /* [size], an index into keys or -1 */
    size_t size;   /* a power of 2, at least twice the keys */
    key *keys;
    int64_t count, most;
} table;

static size_t hash(key k)
{
    uint64_t z = (k.low ^ (k.high * 0x9e3779b97f4a7c15u)) * 0xbf58476d1ce4e5b9u;
    return (size_t)(z ^ (z >> 31));
}

static bool table_init(table *t, int64_t most)
{
    *t = (table){.size = 64, .most = most};
    while (t->size < (size_t)most * 2)
        t->size *= 2;
    t->slot = malloc(t->size * sizeof *t->slot);
    t->keys = malloc((size_t)most * sizeof *t->keys);
    if (t->slot)
        memset(t->slot, 0xff, t->size * sizeof *t->slot);
    return t->slot && t->keys;
}

/* The number of a window, a new one if it is the first of its kind; -1 when there are too many. */
static int32_t number_of(table *t, key k)
{
    size_t at = hash(k) & (t->size - 1);
    for (; t->slot[at] >= 0; at = (at + 1) & (t->size - 1)) {
        const key *have = &t->keys[t->slot[at]];
        if (have->low == k.low && have->high == k.high)
            return t->slot[at];
    }
    if (t->count == t->most)
        return -1;
    t->keys[t->count] = k;
    return t->slot[at] = (int32_t)t->count++;
}

/* Labels and columns of a map with a frame of two cells outside. */
typedef struct map {
    int64_t h, w;
    uint8_t *cell; /* [h+4,w+4] */
} map;

static void fill(map *m, const uint8_t *labels, int64_t H, int64_t W)
{
    memset(m->cell, OUTSIDE, (size_t)((m->h + 4) * (m->w + 4)));
    for (int64_t y = 0; y < m->h; y++)
        for (int64_t x = 0; x < m->w; x++)
            m->cell[(y + 2) * (m->w + 4) + x + 2] = labels[y * H / m->h * W + x * W / m->w];
}

static uint64_t column(const map *m, int64_t y, int64_t x)
{
    uint64_t bits = 0;
    for (int i = 0; i < SIDE; i++)
        bits |= (uint64_t)m->cell[(y + i) * (m->w + 4) + x] << (4 * i);
    return bits;
}

/* The numbers of one row's windows. */
static bool number_row(table *t, const map *m, int64_t y, int32_t *id)
{
    uint64_t c[SIDE] = {0};
    key last = {0};
    int32_t number = -1;
    for (int i = 1; i < SIDE; i++)
        c[i] = column(m, y, i - 1);
    for (int64_t x = 0; x < m->w; x++) {
        memmove(c, c + 1, (SIDE - 1) * sizeof *c);
        c[SIDE - 1] = column(m, y, x + SIDE - 1);
        key k = {c[0] | c[1] << 20 | c[2] << 40, c[3] | c[4] << 20};
        if (number < 0 || k.low != last.low || k.high != last.high)
            number = number_of(t, k);
        if (number < 0)
            return false;
        last = k;
        id[x] = number;
    }
    return true;
}

/* Back to labels, row by row. */
static void spell(key k, uint8_t *window)
{
    for (int i = 0; i < SIDE * SIDE; i++) {
        int x = i % SIDE, bit = 4 * (i / SIDE) + 20 * (x < 3 ? x : x - 3);
        unsigned label = (x < 3 ? k.low : k.high) >> bit & 15;
        window[i] = label == OUTSIDE ? DR_LABEL_OUTSIDE : (uint8_t)label;
    }
}

static bool number_all(table *t, const uint8_t *labels, int64_t N, int64_t H, int64_t W, map *m, int32_t *id)
{
    bool ok = true;
    for (int64_t n = 0; ok && n < N; n++) {
        fill(m, labels + n * H * W, H, W);
        for (int64_t y = 0; ok && y < m->h; y++)
            ok = number_row(t, m, y, id + (n * m->h + y) * m->w);
    }
    return ok;
}

bool dr_label_windows_find(dr_tape *g, dr_label_windows *out, const uint8_t *labels, int64_t N, int64_t H, int64_t W,
                           int64_t h, int64_t w, int64_t most)
{
    table t;
    *out = (dr_label_windows){.N = N, .h = h, .w = w};
    if (dr_tape_stopped(g))
        return false;
    map m = {h, w, malloc((size_t)((h + 4) * (w + 4)))};
    int32_t *id = malloc((size_t)(N * h * w) * sizeof *id);
    bool room = table_init(&t, most) && m.cell && id, ok = room && number_all(&t, labels, N, H, W, &m, id);
    uint8_t *window = ok ? malloc((size_t)t.count * SIDE * SIDE) : NULL;
    if (!room || (ok && !window)) {
        dr_fail(DR_ENOMEM, "out of memory for the windows of %lldx%lld labels", (long long)w, (long long)h);
        dr_tape_fail(g, DR_ENOMEM);
    } else if (ok) {
        for (int64_t p = 0; p < t.count; p++)
            spell(t.keys[p], window + p * SIDE * SIDE);
        out->P = t.count;
        out->window = dr_put(g, window, (size_t)t.count * SIDE * SIDE);
        out->id = dr_put(g, id, (size_t)(N * h * w) * sizeof *id);
    }
    free(window);
    free(id);
    free(m.cell);
    free(t.keys);
    free(t.slot);
    return ok && !g->status;
}
