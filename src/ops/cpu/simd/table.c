#include "ops/cpu/simd/rows.h"

static void fill(dr_ops *ops)
{
    ops->conv2d = SIMD(conv2d);
    ops->conv2d_bwd = SIMD(conv2d_bwd);
    ops->groupnorm = SIMD(groupnorm);
    ops->groupnorm_bwd = SIMD(groupnorm_bwd);
    ops->layernorm = SIMD(layernorm);
    ops->layernorm_bwd = SIMD(layernorm_bwd);
    ops->flow_sample = SIMD(flow_sample);
    ops->spade = SIMD(spade);
    ops->label_conv = SIMD(label_conv);
    ops->attention = SIMD(attention);
    ops->attention_bwd = SIMD(attention_bwd);
    ops->add_product = SIMD(add_product);
    ops->pool2d = SIMD(pool2d);
    ops->act = SIMD(act);
    ops->act_bwd = SIMD(act_bwd);
    ops->add = SIMD(add);
    ops->mul = SIMD(mul);
    ops->axpy = SIMD(axpy);
    ops->scale = SIMD(scale);
    ops->geglu = SIMD(geglu);
    ops->geglu_bwd = SIMD(geglu_bwd);
    ops->add_rows = SIMD(add_rows);
    ops->sum_rows = SIMD(sum_rows);
    ops->copy2d = SIMD(copy2d);
    ops->resize_nearest = SIMD(resize_nearest);
    ops->resize_nearest_bwd = SIMD(resize_nearest_bwd);
    ops->resize_bilinear = SIMD(resize_bilinear);
    ops->resize_bilinear_bwd = SIMD(resize_bilinear_bwd);
    ops->sumsq = SIMD(sumsq);
    ops->adamw = SIMD(adamw);
    ops->adamw8 = SIMD(adamw8);
}

const dr_simd SIMD(table) = {fill, SIMD(to_f32), SIMD(f32_to_bf16), SIMD(q8_to_f32), SIMD(q8_to_bf16)};
