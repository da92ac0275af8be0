#include "ops/far/far.h"

#include "ops/far/memory.h"

static dr_ops near; /* the rows behind the door */

/* A row with its parameters in brackets, once as they are declared and once as they are handed on. */
#define ROW(row, declared, passed)                                                                                     \
    static void row declared                                                                                           \
    {                                                                                                                  \
        dr_far_enter();                                                                                                \
        near.row passed;                                                                                               \
        dr_far_leave();                                                                                                \
    }
#define ROW_GIVING(type, row, declared, passed)                                                                        \
    static type row declared                                                                                           \
    {                                                                                                                  \
        dr_far_enter();                                                                                                \
        type result = near.row passed;                                                                                 \
        dr_far_leave();                                                                                                \
        return result;                                                                                                 \
    }

ROW(put, (void *values, const void *host, size_t bytes), (values, host, bytes))
ROW(get, (void *host, const void *values, size_t bytes), (host, values, bytes))
ROW(fill, (int64_t n, float value, float *y), (n, value, y))
ROW(convert, (int64_t n, dr_dtype from, const void *x, float *y), (n, from, x, y))
ROW_GIVING(bool, finite, (int64_t n, dr_dtype type, const void *x), (n, type, x))
ROW_GIVING(dr_status, linear, (const dr_linear_args *a), (a))
ROW_GIVING(dr_status, linear_bwd, (const dr_linear_args *a), (a))
ROW_GIVING(dr_status, conv2d, (const dr_conv_args *a), (a))
ROW_GIVING(dr_status, conv2d_bwd, (const dr_conv_args *a), (a))
ROW_GIVING(dr_status, groupnorm, (const dr_groupnorm_args *a), (a))
ROW_GIVING(dr_status, groupnorm_bwd, (const dr_groupnorm_args *a), (a))
ROW_GIVING(dr_status, layernorm, (const dr_layernorm_args *a), (a))
ROW_GIVING(dr_status, layernorm_bwd, (const dr_layernorm_args *a), (a))
ROW_GIVING(dr_status, attention, (const dr_attention_args *a), (a))
ROW_GIVING(dr_status, attention_bwd, (const dr_attention_args *a), (a))
ROW(batchnorm, (const dr_batchnorm_args *a), (a))
ROW(batchnorm_bwd, (const dr_batchnorm_args *a), (a))
ROW(pool2d, (const dr_pool_args *a), (a))
ROW(pool2d_bwd, (const dr_pool_args *a), (a))
ROW(flow_sample, (const dr_flow_args *a), (a))
ROW(flow_sample_bwd, (const dr_flow_args *a), (a))
ROW_GIVING(dr_status, spade, (const dr_spade_args *a), (a))
ROW_GIVING(dr_status, spade_bwd, (const dr_spade_args *a), (a))
ROW_GIVING(dr_status, label_conv, (const dr_label_conv_args *a), (a))
ROW(label_conv_bwd, (const dr_label_conv_args *a), (a))
ROW_GIVING(dr_status, region_norm, (const dr_region_norm_args *a), (a))
ROW_GIVING(dr_status, region_norm_bwd, (const dr_region_norm_args *a), (a))
ROW(softmax, (int64_t R, int64_t C, const float *x, float *y), (R, C, x, y))
ROW(softmax_bwd, (int64_t R, int64_t C, const float *y, const float *dy, float *dx), (R, C, y, dy, dx))
ROW(embedding, (const dr_pick_args *a), (a))
ROW(embedding_bwd, (const dr_pick_args *a), (a))
ROW_GIVING(dr_status, transpose, (const dr_pick_args *a), (a))
ROW(transpose_bwd, (const dr_pick_args *a), (a))
ROW_GIVING(dr_status, add_product,
           (int64_t out, int64_t rank, int64_t in, float s, const float *up, const float *down, float *w),
           (out, rank, in, s, up, down, w))
ROW(loss, (const dr_loss_args *a), (a))
ROW(loss_bwd, (const dr_loss_args *a), (a))
ROW(edge_loss, (const dr_edge_args *a), (a))
ROW(edge_loss_bwd, (const dr_edge_args *a), (a))
ROW(cross_entropy, (const dr_entropy_args *a), (a))
ROW(cross_entropy_bwd, (const dr_entropy_args *a), (a))
ROW(gaussian_sample, (const dr_gaussian_args *a), (a))
ROW(gaussian_sample_bwd, (const dr_gaussian_args *a), (a))
ROW(gaussian_kl, (const dr_gaussian_args *a), (a))
ROW(gaussian_kl_bwd, (const dr_gaussian_args *a), (a))
ROW(act, (dr_act kind, int64_t n, const float *x, float *y), (kind, n, x, y))
ROW(act_bwd, (dr_act kind, int64_t n, const float *x, const float *dy, float *dx), (kind, n, x, dy, dx))
ROW(add, (int64_t n, const float *a, const float *b, float *y), (n, a, b, y))
ROW(mul, (int64_t n, const float *a, const float *b, float *y), (n, a, b, y))
ROW(axpy, (int64_t n, float s, const float *x, float *y), (n, s, x, y))
ROW(scale, (int64_t n, float s, const float *x, float *y), (n, s, x, y))
ROW(geglu, (int64_t R, int64_t C, const float *x, float *y), (R, C, x, y))
ROW(geglu_bwd, (int64_t R, int64_t C, const float *x, const float *dy, float *dx), (R, C, x, dy, dx))
ROW(add_rows, (int64_t N, int64_t S, int64_t C, const float *x, const float *e, float *y), (N, S, C, x, e, y))
ROW(sum_rows, (int64_t N, int64_t S, int64_t C, const float *dy, float *de), (N, S, C, dy, de))
ROW(copy2d, (int64_t R, int64_t C, const float *src, int64_t lds, float *dst, int64_t ldd, bool add),
    (R, C, src, lds, dst, ldd, add))
ROW(resize_nearest, (int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *x, float *y),
    (N, H, W, C, OH, OW, x, y))
ROW(resize_nearest_bwd,
    (int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *dy, float *dx),
    (N, H, W, C, OH, OW, dy, dx))
ROW(resize_bilinear, (int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *x, float *y),
    (N, H, W, C, OH, OW, x, y))
ROW(resize_bilinear_bwd,
    (int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *dy, float *dx),
    (N, H, W, C, OH, OW, dy, dx))
ROW_GIVING(double, sumsq, (int64_t n, const float *x), (n, x))
ROW(adamw,
    (int64_t n, float *p, const float *g, float *m, float *v, float scale, float lr, float beta1, float beta2,
     float eps, float weight_decay, double bc1, double bc2),
    (n, p, g, m, v, scale, lr, beta1, beta2, eps, weight_decay, bc1, bc2))
ROW(adamw8, (const dr_adamw8_args *a), (a))
ROW(average, (int64_t n, float part, const float *x, float *average), (n, part, x, average))
ROW(exchange, (int64_t n, float *a, float *b), (n, a, b))
ROW(move, (void *to, const void *from, size_t bytes), (to, from, bytes))

void dr_ops_far_init(dr_ops *ops)
{
    near = *ops;
    *ops = (dr_ops){
        .name = "far",
        .take = dr_far_take,
        .give = dr_far_give,
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
}
