#include "base/yaml.h"

#include "base/file.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_YAML ((size_t)1 << 20)
#define MAX_DEPTH 32

typedef struct line {
    int number, indent;
    char *text; /* without indentation, comment and spaces at its end; ends with 0 */
} line;

typedef struct reader {
    const char *where;
    line *line;
    size_t count, at;
    dr_status status;
} reader;

static json_t *bad(reader *r, int number, const char *what)
{
    if (!r->status)
        r->status = dr_fail(DR_EINVAL, "cannot read '%s': line %d %s", r->where, number, what);
    return NULL;
}

static json_t *made(reader *r, json_t *value)
{
    if (!value && !r->status)
        r->status = dr_fail(DR_EINVAL, "cannot read '%s': it is not UTF-8, or memory ran out", r->where);
    return value;
}

/* --- lines ------------------------------------------------------------------------------------------ */

/* Cuts a comment: a # at the start or behind a space, outside of quotes. */
static void cut_comment(char *s)
{
    char quote = 0;
    for (char *p = s; *p; p++) {
        if (quote)
            quote = *p == quote ? 0 : quote;
        else if ((*p == '"' || *p == '\'') && (p == s || strchr(" \t[,:-", p[-1])))
            quote = *p;
        else if (*p == '#' && (p == s || isspace((unsigned char)p[-1]))) {
            *p = 0;
            break;
        }
    }
    size_t n = strlen(s);
    while (n && isspace((unsigned char)s[n - 1]))
        s[--n] = 0;
}

/* `text` is changed; lines point into it. */
static dr_status split(reader *r, char *text)
{
    size_t room = 1;
    for (const char *p = text; *p; p++)
        room += *p == '\n';
    if (!(r->line = calloc(room, sizeof *r->line)))
        return dr_fail(DR_ENOMEM, "out of memory reading '%s'", r->where);
    int number = 0;
    for (char *p = text, *next; p; p = next) {
        next = strchr(p, '\n');
        if (next)
            *next++ = 0;
        number++;
        size_t indent = strspn(p, " ");
        cut_comment(p + indent);
        if (!p[indent] || (number == 1 && strcmp(p, "---") == 0))
            continue;
        if (p[indent] == '\t')
            return dr_fail(DR_EINVAL, "cannot read '%s': line %d is indented with a tab", r->where, number);
        r->line[r->count++] = (line){.number = number, .indent = (int)indent, .text = p + indent};
    }
    return DR_OK;
}

/* --- values ----------------------------------------------------------------------------------------- */

static json_t *number_of(const char *s)
{
    char *end;
    if (!isdigit((unsigned char)s[strspn(s, "+-.")]) || strpbrk(s, "xXpP"))
        return NULL;
    errno = 0;
    long long i = strtoll(s, &end, 10);
    if (!*end && !errno)
        return json_integer(i);
    double d = strtod(s, &end);
    return !*end && isfinite(d) ? json_real(d) : NULL;
}

static json_t *plain(reader *r, const char *s)
{
    if (!*s || strcmp(s, "~") == 0 || strcasecmp(s, "null") == 0)
        return made(r, json_null());
    if (strcasecmp(s, "true") == 0)
        return json_true();
    if (strcasecmp(s, "false") == 0)
        return json_false();
    json_t *number = number_of(s);
    return number ? number : made(r, json_string(s));
}

static json_t *quoted(reader *r, const char *s, int number)
{
    size_t n = strlen(s);
    if (n < 2 || s[n - 1] != s[0] || memchr(s + 1, s[0], n - 2) || memchr(s, '\\', n))
        return bad(r, number, "has a text in quotes that is not understood");
    return made(r, json_stringn(s + 1, n - 2));
}

static json_t *scalar(reader *r, const char *s, int number)
{
    if (*s == '"' || *s == '\'')
        return quoted(r, s, number);
    if (*s && strchr("&*!{|>%@`", *s))
        return bad(r, number, "is YAML that drape does not read; only plain maps, lists and values are");
    return plain(r, s);
}

/* "[ 1, 2 ]" on one line, without lists in it. */
static json_t *flow_list(reader *r, char *s, int number)
{
    size_t n = strlen(s);
    if (s[n - 1] != ']' || strpbrk(s + 1, "[{"))
        return bad(r, number, "has a list that does not end on it, or that holds others");
    s[n - 1] = 0;
    json_t *list = made(r, json_array());
    for (char *p = s + 1, *next; list && p; p = next) {
        next = strchr(p, ',');
        if (next)
            *next++ = 0;
        p += strspn(p, " ");
        cut_comment(p); /* takes the spaces at the end */
        if (!*p && !next)
            break;
        json_t *item = scalar(r, p, number);
        if (!item || json_array_append_new(list, item)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *inline_value(reader *r, char *s, int number)
{
    return *s == '[' ? flow_list(r, s, number) : scalar(r, s, number);
}

/* --- blocks ----------------------------------------------------------------------------------------- */

static json_t *block(reader *r, int depth);

/* The colon that ends a key, or NULL. */
static char *key_end(char *s)
{
    for (char *p = s; *p; p++)
        if (*p == ':' && (!p[1] || p[1] == ' '))
            return p;
    return NULL;
}

static bool is_item(const line *l)
{
    return l->text[0] == '-' && (!l->text[1] || l->text[1] == ' ');
}

/* What follows a key without a value: a deeper block, a list at the key's own depth, or nothing. */
static json_t *value_below(reader *r, int indent, int depth)
{
    const line *l = r->at < r->count ? &r->line[r->at] : NULL;
    if (l && (l->indent > indent || (l->indent == indent && is_item(l))))
        return block(r, depth + 1);
    return made(r, json_null());
}

static bool map_entry(reader *r, json_t *map, int depth)
{
    line *l = &r->line[r->at];
    char *colon = key_end(l->text), *value;
    if (!colon || l->text[0] == '"' || l->text[0] == '\'' || l->text[0] == '?' || l->text[0] == '{') {
        bad(r, l->number, "is not \"key: value\"");
        return false;
    }
    *colon = 0;
    value = colon + 1 + strspn(colon + 1, " ");
    if (json_object_get(map, l->text)) {
        bad(r, l->number, "has a key that is there twice");
        return false;
    }
    r->at++;
    json_t *v = *value ? inline_value(r, value, l->number) : value_below(r, l->indent, depth);
    return v && (json_object_set_new(map, l->text, v) == 0 || made(r, NULL));
}

static bool list_item(reader *r, json_t *list, int depth)
{
    line *l = &r->line[r->at];
    size_t skip = 1 + strspn(l->text + 1, " ");
    json_t *v;
    if (!l->text[skip]) {
        r->at++;
        v = value_below(r, l->indent, depth);
    } else if (l->text[skip] != '[' && l->text[skip] != '"' && l->text[skip] != '\'' &&
               (key_end(l->text + skip) || (l->text[skip] == '-' && l->text[skip + 1] == ' '))) {
        l->indent += (int)skip; /* the item is a block of its own, which begins on this line */
        l->text += skip;
        v = block(r, depth + 1);
    } else {
        r->at++;
        v = inline_value(r, l->text + skip, l->number);
    }
    return v && (json_array_append_new(list, v) == 0 || made(r, NULL));
}

/* A map or list: all lines from here on at this depth. */
static json_t *block(reader *r, int depth)
{
    const line *first = &r->line[r->at];
    int indent = first->indent;
    bool list = is_item(first);
    if (depth > MAX_DEPTH)
        return bad(r, first->number, "is nested too deep");
    json_t *out = made(r, list ? json_array() : json_object());
    while (out && r->at < r->count && r->line[r->at].indent >= indent) {
        const line *l = &r->line[r->at];
        if (l->indent == indent && list && !is_item(l))
            break; /* the next key, at the depth of this list */
        bool ok = l->indent == indent && (list ? list_item(r, out, depth) : map_entry(r, out, depth));
        if (!ok) {
            bad(r, l->number, "is indented in a way that fits nothing above it");
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

dr_status dr_yaml_parse(const char *text, size_t n, const char *where, json_t **out)
{
    reader r = {.where = where};
    *out = NULL;
    dr_status st = dr_check_stand_in(text, n, where);
    if (st)
        return st;
    if (n > MAX_YAML || memchr(text, 0, n))
        return dr_fail(DR_EINVAL, "cannot read '%s': it is no text, or too long for a model's configuration", where);
    char *copy = malloc(n + 1);
    if (!copy)
        return dr_fail(DR_ENOMEM, "out of memory reading '%s'", where);
    memcpy(copy, text, n);
    copy[n] = 0;
    r.status = split(&r, (char *)(uintptr_t)dr_skip_bom(copy));
    json_t *root = !r.status && r.count ? block(&r, 0) : NULL;
    if (root && (r.at < r.count || !json_is_object(root)))
        bad(&r, r.line[r.at < r.count ? r.at : 0].number, "is not \"key: value\"");
    if (!r.status && !root)
        r.status = dr_fail(DR_EINVAL, "cannot read '%s': it is empty", where);
    if (r.status)
        json_decref(root);
    else
        *out = root;
    free(r.line);
    free(copy);
    return r.status;
}

dr_status dr_yaml_load(const char *path, json_t **out)
{
    char *text;
    size_t n;
    *out = NULL;
    dr_status st = dr_file_read(path, MAX_YAML, &text, &n);
    if (st)
        return st;
    st = dr_yaml_parse(text, n, path, out);
    free(text);
    return st;
}
