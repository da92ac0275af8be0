#include "ops/ref/ref.h"

void dr_ops_ref_init(dr_ops *ops)
{
    *ops = (dr_ops){
        .name = "ref",
        .linear = dr_ref_linear,
        .linear_bwd = dr_ref_linear_bwd,
        .conv2d = dr_ref_conv2d,
        .conv2d_bwd = dr_ref_conv2d_bwd,
        .groupnorm = dr_ref_groupnorm,
        .groupnorm_bwd = dr_ref_groupnorm_bwd,
        .layernorm = dr_ref_layernorm,
        .layernorm_bwd = dr_ref_layernorm_bwd,
        .attention = dr_ref_attention,
        .attention_bwd = dr_ref_attention_bwd,
        .act = dr_ref_act,
        .act_bwd = dr_ref_act_bwd,
        .add = dr_ref_add,
        .mul = dr_ref_mul,
        .axpy = dr_ref_axpy,
        .scale = dr_ref_scale,
        .geglu = dr_ref_geglu,
        .geglu_bwd = dr_ref_geglu_bwd,
        .add_rows = dr_ref_add_rows,
        .sum_rows = dr_ref_sum_rows,
        .copy2d = dr_ref_copy2d,
        .resize_nearest = dr_ref_resize_nearest,
        .resize_nearest_bwd = dr_ref_resize_nearest_bwd,
        .resize_bilinear = dr_ref_resize_bilinear,
        .resize_bilinear_bwd = dr_ref_resize_bilinear_bwd,
        .sumsq = dr_ref_sumsq,
        .adamw = dr_ref_adamw,
        .adamw8 = dr_ref_adamw8,
    };
}
