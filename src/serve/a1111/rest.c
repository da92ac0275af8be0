/* What asks for nothing. Clients of the other world send every field there is, most of them at rest: null, "", false,
 * 0,
 * [], an extension that is switched off. And values of another type where the other program, which reads with pydantic,
 * takes them: "True", 1 and "20". */
#include "serve/a1111/a1111.h"

#include "base/choice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- values of another type ---------------------------------------------------------------------- */

static bool is_one_of(const char *choices, const char *word)
{
    char low[8];
    size_t n = strlen(word);
    if (n == 0 || n >= sizeof low)
        return false;
    for (size_t i = 0; i <= n; i++)
        low[i] = (char)(word[i] >= 'A' && word[i] <= 'Z' ? word[i] + 32 : word[i]);
    return dr_is_choice(choices, low);
}

/* 1, 0, or -1 for what is no boolean. */
static int truth(const json_t *v)
{
    const char *s = json_string_value(v);
    if (json_is_boolean(v))
        return json_is_true(v);
    if (json_is_number(v))
        return json_number_value(v) == 1 ? 1 : json_number_value(v) == 0 ? 0 : -1;
    return s && is_one_of("true|1|on|t|y|yes", s) ? 1 : s && is_one_of("false|0|off|f|n|no", s) ? 0 : -1;
}

static bool number(const json_t *v, double *out)
{
    const char *s = json_string_value(v);
    char *end;
    if (json_is_boolean(v))
        *out = json_is_true(v);
    else if (json_is_number(v))
        *out = json_number_value(v);
    else if (s && strspn(s, "+-.0123456789eE") == strlen(s))
        *out = strtod(s, &end);
    else
        return false;
    return !s || (end != s && *end == 0);
}

json_t *dr_a1111_coerced(const dr_field *field, json_t *v)
{
    const dr_field plain = dr_field_plain(field), *f = &plain;
    const char *s = json_string_value(v);
    double n;
    if (f->kind == DR_FIELD_BOOL && truth(v) >= 0)
        return json_boolean(truth(v));
    if (f->kind == DR_FIELD_INT || f->kind == DR_FIELD_NUMBER || f->kind == DR_FIELD_BOOL) {
        if (s && !s[0])
            return json_null();
        if (f->kind != DR_FIELD_BOOL && !json_is_integer(v) && number(v, &n) && isfinite(n) && fabs(n) < 9e15)
            return f->kind == DR_FIELD_INT ? json_integer((json_int_t)n) : json_real(n);
    }
    if (f->kind == DR_FIELD_STRING && json_is_number(v)) {
        char *text = json_dumps(v, JSON_ENCODE_ANY);
        json_t *out = json_string(text);
        free(text);
        return out;
    }
    return json_incref(v);
}

bool dr_a1111_same(const json_t *a, const json_t *b)
{
    double x, y;
    const char *s = json_string_value(a), *t = json_string_value(b);
    if (s && t)
        return strcasecmp(s, t) == 0;
    if (json_is_boolean(b))
        return truth(a) == json_is_true(b);
    return json_equal(a, b) || (number(a, &x) && number(b, &y) && x == y);
}

/* --- at rest ------------------------------------------------------------------------------------- */

bool dr_a1111_at_rest(const json_t *v)
{
    const char *s = json_string_value(v), *key;
    double n;
    size_t i;
    json_t *part;
    if (!v || json_is_null(v) || truth(v) == 0 || (number(v, &n) && n == 0))
        return true;
    if (s)
        return !s[0] || strcasecmp(s, "none") == 0;
    json_array_foreach(v, i, part)
    {
        if (!dr_a1111_at_rest(part))
            return false;
    }
    json_object_foreach((json_t *)(uintptr_t)v, key, part)
    {
        if (!dr_a1111_at_rest(part))
            return false;
    }
    return json_is_array(v) || json_is_object(v);
}

/* A unit of ControlNet, ADetailer and their like: switched off by a field of its own, or without a model. */
static bool unit_is_off(const json_t *unit)
{
    static const char *const switches[] = {"enabled", "enable", "is_enabled", "ad_tab_enable"};
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        if (json_object_get(unit, switches[i]) && truth(json_object_get(unit, switches[i])) == 0)
            return true;
    const json_t *detailer = json_object_get(unit, "ad_model"), *model = json_object_get(unit, "model");
    return (detailer && dr_a1111_at_rest(detailer)) ||
           (model && dr_a1111_at_rest(model) && dr_a1111_at_rest(json_object_get(unit, "module"))) ||
           dr_a1111_at_rest(unit);
}

/* An extension's arguments: nothing; a first one that is its switch, off; or units and values that are all off. */
static bool arguments_are_off(const json_t *args)
{
    size_t i;
    json_t *v;
    bool off = true, units = false;
    if (json_is_object(args))
        return unit_is_off(args);
    const json_t *first = json_array_get(args, 0);
    if (!json_is_array(args) || !first || (!json_is_number(first) && truth(first) == 0))
        return !args || json_is_array(args) || dr_a1111_at_rest(args);
    json_array_foreach(args, i, v)
    {
        units = units || json_object_get(v, "ad_model");
    }
    json_array_foreach(args, i, v)
    {
        bool at_rest = json_is_object(v) ? unit_is_off(v)
                                         : units || dr_a1111_at_rest(v) || json_number_value(v) == -1; /* no seed */
        off = off && at_rest;
    }
    return off;
}

bool dr_a1111_script_is_off(const json_t *script)
{
    const json_t *args = json_object_get(script, "args");
    return arguments_are_off(args ? args : script);
}
