/* Text as code points: decoding, and the normal form that CLIP's splitting starts from. */
#include "models/tokenizer_internal.h"

#include <stdlib.h>

void dr_points_clear(dr_points *t)
{
    free(t->c);
    *t = (dr_points){0};
}

static dr_status reserve(dr_points *t, size_t more)
{
    if (t->cap - t->n >= more)
        return DR_OK;
    size_t cap = t->cap + more + t->cap / 2;
    uint32_t *c = realloc(t->c, cap * sizeof *c);
    if (!c)
        return dr_fail(DR_ENOMEM, "out of memory for a text of %zu characters", cap);
    t->c = c;
    t->cap = cap;
    return DR_OK;
}

/* One code point of at most n >= 1 bytes. Returns the bytes used: for a broken sequence, those up to the
 * first byte that cannot continue it. */
static size_t decode_one(const unsigned char *s, size_t n, uint32_t *c)
{
    unsigned char b = s[0], lo = 0x80, hi = 0xbf; /* range of the second byte: no overlong forms, no surrogates */
    size_t len = b < 0x80 ? 1 : b >= 0xc2 && b < 0xe0 ? 2 : b >= 0xe0 && b < 0xf0 ? 3 : b >= 0xf0 && b < 0xf5 ? 4 : 0;
    *c = len == 1 ? b : 0xfffd;
    if (len < 2)
        return 1;
    lo = b == 0xe0 ? 0xa0 : b == 0xf0 ? 0x90 : lo;
    hi = b == 0xed ? 0x9f : b == 0xf4 ? 0x8f : hi;
    uint32_t v = b & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++, lo = 0x80, hi = 0xbf) {
        if (i >= n || s[i] < lo || s[i] > hi)
            return i;
        v = v << 6 | (s[i] & 0x3fu);
    }
    *c = v;
    return len;
}

dr_status dr_points_decode(dr_points *out, const char *s, size_t n)
{
    dr_status st = reserve(out, n);
    for (size_t i = 0; !st && i < n; out->n++)
        i += decode_one((const unsigned char *)s + i, n - i, &out->c[out->n]);
    return st;
}

/* A decomposed character as one number that sorts by combining class, then place: class, place, code point. */
static uint64_t pack(uint32_t c, size_t place)
{
    return (uint64_t)dr_char_combining(c) << 56 | (uint64_t)place << 21 | c;
}

static uint32_t packed_char(uint64_t p)
{
    return (uint32_t)(p & 0x1fffff);
}

static int packed_class(uint64_t p)
{
    return (int)(p >> 56);
}

static int compare_packed(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static size_t decompose(uint64_t *out, const uint32_t *c, size_t n)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t parts[18];
        size_t k = dr_char_decompose(c[i], parts);
        for (size_t j = 0; j < k; j++, m++)
            out[m] = pack(parts[j], m);
    }
    return m;
}

/* Marks between two starters go in the order of their class; qsort, since a text can be one long run of them. */
static void order_marks(uint64_t *p, size_t n)
{
    for (size_t i = 0, j; i < n; i = j + 1) {
        bool sorted = true;
        for (j = i; j < n && packed_class(p[j]) != 0; j++)
            sorted = sorted && (j == i || p[j - 1] < p[j]);
        if (!sorted)
            qsort(p + i, j - i, sizeof *p, compare_packed);
    }
}

/* Joins marks to their starter where a composed character exists and no mark in between blocks it. */
static size_t compose(uint32_t *out, const uint64_t *p, size_t n)
{
    size_t m = 0, starter = SIZE_MAX;
    int last = 0; /* class of the last mark kept behind the starter */
    for (size_t i = 0; i < n; i++) {
        uint32_t c = packed_char(p[i]);
        int class = packed_class(p[i]);
        bool reaches = starter != SIZE_MAX && (m == starter + 1 || last < class);
        uint32_t joined = reaches ? dr_char_compose(out[starter], c) : 0;
        if (joined) {
            out[starter] = joined;
            continue;
        }
        if (class == 0)
            starter = m;
        last = class;
        out[m++] = c;
    }
    return m;
}

/* Unicode normalization form C (UAX 15). glib's g_utf8_normalize is not used: it takes quadratic time on long
 * runs of marks and ends the process when memory runs out. */
static dr_status nfc(dr_points *out, const uint32_t *c, size_t n)
{
    size_t most = 0;
    bool plain = true; /* below U+0300 nothing combines and nothing changes */
    for (size_t i = 0; i < n; i++) {
        uint32_t parts[18];
        most += dr_char_decompose(c[i], parts);
        plain = plain && c[i] < 0x300;
    }
    dr_status st = reserve(out, plain ? n : most);
    if (st)
        return st;
    if (plain) {
        for (size_t i = 0; i < n; i++)
            out->c[i] = c[i];
        out->n = n;
        return DR_OK;
    }
    uint64_t *p = malloc(most * sizeof *p);
    if (!p)
        return dr_fail(DR_ENOMEM, "out of memory for a text of %zu characters", most);
    size_t m = decompose(p, c, n);
    order_marks(p, m);
    out->n = compose(out->c, p, m);
    free(p);
    return DR_OK;
}

dr_status dr_points_normalize(dr_points *out, const uint32_t *c, size_t n)
{
    dr_points form = {0};
    dr_status st = nfc(&form, c, n);
    out->n = 0;
    if (!st)
        st = reserve(out, 2 * form.n);
    for (size_t i = 0; !st && i < form.n; i++) {
        uint32_t x = form.c[i];
        bool space = dr_char_class_of(x) == DR_CHAR_SPACE;
        if (space && out->n && out->c[out->n - 1] == ' ')
            continue;
        out->c[out->n++] = space ? ' ' : dr_char_lower(x);
        if (x == 0x130)
            out->c[out->n++] = 0x307; /* the one character whose lower case is two; a final sigma stays a sigma */
    }
    dr_points_clear(&form);
    return st;
}
