/* The rows that this folder writes, under this build's names; table.c puts them into a dr_ops. */
#ifndef DR_OPS_CPU_SIMD_ROWS_H
#define DR_OPS_CPU_SIMD_ROWS_H

#include "ops/cpu/simd/simd.h"

dr_status SIMD(conv2d)(const dr_conv_args *a);
dr_status SIMD(conv2d_bwd)(const dr_conv_args *a);
dr_status SIMD(groupnorm)(const dr_groupnorm_args *a);
dr_status SIMD(groupnorm_bwd)(const dr_groupnorm_args *a);
dr_status SIMD(layernorm)(const dr_layernorm_args *a);
dr_status SIMD(layernorm_bwd)(const dr_layernorm_args *a);
void SIMD(flow_sample)(const dr_flow_args *a);
dr_status SIMD(spade)(const dr_spade_args *a);
dr_status SIMD(label_conv)(const dr_label_conv_args *a);
dr_status SIMD(attention)(const dr_attention_args *a);
dr_status SIMD(attention_bwd)(const dr_attention_args *a);

void SIMD(pool2d)(const dr_pool_args *a);

void SIMD(act)(dr_act kind, int64_t n, const float *x, float *y);
void SIMD(act_bwd)(dr_act kind, int64_t n, const float *x, const float *dy, float *dx);
void SIMD(add)(int64_t n, const float *a, const float *b, float *y);
void SIMD(mul)(int64_t n, const float *a, const float *b, float *y);
void SIMD(axpy)(int64_t n, float s, const float *x, float *y);
void SIMD(scale)(int64_t n, float s, const float *x, float *y);
void SIMD(geglu)(int64_t R, int64_t C, const float *x, float *y);
void SIMD(geglu_bwd)(int64_t R, int64_t C, const float *x, const float *dy, float *dx);
void SIMD(add_rows)(int64_t N, int64_t S, int64_t C, const float *x, const float *e, float *y);
void SIMD(sum_rows)(int64_t N, int64_t S, int64_t C, const float *dy, float *de);
void SIMD(copy2d)(int64_t R, int64_t C, const float *src, int64_t lds, float *dst, int64_t ldd, bool add);
dr_status SIMD(add_product)(int64_t out, int64_t rank, int64_t in, float s, const float *up, const float *down,
                            float *w);
double SIMD(sumsq)(int64_t n, const float *x);
void SIMD(adamw)(int64_t n, float *p, const float *g, float *m, float *v, float scale, float lr, float beta1,
                 float beta2, float eps, float weight_decay, double bc1, double bc2);
void SIMD(adamw8)(const dr_adamw8_args *a);

void SIMD(resize_nearest)(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *x, float *y);
void SIMD(resize_nearest_bwd)(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *dy,
                              float *dx);
void SIMD(resize_bilinear)(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *x,
                           float *y);
void SIMD(resize_bilinear_bwd)(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *dy,
                               float *dx);

void SIMD(to_f32)(const void *src, dr_dtype from, float *dst, size_t n);
void SIMD(f32_to_bf16)(const float *src, uint16_t *dst, size_t n);
void SIMD(q8_to_f32)(const dr_cpu_q8 *q, float *dst);
void SIMD(q8_to_bf16)(const dr_cpu_q8 *q, uint16_t *dst);

#endif
