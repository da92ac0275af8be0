/* Prompts of more than 75 tokens: what does not fit, in words; and the whole of them in chunks. */
#include "models/tokenizer_internal.h"

#include <ctype.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#define BACKTRACK 20 /* tokens; AUTOMATIC1111's comma_padding_backtrack */

/* --- from tokens back to text ------------------------------------------------------------------------ */

typedef struct speller {
    const dr_tokenizer *t;
    const dr_merge **made_by; /* [vocab_size]: NULL for tokens of one byte and added ones */
    GString *out;
} speller;

static bool spell_byte(speller *s, int32_t id)
{
    for (int last = 0; last < 2; last++)
        for (int b = 0; b < 256; b++)
            if (s->t->byte_id[last][b] == id) {
                g_string_append_c(s->out, (char)b);
                if (last)
                    g_string_append_c(s->out, ' ');
                return true;
            }
    return false;
}

static void spell_added(speller *s, int32_t id)
{
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < s->t->n_added[k]; i++) {
            const dr_added_token *a = &s->t->added[k][i];
            if (a->id != id)
                continue;
            for (size_t c = 0; c < a->n; c++)
                g_string_append_unichar(s->out, a->text[c]);
            g_string_append_c(s->out, ' ');
            return;
        }
}

/* Ends: a merged token is longer than the two it is made of. */
static void spell(speller *s, int32_t id)
{
    const dr_merge *m = id < s->t->vocab_size ? s->made_by[id] : NULL;
    if (m) {
        spell(s, m->left);
        spell(s, m->right);
    } else if (!spell_byte(s, id)) {
        spell_added(s, id);
    }
}

/* Valid UTF-8 without blanks before punctuation and at the ends. */
static char *tidy(GString *s)
{
    size_t to = 0;
    for (size_t i = 0; i < s->len; i++) {
        char c = s->str[i];
        while (to && s->str[to - 1] == ' ' && c && strchr(" ,.!?", c))
            to--;
        if (c != ' ' || to)
            s->str[to++] = c;
    }
    while (to && s->str[to - 1] == ' ')
        to--;
    char *valid = g_utf8_make_valid(s->str, (gssize)to), *out = strdup(valid);
    g_free(valid);
    return out;
}

static dr_status decode(const dr_tokenizer *t, const int32_t *ids, size_t n, char **out)
{
    speller s = {.t = t, .made_by = calloc((size_t)t->vocab_size + 1, sizeof *s.made_by)};
    *out = NULL;
    if (!s.made_by)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (size_t i = 0; i < t->n_merges; i++) {
        const dr_merge *m = &t->merges[i];
        if (m->id != m->left && m->id != m->right) /* with a token of no characters a merge may make nothing new */
            s.made_by[m->id] = m;
    }
    s.out = g_string_new(NULL);
    for (size_t i = 0; i < n; i++)
        spell(&s, ids[i]);
    *out = tidy(s.out);
    g_string_free(s.out, TRUE);
    free(s.made_by);
    return *out ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
}

dr_status dr_tokenizer_cut(const dr_tokenizer *t, const char *text, char **cut)
{
    int32_t *ids;
    size_t n;
    *cut = NULL;
    dr_status st = dr_tokenizer_tokens(t, text, strlen(text), &ids, &n);
    if (!st && n > DR_CHUNK)
        st = decode(t, ids + DR_CHUNK, n - DR_CHUNK, cut);
    free(ids);
    return st;
}

/* --- chunks ------------------------------------------------------------------------------------------ */

typedef struct chunker {
    const dr_tokenizer *t;
    int32_t comma;
    int32_t *ids; /* [DR_LONG_CHUNKS][77] */
    int chunks;
    int32_t open[DR_CHUNK]; /* the chunk that is being filled */
    size_t n;
    size_t last_comma; /* tokens of it up to and with its last comma; 0: none */
} chunker;

/* Closes the first `n` tokens of the open chunk; what lies behind them begins the next. */
static dr_status close_chunk(chunker *c, size_t n)
{
    if (c->chunks == DR_LONG_CHUNKS)
        return dr_fail(DR_EINVAL, "the prompt has more than %d chunks of %d tokens; make it shorter", DR_LONG_CHUNKS,
                       DR_CHUNK);
    dr_tokenizer_frame(c->t, c->open, n, c->ids + (size_t)c->chunks++ * DR_TOKENS);
    memmove(c->open, c->open + n, (c->n - n) * sizeof *c->open);
    c->n -= n;
    c->last_comma = 0;
    return DR_OK;
}

static dr_status add_token(chunker *c, int32_t id)
{
    bool full = c->n == DR_CHUNK, near = c->last_comma && c->n - (c->last_comma - 1) <= BACKTRACK;
    dr_status st = DR_OK;
    if (full)
        st = close_chunk(c, id != c->comma && near ? c->last_comma : c->n);
    if (st)
        return st;
    c->open[c->n++] = id;
    if (id == c->comma)
        c->last_comma = c->n;
    return DR_OK;
}

static dr_status add_text(chunker *c, const char *text, size_t bytes)
{
    int32_t *ids;
    size_t n;
    dr_status st = dr_tokenizer_tokens(c->t, text, bytes, &ids, &n);
    for (size_t i = 0; !st && i < n; i++)
        st = add_token(c, ids[i]);
    free(ids);
    return st;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (c & 0x80);
}

/* The next BREAK that is a word of its own, NULL if there is none. */
static const char *find_break(const char *text)
{
    for (const char *at = text; (at = strstr(at, "BREAK")); at += 5)
        if ((at == text || !is_word(at[-1])) && !is_word(at[5]))
            return at;
    return NULL;
}

static dr_status add_all(chunker *c, const char *text)
{
    dr_status st = DR_OK;
    for (const char *at; !st && (at = find_break(text)); text = at + 5) {
        st = add_text(c, text, (size_t)(at - text));
        if (!st)
            st = close_chunk(c, c->n);
    }
    if (!st)
        st = add_text(c, text, strlen(text));
    return !st && (c->n || !c->chunks) ? close_chunk(c, c->n) : st;
}

dr_status dr_tokenizer_chunks(const dr_tokenizer *t, const char *text, int32_t **ids, int *chunks)
{
    int32_t *comma;
    size_t n;
    *ids = NULL;
    *chunks = 0;
    dr_status st = dr_tokenizer_tokens(t, ",", 1, &comma, &n);
    if (st)
        return st;
    chunker c = {.t = t, .comma = n == 1 ? comma[0] : -1};
    free(comma);
    c.ids = malloc((size_t)DR_LONG_CHUNKS * DR_TOKENS * sizeof *c.ids);
    st = c.ids ? add_all(&c, text) : dr_fail(DR_ENOMEM, "out of memory");
    if (st) {
        free(c.ids);
        return st;
    }
    *ids = c.ids;
    *chunks = c.chunks;
    return DR_OK;
}
