/* Linear layers and convolutions. */
#ifndef CASES_LINEAR_H
#define CASES_LINEAR_H

#include "ops/check_ops.h"

enum { LIN_X, LIN_W, LIN_B, LIN_RES };

/* --- linear: d = M, N, K ---------------------------------------------------------------------------------- */

static void linear_setup(check_problem *p)
{
    int64_t M = p->c->d[0], N = p->c->d[1], K = p->c->d[2];
    dr_linear_args *a = new_args(p, sizeof *a);
    *a = (dr_linear_args){.scratch = p->scratch, .precision = p->precision, .M = M, .N = N, .K = K};
    a->x = add_in(p, "x", M * K, 0, 1, N);
    add_in(p, "w", N * K, 0, 1 / sqrtf((float)K), M);
    a->b = add_in(p, "b", has(p, BIAS) ? N : 0, 0, 1, M);
    a->residual = add_in(p, "residual", has(p, RESIDUAL) ? M * N : 0, 0, 1, 0);
    a->y = add_out(p, "y", M * N, K);
    a->w = weight_of(p, LIN_W, has(p, RANK4) ? 4 : 2, (int64_t[4]){N, K, 1, 1});
    a->dy = p->dy;
}

static dr_status linear_forward(const dr_ops *ops, check_problem *p)
{
    dr_linear_args *a = p->args;
    a->w = &p->w;
    if (has(p, IN_PLACE)) { /* the residual may be y itself */
        memcpy(a->y, p->in[LIN_RES].data, (size_t)p->in[LIN_RES].n * sizeof *a->y);
        a->residual = a->y;
    }
    return ops->linear(a);
}

static dr_status linear_backward(const dr_ops *ops, check_problem *p)
{
    dr_linear_args *a = p->args;
    a->w = &p->w;
    a->dx = grad(p, LIN_X);
    a->dw = grad(p, LIN_W);
    a->db = grad(p, LIN_B);
    return ops->linear_bwd(a);
}

static double linear_work(const check_case *c)
{
    return 2 * (double)c->d[0] * (double)c->d[1] * (double)c->d[2];
}

static const check_case linear_cases[] = {
    {.d = {1, 1, 1}},
    {.d = {1, 320, 64}, .opt = BIAS},
    {.d = {7, 5, 3}, .opt = BIAS | RESIDUAL},
    {.d = {33, 45, 200}, .opt = BIAS},
    {.d = {77, 64, 48}},
    {.d = {64, 640, 320}, .opt = BIAS | RESIDUAL | IN_PLACE},
    {.d = {130, 17, 1029}, .opt = RESIDUAL},
    {.d = {2, 1280, 320}, .opt = BIAS, .weight = DR_F16},
    {.d = {50, 96, 64}, .opt = BIAS | RESIDUAL, .weight = DR_BF16},
    {.d = {31, 40, 72}, .opt = BIAS | CONSTANT},
    {.d = {31, 40, 72}, .opt = CONSTANT, .weight = DR_F16},
    {.d = {9, 33, 65}, .opt = CONSTANT, .weight = DR_BF16},
    {.d = {35, 48, 24}, .opt = BIAS | RANK4 | CONSTANT},
    {.d = {3, 1, 2000}, .opt = BIAS},
};

static const check_case linear_bench[] = {
    {.d = {8192, 320, 320}, .opt = BIAS | CONSTANT},  {.d = {8192, 2560, 320}, .opt = BIAS | CONSTANT},
    {.d = {2048, 5120, 640}, .opt = BIAS | CONSTANT}, {.d = {512, 10240, 1280}, .opt = BIAS | CONSTANT},
    {.d = {154, 320, 1024}, .opt = CONSTANT},         {.d = {8192, 320, 320}, .opt = BIAS | CONSTANT, .weight = DR_F16},
};

static const check_op op_linear = {
    .name = "linear",
    .axes = {"M", "N", "K"},
    CASES(linear_cases),
    BENCH(linear_bench),
    .setup = linear_setup,
    .forward = linear_forward,
    .backward = linear_backward,
    .work = linear_work,
    .backward_work = 2,
};

/* --- conv2d: d = N, H, W, I, O ------------------------------------------------------------------------------ */

static void conv_sizes(const check_case *c, int64_t *OH, int64_t *OW)
{
    const dr_conv_geom *g = &c->geom;
    *OH = (c->d[1] + g->top + g->bottom - g->kh) / g->stride + 1;
    *OW = (c->d[2] + g->left + g->right - g->kw) / g->stride + 1;
}

static void conv_setup(check_problem *p)
{
    int64_t N = p->c->d[0], H = p->c->d[1], W = p->c->d[2], I = p->c->d[3], O = p->c->d[4], OH, OW;
    const dr_conv_geom *g = &p->c->geom;
    int64_t T = g->kh * g->kw, each = g->groups > 1 ? 1 : I; /* inputs that one output channel sees */
    conv_sizes(p->c, &OH, &OW);
    dr_conv_args *a = new_args(p, sizeof *a);
    *a = (dr_conv_args){.scratch = p->scratch,
                        .precision = p->precision,
                        .N = N,
                        .H = H,
                        .W = W,
                        .I = I,
                        .O = O,
                        .OH = OH,
                        .OW = OW,
                        .geom = *g};
    a->x = add_in(p, "x", N * H * W * I, 0, 1, T * O);
    add_in(p, "w", O * each * T, 0, 1 / sqrtf((float)(each * T)), N * OH * OW);
    a->b = add_in(p, "b", has(p, BIAS) ? O : 0, 0, 1, N * OH * OW);
    a->residual = add_in(p, "residual", has(p, RESIDUAL) ? N * OH * OW * O : 0, 0, 1, 0);
    a->y = add_out(p, "y", N * OH * OW * O, T * each);
    weight_of(p, LIN_W, 4, (int64_t[4]){O, each, g->kh, g->kw});
    a->dy = p->dy;
}

static dr_status conv_forward(const dr_ops *ops, check_problem *p)
{
    dr_conv_args *a = p->args;
    a->w = &p->w;
    return ops->conv2d(a);
}

static dr_status conv_backward(const dr_ops *ops, check_problem *p)
{
    dr_conv_args *a = p->args;
    a->w = &p->w;
    a->dx = grad(p, LIN_X);
    a->dw = grad(p, LIN_W);
    a->db = grad(p, LIN_B);
    return ops->conv2d_bwd(a);
}

static double conv_work(const check_case *c)
{
    int64_t OH, OW, each = c->geom.groups > 1 ? 1 : c->d[3];
    conv_sizes(c, &OH, &OW);
    return 2.0 * (double)(c->d[0] * OH * OW) * (double)(c->d[4] * each) * (double)(c->geom.kh * c->geom.kw);
}

/*                      kh kw stride top left bottom right groups */
#define G1X1 .geom = {1, 1, 1, 0, 0, 0, 0, 1}
#define G3X3 .geom = {3, 3, 1, 1, 1, 1, 1, 1}
#define G3X3_S2 .geom = {3, 3, 2, 1, 1, 1, 1, 1}
#define GVAE_S2 .geom = {3, 3, 2, 0, 0, 1, 1, 0} /* the VAE's: right and bottom only */
#define G7X7_S4 .geom = {7, 7, 4, 3, 3, 3, 3, 1} /* SegFormer's first patches */
#define G4X4_S4 .geom = {4, 4, 4, 0, 0, 0, 0, 1} /* SegFormer's reduction */

static const check_case conv_cases[] = {
    {.d = {1, 1, 1, 3, 5}, G3X3, .opt = BIAS},
    {.d = {1, 1, 1, 1, 1}, G1X1},
    {.d = {2, 7, 5, 9, 20}, G3X3, .opt = BIAS | RESIDUAL},
    {.d = {1, 8, 8, 4, 40}, G3X3, .opt = BIAS | CONSTANT},
    {.d = {2, 8, 8, 32, 32}, G3X3, .opt = BIAS | RESIDUAL | CONSTANT},
    {.d = {1, 16, 16, 64, 64}, G3X3, .opt = BIAS | CONSTANT},
    {.d = {1, 12, 16, 64, 48}, G3X3, .opt = BIAS | RESIDUAL},
    {.d = {1, 13, 11, 48, 40}, G3X3, .opt = CONSTANT},
    {.d = {1, 9, 7, 33, 4}, G3X3, .opt = BIAS},
    {.d = {1, 8, 8, 16, 32}, G3X3, .opt = BIAS, .weight = DR_F16},
    {.d = {1, 8, 8, 32, 32}, G3X3, .opt = BIAS | CONSTANT, .weight = DR_F16},
    {.d = {1, 6, 8, 16, 24}, G3X3, .opt = BIAS | RESIDUAL | CONSTANT, .weight = DR_BF16},
    {.d = {1, 7, 5, 24, 17}, G1X1, .opt = BIAS},
    {.d = {2, 8, 8, 32, 64}, G1X1, .opt = BIAS | RESIDUAL | CONSTANT},
    {.d = {1, 8, 6, 16, 16}, GVAE_S2, .opt = BIAS},
    {.d = {1, 9, 7, 5, 12}, GVAE_S2, .opt = BIAS | CONSTANT},
    {.d = {2, 8, 8, 32, 32}, G3X3_S2, .opt = BIAS | CONSTANT},
    {.d = {2, 9, 9, 8, 7}, G3X3_S2, .opt = BIAS},
    {.d = {1, 17, 15, 3, 16}, G7X7_S4, .opt = BIAS},
    {.d = {1, 8, 12, 16, 16}, G4X4_S4, .opt = BIAS},
    {.d = {1, 6, 7, 24, 24}, .geom = {3, 3, 1, 1, 1, 1, 1, 24}, .opt = BIAS},
    {.d = {2, 5, 5, 17, 17}, .geom = {3, 3, 1, 1, 1, 1, 1, 17}, .opt = BIAS | CONSTANT},
    {.d = {2, 12, 19, 40, 40}, .geom = {5, 5, 1, 2, 2, 2, 2, 40}, .opt = BIAS | RESIDUAL},
    {.d = {1, 9, 33, 16, 16}, .geom = {7, 7, 1, 3, 3, 3, 3, 16}, .opt = BIAS, .weight = DR_F16},
    {.d = {1, 3, 2, 8, 8}, .geom = {5, 5, 1, 2, 2, 2, 2, 8}},
    {.d = {1, 6, 11, 9, 9}, .geom = {2, 3, 1, 0, 2, 1, 1, 9}, .opt = BIAS},
    {.d = {1, 8, 8, 12, 12}, .geom = {3, 3, 2, 1, 1, 1, 1, 12}, .opt = BIAS},
    {.d = {1, 4, 9, 6, 10}, .geom = {2, 3, 1, 0, 2, 1, 1, 1}, .opt = BIAS},
};

static const check_case conv_bench[] = {
    {.d = {2, 64, 64, 320, 320}, G3X3, .opt = BIAS | CONSTANT},
    {.d = {2, 32, 32, 640, 640}, G3X3, .opt = BIAS | CONSTANT},
    {.d = {2, 16, 16, 1280, 1280}, G3X3, .opt = BIAS | CONSTANT},
    {.d = {2, 8, 8, 1280, 1280}, G3X3, .opt = BIAS | CONSTANT},
    {.d = {1, 512, 512, 128, 128}, G3X3, .opt = BIAS | CONSTANT},
    {.d = {1, 64, 64, 512, 512}, G3X3, .opt = BIAS | CONSTANT},
    {.d = {8, 64, 48, 48, 48}, .geom = {5, 5, 1, 2, 2, 2, 2, 48}, .opt = BIAS},
    {.d = {8, 16, 12, 160, 160}, .geom = {5, 5, 1, 2, 2, 2, 2, 160}, .opt = BIAS},
    {.d = {1, 64, 64, 256, 256}, .geom = {3, 3, 1, 1, 1, 1, 1, 256}, .opt = BIAS | CONSTANT},
};

static const check_op op_conv2d = {
    .name = "conv2d",
    .axes = {"N", "H", "W", "I", "O"},
    CASES(conv_cases),
    BENCH(conv_bench),
    .setup = conv_setup,
    .forward = conv_forward,
    .backward = conv_backward,
    .work = conv_work,
    .backward_work = 2,
};

#endif
