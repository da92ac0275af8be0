#define _GNU_SOURCE /* asprintf */
#include "warp/pairs.h"

#include "base/file.h"
#include "base/path.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 16 << 20, MOST_PAIRS = 1 << 20, MOST_NAME = 200 };

char *dr_pair_name(const char *person, const char *cloth)
{
    char *name = NULL;
    if (asprintf(&name, "%.*s_%.*s", (int)dr_path_stem(person), person, (int)dr_path_stem(cloth), cloth) < 0)
        return NULL;
    return name;
}

void dr_pairs_clear(dr_pairs *p)
{
    free(p->pair);
    free(p->text);
    *p = (dr_pairs){0};
}

/* --- lines ---------------------------------------------------------------------------------------- */

/* Names become parts of paths. */
static dr_status check_name(const char *name, const char *where, int line)
{
    dr_shown shown;
    bool control = false;
    for (const char *p = name; *p; p++)
        control = control || (unsigned char)*p < 32 || *p == 127;
    if (control || strpbrk(name, "/\\") || name[0] == '.')
        return dr_fail(
            DR_EINVAL,
            "'%s', line %d: '%s' is no plain file name; the names of pictures in DIR/image and DIR/cloth are "
            "needed, without folders",
            where, line, dr_show(&shown, name, strlen(name)));
    if (strlen(name) > MOST_NAME)
        return dr_fail(DR_EINVAL, "'%s', line %d: a name of %zu bytes, at most %d are supported", where, line,
                       strlen(name), MOST_NAME);
    return DR_OK;
}

static dr_status add_line(dr_pairs *p, char *text, const char *where, int line)
{
    char *rest, *name[3] = {NULL};
    int n = 0;
    for (char *w = strtok_r(text, " \t\r", &rest); w; w = strtok_r(NULL, " \t\r", &rest))
        name[n < 2 ? n : 2] = w, n++;
    if (n == 0)
        return DR_OK;
    if (n != 2)
        return dr_fail(
            DR_EINVAL,
            "'%s', line %d: %d name%s, expected 2: a person's picture and a cloth's, as 'person.jpg cloth.jpg'", where,
            line, n, n == 1 ? "" : "s");
    dr_status st = check_name(name[0], where, line);
    if (!st)
        st = check_name(name[1], where, line);
    if (!st && p->count >= MOST_PAIRS)
        st = dr_fail(DR_EINVAL, "'%s' has more than %d pairs; divide it", where, MOST_PAIRS);
    if (!st)
        p->pair[p->count++] = (dr_pair){name[0], name[1], line};
    return st;
}

static dr_status add_lines(dr_pairs *p, size_t size, const char *where)
{
    size_t lines = 1;
    for (size_t i = 0; i < size; i++) {
        if (!p->text[i])
            return dr_fail(DR_EINVAL, "'%s' is no text: a byte of value 0 at %zu", where, i);
        lines += p->text[i] == '\n';
    }
    p->pair = malloc(lines * sizeof *p->pair);
    if (!p->pair)
        return dr_fail(DR_ENOMEM, "out of memory reading '%s'", where);
    char *at = p->text + (dr_skip_bom(p->text) - p->text);
    dr_status st = DR_OK;
    for (int line = 1; !st && at; line++) {
        char *end = strchr(at, '\n');
        if (end)
            *end = 0;
        st = add_line(p, at, where, line);
        at = end ? end + 1 : NULL;
    }
    if (!st && p->count == 0)
        st = dr_fail(DR_EINVAL, "'%s' has no pairs", where);
    return st;
}

/* --- results of one name ---------------------------------------------------------------------------- */

typedef struct named {
    char *name;
    int at;
} named;

static int compare_named(const void *a, const void *b)
{
    const named *p = a, *q = b;
    int order = strcmp(p->name, q->name);
    return order ? order : (p->at > q->at) - (p->at < q->at);
}

static bool same_stem(const char *a, const char *b)
{
    size_t n = dr_path_stem(a);
    return n == dr_path_stem(b) && strncmp(a, b, n) == 0;
}

/* A pair that was there before is marked; two of one name are an error. */
static dr_status compare_neighbours(const dr_pairs *p, const named *list, bool *again, const char *where)
{
    for (int i = 1; i < p->count; i++) {
        const dr_pair *a = &p->pair[list[i - 1].at], *b = &p->pair[list[i].at];
        if (strcmp(list[i - 1].name, list[i].name) != 0)
            continue;
        again[list[i].at] = same_stem(a->person, b->person);
        if (!again[list[i].at])
            return dr_fail(DR_EINVAL,
                           "'%s': the results of lines %d and %d would both be called '%s.png'; rename a file", where,
                           a->line, b->line, list[i].name);
    }
    return DR_OK;
}

static dr_status drop_again(dr_pairs *p, const char *where)
{
    named *list = calloc((size_t)p->count, sizeof *list);
    bool *again = calloc((size_t)p->count, sizeof *again);
    dr_status st = list && again ? DR_OK : dr_fail(DR_ENOMEM, "out of memory reading '%s'", where);
    for (int i = 0; !st && i < p->count; i++) {
        list[i] = (named){dr_pair_name(p->pair[i].person, p->pair[i].cloth), i};
        if (!list[i].name)
            st = dr_fail(DR_ENOMEM, "out of memory reading '%s'", where);
    }
    if (!st) {
        qsort(list, (size_t)p->count, sizeof *list, compare_named);
        st = compare_neighbours(p, list, again, where);
    }
    for (int i = 0; list && i < p->count; i++)
        free(list[i].name);
    int kept = 0;
    for (int i = 0; !st && i < p->count; i++)
        if (!again[i])
            p->pair[kept++] = p->pair[i];
    p->count = st ? p->count : kept;
    free(list);
    free(again);
    return st;
}

dr_status dr_pairs_parse(dr_pairs *out, const char *text, size_t size, const char *where)
{
    *out = (dr_pairs){.text = malloc(size + 1)};
    if (!out->text)
        return dr_fail(DR_ENOMEM, "out of memory reading '%s'", where);
    memcpy(out->text, text, size);
    out->text[size] = 0;
    dr_status st = dr_check_stand_in(text, size, where);
    if (!st)
        st = add_lines(out, size, where);
    if (!st)
        st = drop_again(out, where);
    if (st)
        dr_pairs_clear(out);
    return st;
}

dr_status dr_pairs_read(dr_pairs *out, const char *path)
{
    char *text;
    size_t n;
    *out = (dr_pairs){0};
    dr_status st = dr_file_read(path, MAX_FILE, &text, &n);
    if (st)
        return st;
    st = dr_pairs_parse(out, text, n, path);
    free(text);
    return st;
}
