/* The plain C rows: the readable truth that every other implementation is tested against.
 *
 * Each row follows its formula with loops in an order that reads memory forwards. Long sums are kept in double
 * or in short f32 runs added up in double. OpenMP shares out outer loops only, and every output value is summed by one
 * thread in a fixed order, so results do not depend on the number of threads. */
#ifndef DR_OPS_REF_REF_H
#define DR_OPS_REF_REF_H

#include "ops/ops.h"

/** Fills every row of the table. */
void dr_ops_ref_init(dr_ops *ops);

/* --- rows ------------------------------------------------------------------------------------------ */
dr_status dr_ref_linear(const dr_linear_args *a);
dr_status dr_ref_linear_bwd(const dr_linear_args *a);
dr_status dr_ref_conv2d(const dr_conv_args *a);
dr_status dr_ref_conv2d_bwd(const dr_conv_args *a);
dr_status dr_ref_groupnorm(const dr_groupnorm_args *a);
dr_status dr_ref_groupnorm_bwd(const dr_groupnorm_args *a);
dr_status dr_ref_layernorm(const dr_layernorm_args *a);
dr_status dr_ref_layernorm_bwd(const dr_layernorm_args *a);
dr_status dr_ref_attention(const dr_attention_args *a);
dr_status dr_ref_attention_bwd(const dr_attention_args *a);

void dr_ref_batchnorm(const dr_batchnorm_args *a);
void dr_ref_batchnorm_bwd(const dr_batchnorm_args *a);
void dr_ref_pool2d(const dr_pool_args *a);
void dr_ref_pool2d_bwd(const dr_pool_args *a);
void dr_ref_flow_sample(const dr_flow_args *a);
void dr_ref_flow_sample_bwd(const dr_flow_args *a);
dr_status dr_ref_spade(const dr_spade_args *a);
dr_status dr_ref_spade_bwd(const dr_spade_args *a);
dr_status dr_ref_label_conv(const dr_label_conv_args *a);
void dr_ref_label_conv_bwd(const dr_label_conv_args *a);
dr_status dr_ref_region_norm(const dr_region_norm_args *a);
dr_status dr_ref_region_norm_bwd(const dr_region_norm_args *a);
void dr_ref_softmax(int64_t R, int64_t C, const float *x, float *y);
void dr_ref_softmax_bwd(int64_t R, int64_t C, const float *y, const float *dy, float *dx);
void dr_ref_embedding(const dr_pick_args *a);
void dr_ref_embedding_bwd(const dr_pick_args *a);
dr_status dr_ref_transpose_weight(const dr_pick_args *a);
void dr_ref_transpose_weight_bwd(const dr_pick_args *a);
dr_status dr_ref_add_product(int64_t out, int64_t rank, int64_t in, float s, const float *up, const float *down,
                             float *w);

void dr_ref_loss(const dr_loss_args *a);
void dr_ref_loss_bwd(const dr_loss_args *a);
void dr_ref_edge_loss(const dr_edge_args *a);
void dr_ref_edge_loss_bwd(const dr_edge_args *a);
void dr_ref_cross_entropy(const dr_entropy_args *a);
void dr_ref_cross_entropy_bwd(const dr_entropy_args *a);
void dr_ref_gaussian_sample(const dr_gaussian_args *a);
void dr_ref_gaussian_sample_bwd(const dr_gaussian_args *a);
void dr_ref_gaussian_kl(const dr_gaussian_args *a);
void dr_ref_gaussian_kl_bwd(const dr_gaussian_args *a);

void dr_ref_put(void *values, const void *host, size_t bytes);
void dr_ref_get(void *host, const void *values, size_t bytes);
void dr_ref_move(void *to, const void *from, size_t bytes);
void dr_ref_fill(int64_t n, float value, float *y);
void dr_ref_convert(int64_t n, dr_dtype from, const void *x, float *y);
bool dr_ref_finite(int64_t n, dr_dtype type, const void *x);

void dr_ref_act(dr_act kind, int64_t n, const float *x, float *y);
void dr_ref_act_bwd(dr_act kind, int64_t n, const float *x, const float *dy, float *dx);
void dr_ref_add(int64_t n, const float *a, const float *b, float *y);
void dr_ref_mul(int64_t n, const float *a, const float *b, float *y);
void dr_ref_axpy(int64_t n, float s, const float *x, float *y);
void dr_ref_scale(int64_t n, float s, const float *x, float *y);
void dr_ref_geglu(int64_t R, int64_t C, const float *x, float *y);
void dr_ref_geglu_bwd(int64_t R, int64_t C, const float *x, const float *dy, float *dx);
void dr_ref_add_rows(int64_t N, int64_t S, int64_t C, const float *x, const float *e, float *y);
void dr_ref_sum_rows(int64_t N, int64_t S, int64_t C, const float *dy, float *de);
void dr_ref_copy2d(int64_t R, int64_t C, const float *src, int64_t lds, float *dst, int64_t ldd, bool add);

void dr_ref_resize_nearest(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *x,
                           float *y);
void dr_ref_resize_nearest_bwd(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *dy,
                               float *dx);
void dr_ref_resize_bilinear(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *x,
                            float *y);
void dr_ref_resize_bilinear_bwd(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *dy,
                                float *dx);

double dr_ref_sumsq(int64_t n, const float *x);
void dr_ref_adamw(int64_t n, float *p, const float *g, float *m, float *v, float scale, float lr, float beta1,
                  float beta2, float eps, float weight_decay, double bc1, double bc2);
void dr_ref_adamw8(const dr_adamw8_args *a);
void dr_ref_average(int64_t n, float part, const float *x, float *average);
void dr_ref_exchange(int64_t n, float *a, float *b);

/* --- what several rows share ---------------------------------------------------------------------------- */

/** One value of an activation and of its derivative. */
double dr_ref_act1(dr_act kind, double x);
double dr_ref_act1_grad(dr_act kind, double x);

/** Sum of a[i]*b[i]. */
double dr_ref_dot(int64_t n, const float *a, const float *b);

/** c[R,C] = a[R,K] · b[C,K]ᵀ, or += where `add`; `ldc` is the distance between rows of c. One thread. */
void dr_ref_matmul(int64_t R, int64_t C, int64_t K, const float *a, const float *b, float *c, int64_t ldc, bool add);

/** dst[C,R] = src[R,C]ᵀ. */
void dr_ref_transpose(int64_t R, int64_t C, const float *src, float *dst);

/** A weight's values as f32: its own data where it is f32, else a copy in scratch; NULL when out of memory. */
const float *dr_ref_weight(dr_arena *scratch, const dr_tensor *w);

#endif
