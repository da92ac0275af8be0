/* drape info: what is in a model folder or a file of tensors, and what this machine computes with. */
#include "base/file.h"
#include "cli/commands.h"
#include "cli/hashes.h"
#include "cli/version.h"
#include "drape.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- a model ------------------------------------------------------------------------------------ */

static void print_part(const json_t *part)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)part, key, v)
    {
        char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        if (strcmp(key, "part") == 0)
            printf("%s\n", json_string_value(v));
        else
            printf("  %-16s %s\n", key, text ? text : "");
        free(text);
    }
}

/* What the model at `path` is made of; with `family`, what kind of file it is before that. */
static dr_status print_model(const char *path, bool json, bool family)
{
    char *text;
    drape_status st = drape_model_parts(path, &text);
    if (st)
        return (dr_status)st;
    json_t *model = json_loads(text, 0, NULL);
    const json_t *parts = json_object_get(model, "parts");
    free(text);
    if (json) {
        json_dumpf(parts, stdout, JSON_INDENT(1));
        putchar('\n');
    }
    const char *name = json_string_value(json_object_get(model, "family"));
    if (family)
        printf("\n");
    if (family && name)
        printf("%s\n", name);
    for (size_t i = 0; !json && i < json_array_size(parts); i++)
        print_part(json_array_get(parts, i));
    json_decref(model);
    return DR_OK;
}

/* --- a file ------------------------------------------------------------------------------------- */

typedef struct listing {
    json_t *all; /* NULL: printed as they come */
    size_t count, bytes;
} listing;

static void add_tensor(void *user, const drape_tensor *t)
{
    listing *l = user;
    l->count++;
    l->bytes += t->size;
    if (l->all) {
        json_t *shape = json_array();
        for (int i = 0; i < t->rank; i++)
            json_array_append_new(shape, json_integer(t->dim[i]));
        json_object_set_new(l->all, t->name, json_pack("{s:s, s:o}", "dtype", t->dtype, "shape", shape));
        return;
    }
    printf("%-5s [", t->dtype);
    for (int i = 0; i < t->rank; i++)
        printf("%s%lld", i ? "," : "", (long long)t->dim[i]);
    printf("]  %s\n", t->name);
}

#define LONG_VALUE 4000 /* characters: nobody reads more of one */

static void print_metadata(void *user, const char *key, const char *value)
{
    (void)user;
    size_t n = strlen(value);
    if (n > LONG_VALUE) /* pictures, for example */
        printf("metadata %s: %zu characters\n", key, n);
    else
        printf("metadata %s: %s\n", key, value);
}

static dr_status file_info(const char *path, bool json)
{
    listing l = {.all = json ? json_object() : NULL};
    drape_status st = drape_tensors_read(path, &(drape_tensor_callbacks){&l, add_tensor, json ? NULL : print_metadata});
    if (!st && json)
        json_dumpf(l.all, stdout, JSON_INDENT(1));
    else if (!st)
        printf("%zu tensors, %.1f MiB", l.count, (double)l.bytes / (1 << 20));
    if (!st)
        putchar('\n');
    json_decref(l.all);
    if (!st && !json && print_model(path, false, true)) /* no model, but other tensors */
        dr_error_clear();
    return (dr_status)st;
}

/* --- this machine ------------------------------------------------------------------------------- */

static void machine_info(void)
{
    drape_machine m;
    char *ops = drape_machine_ops();
    drape_machine_info(&m);
    printf("CPU      %s\nISA      %s%s\nthreads  %d\n\n%s", m.cpu, m.isa, m.bf16 ? " with bf16" : "", m.threads,
           ops ? ops : "");
    free(ops);
}

static int run(int argc, char **argv)
{
    bool json = false, hash = false;
    dr_opt_list rest = {0};
    const dr_opt opts[] = {
        {"json", DR_OPT_FLAG, &json, NULL, "as JSON"},
        {"hash", DR_OPT_FLAG, &hash, NULL, "of files: every tensor's shape, type and SHA-256"},
    };
    int bad = dr_opt_parse(&dr_cmd_info, opts, 2, argc, argv, &rest);
    if (!bad && rest.count == 0 && json)
        dr_print_version(true);
    else if (!bad && rest.count == 0)
        machine_info();
    for (int i = 0; !bad && i < rest.count; i++) {
        const char *path = rest.item[i];
        dr_status st = hash              ? dr_print_hashes(path, json)
                       : dr_is_dir(path) ? print_model(path, json, false)
                                         : file_info(path, json);
        bad = st ? dr_cli_fail(&dr_cmd_info, st) : 0;
    }
    dr_opt_list_free(&rest);
    return bad < 0 ? 0 : bad;
}

const dr_command dr_cmd_info = {"info", "what is in a model folder or weights file; alone: what this machine has",
                                "[--json] [--hash] [DIR|FILE]...",
                                "  drape info sd2-inpainting\n  drape info --hash 512-inpainting-ema.ckpt\n", run};
