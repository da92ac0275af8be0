#include "cli/hashes.h"

#include "io/tensor_file.h"

#include <glib.h>
#include <jansson.h>
#include <stdio.h>

static const char *const type_name[DR_DTYPES] = {
    [DR_F32] = "float32", [DR_F16] = "float16", [DR_BF16] = "bfloat16", [DR_F64] = "float64", [DR_I64] = "int64",
    [DR_I32] = "int32",   [DR_I16] = "int16",   [DR_I8] = "int8",       [DR_U8] = "uint8",    [DR_BOOL] = "bool",
};

static void print_line(const dr_st_entry *e, const char *hash)
{
    printf("%s  %-8s [", hash, type_name[e->dtype]);
    for (int i = 0; i < e->rank; i++)
        printf("%s%lld", i ? "," : "", (long long)e->dim[i]);
    printf("]  %s\n", e->name);
}

static json_t *facts(const dr_st_entry *e, const char *hash)
{
    json_t *shape = json_array();
    for (int i = 0; i < e->rank; i++)
        json_array_append_new(shape, json_integer(e->dim[i]));
    return json_pack("{s:o, s:s, s:s}", "shape", shape, "dtype", type_name[e->dtype], "sha256", hash);
}

/* What was hashed is not needed again: a file larger than memory pushes nothing else out. */
static void drop(const dr_tensor_file *f, const dr_st_entry *e)
{
    const unsigned char *p = e->data;
    if (p >= f->map.data && p < f->map.data + f->map.size) /* and not gathered */
        dr_map_drop(p, e->size);
}

dr_status dr_print_hashes(const char *path, bool json)
{
    dr_tensor_file f;
    dr_status st = dr_tensor_file_open(&f, path);
    if (st)
        return st;
    json_t *all = json_object();
    for (size_t i = 0; i < f.count; i++) {
        const dr_st_entry *e = &f.entry[i];
        char *hash = g_compute_checksum_for_data(G_CHECKSUM_SHA256, e->data, e->size);
        if (json)
            json_object_set_new(all, e->name, facts(e, hash));
        else
            print_line(e, hash);
        g_free(hash);
        drop(&f, e);
    }
    if (json) {
        json_dumpf(all, stdout, JSON_INDENT(1));
        putchar('\n');
    }
    json_decref(all);
    dr_tensor_file_close(&f);
    return DR_OK;
}
