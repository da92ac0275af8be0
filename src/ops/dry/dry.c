/* Rows that compute nothing: what a forward and its backward take in memory, without either. Rows that need workspace
 * take it and give it back, about as those of the active table do. */
#include "base/threads.h"
#include "ops/ops.h"

#include <string.h>
#include <sys/mman.h>

/* rows that compute nothing have no use for what they are given */
#pragma GCC diagnostic ignored "-Wunused-parameter"

/* --- memory ------------------------------------------------------------------------------------------------ */

static void *take(size_t bytes, bool sparse)
{
    void *p = mmap(NULL, bytes ? bytes : 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void get(void *host, const void *values, size_t bytes)
{
    memset(host, 0, bytes);
}

/* --- rows with workspace ------------------------------------------------------------------------------------ */

/* Takes so many floats and gives them back: the arena's peak remembers them. */
static dr_status workspace(dr_arena *scratch, int64_t floats)
{
    size_t mark = dr_arena_mark(scratch);
    void *p = dr_arena_alloc(scratch, (size_t)floats * sizeof(float));
    dr_arena_rewind(scratch, mark);
    return p ? DR_OK : DR_ENOMEM;
}

/* 16-bit weights are expanded before each product; in f32 they are used where they lie. */
static int64_t expanded(const dr_tensor *w)
{
    return w->dtype == DR_F32 ? 0 : dr_numel(w);
}

static dr_status linear(const dr_linear_args *a)
{
    return workspace(a->scratch, expanded(a->w));
}

/* A packed weight comes back into PyTorch's order first. */
static dr_status linear_bwd(const dr_linear_args *a)
{
    return workspace(a->scratch, a->w->constant ? dr_numel(a->w) + expanded(a->w) : expanded(a->w));
}

/* A weight that changes is brought into the library's order at each call. */
static dr_status conv2d(const dr_conv_args *a)
{
    return workspace(a->scratch, a->w->constant ? expanded(a->w) : dr_numel(a->w));
}

/* The gradient of a weight is made in the library's order, then in the file's, then added; that of the input beside
 * what is there. */
static dr_status conv2d_bwd(const dr_conv_args *a)
{
    int64_t dx = a->dx ? a->N * a->H * a->W * a->I + dr_numel(a->w) : 0, dw = a->dw ? 2 * dr_numel(a->w) : 0;
    return workspace(a->scratch, dx > dw ? dx : dw);
}

/* Keys and values are copied into the order of the tiles. */
static dr_status attention(const dr_attention_args *a)
{
    return workspace(a->scratch, 2 * a->N * a->Lk * a->heads * a->D);
}

/* Each thread has queries and tiles of a head of its own. Where heads are too few to keep the threads busy, keys are
 * shared out as well, and every share has sums of its own of the queries' gradients: cpu/simd/attention_bwd.c. */
static dr_status attention_bwd(const dr_attention_args *a)
{
    int64_t threads = dr_threads(), NH = a->N * a->heads, Dp = (a->D + 15) / 16 * 16;
    int64_t tiles = 5 * 192 * Dp + 5 * 48 * 208; /* 96 queries by 192 keys */
    int64_t shares = NH % threads != 0 && NH < 4 * threads ? (4 * threads + NH - 1) / NH : 1;
    int64_t sums = shares > 1 ? NH * shares : threads;
    return workspace(a->scratch, threads * (a->Lq * (2 * a->D + 2 * Dp + 2) + tiles) + sums * a->Lq * Dp);
}

/* Sums and coefficients of every channel; the threads' shares of the former. */
static dr_status spade(const dr_spade_args *a)
{
    return workspace(a->scratch, a->N * 8 * a->C);
}

static dr_status spade_bwd(const dr_spade_args *a)
{
    return workspace(a->scratch, a->N * 8 * a->C);
}

static dr_status label_conv(const dr_label_conv_args *a)
{
    return workspace(a->scratch, dr_numel(a->w));
}

static dr_status region_norm(const dr_region_norm_args *a)
{
    return workspace(a->scratch, a->N * 8 * a->C);
}

static dr_status region_norm_bwd(const dr_region_norm_args *a)
{
    return workspace(a->scratch, a->N * 8 * a->C);
}

static dr_status transpose(const dr_pick_args *a)
{
    return workspace(a->scratch, a->n);
}

/* --- the others ---------------------------------------------------------------------------------------------- */

#define ROW(row, declared)                                                                                             \
    static void row declared                                                                                           \
    {                                                                                                                  \
    }
#define ROW_GIVING(type, row, declared, value)                                                                         \
    static type row declared                                                                                           \
    {                                                                                                                  \
        return value;                                                                                                  \
    }

ROW(put, (void *values, const void *host, size_t bytes))
ROW(fill, (int64_t n, float value, float *y))
ROW(convert, (int64_t n, dr_dtype from, const void *x, float *y))
ROW_GIVING(bool, finite, (int64_t n, dr_dtype type, const void *x), true)
ROW_GIVING(dr_status, groupnorm, (const dr_groupnorm_args *a), DR_OK)
ROW_GIVING(dr_status, groupnorm_bwd, (const dr_groupnorm_args *a), DR_OK)
ROW_GIVING(dr_status, layernorm, (const dr_layernorm_args *a), DR_OK)
ROW_GIVING(dr_status, layernorm_bwd, (const dr_layernorm_args *a), DR_OK)
ROW(batchnorm, (const dr_batchnorm_args *a))
ROW(batchnorm_bwd, (const dr_batchnorm_args *a))
ROW(pool2d, (const dr_pool_args *a))
ROW(pool2d_bwd, (const dr_pool_args *a))
ROW(flow_sample, (const dr_flow_args *a))
ROW(flow_sample_bwd, (const dr_flow_args *a))
ROW(label_conv_bwd, (const dr_label_conv_args *a))
ROW(softmax, (int64_t R, int64_t C, const float *x, float *y))
ROW(softmax_bwd, (int64_t R, int64_t C, const float *y, const float *dy, float *dx))
ROW(embedding, (const dr_pick_args *a))
ROW(embedding_bwd, (const dr_pick_args *a))
ROW(transpose_bwd, (const dr_pick_args *a))
ROW_GIVING(dr_status, add_product,
           (int64_t out, int64_t rank, int64_t in, float s, const float *up, const float *down, float *w), DR_OK)
ROW(loss, (const dr_loss_args *a))
ROW(loss_bwd, (const dr_loss_args *a))
ROW(edge_loss, (const dr_edge_args *a))
ROW(edge_loss_bwd, (const dr_edge_args *a))
ROW(cross_entropy, (const dr_entropy_args *a))
ROW(cross_entropy_bwd, (const dr_entropy_args *a))
ROW(gaussian_sample, (const dr_gaussian_args *a))
ROW(gaussian_sample_bwd, (const dr_gaussian_args *a))
ROW(gaussian_kl, (const dr_gaussian_args *a))
ROW(gaussian_kl_bwd, (const dr_gaussian_args *a))
ROW(act, (dr_act kind, int64_t n, const float *x, float *y))
ROW(act_bwd, (dr_act kind, int64_t n, const float *x, const float *dy, float *dx))
ROW(add, (int64_t n, const float *a, const float *b, float *y))
ROW(mul, (int64_t n, const float *a, const float *b, float *y))
ROW(axpy, (int64_t n, float s, const float *x, float *y))
ROW(scale, (int64_t n, float s, const float *x, float *y))
ROW(geglu, (int64_t R, int64_t C, const float *x, float *y))
ROW(geglu_bwd, (int64_t R, int64_t C, const float *x, const float *dy, float *dx))
ROW(add_rows, (int64_t N, int64_t S, int64_t C, const float *x, const float *e, float *y))
ROW(sum_rows, (int64_t N, int64_t S, int64_t C, const float *dy, float *de))
ROW(copy2d, (int64_t R, int64_t C, const float *src, int64_t lds, float *dst, int64_t ldd, bool add))
ROW(resize_nearest, (int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *x, float *y))
ROW(resize_nearest_bwd,
    (int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *dy, float *dx))
ROW(resize_bilinear, (int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *x, float *y))
ROW(resize_bilinear_bwd,
    (int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *dy, float *dx))
ROW_GIVING(double, sumsq, (int64_t n, const float *x), 0)
ROW(adamw, (int64_t n, float *p, const float *g, float *m, float *v, float scale, float lr, float beta1, float beta2,
            float eps, float weight_decay, double bc1, double bc2))
ROW(adamw8, (const dr_adamw8_args *a))
ROW(average, (int64_t n, float part, const float *x, float *average))
ROW(exchange, (int64_t n, float *a, float *b))
ROW(move, (void *to, const void *from, size_t bytes))

static const dr_ops dry = {
    .name = "dry",
    .take = take,
    .give = dr_pages_give,
    .move = move,
    .put = put,
    .get = get,
    .fill = fill,
    .convert = convert,
    .finite = finite,
    .linear = linear,
    .linear_bwd = linear_bwd,
    .conv2d = conv2d,
    .conv2d_bwd = conv2d_bwd,
    .groupnorm = groupnorm,
    .groupnorm_bwd = groupnorm_bwd,
    .layernorm = layernorm,
    .layernorm_bwd = layernorm_bwd,
    .attention = attention,
    .attention_bwd = attention_bwd,
    .batchnorm = batchnorm,
    .batchnorm_bwd = batchnorm_bwd,
    .pool2d = pool2d,
    .pool2d_bwd = pool2d_bwd,
    .flow_sample = flow_sample,
    .flow_sample_bwd = flow_sample_bwd,
    .spade = spade,
    .spade_bwd = spade_bwd,
    .label_conv = label_conv,
    .label_conv_bwd = label_conv_bwd,
    .region_norm = region_norm,
    .region_norm_bwd = region_norm_bwd,
    .softmax = softmax,
    .softmax_bwd = softmax_bwd,
    .embedding = embedding,
    .embedding_bwd = embedding_bwd,
    .transpose = transpose,
    .transpose_bwd = transpose_bwd,
    .add_product = add_product,
    .loss = loss,
    .loss_bwd = loss_bwd,
    .edge_loss = edge_loss,
    .edge_loss_bwd = edge_loss_bwd,
    .cross_entropy = cross_entropy,
    .cross_entropy_bwd = cross_entropy_bwd,
    .gaussian_sample = gaussian_sample,
    .gaussian_sample_bwd = gaussian_sample_bwd,
    .gaussian_kl = gaussian_kl,
    .gaussian_kl_bwd = gaussian_kl_bwd,
    .act = act,
    .act_bwd = act_bwd,
    .add = add,
    .mul = mul,
    .axpy = axpy,
    .scale = scale,
    .geglu = geglu,
    .geglu_bwd = geglu_bwd,
    .add_rows = add_rows,
    .sum_rows = sum_rows,
    .copy2d = copy2d,
    .resize_nearest = resize_nearest,
    .resize_nearest_bwd = resize_nearest_bwd,
    .resize_bilinear = resize_bilinear,
    .resize_bilinear_bwd = resize_bilinear_bwd,
    .sumsq = sumsq,
    .adamw = adamw,
    .adamw8 = adamw8,
    .average = average,
    .exchange = exchange,
};

const dr_ops *dr_ops_dry(void)
{
    return &dry;
}
