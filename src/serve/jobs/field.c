#include "serve/jobs/field.h"

#include "base/choice.h"
#include "base/status.h"

#include <math.h>
#include <string.h>

#define SEED_MAX 9007199254740991.0 /* 2^53 - 1: what JavaScript counts to */

static const void *tryon_defaults(void)
{
    static const drape_tryon_options o = DRAPE_TRYON_DEFAULTS;
    return &o;
}

static const void *mask_defaults(void)
{
    static const drape_mask_options o = DRAPE_MASK_DEFAULTS;
    return &o;
}

static const void *garment_defaults(void)
{
    static const drape_garment_options o;
    return &o;
}

static const void *train_defaults(void)
{
    static _Thread_local drape_train_options o;
    drape_train_defaults(&o);
    return &o;
}

const dr_job_options dr_tryon_job = {drape_tryon_option, tryon_defaults};
const dr_job_options dr_garment_job = {drape_garment_option, garment_defaults};
const dr_job_options dr_mask_job = {drape_mask_option, mask_defaults};
const dr_job_options dr_train_job = {drape_train_option, train_defaults};

const drape_option *dr_job_option(const dr_job_options *job, const char *name)
{
    const drape_option *p;
    for (int i = 0; (p = job->row(i)) != NULL; i++)
        if (strcmp(p->name, name) == 0)
            return p;
    DR_ASSERT(p, "no option '%s'", name);
    return p;
}

const drape_option *dr_field_option(const dr_field *f)
{
    return f->kind == DR_FIELD_OPTION ? dr_job_option(f->job, f->option ? f->option : f->name) : NULL;
}

static dr_field_kind kind_of(drape_option_kind kind)
{
    static const dr_field_kind kinds[] = {
        [DRAPE_OPTION_BOOL] = DR_FIELD_BOOL,     [DRAPE_OPTION_INT] = DR_FIELD_INT,
        [DRAPE_OPTION_U64] = DR_FIELD_INT,       [DRAPE_OPTION_BYTES] = DR_FIELD_INT,
        [DRAPE_OPTION_NUMBER] = DR_FIELD_NUMBER, [DRAPE_OPTION_TEXT] = DR_FIELD_STRING,
        [DRAPE_OPTION_CHOICE] = DR_FIELD_CHOICE, [DRAPE_OPTION_ENUM] = DR_FIELD_CHOICE,
    };
    return kinds[kind];
}

dr_field dr_field_plain(const dr_field *f)
{
    const drape_option *p = dr_field_option(f);
    dr_field plain = *f;
    if (!p)
        return plain;
    plain.kind = kind_of(p->kind);
    plain.choices = p->choices;
    plain.about = f->about ? f->about : p->help;
    if (f->min != 0 || f->max != 0)
        return plain;
    plain.min = p->least;
    plain.max = p->kind == DRAPE_OPTION_U64 ? SEED_MAX : p->most;
    plain.above = p->above;
    return plain;
}

/* A number that is whole stays so. */
static json_t *number(double v)
{
    return v == floor(v) && fabs(v) < SEED_MAX ? json_integer((json_int_t)v) : json_real(v);
}

static json_t *option_value(const drape_option *p, const void *values)
{
    const void *at = (const char *)values + p->offset;
    const char *text;
    size_t n = 0;
    switch (p->kind) {
    case DRAPE_OPTION_BOOL:
        return json_boolean(*(const bool *)at);
    case DRAPE_OPTION_INT:
        return json_integer(*(const int *)at);
    case DRAPE_OPTION_U64:
        return json_integer((json_int_t) * (const uint64_t *)at);
    case DRAPE_OPTION_BYTES:
        return json_integer(*(const int64_t *)at);
    case DRAPE_OPTION_NUMBER:
        return number(*(const double *)at);
    case DRAPE_OPTION_TEXT:
        text = *(const char *const *)at;
        return json_string(text ? text : "");
    case DRAPE_OPTION_CHOICE:
        text = *(const char *const *)at;
        return text ? json_string(text) : json_null();
    case DRAPE_OPTION_ENUM:
        text = dr_choice_word(p->choices, *(const int *)at, &n);
        return json_stringn(text, n);
    }
    return NULL;
}

json_t *dr_field_value(const dr_field *f, const void *values)
{
    return option_value(dr_field_option(f), values);
}

json_t *dr_field_default(const dr_field *f)
{
    const drape_option *p = dr_field_option(f);
    if (f->def)
        return json_loads(f->def, JSON_DECODE_ANY, NULL);
    return p ? option_value(p, f->job->defaults()) : NULL;
}

static void take(const drape_option *p, const json_t *v, void *values)
{
    void *at = (char *)values + p->offset;
    if (p->open)
        *(bool *)((char *)values + p->open) = false;
    switch (p->kind) {
    case DRAPE_OPTION_BOOL:
        *(bool *)at = json_is_true(v);
        break;
    case DRAPE_OPTION_INT:
        *(int *)at = (int)json_integer_value(v);
        break;
    case DRAPE_OPTION_U64:
        *(uint64_t *)at = (uint64_t)json_integer_value(v);
        break;
    case DRAPE_OPTION_BYTES:
        *(int64_t *)at = json_integer_value(v);
        break;
    case DRAPE_OPTION_NUMBER:
        *(double *)at = json_number_value(v);
        break;
    case DRAPE_OPTION_TEXT:
    case DRAPE_OPTION_CHOICE:
        *(const char **)at = json_string_value(v);
        break;
    case DRAPE_OPTION_ENUM:
        *(int *)at = dr_choice_index(p->choices, json_string_value(v));
        break;
    }
}

void dr_fields_take(const dr_field *table, const json_t *settings, const dr_job_options *job, void *values)
{
    for (const dr_field *f = table; f->name; f++) {
        const json_t *v = json_object_get(settings, f->name);
        if (f->job == job && v && !json_is_null(v))
            take(dr_field_option(f), v, values);
    }
}
