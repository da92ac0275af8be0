#include "cli/hashes.h"

#include "drape.h"

#include <glib.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* As PyTorch and NumPy call it. */
static const char *type_name(const char *dtype)
{
    static const char *const names[][2] = {
        {"F32", "float32"}, {"F16", "float16"}, {"BF16", "bfloat16"}, {"F64", "float64"}, {"I64", "int64"},
        {"I32", "int32"},   {"I16", "int16"},   {"I8", "int8"},       {"U8", "uint8"},    {"BOOL", "bool"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i][0], dtype) == 0)
            return names[i][1];
    return dtype;
}

static void print_line(const drape_tensor *t, const char *hash)
{
    printf("%s  %-8s [", hash, type_name(t->dtype));
    for (int i = 0; i < t->rank; i++)
        printf("%s%lld", i ? "," : "", (long long)t->dim[i]);
    printf("]  %s\n", t->name);
}

static json_t *facts(const drape_tensor *t, const char *hash)
{
    json_t *shape = json_array();
    for (int i = 0; i < t->rank; i++)
        json_array_append_new(shape, json_integer(t->dim[i]));
    return json_pack("{s:o, s:s, s:s}", "shape", shape, "dtype", type_name(t->dtype), "sha256", hash);
}

/* `user` is an object that collects them, or NULL: print */
static void add_tensor(void *user, const drape_tensor *t)
{
    char *hash = g_compute_checksum_for_data(G_CHECKSUM_SHA256, t->data, t->size);
    if (user)
        json_object_set_new(user, t->name, facts(t, hash));
    else
        print_line(t, hash);
    g_free(hash);
}

dr_status dr_print_hashes(const char *path, bool json)
{
    json_t *all = json ? json_object() : NULL;
    drape_status st = drape_tensors_read(path, &(drape_tensor_callbacks){all, add_tensor, NULL});
    if (!st && json) {
        json_dumpf(all, stdout, JSON_INDENT(1));
        putchar('\n');
    }
    json_decref(all);
    return (dr_status)st;
}
