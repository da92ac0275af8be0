#include "cli/opt.h"

#include "base/bounds.h"
#include "base/choice.h"
#include "base/status.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int dr_usage_error(const dr_command *cmd, const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    dr_fail(DR_EINVAL, "%s", text); /* which shows what cannot be seen */
    if (cmd->about)
        dr_fail_prefix(DR_EINVAL, "%s", cmd->about);
    fprintf(stderr, "drape %s: %s; see 'drape %s --help'\n", cmd->name, dr_error(), cmd->name);
    return DR_EXIT_USAGE;
}

int dr_cli_fail(const dr_command *cmd, int status)
{
    if (status == DR_ECANCELLED) {
        fprintf(stderr, "drape %s: interrupted\n", cmd->name);
        return DR_EXIT_INTERRUPTED;
    }
    fprintf(stderr, "drape %s: %s\n", cmd->name, dr_error()[0] ? dr_error() : "failed");
    return DR_EXIT_FAILED;
}

/* `given` (with - or _) is the option's name up to `n` characters; "output|o" has a short twin. */
static bool same_name(const char *given, size_t n, const char *name)
{
    size_t len = strcspn(name, "|");
    if (len != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((given[i] == '_' ? '-' : given[i]) != name[i])
            return false;
    return true;
}

static const dr_opt *find_long(const dr_opt *opts, size_t count, const char *given, size_t n, bool *negated)
{
    *negated = false;
    for (size_t i = 0; i < count; i++)
        if (opts[i].kind != DR_OPT_HEADING && same_name(given, n, opts[i].name))
            return &opts[i];
    if (n <= 3 || (strncmp(given, "no-", 3) != 0 && strncmp(given, "no_", 3) != 0))
        return NULL;
    *negated = true;
    for (size_t i = 0; i < count; i++)
        if (opts[i].kind == DR_OPT_FLAG && same_name(given + 3, n - 3, opts[i].name))
            return &opts[i];
    return NULL;
}

static const dr_opt *find_short(const dr_opt *opts, size_t count, char c)
{
    for (size_t i = 0; i < count; i++) {
        const char *bar = opts[i].kind == DR_OPT_HEADING ? NULL : strchr(opts[i].name, '|');
        if (bar && bar[1] == c)
            return &opts[i];
    }
    return NULL;
}

static int name_length(const dr_opt *o)
{
    return (int)strcspn(o->name, "|");
}

static int bad_value(const dr_command *cmd, const dr_opt *o, const char *value, const char *want)
{
    return dr_usage_error(cmd, "--%.*s: '%s' is not %s", name_length(o), o->name, value, want);
}

static bool has_bounds(const dr_opt *o)
{
    return o->min != 0 || o->max != 0;
}

#define GIB 1073741824.0

static const char *bounds(const dr_opt *o, char out[DR_BOUNDS_TEXT])
{
    if (o->kind != DR_OPT_BYTES)
        return dr_bounds_text(out, o->min, o->max, o->above);
    snprintf(out, DR_BOUNDS_TEXT, "%.10g to %.10gGiB", o->min / GIB, o->max / GIB);
    return out;
}

static int check_bounds(const dr_command *cmd, const dr_opt *o, const char *value, double v)
{
    char text[DR_BOUNDS_TEXT];
    if (!has_bounds(o) || dr_within(v, o->min, o->max, o->above))
        return 0;
    return dr_usage_error(cmd, "--%.*s: %s is out of range, allowed is %s", name_length(o), o->name, value,
                          bounds(o, text));
}

static int parse_number(const dr_command *cmd, const dr_opt *o, const char *value, double *out)
{
    char *end;
    errno = 0;
    double v = strtod(value, &end);
    bool whole = o->kind == DR_OPT_INT;
    if (end == value || *end || errno || !isfinite(v) || (whole && (v != floor(v) || fabs(v) > 2147483647.0)))
        return bad_value(cmd, o, value, whole ? "a whole number" : "a number");
    *out = v;
    return check_bounds(cmd, o, value, v);
}

/* "2GiB", "500M", "0" */
static int parse_bytes(const dr_command *cmd, const dr_opt *o, const char *value, double *out)
{
    char *end;
    double v = strtod(value, &end);
    const char *unit = *end ? strchr("kmgKMG", *end) : NULL;
    bool ends = !*end || (unit && (!end[1] || strcmp(end + 1, "B") == 0 || strcmp(end + 1, "iB") == 0));
    if (end == value || !ends || !isfinite(v) || v < 0)
        return bad_value(cmd, o, value, "a size like 2GiB");
    *out = v * (unit ? ldexp(1, 10 * (1 + (int)(unit - "kmgKMG") % 3)) : 1);
    return check_bounds(cmd, o, value, *out);
}

static int parse_u64(const dr_command *cmd, const dr_opt *o, const char *value)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(value, &end, 10);
    if (!isdigit((unsigned char)value[0]) || *end || errno)
        return bad_value(cmd, o, value, "a whole number from 0 to 18446744073709551615");
    *(uint64_t *)o->out = v;
    return 0;
}

static int parse_choice(const dr_command *cmd, const dr_opt *o, const char *value)
{
    int index = dr_choice_index(o->arg, value);
    if (index < 0)
        return dr_usage_error(cmd, "--%.*s: '%s' is not one of %s", name_length(o), o->name, value, o->arg);
    if (o->kind == DR_OPT_ENUM)
        *(int *)o->out = index;
    else
        *(const char **)o->out = value;
    return 0;
}

static int parse_size(const dr_command *cmd, const dr_opt *o, const char *value)
{
    int *wh = o->out, w, h, n = 0;
    if (sscanf(value, "%5dx%5d%n", &w, &h, &n) < 2 || value[n] || w < 1 || h < 1 || w > 16384 || h > 16384)
        return bad_value(cmd, o, value, "a size like 512x768 (width x height, in pixels)");
    if (check_bounds(cmd, o, value, w > h ? w : h))
        return DR_EXIT_USAGE;
    wh[0] = w;
    wh[1] = h;
    return 0;
}

int dr_opt_list_add(dr_opt_list *l, const char *value)
{
    const char **more = realloc(l->item, (size_t)(l->count + 1) * sizeof *more);
    if (!more) {
        fprintf(stderr, "drape: out of memory\n");
        return DR_EXIT_FAILED;
    }
    l->item = more;
    l->item[l->count++] = value;
    return 0;
}

void dr_opt_list_free(dr_opt_list *l)
{
    free(l->item);
    *l = (dr_opt_list){0};
}

static int store(const dr_command *cmd, const dr_opt *o, const char *value)
{
    double v = 0;
    int bad = 0;
    switch (o->kind) {
    case DR_OPT_INT:
        bad = parse_number(cmd, o, value, &v);
        if (!bad)
            *(int *)o->out = (int)v;
        return bad;
    case DR_OPT_DOUBLE:
        bad = parse_number(cmd, o, value, &v);
        if (!bad)
            *(double *)o->out = v;
        return bad;
    case DR_OPT_U64:
        return parse_u64(cmd, o, value);
    case DR_OPT_STRING:
        *(const char **)o->out = value;
        return 0;
    case DR_OPT_BYTES:
        bad = parse_bytes(cmd, o, value, &v);
        if (!bad)
            *(int64_t *)o->out = (int64_t)v;
        return bad;
    case DR_OPT_CHOICE:
    case DR_OPT_ENUM:
        return parse_choice(cmd, o, value);
    case DR_OPT_SWITCH:
        if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
            return bad_value(cmd, o, value, "on or off");
        *(bool *)o->out = strcmp(value, "on") == 0;
        return 0;
    case DR_OPT_SIZE:
        return parse_size(cmd, o, value);
    case DR_OPT_LIST:
        return dr_opt_list_add(o->out, value);
    case DR_OPT_FLAG:
    case DR_OPT_HEADING:
        break;
    }
    return 0;
}

/* One option at argv[*i]; advances *i over its value. */
static int parse_option(const dr_command *cmd, const dr_opt *opts, size_t count, int argc, char **argv, int *i,
                        bool *seen)
{
    const char *arg = argv[*i], *value = NULL;
    bool is_long = arg[1] == '-', negated = false;
    const char *name = arg + (is_long ? 2 : 1);
    size_t n = is_long ? strcspn(name, "=") : 1;
    const dr_opt *o = is_long ? find_long(opts, count, name, n, &negated) : find_short(opts, count, name[0]);
    if (!o)
        return dr_usage_error(cmd, "unknown option '%.*s'", (int)(n + (is_long ? 2 : 1)), arg);
    if (name[n])
        value = name + n + (name[n] == '=');
    seen[o - opts] = true;
    if (o->given)
        *o->given = true;
    if (o->open)
        *o->open = false;
    if (o->kind == DR_OPT_FLAG) {
        if (value)
            return dr_usage_error(cmd, "--%.*s takes no value", name_length(o), o->name);
        *(bool *)o->out = !negated;
        return 0;
    }
    if (!value && *i + 1 >= argc)
        return dr_usage_error(cmd, "--%.*s needs a value", name_length(o), o->name);
    return store(cmd, o, value ? value : argv[++*i]);
}

/* Whether the option `name` was given; NULL is none. */
static bool is_seen(const dr_opt *opts, size_t count, const char *name, const bool *seen)
{
    bool negated;
    const dr_opt *o = name ? find_long(opts, count, name, strlen(name), &negated) : NULL;
    return o && seen[o - opts];
}

static dr_opt_reader reader;
static void *reader_user;

void dr_opt_read_tables(dr_opt_reader r, void *user)
{
    reader = r;
    reader_user = user;
}

int dr_opt_parse(const dr_command *cmd, const dr_opt *opts, size_t count, int argc, char **argv, dr_opt_list *rest)
{
    bool seen[DR_OPT_MAX] = {false}, only_rest = false;
    DR_ASSERT(count <= DR_OPT_MAX, "%zu options", count);
    if (reader) {
        reader(reader_user, cmd, opts, count);
        return -1;
    }
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        int bad;
        if (!only_rest && (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)) {
            dr_opt_help(cmd, opts, count);
            return -1;
        }
        if (!only_rest && strcmp(arg, "--") == 0) {
            only_rest = true;
            continue;
        }
        if (only_rest || arg[0] != '-' || !arg[1])
            bad = rest ? dr_opt_list_add(rest, arg) : dr_usage_error(cmd, "unexpected argument '%s'", arg);
        else
            bad = parse_option(cmd, opts, count, argc, argv, &i, seen);
        if (bad)
            return bad;
    }
    for (size_t i = 0; i < count; i++)
        if (opts[i].required && !seen[i] && !is_seen(opts, count, opts[i].unless, seen))
            return dr_usage_error(cmd, "--%.*s is missing", name_length(&opts[i]), opts[i].name);
    return 0;
}

/* --- help --------------------------------------------------------------------------------------- */

/* What --help calls the default. */
static void say_default(const dr_opt *o, char *out, size_t n)
{
    const char *text = NULL;
    size_t length = 0;
    if (o->kind == DR_OPT_STRING || o->kind == DR_OPT_CHOICE)
        text = *(const char **)o->out;
    if (o->required)
        snprintf(out, n, "required%s%s", o->unless ? " without --" : "", o->unless ? o->unless : "");
    else if (o->shown_default)
        snprintf(out, n, "%s", o->shown_default);
    else if (text)
        snprintf(out, n, "%s", text[0] ? text : "empty");
    else if (o->kind == DR_OPT_INT)
        snprintf(out, n, "%d", *(int *)o->out);
    else if (o->kind == DR_OPT_DOUBLE)
        snprintf(out, n, "%g", *(double *)o->out);
    else if (o->kind == DR_OPT_U64)
        snprintf(out, n, "%llu", (unsigned long long)*(uint64_t *)o->out);
    else if (o->kind == DR_OPT_BYTES)
        snprintf(out, n, "%lld", (long long)*(int64_t *)o->out);
    else if (o->kind == DR_OPT_SWITCH)
        snprintf(out, n, "%s", *(bool *)o->out ? "on" : "off");
    else if (o->kind == DR_OPT_ENUM && (text = dr_choice_word(o->arg, *(int *)o->out, &length)))
        snprintf(out, n, "%.*s", (int)length, text);
}

/* " (default 50, 1 to 1000)" or nothing */
static void print_default(const dr_opt *o)
{
    char def[128] = "", range[DR_BOUNDS_TEXT] = "";
    say_default(o, def, sizeof def);
    if (has_bounds(o))
        bounds(o, range);
    if (def[0] || range[0])
        printf(" (%s%s%s%s)", def[0] && !o->required ? "default " : "", def, def[0] && range[0] ? ", " : "", range);
}

static void print_option(const dr_opt *o)
{
    char left[256];
    const char *bar = strchr(o->name, '|');
    const char *arg = o->kind == DR_OPT_SWITCH ? "on|off" : o->kind == DR_OPT_SIZE ? "WxH" : o->arg;
    bool takes = o->kind != DR_OPT_FLAG && arg;
    snprintf(left, sizeof left, "%s%.*s%s--%.*s%s%s", bar ? "-" : "    ", bar ? 1 : 0, bar ? bar + 1 : "",
             bar ? ", " : "", name_length(o), o->name, takes ? " " : "", takes ? arg : "");
    printf("  %-34s", left);
    if (strlen(left) > 34)
        printf("\n  %-34s", "");
    printf(" %s", o->help);
    print_default(o);
    putchar('\n');
}

void dr_opt_help(const dr_command *cmd, const dr_opt *opts, size_t count)
{
    printf("drape %s - %s\n\nusage: drape %s %s\n\n", cmd->name, cmd->summary, cmd->name, cmd->usage);
    for (size_t i = 0; i < count; i++) {
        if (opts[i].kind == DR_OPT_HEADING)
            printf("%s%s\n", i ? "\n" : "", opts[i].help);
        else
            print_option(&opts[i]);
    }
    printf("  %-34s this text\n", "-h, --help");
    if (cmd->example)
        printf("\nexample:\n%s", cmd->example);
}
