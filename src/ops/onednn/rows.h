/* The rows' implementations and how a convolution's algorithms are told apart; for this folder and its tests. */
#ifndef DR_OPS_ONEDNN_ROWS_H
#define DR_OPS_ONEDNN_ROWS_H

#include "ops/onednn/prim.h"

/** The table as it was before this folder's rows were laid over it: what they need beside the library, and who serves
 * the shapes for which it has no primitive. */
void dr_onednn_set_below(const dr_ops *ops);
const dr_ops *dr_onednn_below(void);

/* Rows return DR_EUNSUPPORTED, having written nothing, where the library has no primitive. */
dr_status dr_onednn_linear(const dr_linear_args *a);
dr_status dr_onednn_linear_bwd(const dr_linear_args *a);
dr_status dr_onednn_conv2d(const dr_conv_args *a);
dr_status dr_onednn_conv2d_bwd(const dr_conv_args *a);

/** A linear layer's three products in f32 or bf16 arithmetic (results are f32): y, dx += dy w, dw += dy^T x. */
dr_status dr_linear_y(const dr_linear_args *a, dr_dtype type);
dr_status dr_linear_dx(const dr_linear_args *a, dr_dtype type);
dr_status dr_linear_dw(const dr_linear_args *a, dr_dtype type);
/** dw[N,K] += dy^T x of x [M,K] and dy [M,N] that are in `type` already. */
dr_status dr_linear_dw_of(int64_t M, int64_t N, int64_t K, const void *x, const void *dy, dr_dtype type, float *dw,
                          dr_arena *scratch);

/** y in 8-bit whole numbers. The first product of a weight packs it, unless its relative error on some rows of x is
 *  beyond the budget: then DR_EUNSUPPORTED. `measuring` looks at no budget. */
#define DR_LINEAR8_BUDGET 0.02
dr_status dr_linear_y8(const dr_linear_args *a, bool measuring);
bool dr_linear8_fits(const dr_linear_args *a);

/** The arithmetic that is allowed and fastest for this shape and product. */
typedef enum dr_linear_pass { DR_LINEAR_Y, DR_LINEAR_DX, DR_LINEAR_DW } dr_linear_pass;
dr_dtype dr_linear_type(const dr_linear_args *a, dr_linear_pass pass);
/** Whether 8-bit whole numbers are allowed, and were measured to be fastest; the budget is still to be kept to. */
bool dr_linear_whole(const dr_linear_args *a);

/** oneDNN's own convolution, in f32 or bf16, and its input gradient (dx +=). */
dr_status dr_conv_direct(const dr_conv_args *a, dr_dtype type);
dr_status dr_conv_direct_dx(const dr_conv_args *a);

/** The same by F(4x4,3x3), in f32: 3x3, stride 1, one group. The largest error is about 1e-5 of the output's
 *  deviation. */
dr_status dr_conv_winograd(const dr_conv_args *a);
dr_status dr_conv_winograd_dx(const dr_conv_args *a);
bool dr_conv_winograd_fits(const dr_conv_args *a);
bool dr_conv_winograd_dx_fits(const dr_conv_args *a);

/** The forward with products of 16-bit whole numbers (ops/cpu/winograd.h), of constant weights, where the CPU has
 *  them. */
dr_status dr_conv_winograd16(const dr_conv_args *a);
bool dr_conv_winograd16_fits(const dr_conv_args *a);

/** The weights' gradient (dw +=), in f32: oneDNN's own; 3x3, stride 1, one group: as one matrix product a tap, and by
 *  F(4x4,3x3) where this CPU has kernels. */
dr_status dr_conv_direct_dw(const dr_conv_args *a);
dr_status dr_conv_taps_dw(const dr_conv_args *a);
bool dr_conv_taps_fits(const dr_conv_args *a);
dr_status dr_conv_winograd_dw(const dr_conv_args *a);
bool dr_conv_winograd_dw_fits(const dr_conv_args *a);

/** By the algorithm that is fastest for this shape; each computes one of the three results alone. */
dr_status dr_conv_chosen(const dr_conv_args *a);
dr_status dr_conv_chosen_dx(const dr_conv_args *a);
dr_status dr_conv_chosen_dw(const dr_conv_args *a);

/** At least 1. */
int64_t dr_conv_groups(const dr_conv_args *a);

/** The plain layout of a's weights: PyTorch's [O,I/groups,kh,kw]. NULL when out of memory. */
dr_md dr_conv_plain_md(const dr_conv_args *a);

/** A primitive's key for this convolution with no bias and nothing added. */
dr_prim_key dr_conv_key(const dr_conv_args *a, dr_prim_op op, dr_dtype type);

/** How a residual is added: into y in place where it is y. */
dr_prim_add dr_residual_add(const float *residual, const float *y);

/** x as bf16 in scratch; NULL when out of memory. */
const uint16_t *dr_bf16_copy(const float *x, int64_t n, dr_arena *scratch);

#endif
