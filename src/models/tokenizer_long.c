/* Prompts of more than 75 tokens: what does not fit, in words; and the whole of them in chunks, with weights or not. */
#include "models/prompt_weights.h"
#include "models/tokenizer_internal.h"

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

dr_status dr_tokenizer_cut(const dr_tokenizer *t, const char *text, bool weights, char **cut)
{
    dr_prompt_piece plain = {(char *)(uintptr_t)text, 1}, *pieces = NULL;
    size_t count = 1, n = 0, beyond = 0;
    int32_t *ids = NULL;
    *cut = NULL;
    dr_status st = weights ? dr_prompt_pieces(text, false, &pieces, &count) : DR_OK;
    GArray *all = g_array_new(FALSE, FALSE, sizeof *ids);
    for (size_t i = 0; !st && i < count; i++) {
        const char *part = (weights ? pieces : &plain)[i].text;
        st = dr_tokenizer_tokens(t, part, strlen(part), &ids, &n);
        if (n)
            g_array_append_vals(all, ids, (guint)n);
        free(ids);
        ids = NULL;
    }
    beyond = all->len > DR_CHUNK ? all->len - DR_CHUNK : 0;
    if (!st && beyond)
        st = decode(t, (const int32_t *)(const void *)all->data + DR_CHUNK, beyond, cut);
    g_array_free(all, TRUE);
    dr_prompt_pieces_free(pieces, pieces ? count : 0);
    return st;
}

/* --- chunks ------------------------------------------------------------------------------------------ */

typedef struct chunker {
    const dr_tokenizer *t;
    unsigned how;
    int32_t comma;
    int32_t *ids;  /* [DR_LONG_CHUNKS][77] */
    float *weight; /* the same */
    bool weighted; /* not all are 1 */
    int chunks;
    int32_t open[DR_CHUNK]; /* the chunk that is being filled */
    float open_weight[DR_CHUNK];
    size_t n;
    size_t last_comma; /* tokens of it up to and with its last comma; 0: none */
} chunker;

/* Closes the first `n` tokens of the open chunk; what lies behind them begins the next. */
static dr_status close_chunk(chunker *c, size_t n)
{
    if (c->chunks == DR_LONG_CHUNKS)
        return dr_fail(DR_EINVAL, "the prompt has more than %d chunks of %d tokens; make it shorter", DR_LONG_CHUNKS,
                       DR_CHUNK);
    float *weight = c->weight + (size_t)c->chunks * DR_TOKENS;
    dr_tokenizer_frame(c->t, c->open, n, c->ids + (size_t)c->chunks++ * DR_TOKENS);
    for (size_t i = 0; i < DR_TOKENS; i++)
        weight[i] = i > 0 && i <= n ? c->open_weight[i - 1] : 1;
    memmove(c->open, c->open + n, (c->n - n) * sizeof *c->open);
    memmove(c->open_weight, c->open_weight + n, (c->n - n) * sizeof *c->open_weight);
    c->n -= n;
    c->last_comma = 0;
    return DR_OK;
}

/* A token, or the `n` tokens of one learned word. */
static dr_status add_tokens(chunker *c, const int32_t *ids, size_t n, float weight)
{
    bool full = c->n == DR_CHUNK, near = c->last_comma && c->n - (c->last_comma - 1) <= BACKTRACK;
    dr_status st = DR_OK;
    if (!(c->how & DR_PROMPT_LONG) && n > DR_CHUNK - c->n) /* one chunk, which ends where it is full */
        n = DR_CHUNK - c->n;
    else if (full)
        st = close_chunk(c, ids[0] != c->comma && near ? c->last_comma : c->n);
    if (!st && c->n + n > DR_CHUNK)
        st = close_chunk(c, c->n);
    for (size_t i = 0; !st && i < n && c->n < DR_CHUNK; i++) {
        c->open[c->n] = ids[i];
        c->open_weight[c->n++] = weight;
    }
    c->weighted |= weight != 1;
    if (n && ids[0] == c->comma)
        c->last_comma = c->n;
    return st;
}

static dr_status add_text(chunker *c, const char *text, size_t bytes, float weight)
{
    int32_t *ids;
    size_t n;
    dr_status st = dr_tokenizer_tokens(c->t, text, bytes, &ids, &n);
    for (size_t i = 0, run; !st && i < n; i += run) {
        run = dr_tokenizer_run(c->t, ids + i, n - i);
        st = add_tokens(c, ids + i, run, weight);
    }
    free(ids);
    return st;
}

static dr_status add_plain(chunker *c, const char *text)
{
    dr_status st = DR_OK;
    for (const char *at; !st && (c->how & DR_PROMPT_LONG) && (at = dr_prompt_find_break(text, strlen(text)));
         text = at + 5) {
        st = add_text(c, text, (size_t)(at - text), 1);
        if (!st)
            st = close_chunk(c, c->n);
    }
    return st ? st : add_text(c, text, strlen(text), 1);
}

static dr_status add_weighted(chunker *c, const char *text)
{
    dr_prompt_piece *pieces;
    size_t count;
    dr_status st = dr_prompt_pieces(text, c->how & DR_PROMPT_LONG, &pieces, &count);
    for (size_t i = 0; !st && i < count; i++)
        st = dr_prompt_is_break(&pieces[i])
                 ? close_chunk(c, c->n)
                 : add_text(c, pieces[i].text, strlen(pieces[i].text), (float)pieces[i].weight);
    dr_prompt_pieces_free(pieces, count);
    return st;
}

static dr_status add_all(chunker *c, const char *text)
{
    if (strlen(text) > DR_PROMPT_BYTES_MAX)
        return dr_fail(DR_EINVAL, "the prompt has %zu bytes, at most %zu are accepted", strlen(text),
                       DR_PROMPT_BYTES_MAX);
    dr_status st = (c->how & DR_PROMPT_WEIGHTS ? add_weighted : add_plain)(c, text);
    return !st && (c->n || !c->chunks) ? close_chunk(c, c->n) : st;
}

dr_status dr_tokenizer_prompt(const dr_tokenizer *t, const char *text, unsigned how, dr_prompt_tokens *out)
{
    int32_t *comma;
    size_t n;
    *out = (dr_prompt_tokens){0};
    dr_status st = dr_tokenizer_tokens(t, ",", 1, &comma, &n);
    if (st)
        return st;
    chunker c = {.t = t, .how = how, .comma = n == 1 ? comma[0] : -1};
    free(comma);
    c.ids = malloc((size_t)DR_LONG_CHUNKS * DR_TOKENS * sizeof *c.ids);
    c.weight = malloc((size_t)DR_LONG_CHUNKS * DR_TOKENS * sizeof *c.weight);
    st = c.ids && c.weight ? add_all(&c, text) : dr_fail(DR_ENOMEM, "out of memory");
    *out = (dr_prompt_tokens){c.ids, c.weight, c.chunks};
    if (st) {
        dr_prompt_tokens_clear(out);
    } else if (!c.weighted) {
        free(out->weight);
        out->weight = NULL;
    }
    return st;
}

void dr_prompt_tokens_clear(dr_prompt_tokens *p)
{
    free(p->ids);
    free(p->weight);
    *p = (dr_prompt_tokens){0};
}
