#include "base/json.h"

#include "base/file.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_JSON ((size_t)64 << 20)

dr_status dr_json_parse(const char *text, size_t n, const char *where, json_t **out)
{
    json_error_t e;
    dr_status st = dr_check_stand_in(text, n, where);
    *out = NULL;
    if (st)
        return st;
    if (n >= 2 && (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0))
        return dr_fail(DR_EINVAL, "cannot read '%s': it is UTF-16 text; save it as UTF-8", where);
    size_t mark = n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0; /* that Windows editors put in front */
    *out = json_loadb(text + mark, n - mark, JSON_REJECT_DUPLICATES, &e);
    if (!*out && !e.text[0]) /* jansson says nothing when memory is lacking */
        return dr_fail(DR_ENOMEM, "cannot read '%s': out of memory", where);
    if (!*out)
        return dr_fail(DR_EINVAL, "cannot read '%s': not valid JSON at line %d: %s", where, e.line, e.text);
    if (!json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        return dr_fail(DR_EINVAL, "cannot read '%s': the JSON in it is not an object", where);
    }
    return DR_OK;
}

dr_status dr_json_load(const char *path, json_t **out)
{
    char *text;
    size_t n;
    *out = NULL;
    dr_status st = dr_file_read(path, MAX_JSON, &text, &n);
    if (st)
        return st;
    st = dr_json_parse(text, n, path, out);
    free(text);
    return st;
}

dr_status dr_json_save(const char *path, const json_t *j)
{
    char *text = json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    if (!text)
        return dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    dr_out o;
    dr_status st = dr_out_open(&o, path);
    if (!st) {
        st = dr_out_write(&o, text, strlen(text));
        if (!st)
            st = dr_out_write(&o, "\n", 1);
        if (!st)
            st = dr_out_commit(&o);
        else
            dr_out_abort(&o);
    }
    free(text);
    return st;
}

static const json_t *find(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return !v || json_is_null(v) ? NULL : v;
}

static dr_status check_int(const json_t *v, const char *where, const char *key, int64_t min, int64_t max, int64_t *out)
{
    if (!json_is_integer(v))
        return dr_fail(DR_EINVAL, "'%s': \"%s\" must be a whole number", where, key);
    json_int_t i = json_integer_value(v);
    if (i < min || i > max)
        return dr_fail(DR_EINVAL, "'%s': \"%s\" is %lld, must be %lld to %lld", where, key, (long long)i,
                       (long long)min, (long long)max);
    *out = i;
    return DR_OK;
}

dr_status dr_json_int(const json_t *o, const char *where, const char *key, int64_t def, int64_t min, int64_t max,
                      int64_t *out)
{
    const json_t *v = find(o, key);
    *out = def;
    return v ? check_int(v, where, key, min, max, out) : DR_OK;
}

dr_status dr_json_double(const json_t *o, const char *where, const char *key, double def, double *out)
{
    const json_t *v = find(o, key);
    *out = def;
    if (!v)
        return DR_OK;
    if (!json_is_number(v) || !isfinite(json_number_value(v)))
        return dr_fail(DR_EINVAL, "'%s': \"%s\" must be a number", where, key);
    *out = json_number_value(v);
    return DR_OK;
}

dr_status dr_json_bool(const json_t *o, const char *where, const char *key, bool def, bool *out)
{
    const json_t *v = find(o, key);
    *out = def;
    if (!v)
        return DR_OK;
    if (!json_is_boolean(v))
        return dr_fail(DR_EINVAL, "'%s': \"%s\" must be true or false", where, key);
    *out = json_is_true(v);
    return DR_OK;
}

dr_status dr_json_string(const json_t *o, const char *where, const char *key, const char *def, const char **out)
{
    const json_t *v = find(o, key);
    *out = def;
    if (!v)
        return DR_OK;
    if (!json_is_string(v))
        return dr_fail(DR_EINVAL, "'%s': \"%s\" must be a string", where, key);
    *out = json_string_value(v);
    return DR_OK;
}

dr_status dr_json_ints(const json_t *o, const char *where, const char *key, int fill, int64_t min, int64_t max,
                       int max_n, int *out, int *n)
{
    const json_t *v = find(o, key);
    *n = 0;
    if (!v)
        return DR_OK;
    bool list = json_is_array(v);
    size_t count = list ? json_array_size(v) : (size_t)fill;
    if (count > (size_t)max_n)
        return dr_fail(DR_EINVAL, "'%s': \"%s\" has %zu values, at most %d are supported", where, key, count, max_n);
    for (size_t i = 0; i < count; i++) {
        int64_t x = 0;
        dr_status st = check_int(list ? json_array_get(v, i) : v, where, key, min, max, &x);
        if (st)
            return st;
        out[i] = (int)x;
    }
    *n = (int)count;
    return DR_OK;
}

const char *dr_json_text(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

int64_t dr_json_whole(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

double dr_json_number(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

bool dr_json_flag(const json_t *o, const char *key)
{
    return json_is_true(json_object_get(o, key));
}
