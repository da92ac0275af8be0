#include "cli/opt_table.h"

#include "base/choice.h"
#include "base/status.h"

#include <stdio.h>
#include <string.h>

const drape_option *dr_option_named(dr_option_rows *rows, const char *name)
{
    const drape_option *p;
    for (int i = 0; (p = rows(i)) != NULL; i++)
        if (strcmp(p->name, name) == 0)
            return p;
    DR_ASSERT(p, "no option '%s'", name);
    return p;
}

static dr_opt *add(dr_opt_set *s)
{
    DR_ASSERT(s->count < DR_OPT_MAX, "%zu options", s->count);
    return &s->opt[s->count++];
}

/* What is on by default is switched; a flag could only say it once more. */
static dr_opt_kind kind_of(const drape_option *p, const void *value)
{
    static const dr_opt_kind kinds[] = {
        [DRAPE_OPTION_BOOL] = DR_OPT_FLAG,     [DRAPE_OPTION_INT] = DR_OPT_INT,
        [DRAPE_OPTION_U64] = DR_OPT_U64,       [DRAPE_OPTION_BYTES] = DR_OPT_BYTES,
        [DRAPE_OPTION_NUMBER] = DR_OPT_DOUBLE, [DRAPE_OPTION_TEXT] = DR_OPT_STRING,
        [DRAPE_OPTION_CHOICE] = DR_OPT_CHOICE, [DRAPE_OPTION_ENUM] = DR_OPT_ENUM,
    };
    return p->kind == DRAPE_OPTION_BOOL && *(const bool *)value ? DR_OPT_SWITCH : kinds[p->kind];
}

static dr_opt opt_of(const drape_option *p, void *values)
{
    void *value = (char *)values + p->offset;
    bool number = p->kind == DRAPE_OPTION_INT || p->kind == DRAPE_OPTION_NUMBER || p->kind == DRAPE_OPTION_BYTES;
    return (dr_opt){.kind = kind_of(p, value),
                    .out = value,
                    .arg = p->choices ? p->choices : p->value,
                    .help = p->help,
                    .min = number ? p->least : 0,
                    .max = number ? p->most : 0,
                    .above = p->above,
                    .required = p->required,
                    .unless = p->unless,
                    .shown_default = p->unset,
                    .open = p->open ? (bool *)((char *)values + p->open) : NULL};
}

static void add_librarys(dr_opt_set *s, const drape_option *p, void *values)
{
    char *name = s->name[s->count];
    snprintf(name, sizeof s->name[0], "%s", p->name);
    for (char *c = name; *c; c++)
        *c = *c == '_' ? '-' : *c;
    dr_opt *o = add(s);
    *o = opt_of(p, values);
    o->name = name;
    o->given = &s->given;
}

static void add_own(dr_opt_set *s, const dr_own *own, void *command)
{
    dr_opt *o = add(s);
    void *at = (char *)command + own->at;
    *o = own->opt;
    o->out = at;
    if (!own->like)
        return;
    dr_opt like = opt_of(dr_option_named(own->rows, own->like), at);
    if (own->opt.kind == DR_OPT_SIZE) {
        o->min = 1;
        o->max = like.max;
        return;
    }
    *o = like;
    o->name = own->opt.name;
    o->help = own->opt.help;
    o->shown_default = own->opt.shown_default ? own->opt.shown_default : o->shown_default;
}

/* Own ones behind the option `name`; NULL: those at the beginning. */
static void add_behind(dr_opt_set *s, const char *name, const dr_own *own, size_t n, void *command)
{
    for (size_t i = 0; i < n; i++)
        if (!own[i].instead && (own[i].after && name ? strcmp(own[i].after, name) == 0 : own[i].after == name))
            add_own(s, &own[i], command);
}

static const dr_own *instead_of(const char *name, const dr_own *own, size_t n, int *place)
{
    for (size_t i = 0; i < n; i++)
        if ((*place = dr_choice_index(own[i].instead, name)) >= 0)
            return &own[i];
    return NULL;
}

void dr_opt_table(dr_opt_set *s, dr_option_rows *rows, void *values, const dr_own *own, size_t own_count, void *command)
{
    const drape_option *p;
    int place;
    s->count = 0;
    s->given = false;
    add_behind(s, NULL, own, own_count, command);
    for (int i = 0; (p = rows(i)) != NULL; i++) {
        const dr_own *other = instead_of(p->name, own, own_count, &place);
        if (p->heading)
            *add(s) = (dr_opt){"", DR_OPT_HEADING, NULL, NULL, p->heading};
        if (!other)
            add_librarys(s, p, values);
        else if (place == 0)
            add_own(s, other, command);
        add_behind(s, p->name, own, own_count, command);
    }
}
