/* oneDNN's own convolution, and how its primitives see one. */
#include "ops/onednn/pack.h"
#include "ops/onednn/rows.h"

int64_t dr_conv_groups(const dr_conv_args *a)
{
    return a->geom.groups > 1 ? a->geom.groups : 1;
}

dr_md dr_conv_plain_md(const dr_conv_args *a)
{
    int64_t g = dr_conv_groups(a), O = a->O / g, I = a->I / g, kh = a->geom.kh, kw = a->geom.kw;
    int64_t dim[] = {g, O, I, kh, kw}, stride[] = {O * I * kh * kw, I * kh * kw, kh * kw, kw, 1};
    int from = g == 1;
    return dr_md_make(5 - from, dim + from, dnnl_f32, stride + from);
}

dr_prim_key dr_conv_key(const dr_conv_args *a, dr_prim_op op, dr_dtype type)
{
    const dr_conv_geom *g = &a->geom;
    return (dr_prim_key){.op = (int32_t)op,
                         .type = (int32_t)type,
                         .dim = {a->N, a->H, a->W, a->I, a->O, a->OH, a->OW, g->kh, g->kw, g->stride, g->top, g->left,
                                 g->bottom, g->right, dr_conv_groups(a)}};
}

/* The weights in the primitive's layout: packed so, if they are constant and have no other pack yet. */
static dr_status direct_weights(const dr_conv_args *a, const dr_prim *p, dr_dtype type, dr_cmd plain,
                                const void **weights)
{
    const dr_pack *pack = dr_pack_of(a->w);
    dr_cmd md = dr_prim_weights_md(p);
    dr_status s = DR_OK;
    if (!pack && !dnnl_memory_desc_equal(md, plain))
        s = dr_pack_make(a->w, plain, md, dr_prim_layout(p), type, a->scratch, &pack);
    if (s != DR_OK)
        return s;
    if (!pack || !dnnl_memory_desc_equal(md, pack->md))
        return dr_weights_as(a->w, plain, md, a->scratch, weights);
    *weights = dr_pack_data(pack, a->scratch);
    return *weights ? DR_OK : DR_ENOMEM;
}

dr_status dr_conv_direct(const dr_conv_args *a, dr_dtype type)
{
    dr_prim_key k = dr_conv_key(a, DR_PRIM_CONV, type);
    k.bias = a->b != NULL;
    k.add = (int32_t)dr_residual_add(a->residual, a->y);
    size_t mark = dr_arena_mark(a->scratch);
    dr_md plain = dr_conv_plain_md(a);
    dr_prim *p = dr_prim_get(&k, NULL);
    dr_prim_bufs b = {.src = a->x, .dst = a->y, .bias = a->b, .other = a->residual};
    dr_status s = plain && p ? direct_weights(a, p, type, plain, &b.weights) : DR_EUNSUPPORTED;
    if (s == DR_OK && type == DR_BF16) {
        b.src = dr_bf16_copy(a->x, a->N * a->H * a->W * a->I, a->scratch);
        s = b.src ? DR_OK : DR_ENOMEM;
    }
    if (s == DR_OK)
        s = dr_prim_run(p, a->scratch, &b);
    dr_prim_put(p);
    dr_md_free(plain);
    dr_arena_rewind(a->scratch, mark);
    return s;
}

/* oneDNN's pass overwrites, so the sum goes through scratch. */
static dr_status direct_dx(const dr_conv_args *a, dr_cmd plain, const dr_prim *p, float *dx)
{
    const void *w = NULL;
    dr_status s = dr_weights_as(a->w, plain, dr_prim_weights_md(p), a->scratch, &w);
    if (s == DR_OK)
        s = dr_prim_run(p, a->scratch, &(dr_prim_bufs){.src = dx, .weights = w, .dst = a->dy});
    if (s == DR_OK)
        dr_onednn_below()->add(a->N * a->H * a->W * a->I, a->dx, dx, a->dx);
    return s;
}

dr_status dr_conv_direct_dx(const dr_conv_args *a)
{
    dr_prim_key k = dr_conv_key(a, DR_PRIM_CONV_DATA, DR_F32);
    dr_prim *p = dr_prim_get(&k, NULL);
    dr_md plain = dr_conv_plain_md(a);
    dr_status s = DR_EUNSUPPORTED;
    if (p && plain) {
        size_t mark = dr_arena_mark(a->scratch);
        float *dx = dr_arena_alloc(a->scratch, (size_t)(a->N * a->H * a->W * a->I) * sizeof *dx);
        s = dx ? direct_dx(a, plain, p, dx) : DR_ENOMEM;
        dr_arena_rewind(a->scratch, mark);
    }
    dr_prim_put(p);
    dr_md_free(plain);
    return s;
}

static dr_status direct_dw(const dr_conv_args *a, dr_cmd plain, const dr_prim *p)
{
    dr_cmd md = dr_prim_weights_md(p);
    size_t n = (size_t)(a->O * (a->I / dr_conv_groups(a)) * a->geom.kh * a->geom.kw);
    float *own = dr_arena_alloc(a->scratch, dnnl_memory_desc_get_size(md));
    float *dw = own ? dr_arena_alloc(a->scratch, n * sizeof *dw) : NULL;
    dr_status s = dw ? DR_OK : DR_ENOMEM;
    if (s == DR_OK)
        s = dr_prim_run(p, a->scratch, &(dr_prim_bufs){.src = a->x, .weights = own, .dst = a->dy});
    if (s == DR_OK)
        s = dr_reorder(a->scratch, md, own, plain, dw);
    if (s == DR_OK)
        dr_onednn_below()->add((int64_t)n, a->dw, dw, a->dw);
    return s;
}

dr_status dr_conv_direct_dw(const dr_conv_args *a)
{
    dr_prim_key k = dr_conv_key(a, DR_PRIM_CONV_WEIGHTS, DR_F32);
    dr_prim *p = dr_prim_get(&k, NULL);
    dr_md plain = dr_conv_plain_md(a);
    size_t mark = dr_arena_mark(a->scratch);
    dr_status s = p && plain ? direct_dw(a, plain, p) : DR_EUNSUPPORTED;
    dr_arena_rewind(a->scratch, mark);
    dr_prim_put(p);
    dr_md_free(plain);
    return s;
}
