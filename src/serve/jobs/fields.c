#include "serve/jobs/fields.h"

#include "base/bounds.h"
#include "base/choice.h"
#include "serve/store/ids.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t dr_characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

bool dr_query_int(const char *s, int min, int max, int *out)
{
    size_t sign = s[0] == '-', n = strspn(s + sign, "0123456789");
    if (n == 0 || n > 18 || s[sign + n])
        return false;
    long long v = strtoll(s, NULL, 10);
    *out = (int)v;
    return v >= min && v <= max;
}

/* "photos[2]" and "mask" to "photos[2].mask". */
static void enter(char *path, const char *name)
{
    size_t n = strlen(path);
    snprintf(path + n, DR_FIELD_PATH - n, "%s%s", n ? "." : "", name);
}

/* What a stranger sent, short enough to be said back. */
static void shown(const char *text, char out[64])
{
    size_t n = strlen(text), keep = n > 40 ? 40 : n;
    while (keep < n && keep > 0 && ((unsigned char)text[keep] & 0xc0) == 0x80) /* no half character */
        keep--;
    snprintf(out, 64, "%.*s%s", (int)keep, text, keep < n ? "..." : "");
}

static dr_status check_number(const dr_field *f, double v)
{
    char bounds[DR_BOUNDS_TEXT];
    if (!dr_within(v, f->min, f->max, f->above))
        return dr_fail(DR_EINVAL, "%s is %.10g, must be %s", f->name, v,
                       dr_bounds_text(bounds, f->min, f->max, f->above));
    if (f->multiple && fmod(v, f->multiple) != 0)
        return dr_fail(DR_EINVAL, "%s is %.10g, must be a multiple of %d", f->name, v, f->multiple);
    return DR_OK;
}

static dr_status read_int(const dr_field *f, const json_t *in, json_t **out)
{
    double v = json_number_value(in);
    if (!json_is_number(in) || v != floor(v))
        return dr_fail(DR_EINVAL, "%s must be a whole number", f->name);
    dr_status st = check_number(f, v);
    if (!st)
        *out = json_integer(json_is_integer(in) ? json_integer_value(in) : (json_int_t)v);
    return st;
}

static dr_status read_number(const dr_field *f, const json_t *in, json_t **out)
{
    if (!json_is_number(in))
        return dr_fail(DR_EINVAL, "%s must be a number", f->name);
    dr_status st = check_number(f, json_number_value(in));
    if (!st)
        *out = json_copy((json_t *)(uintptr_t)in); /* a number that was whole stays so */
    return st;
}

static dr_status read_string(const dr_field *f, const json_t *in, json_t **out)
{
    char word[64];
    const char *s = json_string_value(in);
    if (!s)
        return dr_fail(DR_EINVAL, "%s must be a string", f->name);
    size_t n = dr_characters(s);
    shown(s, word);
    if (f->kind == DR_FIELD_STRING && ((double)n < f->min || (double)n > f->max))
        return dr_fail(DR_EINVAL, "%s has %zu characters, must have %g to %g", f->name, n, f->min, f->max);
    if (f->kind == DR_FIELD_CHOICE && !dr_is_choice(f->choices, s))
        return dr_fail(DR_EINVAL, "%s is '%s', must be one of %s", f->name, word, f->choices);
    if (f->kind == DR_FIELD_IMAGE && !dr_is_image_id(s))
        return dr_fail(DR_EINVAL, "%s is '%s', must be the id of a picture: 64 hexadecimal digits", f->name, word);
    if (f->kind == DR_FIELD_ID && (!dr_is_job_id(s) || s[0] == '0'))
        return dr_fail(DR_EINVAL, "%s is '%s', must be a number as a string", f->name, word);
    *out = json_string(s);
    return DR_OK;
}

static dr_status read_list(const dr_field *f, const json_t *in, json_t **out, char *path)
{
    size_t n = json_array_size(in), length = strlen(path);
    dr_status st = DR_OK;
    if (!json_is_array(in))
        return dr_fail(DR_EINVAL, "%s must be a list", f->name);
    if ((double)n < f->min || (double)n > f->max)
        return dr_fail(DR_EINVAL, "%s has %zu entries, must have %g to %g", f->name, n, f->min, f->max);
    *out = json_array();
    for (size_t i = 0; !st && i < n; i++) {
        json_t *item = NULL;
        snprintf(path + length, DR_FIELD_PATH - length, "[%zu]", i);
        st = dr_fields_read(f->of, json_array_get(in, i), &item, path);
        if (!st)
            path[length] = 0;
        if (!st && json_array_append_new(*out, item))
            st = dr_fail(DR_ENOMEM, "out of memory");
    }
    return st;
}

static dr_status read_value(const dr_field *f, const json_t *in, json_t **out, char *path)
{
    switch (f->kind) {
    case DR_FIELD_INT:
        return read_int(f, in, out);
    case DR_FIELD_NUMBER:
        return read_number(f, in, out);
    case DR_FIELD_BOOL:
        if (!json_is_boolean(in))
            return dr_fail(DR_EINVAL, "%s must be true or false", f->name);
        *out = json_boolean(json_is_true(in));
        return DR_OK;
    case DR_FIELD_OBJECT:
        return dr_fields_read(f->of, in, out, path);
    case DR_FIELD_LIST:
        return read_list(f, in, out, path);
    default:
        return read_string(f, in, out);
    }
}

static dr_status read_field(const dr_field *f, const json_t *in, json_t **out, char *path)
{
    dr_field plain = dr_field_plain(f);
    if (in && !json_is_null(in))
        return read_value(&plain, in, out, path);
    *out = dr_field_default(f);
    return *out ? DR_OK : dr_fail(DR_EINVAL, "%s is missing", f->name);
}

static const dr_field *find(const dr_field *table, const char *name)
{
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

dr_status dr_fields_read(const dr_field *table, const json_t *in, json_t **out, char *field)
{
    size_t length = strlen(field);
    const char *key;
    json_t *value;
    *out = NULL;
    if (!json_is_object(in))
        return dr_fail(DR_EINVAL, "%s must be an object", length ? field : "the body");
    json_object_foreach((json_t *)(uintptr_t)in, key, value)
    {
        char word[64];
        if (find(table, key))
            continue;
        shown(key, word);
        enter(field, word);
        return dr_fail(DR_EINVAL, "there is no field '%s' here", word);
    }
    json_t *o = json_object();
    dr_status st = o ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    for (const dr_field *f = table; !st && f->name; f++) {
        json_t *v = NULL;
        enter(field, f->name);
        st = read_field(f, json_object_get(in, f->name), &v, field);
        if (!st && (!v || json_object_set_new(o, f->name, v)))
            st = dr_fail(DR_ENOMEM, "out of memory");
        else if (st)
            json_decref(v);
        if (!st)
            field[length] = 0;
    }
    if (st)
        json_decref(o);
    else
        *out = o;
    return st;
}

dr_status dr_request_fields(dr_request *r, const dr_field *table, json_t **out)
{
    char field[DR_FIELD_PATH] = "";
    json_t *in;
    *out = NULL;
    dr_status st = dr_request_json(r, &in);
    if (st)
        return st;
    st = dr_fields_read(table, in, out, field);
    if (st)
        dr_answer_failure(&r->answer, st, field);
    json_decref(in);
    return st;
}
