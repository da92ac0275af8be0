#include "models/prompt_weights.h"

#include <ctype.h>
#include <glib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct part {
    GString *text;
    double weight;
} part;

typedef struct parser {
    GArray *parts;          /* of part */
    GArray *round, *square; /* of guint: the parts that were there when a bracket opened */
    bool breaks, too_many;
} parser;

static void push(parser *p, const char *text, size_t n, double weight)
{
    if (p->parts->len >= DR_PROMPT_PIECES_MAX) {
        p->too_many = true;
        return;
    }
    part one = {g_string_new_len(text, (gssize)n), weight};
    g_array_append_val(p->parts, one);
}

static void open_bracket(parser *p, GArray *brackets)
{
    if (brackets->len >= DR_PROMPT_PIECES_MAX)
        p->too_many = true;
    else
        g_array_append_val(brackets, p->parts->len);
}

/* All parts since the last bracket of the kind opened. */
static void close_bracket(parser *p, GArray *brackets, double by)
{
    guint from = g_array_index(brackets, guint, brackets->len - 1);
    g_array_set_size(brackets, brackets->len - 1);
    for (guint i = from; i < p->parts->len; i++)
        g_array_index(p->parts, part, i).weight *= by;
}

/* --- BREAK -------------------------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (c & 0x80);
}

const char *dr_prompt_find_break(const char *text, size_t n)
{
    for (size_t i = 0; i + 5 <= n; i++)
        if (memcmp(text + i, "BREAK", 5) == 0 && (i == 0 || !is_word(text[i - 1])) &&
            (i + 5 == n || !is_word(text[i + 5])))
            return text + i;
    return NULL;
}

bool dr_prompt_is_break(const dr_prompt_piece *p)
{
    return p->weight == -1 && strcmp(p->text, "BREAK") == 0;
}

static void push_text(parser *p, const char *text, size_t n)
{
    for (const char *at; p->breaks && (at = dr_prompt_find_break(text, n));) {
        push(p, text, (size_t)(at - text), 1);
        push(p, "BREAK", 5, -1);
        n -= (size_t)(at + 5 - text);
        text = at + 5;
    }
    push(p, text, n, 1);
}

/* --- brackets ----------------------------------------------------------------------------------------- */

/* Bytes of ":1.3)" at `s`, with blanks around the number; 0 if there is none. */
static size_t weight_at(const char *s, double *weight)
{
    static const char blanks[] = " \t\n\v\f\r";
    const char *at = s + 1 + strspn(s + 1, blanks), *number = at;
    at += *at == '+' || *at == '-';
    size_t digits = strspn(at, ".0123456789");
    if (*s != ':' || !digits)
        return 0;
    const char *end = at + digits, *close = end + strspn(end, blanks);
    char *stop, *copy = g_strndup(number, (size_t)(end - number));
    *weight = g_ascii_strtod(copy, &stop);
    bool whole = !*stop; /* "1.2.3" is no number */
    g_free(copy);
    return whole && *close == ')' ? (size_t)(close + 1 - s) : 0;
}

/* One step of AUTOMATIC1111's pattern; returns the bytes used, at least 1. */
static size_t step(parser *p, const char *s)
{
    double weight;
    size_t n = strcspn(s, "\\()[]:");
    if (n) {
        push_text(p, s, n);
    } else if (*s == '\\') {
        n = s[1] && strchr("()[]\\", s[1]) ? 2 : 1; /* alone it stands for nothing */
        push(p, s + 1, n - 1, 1);
    } else if (*s == '(' || *s == '[') {
        open_bracket(p, *s == '(' ? p->round : p->square);
        n = 1;
    } else if ((n = weight_at(s, &weight)) > 0) {
        if (p->round->len)
            close_bracket(p, p->round, weight);
        else
            push_text(p, s, n);
    } else {
        n = 1;
        if (*s == ')' && p->round->len)
            close_bracket(p, p->round, 1.1);
        else if (*s == ']' && p->square->len)
            close_bracket(p, p->square, 1 / 1.1);
        else
            push_text(p, s, n);
    }
    return n;
}

static dr_status finish(parser *p, dr_prompt_piece **out, size_t *count)
{
    *out = calloc(p->parts->len + 1, sizeof **out);
    if (!*out)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (guint i = 0, k; i < p->parts->len; i = k) {
        part *first = &g_array_index(p->parts, part, i);
        for (k = i + 1; k < p->parts->len && g_array_index(p->parts, part, k).weight == first->weight; k++) {
            GString *more = g_array_index(p->parts, part, k).text;
            g_string_append_len(first->text, more->str, (gssize)more->len);
        }
        if (!isfinite((float)first->weight))
            return dr_fail(DR_EINVAL, "a weight of the prompt is too large: '%.60s' has %g", first->text->str,
                           first->weight);
        (*out)[*count] = (dr_prompt_piece){strdup(first->text->str), first->weight};
        if (!(*out)[(*count)++].text)
            return dr_fail(DR_ENOMEM, "out of memory");
    }
    if (!*count)
        (*out)[(*count)++] = (dr_prompt_piece){strdup(""), 1};
    return (*out)[*count - 1].text ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
}

dr_status dr_prompt_pieces(const char *text, bool breaks, dr_prompt_piece **out, size_t *count)
{
    parser p = {g_array_new(FALSE, FALSE, sizeof(part)), g_array_new(FALSE, FALSE, sizeof(guint)),
                g_array_new(FALSE, FALSE, sizeof(guint)), breaks, false};
    *out = NULL;
    *count = 0;
    while (*text && !p.too_many)
        text += step(&p, text);
    while (p.round->len)
        close_bracket(&p, p.round, 1.1);
    while (p.square->len)
        close_bracket(&p, p.square, 1 / 1.1);
    dr_status st = p.too_many ? dr_fail(DR_EINVAL, "the prompt has more than %d brackets and parts between them",
                                        DR_PROMPT_PIECES_MAX)
                              : finish(&p, out, count);
    for (guint i = 0; i < p.parts->len; i++)
        g_string_free(g_array_index(p.parts, part, i).text, TRUE);
    g_array_free(p.parts, TRUE);
    g_array_free(p.round, TRUE);
    g_array_free(p.square, TRUE);
    if (st) {
        dr_prompt_pieces_free(*out, *count);
        *out = NULL;
        *count = 0;
    }
    return st;
}

void dr_prompt_pieces_free(dr_prompt_piece *p, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(p[i].text);
    free(p);
}
