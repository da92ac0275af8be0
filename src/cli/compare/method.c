#include "cli/compare/method.h"

#include "base/choice.h"
#include "base/json.h"

#include <ctype.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_METHODS 32
#define MAX_NAME 120 /* bytes */

/* --- one method ------------------------------------------------------------------------------------ */

/* What is being read, for messages. */
typedef struct reading {
    dr_command cmd; /* the command, with the method in front of its messages */
    char about[MAX_NAME + 64];
    dr_method *method;
    dr_opt_set table;
} reading;

static void clear(dr_method *m)
{
    for (int i = 0; i < m->word_count; i++)
        g_free(m->words[i]);
    free(m->words);
    g_free(m->name);
    dr_opt_list_free(&m->loras);
    dr_opt_list_free(&m->embeddings);
    *m = (dr_method){0};
}

static bool copy_list(dr_opt_list *to, const dr_opt_list *from)
{
    *to = (dr_opt_list){calloc((size_t)from->count + 1, sizeof *to->item), from->count};
    if (to->item && from->count)
        memcpy(to->item, from->item, (size_t)from->count * sizeof *to->item);
    return to->item != NULL;
}

static int out_of_memory(const dr_command *cmd)
{
    dr_fail(DR_ENOMEM, "out of memory");
    return dr_cli_fail(cmd, DR_ENOMEM);
}

static int no_such_kind(const dr_command *cmd, const char *name, size_t n)
{
    char names[256] = "";
    const dr_method_kind *k;
    for (int i = 0; (k = dr_method_kind_at(i)) != NULL; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ", " : "", k->name);
    return dr_usage_error(cmd, "'%.*s' is no kind of method; there are %s", (int)(n < 80 ? n : 80), name, names);
}

/* A place for one more, with the common settings. */
static int begin(reading *r, dr_methods *all, const dr_command *cmd, const dr_method *common,
                 const dr_method_kind *kind, const char *name)
{
    if (all->count == MAX_METHODS)
        return dr_usage_error(cmd, "there are more than %d methods", MAX_METHODS);
    dr_method *more = realloc(all->item, (size_t)(all->count + 1) * sizeof *more);
    if (!more)
        return out_of_memory(cmd);
    all->item = more;
    dr_method *m = &more[all->count++];
    *m = *common;
    m->kind = kind;
    m->words = NULL;
    m->word_count = 0;
    m->name = NULL;
    m->loras = m->embeddings = (dr_opt_list){0};
    *r = (reading){.cmd = *cmd, .method = m};
    snprintf(r->about, sizeof r->about, "method '%.*s'", MAX_NAME, name && *name ? name : kind->name);
    r->cmd.about = r->about;
    if (name && (!*name || strlen(name) > MAX_NAME))
        return dr_usage_error(&r->cmd, "a name has 1 to %d bytes", MAX_NAME);
    m->name = name ? g_utf8_make_valid(name, -1) : NULL;
    if (!copy_list(&m->loras, &common->loras) || !copy_list(&m->embeddings, &common->embeddings))
        return out_of_memory(cmd);
    if (!kind->worded)
        m->o.prompt = m->o.negative_prompt = NULL; /* those of the command line are for the others */
    dr_method_table(&r->table, m);
    return 0;
}

static const dr_opt *find_setting(const reading *r, const char *key)
{
    char name[48];
    snprintf(name, sizeof name, "%s", key);
    for (char *c = name; *c; c++)
        *c = *c == '_' ? '-' : *c;
    if (strcmp(name, "seed") == 0) /* every method gets the same */
        return NULL;
    for (size_t i = 0; i < r->table.count; i++)
        if (r->table.opt[i].kind != DR_OPT_HEADING && strcmp(r->table.opt[i].name, name) == 0)
            return &r->table.opt[i];
    return NULL;
}

/* "--steps=20"; of a flag "--ema" or "--no-ema". */
static char *word_of(const dr_opt *o, const char *value)
{
    bool off = strcmp(value, "off") == 0 || strcmp(value, "false") == 0;
    if (o->kind == DR_OPT_FLAG)
        return g_strconcat(off ? "--no-" : "--", o->name, NULL);
    return g_strconcat("--", o->name, "=", value, NULL);
}

static int add_setting(reading *r, const char *key, const char *value)
{
    dr_method *m = r->method;
    const dr_opt *o = find_setting(r, key);
    if (!o)
        return dr_usage_error(&r->cmd, "there is no setting '%.80s'", key);
    if (!dr_method_has(m->kind, o->name))
        return dr_usage_error(&r->cmd, "methods of kind %s have no setting '%s'", m->kind->name, o->name);
    if (o->kind == DR_OPT_FLAG && !dr_is_choice("on|off|true|false", value))
        return dr_usage_error(&r->cmd, "%s: '%.80s' is not on or off", o->name, value);
    char **more = realloc(m->words, (size_t)(m->word_count + 2) * sizeof *more);
    if (!more)
        return out_of_memory(&r->cmd);
    m->words = more;
    if (m->word_count == 0)
        m->words[m->word_count++] = g_strdup(r->cmd.name);
    m->words[m->word_count++] = word_of(o, value);
    return 0;
}

static bool has_word(const dr_method *m, const char *key, size_t n)
{
    for (int i = 1; i < m->word_count; i++)
        if (strncmp(m->words[i] + 2, key, n) == 0 && m->words[i][2 + n] == '=')
            return true;
    return false;
}

/* Reads the settings by the table of options: bounds and messages are those of the command line. */
static int end(reading *r)
{
    dr_method *m = r->method;
    int bad = m->word_count ? dr_opt_parse(&r->cmd, r->table.opt, r->table.count, m->word_count, m->words, NULL) : 0;
    if (bad)
        return bad < 0 ? DR_EXIT_USAGE : bad;
    const char *at = m->kind->needs, *need;
    size_t n;
    while (at && dr_choice_next(&at, &need, &n))
        if (!has_word(m, need, n))
            return dr_usage_error(&r->cmd, "%.*s is missing: write %.*s=%s", (int)n, need, (int)n, need,
                                  strncmp(need, "model", n) == 0 ? "DIR" : "FILE");
    if (m->kind->worded && !(m->o.prompt && m->o.prompt[0]))
        return dr_usage_error(&r->cmd, "a prompt is missing: give --prompt for all methods, or prompt=TEXT here");
    m->o.width = m->size[0];
    m->o.height = m->size[1];
    m->o.whole = strcmp(m->region, "whole") == 0;
    return 0;
}

/* --- names ------------------------------------------------------------------------------------------- */

static bool taken(const dr_methods *all, const dr_method *m, const char *name)
{
    for (int i = 0; i < all->count; i++)
        if (&all->item[i] != m && all->item[i].name && strcmp(all->item[i].name, name) == 0)
            return true;
    return false;
}

static bool file_taken(const dr_methods *all, const dr_method *m, const char *file)
{
    for (int i = 0; i < all->count; i++)
        if (&all->item[i] != m && strcmp(all->item[i].file, file) == 0)
            return true;
    return false;
}

/* Letters and digits of the name, small, with '-' for whatever is between. */
static void name_file(const dr_methods *all, dr_method *m)
{
    char stem[32] = "";
    size_t n = 0;
    for (const char *c = m->name; *c && n + 1 < sizeof stem; c++) {
        if (isalnum((unsigned char)*c) && (unsigned char)*c < 128)
            stem[n++] = (char)tolower((unsigned char)*c);
        else if (n && stem[n - 1] != '-')
            stem[n++] = '-';
    }
    while (n && stem[n - 1] == '-')
        n--;
    stem[n] = 0;
    m->file[0] = 0;
    for (int k = 1; !m->file[0] || file_taken(all, m, m->file); k++)
        snprintf(m->file, sizeof m->file, k == 1 ? "%s" : "%s-%d", n ? stem : "method", k);
}

static int name(reading *r, const dr_methods *all)
{
    dr_method *m = r->method;
    if (m->name && taken(all, m, m->name))
        return dr_usage_error(&r->cmd, "another method has this name; give each its own: NAME=%s:...", m->kind->name);
    for (int k = 1; !m->name; k++) {
        char *title = k == 1 ? g_strdup(m->kind->title) : g_strdup_printf("%s %d", m->kind->title, k);
        if (taken(all, m, title))
            g_free(title);
        else
            m->name = title;
    }
    name_file(all, m);
    return 0;
}

/* --- from the command line ----------------------------------------------------------------------------- */

/* How long the key is that begins here and ends before '='; 0: none. */
static size_t key_length(const char *s)
{
    size_t n = 0;
    while (islower((unsigned char)s[n]) || (n && (s[n] == '_' || s[n] == '-')))
        n++;
    return n && s[n] == '=' ? n : 0;
}

static const char *setting_end(const char *s)
{
    const char *comma = strchr(s, ',');
    while (comma && !key_length(comma + 1))
        comma = strchr(comma + 1, ',');
    return comma ? comma : s + strlen(s);
}

static int add_settings(reading *r, const char *rest)
{
    int bad = 0;
    for (const char *at = rest; !bad && *at;) {
        const char *stop = setting_end(at);
        size_t n = key_length(at);
        char *key = n ? g_strndup(at, n) : g_strdup(r->method->kind->main);
        char *value = n ? g_strndup(at + n + 1, (gsize)(stop - at) - n - 1) : g_strndup(at, (gsize)(stop - at));
        bad = add_setting(r, key, value);
        g_free(key);
        g_free(value);
        at = *stop ? stop + 1 : stop;
    }
    return bad;
}

/* A name may have any characters: it ends at the first '=' with a kind behind it. */
static const char *kind_in(const char *spec)
{
    const char *equals = strchr(spec, '=');
    if (dr_method_kind_named(spec, strcspn(spec, ":")))
        return spec;
    for (const char *e = equals; e; e = strchr(e + 1, '='))
        if (dr_method_kind_named(e + 1, strcspn(e + 1, ":")))
            return e + 1;
    return equals && equals < spec + strcspn(spec, ":") ? equals + 1 : spec; /* none is known: this one is meant */
}

int dr_methods_add(dr_methods *all, const dr_command *cmd, const dr_method *common, const char *spec)
{
    const char *kind = kind_in(spec);
    char *title = kind > spec ? g_strndup(spec, (gsize)(kind - spec - 1)) : NULL;
    size_t length = strcspn(kind, ":");
    const dr_method_kind *row = dr_method_kind_named(kind, length);
    reading r;
    int bad = row ? begin(&r, all, cmd, common, row, title) : no_such_kind(cmd, kind, length);
    if (!bad)
        bad = add_settings(&r, kind[length] ? kind + length + 1 : "");
    if (!bad)
        bad = end(&r);
    if (!bad)
        bad = name(&r, all);
    g_free(title);
    return bad;
}

/* --- from a file ----------------------------------------------------------------------------------------- */

static int bad_file(const dr_command *cmd, const char *path, const char *what)
{
    dr_fail(DR_EINVAL, "'%s': %s", path, what);
    return dr_cli_fail(cmd, DR_EINVAL);
}

static int add_json_value(reading *r, const char *key, const json_t *v)
{
    char number[32];
    if (json_is_string(v))
        return add_setting(r, key, json_string_value(v));
    if (json_is_boolean(v))
        return add_setting(r, key, json_is_true(v) ? "on" : "off");
    if (json_is_number(v)) {
        snprintf(number, sizeof number, "%.15g", json_number_value(v));
        return add_setting(r, key, number);
    }
    return dr_usage_error(&r->cmd, "%.80s must be text, a number, true or false, or a list of texts", key);
}

static int add_json(dr_methods *all, const dr_command *cmd, const dr_method *common, const char *path, json_t *entry)
{
    const char *kind = dr_json_text(entry, "kind"), *key;
    const json_t *title = json_object_get(entry, "name");
    json_t *value;
    if (!kind || (title && !json_is_string(title)))
        return bad_file(cmd, path, "a method is an object with a text 'kind' and, if you like, a text 'name'");
    const dr_method_kind *row = dr_method_kind_named(kind, strlen(kind));
    reading r;
    int bad = row ? begin(&r, all, cmd, common, row, json_string_value(title)) : no_such_kind(cmd, kind, strlen(kind));
    json_object_foreach(entry, key, value)
    {
        if (bad || strcmp(key, "kind") == 0 || strcmp(key, "name") == 0)
            continue;
        if (!json_is_array(value))
            bad = add_json_value(&r, key, value);
        for (size_t i = 0; !bad && i < json_array_size(value); i++)
            bad = add_json_value(&r, key, json_array_get(value, i));
    }
    if (!bad)
        bad = end(&r);
    return bad ? bad : name(&r, all);
}

int dr_methods_add_file(dr_methods *all, const dr_command *cmd, const dr_method *common, const char *path)
{
    json_t *file = NULL;
    dr_status st = dr_json_load(path, &file);
    if (st)
        return dr_cli_fail(cmd, st);
    const json_t *list = json_object_get(file, "methods");
    int bad = json_array_size(list) ? 0 : bad_file(cmd, path, "there is no list 'methods' with anything in it");
    for (size_t i = 0; !bad && i < json_array_size(list); i++)
        bad = add_json(all, cmd, common, path, json_array_get(list, i));
    json_decref(file);
    return bad;
}

bool dr_methods_wear_photo(const dr_methods *m)
{
    for (int i = 0; i < m->count; i++)
        if (m->item[i].kind->garment)
            return true;
    return false;
}

void dr_methods_free(dr_methods *m)
{
    for (int i = 0; i < m->count; i++)
        clear(&m->item[i]);
    free(m->item);
    *m = (dr_methods){0};
}
