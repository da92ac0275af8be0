/* Words that were learned beside the vocabulary (textual inversion): each is one or several tokens beyond it. */
#include "models/tokenizer_internal.h"

#include <stdlib.h>
#include <string.h>

static int compare(const dr_added_token *a, const dr_points *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++)
        if (a->text[i] != b->c[i])
            return a->text[i] < b->c[i] ? -1 : 1;
    return a->n < b->n ? -1 : a->n > b->n;
}

/* Looked for in normalised text, as transformers does with tokens that are added to its tokenizer. */
static dr_status insert(dr_tokenizer *t, dr_points *text, int32_t id, int32_t count)
{
    size_t n = t->n_added[1], at = 0;
    while (at < n && compare(&t->added[1][at], text) < 0)
        at++;
    if (at < n && compare(&t->added[1][at], text) == 0)
        return dr_fail(DR_EINVAL, "the word is a token of the model already, or the word of another embedding");
    dr_added_token *list = realloc(t->added[1], (n + 1) * sizeof *list);
    if (!list)
        return dr_fail(DR_ENOMEM, "out of memory");
    memmove(list + at + 1, list + at, (n - at) * sizeof *list);
    /* "coat" is not in "raincoat", but "<coat>" may stand anywhere */
    bool whole = dr_char_is_word(text->c[0]) && dr_char_is_word(text->c[text->n - 1]);
    list[at] = (dr_added_token){text->c, text->n, id, whole, count};
    t->added[1] = list;
    t->n_added[1] = n + 1;
    *text = (dr_points){0};
    return DR_OK;
}

/* Blanks at the ends are no part of a word. */
static void trim(dr_points *t)
{
    size_t from = 0;
    while (from < t->n && t->c[from] == ' ')
        from++;
    while (t->n > from && t->c[t->n - 1] == ' ')
        t->n--;
    t->n -= from;
    if (from)
        memmove(t->c, t->c + from, t->n * sizeof *t->c);
}

dr_status dr_tokenizer_add_word(dr_tokenizer *t, const char *word, int32_t id, int32_t count)
{
    dr_points raw = {0}, text = {0};
    DR_ASSERT(count > 0 && id >= t->vocab_size && id < DR_TOKEN_ID_MAX - count, "tokens %d and %d more", id, count);
    dr_status st = dr_points_decode(&raw, word, strlen(word));
    if (!st)
        st = dr_points_normalize(&text, raw.c, raw.n);
    trim(&text);
    if (!st && (text.n == 0 || text.n > DR_ADDED_TEXT_MAX))
        st = dr_fail(DR_EINVAL, "the word has %zu characters, expected 1 to %d", text.n, DR_ADDED_TEXT_MAX);
    for (size_t i = 0; !st && i < t->n_added[0]; i++) /* those are found first */
        if (compare(&t->added[0][i], &raw) == 0)
            st = dr_fail(DR_EINVAL, "the word is a token of the model already");
    if (!st)
        st = insert(t, &text, id, count);
    dr_points_clear(&raw);
    dr_points_clear(&text);
    return st;
}

size_t dr_tokenizer_run(const dr_tokenizer *t, const int32_t *ids, size_t n)
{
    for (size_t i = 0; ids[0] >= t->vocab_size && i < t->n_added[1]; i++) {
        const dr_added_token *a = &t->added[1][i];
        if (a->id == ids[0] && a->count > 1)
            return (size_t)a->count < n ? (size_t)a->count : n;
    }
    return 1;
}
