#include "nn/layers.h"

#include <stdio.h>

char *dr_join(char buf[DR_NAME_MAX], const char *prefix, const char *name)
{
    int n = snprintf(buf, DR_NAME_MAX, "%s%s%s", prefix, prefix[0] ? "." : "", name);
    DR_ASSERT(n > 0 && n < DR_NAME_MAX, "name of %d characters", n);
    return buf;
}

char *dr_join_index(char buf[DR_NAME_MAX], const char *prefix, const char *name, int i)
{
    int n = snprintf(buf, DR_NAME_MAX, "%s%s%s.%d", prefix, prefix[0] ? "." : "", name, i);
    DR_ASSERT(n > 0 && n < DR_NAME_MAX, "name of %d characters", n);
    return buf;
}

void dr_lin_init(dr_params *p, dr_lin *l, const char *name, int in, int out, bool bias)
{
    *l = (dr_lin){0};
    l->w = dr_param_add(p, name, "weight", DR_INIT_KAIMING, in, 2, out, in, 1, 1);
    l->b = bias ? dr_param_add(p, name, "bias", DR_INIT_KAIMING, in, 1, out, 1, 1, 1) : NULL;
}

void dr_lin_init_1x1(dr_params *p, dr_lin *l, const char *name, int in, int out)
{
    *l = (dr_lin){0};
    l->w = dr_param_add(p, name, "weight", DR_INIT_KAIMING, in, 4, out, in, 1, 1);
    l->b = dr_param_add(p, name, "bias", DR_INIT_KAIMING, in, 1, out, 1, 1, 1);
}

void dr_conv_init(dr_params *p, dr_conv *c, const char *name, int in, int out, int k, int stride)
{
    int64_t fan_in = (int64_t)in * k * k;
    c->w = dr_param_add(p, name, "weight", DR_INIT_KAIMING, fan_in, 4, out, in, k, k);
    c->b = dr_param_add(p, name, "bias", DR_INIT_KAIMING, fan_in, 1, out, 1, 1, 1);
    c->geom = (dr_conv_geom){k, k, stride, k / 2, k / 2, k / 2, k / 2, 1};
}

void dr_conv_init_bare(dr_params *p, dr_conv *c, const char *name, int in, int out, int k, int stride)
{
    c->w = dr_param_add(p, name, "weight", DR_INIT_KAIMING, (int64_t)in * k * k, 4, out, in, k, k);
    c->b = NULL;
    c->geom = (dr_conv_geom){k, k, stride, k / 2, k / 2, k / 2, k / 2, 1};
}

void dr_depthwise_init(dr_params *p, dr_conv *c, const char *name, int channels, int k)
{
    c->w = dr_param_add(p, name, "weight", DR_INIT_KAIMING, k * k, 4, channels, 1, k, k);
    c->b = dr_param_add(p, name, "bias", DR_INIT_KAIMING, k * k, 1, channels, 1, 1, 1);
    c->geom = (dr_conv_geom){k, k, 1, k / 2, k / 2, k / 2, k / 2, channels};
}

static void norm_init(dr_params *p, dr_norm *n, const char *name, int channels)
{
    n->gamma = dr_param_add(p, name, "weight", DR_INIT_ONES, 0, 1, channels, 1, 1, 1);
    n->beta = dr_param_add(p, name, "bias", DR_INIT_ZEROS, 0, 1, channels, 1, 1, 1);
}

void dr_groupnorm_init(dr_params *p, dr_norm *n, const char *name, int channels, int groups, float eps)
{
    *n = (dr_norm){.groups = groups, .eps = eps};
    norm_init(p, n, name, channels);
}

void dr_layernorm_init(dr_params *p, dr_norm *n, const char *name, int channels, float eps)
{
    *n = (dr_norm){.eps = eps};
    norm_init(p, n, name, channels);
}

void dr_batchnorm_init(dr_params *p, dr_batch_norm *n, const char *name, int channels, float eps)
{
    n->gamma = dr_param_add(p, name, "weight", DR_INIT_ONES, 0, 1, channels, 1, 1, 1);
    n->beta = dr_param_add(p, name, "bias", DR_INIT_ZEROS, 0, 1, channels, 1, 1, 1);
    n->mean = dr_param_add(p, name, "running_mean", DR_INIT_ZEROS, 0, 1, channels, 1, 1, 1);
    n->var = dr_param_add(p, name, "running_var", DR_INIT_ONES, 0, 1, channels, 1, 1, 1);
    n->eps = eps;
}

dr_tensor *dr_lin_forward(dr_tape *g, const dr_lin *l, dr_tensor *x, dr_tensor *residual)
{
    dr_tensor *y = dr_linear(g, x, l->w, l->b, residual);
    if (!l->down)
        return y;
    dr_tensor *low = dr_scale(g, dr_linear(g, x, l->down, NULL, NULL), l->lora_scale);
    return dr_linear(g, low, l->up, NULL, y);
}

dr_tensor *dr_conv_forward(dr_tape *g, const dr_conv *c, dr_tensor *x, dr_tensor *residual)
{
    return dr_conv2d(g, x, c->w, c->b, c->geom, residual);
}

dr_tensor *dr_norm_forward(dr_tape *g, const dr_norm *n, dr_tensor *x, dr_act act)
{
    if (n->groups)
        return dr_groupnorm(g, x, n->gamma, n->beta, n->groups, n->eps, act);
    return dr_layernorm(g, x, n->gamma, n->beta, n->eps);
}

dr_tensor *dr_batch_norm_forward(dr_tape *g, const dr_batch_norm *n, dr_tensor *x)
{
    return dr_batchnorm(g, x, n->gamma, n->beta, n->mean, n->var, n->eps);
}
