/* Byte-pair encoding of one word (Sennrich et al. 2016, arXiv:1508.07909).
 *
 * A word starts as one token per byte, the last one marked as the word's end. The neighbours whose merge has the
 * lowest rank become one token, the leftmost first, until no neighbours merge. Candidates wait in a heap, so a
 * word of n bytes takes O(n log n); a candidate whose tokens have changed since is skipped when it comes up. */
#include "models/tokenizer_internal.h"

#include <stdlib.h>

void dr_bpe_clear(dr_bpe *b)
{
    free(b->symbols);
    free(b->heap);
    *b = (dr_bpe){0};
}

static dr_status reserve(dr_bpe *b, size_t n)
{
    if (n > b->cap_symbols) {
        dr_bpe_symbol *s = realloc(b->symbols, n * sizeof *s);
        if (!s)
            return dr_fail(DR_ENOMEM, "out of memory for a word of %zu bytes", n);
        b->symbols = s;
        b->cap_symbols = n;
    }
    size_t heap = 3 * n; /* one per pair at first, then two per merge, of which there are fewer than n */
    if (heap > b->cap_heap) {
        dr_bpe_candidate *h = realloc(b->heap, heap * sizeof *h);
        if (!h)
            return dr_fail(DR_ENOMEM, "out of memory for a word of %zu bytes", n);
        b->heap = h;
        b->cap_heap = heap;
    }
    return DR_OK;
}

static const dr_merge *find_merge(const dr_tokenizer *t, int32_t left, int32_t right)
{
    size_t lo = 0, hi = t->n_merges;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const dr_merge *m = &t->merges[mid];
        if (m->left == left && m->right == right)
            return m;
        if (m->left < left || (m->left == left && m->right < right))
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

static bool before(dr_bpe_candidate a, dr_bpe_candidate b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void push(dr_bpe *b, dr_bpe_candidate c)
{
    size_t i = b->n_heap++;
    for (; i > 0 && before(c, b->heap[(i - 1) / 2]); i = (i - 1) / 2)
        b->heap[i] = b->heap[(i - 1) / 2];
    b->heap[i] = c;
}

static dr_bpe_candidate pop(dr_bpe *b)
{
    dr_bpe_candidate top = b->heap[0], last = b->heap[--b->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < b->n_heap; i = child) {
        if (child + 1 < b->n_heap && before(b->heap[child + 1], b->heap[child]))
            child++;
        if (!before(b->heap[child], last))
            break;
        b->heap[i] = b->heap[child];
    }
    b->heap[i] = last;
    return top;
}

/* Queues the merge of symbol `at` with the one right of it, if there is one. */
static void consider(const dr_tokenizer *t, dr_bpe *b, int32_t at)
{
    int32_t next = at < 0 ? -1 : b->symbols[at].next;
    const dr_merge *m = next < 0 ? NULL : find_merge(t, b->symbols[at].id, b->symbols[next].id);
    if (m)
        push(b, (dr_bpe_candidate){m->rank, at, m->id});
}

static void merge_all(const dr_tokenizer *t, dr_bpe *b)
{
    b->n_heap = 0;
    for (size_t i = 0; i < b->n_symbols; i++)
        consider(t, b, (int32_t)i);
    while (b->n_heap) {
        dr_bpe_candidate c = pop(b);
        dr_bpe_symbol *s = &b->symbols[c.at];
        if (s->id < 0 || s->next < 0)
            continue;
        const dr_merge *m = find_merge(t, s->id, b->symbols[s->next].id);
        if (!m || m->id != c.id)
            continue; /* one of the two has merged with another neighbour meanwhile */
        dr_bpe_symbol *right = &b->symbols[s->next];
        s->id = c.id;
        s->next = right->next;
        right->id = -1;
        if (s->next >= 0)
            b->symbols[s->next].prev = c.at;
        consider(t, b, s->prev);
        consider(t, b, c.at);
    }
}

static size_t utf8(uint32_t c, unsigned char out[4])
{
    if (c < 0x80) {
        out[0] = (unsigned char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (unsigned char)(0x80 | (c & 0x3f));
    out[0] = (unsigned char)((0xf00u >> n) | c);
    return n;
}

/* Leaves the tokens of the word of `n` code points in b->symbols. */
dr_status dr_bpe_word(const dr_tokenizer *t, dr_bpe *b, const uint32_t *c, size_t n)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char bytes[4];
        m += utf8(c[i], bytes);
    }
    dr_status st = reserve(b, m);
    if (st)
        return st;
    m = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char bytes[4];
        size_t len = utf8(c[i], bytes);
        for (size_t j = 0; j < len; j++, m++) {
            bool last = i + 1 == n && j + 1 == len;
            b->symbols[m] = (dr_bpe_symbol){t->byte_id[last][bytes[j]], (int32_t)m - 1, last ? -1 : (int32_t)m + 1};
        }
    }
    b->n_symbols = m;
    merge_all(t, b);
    return DR_OK;
}
