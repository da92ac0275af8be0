/* The self-attention of a UNet as the published files have it. */
#include "pipeline/garment_attention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STRIDE = 8, TENSORS = 5 };
static const char *const suffixes[] = {"to_k.weight", "to_out.0.bias", "to_out.0.weight", "to_q.weight", "to_v.weight"};

/* What is to be written: names by number in the published order, then sorted as text, as all such files are. */
typedef struct row {
    char name[32];
    const dr_tensor *tensor;
} row;

typedef struct rows {
    row *row; /* NULL while they are counted */
    size_t count, layers;
} rows;

static void add_layer(void *user, dr_attn *a)
{
    rows *r = user;
    const dr_tensor *const all[TENSORS] = {a->k.w, a->out.b, a->out.w, a->q.w, a->v.w};
    for (int i = 0; r->row && i < TENSORS; i++) {
        row *at = &r->row[r->count++];
        snprintf(at->name, sizeof at->name, "%zu.%s", STRIDE * r->layers, suffixes[i]);
        at->tensor = all[i];
    }
    r->layers++;
}

static int by_name(const void *a, const void *b)
{
    const row *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static dr_status list(rows *r, dr_unet *u)
{
    *r = (rows){0};
    dr_unet_each_self_attention(u, add_layer, r);
    r->row = malloc((r->layers * TENSORS + 1) * sizeof *r->row);
    if (!r->row)
        return dr_fail(DR_ENOMEM, "out of memory");
    r->layers = 0;
    dr_unet_each_self_attention(u, add_layer, r);
    qsort(r->row, r->count, sizeof *r->row, by_name);
    return DR_OK;
}

static dr_status put(dr_st_writer *w, const dr_tensor *t)
{
    DR_ASSERT(t->dtype == DR_F32, "'%s' is %s", t->name, dr_dtype_name(t->dtype));
    void *host = malloc(dr_nbytes(t));
    if (!host)
        return dr_fail(DR_ENOMEM, "out of memory writing '%s'", t->name);
    dr_ops_get()->get(host, t->data, dr_nbytes(t));
    dr_status st = dr_st_put(w, host, dr_nbytes(t));
    free(host);
    return st;
}

static dr_status write_rows(const rows *r, const char *path, const dr_st_meta *meta, size_t metas)
{
    dr_st_writer w;
    dr_st_entry *e = calloc(r->count + 1, sizeof *e);
    if (!e)
        return dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    for (size_t i = 0; i < r->count; i++) {
        const dr_tensor *t = r->row[i].tensor;
        e[i] = (dr_st_entry){.name = r->row[i].name, .dtype = DR_F32, .rank = t->rank, .size = dr_nbytes(t)};
        memcpy(e[i].dim, t->dim, sizeof t->dim);
    }
    dr_status st = dr_st_create(&w, path, e, r->count, meta, metas);
    if (!st) {
        for (size_t i = 0; !st && i < r->count; i++)
            st = put(&w, r->row[i].tensor);
        if (!st)
            st = dr_st_commit(&w);
        else
            dr_st_abort(&w);
    }
    free(e);
    return st;
}

dr_status dr_garment_attention_save(dr_unet *u, const char *path, int width, int height)
{
    char w[16], h[16];
    rows r;
    snprintf(w, sizeof w, "%d", width);
    snprintf(h, sizeof h, "%d", height);
    const dr_st_meta meta[] = {{"format", "pt"}, {"height", h}, {"width", w}};
    dr_status st = list(&r, u);
    if (!st)
        st = write_rows(&r, path, meta, 3);
    free(r.row);
    return st;
}
