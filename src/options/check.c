#include "options/options.h"

#include "base/bounds.h"
#include "base/choice.h"

#include <string.h>

static const void *field(const drape_option *p, const void *options)
{
    return (const char *)options + p->offset;
}

static dr_status check_number(const drape_option *p, double v, const char *dashes)
{
    char bounds[DR_BOUNDS_TEXT];
    if (dr_within(v, p->least, p->most, p->above))
        return DR_OK;
    return dr_fail(DR_EINVAL, "%s%s is %.10g, must be %s", dashes, p->name, v,
                   dr_bounds_text(bounds, p->least, p->most, p->above));
}

/* Whether the option is given that makes this one needless. */
static bool needless(const drape_option *table, const drape_option *p, const void *options)
{
    const drape_option *other = table;
    while (p->unless && other->name && strcmp(other->name, p->unless) != 0)
        other++;
    const char *const *text = p->unless && other->name ? field(other, options) : NULL;
    return text && *text && **text;
}

static dr_status check_text(const drape_option *p, const char *text, const char *dashes)
{
    if ((!text && !p->unset) || (p->required && !text[0]))
        return dr_fail(DR_EINVAL, "%s%s is missing", dashes, p->name);
    if (text && p->choices && !dr_is_choice(p->choices, text))
        return dr_fail(DR_EINVAL, "%s%s is '%.100s', must be one of %s", dashes, p->name, text, p->choices);
    return DR_OK;
}

static dr_status check_enum(const drape_option *p, int v, const char *dashes)
{
    size_t length;
    if (dr_choice_word(p->choices, v, &length))
        return DR_OK;
    return dr_fail(DR_EINVAL, "%s%s is %d, must be the number of one of %s, from 0", dashes, p->name, v, p->choices);
}

static dr_status check(const drape_option *p, const void *value, const char *dashes)
{
    switch (p->kind) {
    case DRAPE_OPTION_INT:
        return check_number(p, *(const int *)value, dashes);
    case DRAPE_OPTION_BYTES:
        return check_number(p, (double)*(const int64_t *)value, dashes);
    case DRAPE_OPTION_NUMBER:
        return check_number(p, *(const double *)value, dashes);
    case DRAPE_OPTION_TEXT:
    case DRAPE_OPTION_CHOICE:
        return check_text(p, *(const char *const *)value, dashes);
    case DRAPE_OPTION_ENUM:
        return check_enum(p, *(const int *)value, dashes);
    case DRAPE_OPTION_BOOL:
    case DRAPE_OPTION_U64:
        break;
    }
    return DR_OK;
}

dr_status dr_options_check(const drape_option *table, const void *options, const char *dashes)
{
    dr_status st = DR_OK;
    for (const drape_option *p = table; !st && p->name; p++)
        if (!needless(table, p, options))
            st = check(p, field(p, options), dashes);
    return st;
}
