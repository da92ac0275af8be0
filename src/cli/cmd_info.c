/* drape info: what is in a model folder or a file of tensors, and what this machine computes with. */
#include "base/file.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/hashes.h"
#include "cli/version.h"
#include "io/tensor_file.h"
#include "ops/cpu/isa.h"
#include "pipeline/models.h"
#include "pipeline/parser.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static json_t *shape_json(const dr_st_entry *e)
{
    json_t *a = json_array();
    for (int i = 0; i < e->rank; i++)
        json_array_append_new(a, json_integer(e->dim[i]));
    return a;
}

static void print_entry(const dr_st_entry *e)
{
    printf("%-5s [", dr_dtype_name(e->dtype));
    for (int i = 0; i < e->rank; i++)
        printf("%s%lld", i ? "," : "", (long long)e->dim[i]);
    printf("]  %s\n", e->name);
}

/* A part's parameters as its config declares them: counted without reading a weight. */
static json_t *part_json(const char *what, dr_status st, int64_t values, json_t *more)
{
    json_t *j = json_pack("{s:s}", "part", what);
    if (st)
        json_object_set_new(j, "error", json_string(dr_error()));
    else
        json_object_set_new(j, "parameters", json_integer(values));
    json_object_update(j, more);
    json_decref(more);
    return j;
}

static json_t *unet_json(const dr_source *s)
{
    dr_params p = {0};
    static dr_unet net;
    const dr_unet_config *c = &net.config;
    dr_status st = dr_model_open(&dr_unet_row, s, dr_unet_row.part, &net, &p);
    json_t *more = st ? json_object()
                      : json_pack("{s:i, s:i, s:i, s:i}", "in_channels", c->in, "out_channels", c->out, "sample_size",
                                  c->sample_size, "text_width", c->context[0]);
    json_t *j = part_json("unet", st, dr_params_numel(&p), more);
    dr_params_clear(&p);
    return j;
}

static json_t *vae_json(const dr_source *s)
{
    dr_params p = {0};
    static dr_vae net;
    const dr_vae_config *c = &net.config;
    dr_status st = dr_model_open(&dr_vae_row, s, dr_vae_row.part, &net, &p);
    json_t *more = st ? json_object()
                      : json_pack("{s:i, s:i, s:f}", "latent_channels", c->latent, "pixels_per_cell", dr_vae_factor(c),
                                  "scaling_factor", c->scaling);
    json_t *j = part_json("vae", st, dr_params_numel(&p), more);
    dr_params_clear(&p);
    return j;
}

static json_t *text_json(const dr_source *s)
{
    dr_params p = {0};
    static dr_clip_text net;
    const dr_clip_config *c = &net.config;
    dr_status st = dr_model_open(&dr_text_row, s, dr_text_row.part, &net, &p);
    json_t *more = st ? json_object()
                      : json_pack("{s:i, s:i, s:s}", "width", c->width, "layers", c->layers, "activation",
                                  c->act == DR_ACT_GELU ? "gelu" : "quick_gelu");
    json_t *j = part_json("text_encoder", st, dr_params_numel(&p), more);
    dr_params_clear(&p);
    return j;
}

static json_t *parser_json(const char *dir)
{
    static dr_parser m;
    dr_status st = dr_parser_open(&m, dir);
    json_t *more =
        st ? json_object()
           : json_pack("{s:s, s:i}", "net", m.is_segformer ? "SegFormer" : "clothes net", "labels", m.classes);
    if (!st && m.sizes) /* the largest */
        json_object_set_new(more, "longest_edge", json_integer(m.longest_edge[m.sizes - 1]));
    else if (!st)
        json_object_update_new(more, json_pack("{s:i, s:i}", "width", m.width, "height", m.height));
    if (!st)
        json_object_set_new(more, "flip_average", json_boolean(m.flip_average));
    if (!st && m.unknown)
        json_object_set_new(more, "unknown_labels", json_string(m.unknown));
    json_t *j = part_json("clothes parser", st, st ? 0 : dr_params_numel(&m.params), more);
    dr_parser_unload(&m);
    return j;
}

/* Takes `parts`. */
static void print_parts(json_t *parts, bool json)
{
    size_t i;
    const json_t *part, *v;
    const char *key;
    if (json) {
        json_dumpf(parts, stdout, JSON_INDENT(1));
        putchar('\n');
    }
    json_array_foreach(parts, i, part)
    {
        if (json)
            break;
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
    json_decref(parts);
}

static json_t *parts_json(const dr_source *s)
{
    return json_pack("[o, o, o]", unet_json(s), vae_json(s), text_json(s));
}

static dr_status folder_info(const char *dir, bool json)
{
    bool parser = dr_is_parser_folder(dir);
    dr_source *source = NULL;
    dr_status st = parser ? DR_OK : dr_source_open(&source, dir, NULL);
    if (st)
        return st;
    print_parts(parser ? json_pack("[o]", parser_json(dir)) : parts_json(source), json);
    dr_source_close(source);
    return DR_OK;
}

/* What models the file is; nothing for other files. */
static void print_models(const char *path)
{
    dr_source *source;
    if (dr_source_open(&source, path, NULL)) {
        dr_error_clear();
        return;
    }
    printf("\n%s\n", dr_source_family(source));
    print_parts(parts_json(source), false);
    dr_source_close(source);
}

static dr_status file_info(const char *path, bool json)
{
    dr_tensor_file f;
    dr_status st = dr_tensor_file_open(&f, path);
    if (st)
        return st;
    json_t *all = json_object();
    size_t bytes = 0;
    for (size_t i = 0; i < f.count; i++) {
        const dr_st_entry *e = &f.entry[i];
        bytes += e->size;
        if (json)
            json_object_set_new(all, e->name,
                                json_pack("{s:s, s:o}", "dtype", dr_dtype_name(e->dtype), "shape", shape_json(e)));
        else
            print_entry(e);
    }
    for (size_t i = 0; !json && i < f.meta_count; i++)
        printf("metadata %s: %s\n", f.meta[i].key, f.meta[i].value);
    if (json)
        json_dumpf(all, stdout, JSON_INDENT(1));
    else
        printf("%zu tensors, %.1f MiB", f.count, (double)bytes / (1 << 20));
    putchar('\n');
    json_decref(all);
    dr_tensor_file_close(&f);
    if (!json)
        print_models(path);
    return DR_OK;
}

static void machine_info(void)
{
    static const char *const isa[] = {"baseline", "AVX2", "AVX-512"};
    char ops[8192];
    dr_ops_describe(ops, sizeof ops);
    printf("CPU      %s\nISA      %s%s\nthreads  %d\n\n%s", dr_cpu_name(), isa[dr_cpu_isa()],
           dr_cpu_has_bf16() ? " with bf16" : "", dr_threads(), ops);
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
                       : dr_is_dir(path) ? folder_info(path, json)
                                         : file_info(path, json);
        bad = st ? dr_cli_fail(&dr_cmd_info, st) : 0;
    }
    dr_opt_list_free(&rest);
    return bad < 0 ? 0 : bad;
}

const dr_command dr_cmd_info = {"info", "what is in a model folder or weights file; alone: what this machine has",
                                "[--json] [--hash] [DIR|FILE]...",
                                "  drape info sd2-inpainting\n  drape info --hash 512-inpainting-ema.ckpt\n", run};
