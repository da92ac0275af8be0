/* From text to ids: added tokens, normal form, words, byte-pair encoding. */
#include "models/tokenizer_internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct encoder {
    const dr_tokenizer *t;
    int32_t *ids;
    size_t count, room; /* of ids */
    dr_points normal;
    dr_bpe bpe;
} encoder;

static dr_status emit(encoder *e, int32_t id)
{
    if (e->count == e->room) {
        size_t room = e->room ? 2 * e->room : 2 * (size_t)DR_TOKENS;
        int32_t *more = realloc(e->ids, room * sizeof *more);
        if (!more)
            return dr_fail(DR_ENOMEM, "out of memory for a prompt of %zu tokens", e->count);
        e->ids = more;
        e->room = room;
    }
    e->ids[e->count++] = id;
    return DR_OK;
}

static dr_status emit_word(encoder *e, const uint32_t *c, size_t n)
{
    dr_status st = dr_bpe_word(e->t, &e->bpe, c, n);
    for (size_t i = 0; !st && i < e->bpe.n_symbols; i++)
        if (e->bpe.symbols[i].id >= 0)
            st = emit(e, e->bpe.symbols[i].id);
    return st;
}

/* Code points of `word` if c[0..n) starts with it, else 0. */
static size_t starts_with(const uint32_t *c, size_t n, const char *word)
{
    size_t i = 0;
    for (; word[i]; i++)
        if (i >= n || c[i] != (unsigned char)word[i])
            return 0;
    return i;
}

static size_t contraction(const uint32_t *c, size_t n)
{
    static const char *const all[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    size_t len = 0;
    for (size_t i = 0; c[0] == '\'' && !len && i < sizeof all / sizeof all[0]; i++)
        len = starts_with(c, n, all[i]);
    return len;
}

/* A start or end marker spelled out where it is no added token (in capitals, say): its closing "|>" does not
 * join the punctuation that follows. */
static size_t spelled_marker(const uint32_t *c, size_t n)
{
    size_t len = c[0] == '<' ? starts_with(c, n, "<|startoftext|>") : 0;
    return len || c[0] != '<' ? len : starts_with(c, n, "<|endoftext|>");
}

/* One past the characters from `i` on that are of its class. */
static size_t run_end(const uint32_t *c, size_t n, size_t i)
{
    dr_char_class class = dr_char_class_of(c[i]);
    for (i++; i < n && dr_char_class_of(c[i]) == class; i++)
        ;
    return i;
}

/* CLIP's pattern on normalised text:
 *   <\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+ */
static dr_status split(encoder *e, const uint32_t *c, size_t n)
{
    dr_status st = DR_OK;
    for (size_t i = 0, end; !st && i < n; i = end) {
        dr_char_class class = dr_char_class_of(c[i]);
        size_t marker = spelled_marker(c + i, n - i), short_form = contraction(c + i, n - i);
        end = marker ? i + marker : short_form ? i + short_form : class == DR_CHAR_DIGIT ? i + 1 : run_end(c, n, i);
        if (class == DR_CHAR_SPACE)
            continue;
        if (marker) { /* "<|", the name, "|>" */
            st = emit_word(e, c + i, 2);
            if (!st)
                st = emit_word(e, c + i + 2, marker - 4);
            if (!st)
                st = emit_word(e, c + end - 2, 2);
        } else {
            st = emit_word(e, c + i, end - i);
        }
    }
    return st;
}

/* First of list[lo..hi), which share their first k characters, whose next one is `c` or more. */
static size_t bound(const dr_added_token *list, size_t lo, size_t hi, size_t k, uint32_t c)
{
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (list[mid].n <= k || list[mid].text[k] < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The longest added token at c[0], by narrowing the sorted list one character at a time; NULL if none. */
static const dr_added_token *added_at(const dr_added_token *list, size_t count, const uint32_t *c, size_t n)
{
    const dr_added_token *best = NULL;
    size_t lo = 0, hi = count;
    for (size_t k = 0; lo < hi && k < n; k++) {
        lo = bound(list, lo, hi, k, c[k]);
        hi = bound(list, lo, hi, k, c[k] + 1);
        if (lo < hi && list[lo].n == k + 1)
            best = &list[lo];
    }
    return best;
}

static bool allowed(const dr_added_token *a, const uint32_t *c, size_t n, size_t at)
{
    bool left = at > 0 && dr_char_is_word(c[at - 1]);
    bool right = at + a->n < n && dr_char_is_word(c[at + a->n]);
    return !a->single_word || (!left && !right);
}

static dr_status encode_part(encoder *e, int normalized, const uint32_t *c, size_t n);

/* Text between added tokens goes on to the next step. */
static dr_status encode_rest(encoder *e, int normalized, const uint32_t *c, size_t n)
{
    if (n == 0)
        return DR_OK;
    if (normalized)
        return split(e, c, n);
    dr_status st = dr_points_normalize(&e->normal, c, n);
    return st ? st : encode_part(e, 1, e->normal.c, e->normal.n);
}

/* Takes the added tokens out of c[0..n): those that are looked for as written, or in normalised text. */
static dr_status encode_part(encoder *e, int normalized, const uint32_t *c, size_t n)
{
    const dr_added_token *list = e->t->added[normalized];
    dr_status st = DR_OK;
    size_t from = 0;
    for (size_t i = 0; !st && i < n;) {
        const dr_added_token *a = added_at(list, e->t->n_added[normalized], c + i, n - i);
        if (a && allowed(a, c, n, i)) {
            st = encode_rest(e, normalized, c + from, i - from);
            for (int32_t k = 0; !st && (k == 0 || k < a->count); k++)
                st = emit(e, a->id + k);
            from = i + a->n;
        }
        i += a ? a->n : 1;
    }
    return st ? st : encode_rest(e, normalized, c + from, n - from);
}

dr_status dr_tokenizer_tokens(const dr_tokenizer *t, const char *text, size_t bytes, int32_t **ids, size_t *count)
{
    *ids = NULL;
    *count = 0;
    if (bytes > DR_PROMPT_BYTES_MAX)
        return dr_fail(DR_EINVAL, "the prompt has %zu bytes, at most %zu are accepted", bytes, DR_PROMPT_BYTES_MAX);
    dr_points raw = {0};
    encoder e = {.t = t};
    dr_status st = dr_points_decode(&raw, text, bytes);
    if (!st && raw.n)
        st = encode_part(&e, 0, raw.c, raw.n);
    dr_points_clear(&raw);
    dr_points_clear(&e.normal);
    dr_bpe_clear(&e.bpe);
    if (st) {
        free(e.ids);
        return st;
    }
    *ids = e.ids;
    *count = e.count;
    return DR_OK;
}

void dr_tokenizer_frame(const dr_tokenizer *t, const int32_t *tokens, size_t count, int32_t ids[DR_TOKENS])
{
    size_t kept = count < DR_CHUNK ? count : DR_CHUNK;
    ids[0] = t->start;
    if (kept)
        memcpy(ids + 1, tokens, kept * sizeof *ids);
    ids[kept + 1] = t->end;
    for (size_t i = kept + 2; i < DR_TOKENS; i++)
        ids[i] = t->pad;
}

dr_status dr_tokenizer_encode(const dr_tokenizer *t, const char *text, int32_t ids[DR_TOKENS], int *count)
{
    int32_t *all;
    size_t n;
    dr_status st = dr_tokenizer_tokens(t, text, strlen(text), &all, &n);
    if (st)
        return st;
    dr_tokenizer_frame(t, all, n, ids);
    if (count)
        *count = (int)n; /* a text has at most 1 MiB, and a byte becomes a dozen tokens at most */
    free(all);
    return DR_OK;
}

int dr_tokenizer_vocab_size(const dr_tokenizer *t)
{
    return t->vocab_size;
}
