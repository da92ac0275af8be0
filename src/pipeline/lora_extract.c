/* The difference of two models as a low-rank adapter, in kohya's form. */
#include "pipeline/convert_write.h"
#include "pipeline/low_rank.h"

#include "base/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct layer {
    char *name; /* "lora_unet_down_blocks_0_..." */
    int64_t rank, out, in[3];
    int axes; /* of the weight: 2 or 4 */
    void *up, *down;
    float alpha;
} layer;

typedef struct job {
    const dr_convert_options *o;
    dr_dtype dtype;
    int rank;
    layer *layer;
    int count, room, left_out;
    double kept, all; /* squares */
    int64_t done, total;
    const char *in, *base;
} job;

/* --- values --------------------------------------------------------------------------------------------- */

static float *values(const dr_st_entry *e)
{
    float *out = malloc(dr_st_count(e) * sizeof *out + 1);
    if (out) {
        dr_st_values(e, out);
        dr_map_drop(e->data, e->size);
    }
    return out;
}

static bool narrow(dr_dtype t)
{
    return t == DR_F16 || t == DR_BF16;
}

/* What is one value but for the rounding of a 16-bit file is no difference. */
static bool equal(float a, float b, dr_dtype rounded)
{
    uint16_t x, y;
    if (a == b || rounded == DR_F32)
        return a == b;
    dr_from_f32(&a, &x, rounded, 1);
    dr_from_f32(&b, &y, rounded, 1);
    return x == y;
}

/* a - b in a's place; *differs when anything does. */
static dr_status subtract(const job *j, const dr_st_entry *x, const dr_st_entry *y, float *a, const float *b,
                          bool *differs)
{
    size_t n = dr_st_count(x);
    dr_dtype rounded = x->dtype == y->dtype ? DR_F32
                       : narrow(x->dtype)   ? x->dtype
                       : narrow(y->dtype)   ? y->dtype
                                            : DR_F32;
    *differs = false;
    for (size_t i = 0; i < n; i++) {
        bool same = equal(a[i], b[i], rounded);
        *differs = *differs || !same;
        a[i] = same ? 0 : a[i] - b[i];
        if (!isfinite(a[i]))
            return dr_fail(DR_EINVAL, "cannot compare '%s' and '%s': '%s' has values that are no numbers", j->in,
                           j->base, x->name);
    }
    return DR_OK;
}

/* --- layers --------------------------------------------------------------------------------------------- */

static bool is_layer(const dr_tensor *t)
{
    size_t n = strlen(t->name), m = strlen(".weight");
    return t->rank >= 2 && n > m && strcmp(t->name + n - m, ".weight") == 0 && !strstr(t->name, "embedding.weight");
}

/* Underscores for dots, without ".weight". */
static char *kohya_name(const char *name, bool text)
{
    const char *prefix = text ? "lora_te_text_model_" : "lora_unet_";
    size_t n = strlen(prefix), m = strlen(name) - strlen(".weight");
    char *out = malloc(n + m + 1);
    if (!out)
        return NULL;
    memcpy(out, prefix, n);
    for (size_t i = 0; i < m; i++)
        out[n + i] = name[i] == '.' ? '_' : name[i];
    out[n + m] = 0;
    return out;
}

static void *packed(const float *f32, size_t n, dr_dtype dtype)
{
    void *out = malloc(n * dr_dtype_size(dtype) + 1);
    if (out)
        dr_from_f32(f32, out, dtype, n);
    return out;
}

/* The difference `d` of weight t as a layer of the adapter. */
static dr_status factorize(job *j, const dr_tensor *t, const float *d, bool text)
{
    int64_t out = t->dim[0], in = dr_numel(t) / out, small = out < in ? out : in;
    int64_t rank = j->rank < small ? j->rank : small;
    float *up = malloc((size_t)(out * rank) * sizeof *up), *down = malloc((size_t)(rank * in) * sizeof *down);
    layer *l = &j->layer[j->count];
    double kept = 0, squares = 0;
    dr_status st = up && down ? dr_low_rank(d, out, in, rank, up, down, &kept) : DR_ENOMEM;
    if (!st) {
        *l =
            (layer){.name = kohya_name(t->name, text), .rank = rank, .out = out, .axes = t->rank, .alpha = (float)rank};
        memcpy(l->in, t->dim + 1, sizeof l->in);
        l->up = packed(up, (size_t)(out * rank), j->dtype);
        l->down = packed(down, (size_t)(rank * in), j->dtype);
        j->count++;
        st = l->name && l->up && l->down ? DR_OK : DR_ENOMEM;
        for (int64_t i = 0; i < out * in; i++)
            squares += (double)d[i] * (double)d[i];
        j->kept += kept * squares;
        j->all += squares;
    }
    free(up);
    free(down);
    return st == DR_ENOMEM ? dr_fail(DR_ENOMEM, "out of memory comparing '%s' and '%s'", j->in, j->base) : st;
}

static dr_status compare(job *j, const dr_tensor *t, const dr_st_entry *x, const dr_st_entry *y, bool text)
{
    float *a = values(x), *b = values(y);
    bool differs = false;
    dr_status st = a && b ? subtract(j, x, y, a, b, &differs)
                          : dr_fail(DR_ENOMEM, "out of memory comparing '%s' and '%s'", j->in, j->base);
    free(b);
    if (!st && differs && is_layer(t))
        st = factorize(j, t, a, text);
    else if (!st && differs)
        j->left_out++;
    free(a);
    j->done += dr_numel(t);
    if (!st && j->o->progress && j->o->progress(j->o->user, j->done, j->total))
        st = dr_fail(DR_ECANCELLED, "stopped while comparing '%s' and '%s'", j->in, j->base);
    return st;
}

static dr_status compare_part(job *j, const dr_convert_part *p, const dr_convert_part *base, bool text)
{
    const dr_param *q = p->table.first, *r = base->table.first;
    dr_status st = DR_OK;
    for (size_t i = 0; !st && q && r; q = q->next, r = r->next, i++) {
        char shape[128], other[128];
        if (strcmp(q->t.name, r->t.name) != 0 || !dr_same_shape(&q->t, &r->t))
            return dr_fail(DR_EINVAL,
                           "cannot compare '%s' and '%s': they are models of different shape: '%s' %s in the one, '%s' "
                           "%s in the other",
                           j->in, j->base, q->t.name, dr_shape_str(&q->t, shape, sizeof shape), r->t.name,
                           dr_shape_str(&r->t, other, sizeof other));
        st = compare(j, &q->t, p->entry[i], base->entry[i], text);
    }
    if (!st && (q || r))
        st = dr_fail(DR_EINVAL, "cannot compare '%s' and '%s': one has more layers than the other", j->in, j->base);
    return st;
}

/* --- the file ------------------------------------------------------------------------------------------- */

static dr_status put_layer(dr_st_writer *w, const layer *l, dr_dtype dtype)
{
    char alpha[sizeof(float)];
    size_t size = dr_dtype_size(dtype), in = (size_t)(l->in[0] * l->in[1] * l->in[2]);
    dr_from_f32(&l->alpha, alpha, dtype, 1);
    dr_status st = dr_st_put(w, alpha, size);
    if (!st)
        st = dr_st_put(w, l->down, (size_t)l->rank * in * size);
    return st ? st : dr_st_put(w, l->up, (size_t)(l->out * l->rank) * size);
}

static dr_status write_layers(const job *j, const char *path, const dr_st_meta *meta, size_t meta_count)
{
    dr_st_entry *entry = calloc((size_t)j->count * 3 + 1, sizeof *entry), *e = entry;
    dr_arena names = {0};
    dr_st_writer w;
    dr_status st = entry ? dr_arena_init(&names, 4096 + (size_t)j->count * 3 * 512) : DR_ENOMEM;
    for (int i = 0; !st && i < j->count; i++) {
        const layer *l = &j->layer[i];
        bool conv = l->axes == 4;
        *e++ = (dr_st_entry){.name = dr_arena_printf(&names, "%s.alpha", l->name), .dtype = j->dtype};
        *e++ = (dr_st_entry){.name = dr_arena_printf(&names, "%s.lora_down.weight", l->name),
                             .dtype = j->dtype,
                             .rank = conv ? 4 : 2,
                             .dim = {l->rank, l->in[0], l->in[1], l->in[2]}};
        *e++ = (dr_st_entry){.name = dr_arena_printf(&names, "%s.lora_up.weight", l->name),
                             .dtype = j->dtype,
                             .rank = conv ? 4 : 2,
                             .dim = {l->out, l->rank, 1, 1}};
        for (int k = 1; k <= 3; k++)
            st = e[-k].name ? st : DR_ENOMEM;
    }
    if (st)
        dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    else if (!(st = dr_st_create(&w, path, entry, (size_t)j->count * 3, meta, meta_count))) {
        for (int i = 0; !st && i < j->count; i++)
            st = put_layer(&w, &j->layer[i], j->dtype);
        if (!st)
            st = dr_st_commit(&w);
        else
            dr_st_abort(&w);
    }
    dr_arena_clear(&names);
    free(entry);
    return st;
}

static dr_status write_adapter(const job *j, const char *out, bool sd2, bool v)
{
    char rank[16], architecture[64];
    dr_convert_spec spec;
    dr_convert_spec_init(&spec, out);
    snprintf(rank, sizeof rank, "%d", j->rank);
    snprintf(architecture, sizeof architecture, "stable-diffusion-%s/lora", !sd2 ? "v1" : v ? "v2-768-v" : "v2-512");
    const dr_st_meta meta[] = {
        {"format", "pt"},
        {"ss_network_module", "networks.lora"},
        {"ss_network_dim", rank},
        {"ss_network_alpha", rank},
        {"ss_base_model_version", sd2 ? "sd_v2" : "sd_v1"},
        {"modelspec.sai_model_spec", "1.0.0"},
        {"modelspec.architecture", architecture},
        {"modelspec.implementation", DR_CONVERT_IMPLEMENTATION},
        {"modelspec.title", spec.title},
        {"modelspec.date", spec.date},
        {"modelspec.prediction_type", v ? "v" : "epsilon"},
    };
    return write_layers(j, out, meta, sizeof meta / sizeof *meta);
}

static dr_status extract(job *j, dr_convert_model *m, dr_convert_model *base, const char *out)
{
    const char *predicts = json_string_value(json_object_get(m->scheduler, "prediction_type"));
    static const int parts[] = {DR_CONVERT_UNET, DR_CONVERT_TEXT};
    for (int i = 0; i < 2; i++) {
        j->room += (int)m->part[parts[i]].table.count;
        j->total += dr_params_numel(&m->part[parts[i]].table);
    }
    dr_status st = DR_OK;
    if (!(j->layer = calloc((size_t)j->room + 1, sizeof *j->layer)))
        st = dr_fail(DR_ENOMEM, "out of memory comparing '%s' and '%s'", j->in, j->base);
    for (int i = 0; !st && i < 2; i++)
        st = compare_part(j, &m->part[parts[i]], &base->part[parts[i]], parts[i] == DR_CONVERT_TEXT);
    if (!st && !j->count)
        st =
            dr_fail(DR_EINVAL, "there is nothing to extract: '%s' and '%s' do not differ in any layer", j->in, j->base);
    return st ? st
              : write_adapter(j, out, m->text.act == DR_ACT_GELU, predicts && strcmp(predicts, "v_prediction") == 0);
}

dr_status dr_extract_lora(const char *in, const char *base, const char *out, int rank, const dr_convert_options *o,
                          dr_extracted *result)
{
    dr_convert_model m = {0}, b = {0};
    dr_convert_options plain = {.dtype = DR_DTYPES, .note = o->note, .user = o->user};
    job j = {.o = o, .dtype = o->dtype == DR_DTYPES ? DR_F16 : o->dtype, .rank = rank, .in = in, .base = base};
    *result = (dr_extracted){0};
    if (dr_dtype_block(j.dtype) > 1)
        return dr_fail(DR_EINVAL, "cannot write the adapter '%s' as %s; take f16, f32 or bf16", out,
                       dr_dtype_name(j.dtype));
    if (rank < 1 || rank > 1024)
        return dr_fail(DR_EINVAL, "the rank is %d, must be 1 to 1024", rank);
    if (dr_exists(out))
        return dr_fail(DR_EINVAL, "cannot write '%s': it exists; choose another name", out);
    dr_status st = dr_convert_model_open(&m, in, o);
    if (!st)
        st = dr_convert_model_open(&b, base, &plain);
    if (!st)
        st = extract(&j, &m, &b, out);
    if (!st)
        *result = (dr_extracted){j.count, j.left_out, j.all > 0 ? j.kept / j.all : 1};
    for (int i = 0; i < j.count; i++) {
        free(j.layer[i].name);
        free(j.layer[i].up);
        free(j.layer[i].down);
    }
    free(j.layer);
    dr_convert_model_close(&m);
    dr_convert_model_close(&b);
    return st;
}
