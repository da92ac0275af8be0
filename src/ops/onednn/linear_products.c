/* A linear layer's products, in either arithmetic. */
#include "ops/cpu/cpu.h"
#include "ops/onednn/pack.h"
#include "ops/onednn/rows.h"

/* A packed layout depends on the rows of x hardly at all; one choice of M for all keeps a weight's
 * layout the same whichever layer or batch comes first. */
#define PACK_ROWS 1024

dr_prim_add dr_residual_add(const float *residual, const float *y)
{
    return !residual ? DR_ADD_NONE : residual == y ? DR_ADD_OLD : DR_ADD_OTHER;
}

const uint16_t *dr_bf16_copy(const float *x, int64_t n, dr_arena *scratch)
{
    uint16_t *copy = dr_arena_alloc(scratch, (size_t)n * sizeof *copy);
    if (copy)
        dr_cpu_f32_to_bf16(x, copy, (size_t)n);
    return copy;
}

static dr_prim_key matmul_key(int64_t M, int64_t N, int64_t K, dr_dtype type)
{
    return (dr_prim_key){.op = DR_PRIM_MATMUL, .type = (int32_t)type, .dim = {M, N, K}};
}

/* PyTorch's [N,K] as the [K,N] matrix of a product. */
static dr_md columns_md(int64_t N, int64_t K)
{
    return dr_md_make(2, (int64_t[]){K, N}, dnnl_f32, (int64_t[]){1, K});
}

/* The pack of a constant weight; NULL in *out where the plain layout serves as well. */
static dr_status pack_linear(const dr_linear_args *a, dr_dtype type, dr_cmd plain, const dr_pack **out)
{
    *out = dr_pack_of(a->w);
    if (*out || !a->w->constant)
        return DR_OK;
    dr_prim_key k = matmul_key(PACK_ROWS, a->N, a->K, type);
    dr_prim *p = dr_prim_get(&k, NULL);
    if (!p)
        return DR_OK;
    dr_status s = DR_OK;
    if (!dnnl_memory_desc_equal(dr_prim_weights_md(p), plain))
        s = dr_pack_make(a->w, plain, dr_prim_weights_md(p), dr_prim_layout(p), type, a->scratch, out);
    dr_prim_put(p);
    return s;
}

static dr_status forward(const dr_linear_args *a, dr_dtype type, dr_cmd plain)
{
    const dr_pack *pack = NULL;
    dr_status s = pack_linear(a, type, plain, &pack);
    if (s != DR_OK)
        return s;
    dr_prim_key k = matmul_key(a->M, a->N, a->K, type);
    k.bias = a->b != NULL;
    k.add = (int32_t)dr_residual_add(a->residual, a->y);
    bool packed = pack && pack->type == type;
    k.weights = packed ? DR_WEIGHTS_GIVEN : DR_WEIGHTS_COLUMNS;
    k.layout = packed ? pack->layout : 0;
    dr_prim *p = dr_prim_get(&k, packed ? pack->md : NULL);
    if (!p)
        return DR_EUNSUPPORTED;

    dr_prim_bufs b = {.src = a->x, .dst = a->y, .bias = a->b, .other = a->residual};
    if (packed)
        b.weights = dr_pack_data(pack, a->scratch);
    else
        s = dr_weights_as(a->w, plain, dr_prim_weights_md(p), a->scratch, &b.weights);
    if (type == DR_BF16)
        b.src = dr_bf16_copy(a->x, a->M * a->K, a->scratch);
    if (s == DR_OK)
        s = b.weights && b.src ? dr_prim_run(p, a->scratch, &b) : DR_ENOMEM;
    dr_prim_put(p);
    return s;
}

dr_status dr_linear_y(const dr_linear_args *a, dr_dtype type)
{
    size_t mark = dr_arena_mark(a->scratch);
    dr_md plain = columns_md(a->N, a->K);
    dr_status s = plain ? forward(a, type, plain) : DR_EUNSUPPORTED;
    dr_md_free(plain);
    dr_arena_rewind(a->scratch, mark);
    return s;
}

/* An f32 matrix as an operand of the given type. */
static const void *operand(const float *x, int64_t n, dr_dtype type, dr_arena *scratch)
{
    return type == DR_BF16 ? (const void *)dr_bf16_copy(x, n, scratch) : x;
}

static dr_status backward_x(const dr_linear_args *a, dr_dtype type, const dr_prim *p, dr_cmd plain)
{
    const float *w = NULL;
    dr_status s = dr_weights_plain(a->w, plain, a->scratch, &w);
    if (s != DR_OK)
        return s;
    dr_prim_bufs b = {.src = operand(a->dy, a->M * a->N, type, a->scratch),
                      .weights = operand(w, a->N * a->K, type, a->scratch),
                      .dst = a->dx};
    return b.src && b.weights ? dr_prim_run(p, a->scratch, &b) : DR_ENOMEM;
}

dr_status dr_linear_dx(const dr_linear_args *a, dr_dtype type)
{
    dr_prim_key k = matmul_key(a->M, a->K, a->N, type);
    k.weights = DR_WEIGHTS_ROWS;
    k.add = DR_ADD_OLD;
    size_t mark = dr_arena_mark(a->scratch);
    dr_prim *p = dr_prim_get(&k, NULL);
    dr_md plain = columns_md(a->N, a->K);
    dr_status s = p && plain ? backward_x(a, type, p, plain) : DR_EUNSUPPORTED;
    dr_prim_put(p);
    dr_md_free(plain);
    dr_arena_rewind(a->scratch, mark);
    return s;
}

dr_status dr_linear_dw_of(int64_t M, int64_t N, int64_t K, const void *x, const void *dy, dr_dtype type, float *dw,
                          dr_arena *scratch)
{
    dr_prim_key k = matmul_key(N, K, M, type);
    k.src_columns = 1;
    k.weights = DR_WEIGHTS_ROWS;
    k.add = DR_ADD_OLD;
    dr_prim *p = dr_prim_get(&k, NULL);
    if (!p)
        return DR_EUNSUPPORTED;
    dr_status s = dr_prim_run(p, scratch, &(dr_prim_bufs){.src = dy, .weights = x, .dst = dw});
    dr_prim_put(p);
    return s;
}

dr_status dr_linear_dw(const dr_linear_args *a, dr_dtype type)
{
    size_t mark = dr_arena_mark(a->scratch);
    const void *dy = operand(a->dy, a->M * a->N, type, a->scratch), *x = operand(a->x, a->M * a->K, type, a->scratch);
    dr_status s = dy && x ? dr_linear_dw_of(a->M, a->N, a->K, x, dy, type, a->dw, a->scratch) : DR_ENOMEM;
    dr_arena_rewind(a->scratch, mark);
    return s;
}
