#include "cli/complete.h"

#include "base/choice.h"

#include "cli/commands.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static void add_word(dr_value *v, const char *word, size_t n)
{
    size_t used = strlen(v->words);
    snprintf(v->words + used, sizeof v->words - used, "%s%.*s", used ? " " : "", (int)n, word);
}

static bool is(const char *word, size_t n, const char *name)
{
    return strlen(name) == n && strncmp(word, name, n) == 0;
}

/* One of the names between the bars: a folder, a file ("FILE[:SCALE]" too), a word to choose, or free text. */
static void add_name(dr_value *v, const char *name, size_t n, bool choice)
{
    static const char *const files[] = {"FILE", "FILE[:SCALE]", "FILE[:WORD]", "PHOTO", "MASK", "OUT"};
    if (choice || islower((unsigned char)name[0])) {
        add_word(v, name, n);
        return;
    }
    v->dirs |= is(name, n, "DIR");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        v->files |= is(name, n, files[i]);
}

dr_value dr_opt_value(const dr_opt *o)
{
    dr_value v = {.takes = o->kind != DR_OPT_FLAG};
    if (o->kind == DR_OPT_SWITCH)
        add_word(&v, "on off", 6);
    bool choice = o->kind == DR_OPT_CHOICE || o->kind == DR_OPT_ENUM;
    if (!choice && o->kind != DR_OPT_STRING && o->kind != DR_OPT_LIST)
        return v;
    const char *at = o->arg, *name;
    size_t n;
    while (dr_choice_next(&at, &name, &n))
        add_name(&v, name, n, choice);
    return v;
}

char dr_opt_short(const dr_opt *o)
{
    const char *bar = strchr(o->name, '|');
    return (char)(bar ? bar[1] : 0);
}

void dr_each_table(dr_opt_reader write, void *user)
{
    dr_opt_read_tables(write, user);
    for (const dr_command *const *c = dr_cli_commands(); *c; c++)
        (*c)->run(1, (char *[]){(char *)(*c)->name, NULL});
    dr_opt_read_tables(NULL, NULL);
}
