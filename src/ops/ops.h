/* The table of ops: one row per computation, forward and backward.
 *
 * src/ops/ref fills every row in plain C, the readable truth. src/ops/cpu (SIMD) and
 * src/ops/onednn overwrite the rows that they do better, once, at start-up, by what this CPU can do.
 * DRAPE_BACKEND=ref keeps the plain rows. A row works on plain pointers and sizes; it knows no tape.
 *
 * Values lie in memory that the table hands out, and nobody but rows touches them: the host has put and get. Weights in
 * a file's mapping are the host's, and read only.
 *
 * Conventions: activations are f32, contiguous, channels last. Weights are dr_tensor in PyTorch's shape
 * and any of f32, f16, bf16. Rows return DR_OK or a status with the message set (out of memory).
 * Outputs never alias inputs unless a row says so. Backward rows ADD into their gradient outputs,
 * and skip those that are NULL. `scratch` is an arena that the row marks and rewinds. */
#ifndef DR_OPS_OPS_H
#define DR_OPS_OPS_H

#include "base/arena.h"
#include "base/status.h"
#include "tensor/tensor.h"

/* How numbers may be computed. EXACT: f32 arithmetic throughout. AUTO: products of 16 bits (bf16; whole numbers in
 * Winograd's convolutions) where this CPU gains. DIRECT: EXACT, and convolutions as plain sums of products:
 * transforming tiles (Winograd) doubles or trebles what f32 rounds. FAST: AUTO, and linear layers in 8 bits where the
 * layer's error keeps to a budget. */
typedef enum dr_precision {
    DR_PRECISION_EXACT,
    DR_PRECISION_AUTO,
    DR_PRECISION_DIRECT,
    DR_PRECISION_FAST
} dr_precision;

static inline bool dr_precision_rounds(dr_precision p)
{
    return p == DR_PRECISION_AUTO || p == DR_PRECISION_FAST;
}

typedef enum dr_act {
    DR_ACT_NONE,
    DR_ACT_SILU,
    DR_ACT_GELU,
    DR_ACT_QUICK_GELU,
    DR_ACT_RELU,
    DR_ACT_LEAKY_RELU, /* slope 0.2, as GANs have it */
    DR_ACT_TANH
} dr_act;
#define DR_LEAKY_SLOPE 0.2f

/* y[M,N] = x[M,K] · w[N,K]ᵀ + b[N] + residual[M,N]. torch.nn.functional.linear.
 * w's dim[0] is N, the product of the others K (a 1x1 convolution's [N,K,1,1] is a linear layer). */
typedef struct dr_linear_args {
    dr_arena *scratch;
    dr_precision precision;
    int64_t M, N, K;
    dr_tensor *w;          /* [N,K], any float dtype; its values are only read, a packed copy may be left in it */
    const float *b;        /* [N] or NULL */
    const float *x;        /* [M,K] */
    const float *residual; /* [M,N] or NULL; may equal y */
    float *y;              /* [M,N] (forward) */
    const float *dy;       /* [M,N] (backward) */
    float *dx, *dw, *db;   /* backward, each may be NULL; dw [N,K], db [N] */
} dr_linear_args;

/* y[N,OH,OW,O] = conv2d(x[N,H,W,I], w[O,I,KH,KW]) + b + residual. torch.nn.functional.conv2d.
 * `groups` is 1, or equals I and O (depthwise, w [O,1,KH,KW]). */
typedef struct dr_conv_geom {
    int kh, kw, stride;
    int top, left, bottom, right; /* zero padding in cells */
    int groups;                   /* 0 means 1 */
} dr_conv_geom;

typedef struct dr_conv_args {
    dr_arena *scratch;
    dr_precision precision;
    int64_t N, H, W, I, O, OH, OW;
    int64_t whole_h, whole_w; /* x is a window of a map of that size, and served as that is; 0: it is all */
    dr_conv_geom geom;
    dr_tensor *w; /* as a linear layer's */
    const float *b, *x;
    const float *residual; /* [N,OH,OW,O] or NULL */
    float *y;
    const float *dy;
    float *dx, *dw, *db;
} dr_conv_args;

/* Group normalisation over [N,S,C] (S = H*W), then scale, shift and activation.
 * Mean and variance in double or pairwise f32. torch.nn.functional.group_norm. */
typedef struct dr_groupnorm_args {
    dr_arena *scratch;
    int64_t N, S, C;
    int groups;
    float eps;
    dr_act act;                /* NONE or SILU, applied last */
    const float *gamma, *beta; /* [C] or both NULL */
    const float *x;
    float *y;
    float *mean, *rstd; /* [N,groups]: written by forward (may be NULL), read by backward */
    const float *dy;
    float *dx, *dgamma, *dbeta;
} dr_groupnorm_args;

/* Layer normalisation over the last axis of [R,C]. torch.nn.functional.layer_norm. */
typedef struct dr_layernorm_args {
    dr_arena *scratch;
    int64_t R, C;
    float eps;
    const float *gamma, *beta; /* [C] */
    const float *x;
    float *y;
    float *mean, *rstd; /* [R], as for groupnorm */
    const float *dy;
    float *dx, *dgamma, *dbeta;
} dr_layernorm_args;

/* y = softmax(q kᵀ / sqrt(D)) v per head, without the score matrix in memory (tiles with running
 * softmax; Dao 2022, arXiv:2205.14135). q, y [N,Lq,heads*D]; k, v [N,Lk,heads*D]. Row strides in
 * floats let q, k, v be slices of one fused projection. torch scaled_dot_product_attention. */
typedef struct dr_attention_args {
    dr_arena *scratch;
    dr_precision precision;
    int64_t N, Lq, Lk;
    int heads, D;
    bool causal;           /* key j is seen by query i only if j <= i */
    int64_t ldq, ldk, ldv; /* distance between tokens in floats; y, dy, dq.. are contiguous */
    const float *q, *k, *v;
    float *y;   /* written by forward, read by backward */
    float *lse; /* [N,heads,Lq]: log of the softmax's denominator; written by forward (may be NULL), read by backward */
    const float *dy;
    float *dq, *dk, *dv; /* contiguous */
} dr_attention_args;

/* torch.optim.AdamW's step on n values with moments in dynamic 8-bit codes (quant8.h), a scale to every 256 values:
 * decode, update in f32 (p moves before any rounding), encode with the new largest value as scale. The same bits on
 * every machine. A second moment above zero never becomes zero, as plain rounding would have it: where the first is
 * not zero yet, the weight would be thrown far away. Dettmers et al. 2021, arXiv:2110.02861. */
typedef struct dr_adamw8_args {
    int64_t n;
    float *p;
    const float *g;
    uint8_t *m, *v;           /* codes of the signed and of the unsigned map */
    float *m_scale, *v_scale; /* [ceil(n/256)], zero at the start */
    float lr;
    float scale; /* multiplies the gradient first (clipping) */
    double beta1, beta2, eps, weight_decay;
    double bc1, bc2; /* 1-beta1^t, 1-beta2^t */
} dr_adamw8_args;

/* Batch normalisation as it is after training, over the last axis of [R,C]: x * gamma / sqrt(var + eps), shifted.
 * Ioffe & Szegedy 2015, arXiv:1502.03167. */
typedef struct dr_batchnorm_args {
    int64_t R, C;
    float eps;
    const float *gamma, *beta, *mean, *var; /* [C] */
    const float *x;
    float *y;
    float *folded; /* [3][C]: what x is multiplied with, 1/sqrt(var + eps), what is added; for the way back */
    const float *dy;
    float *dx, *dgamma, *dbeta;
} dr_batchnorm_args;

/* Pooling: y[n,oh,ow,c] is the largest value of a window of x[N,H,W,C], or its mean; MEAN over the cells that are in
 * the picture, MEAN_PADDED over those in its padding as well, as zeros. A window may reach beyond the padding at the
 * bottom and right (torch's ceil_mode): what lies there is no part of it. torch.nn.functional.max_pool2d, avg_pool2d.
 */
typedef enum dr_pool { DR_POOL_MAX, DR_POOL_MEAN, DR_POOL_MEAN_PADDED } dr_pool;

typedef struct dr_pool_args {
    dr_pool kind;
    int64_t N, H, W, C, OH, OW;
    dr_conv_geom geom; /* every window has a cell of the picture */
    const float *x;
    float *y;
    const float *dy;
    float *dx; /* of equally large values the first in the window gets the gradient */
} dr_pool_args;

/* One term for every value, as losses need them. */
typedef enum dr_term {
    DR_TERM_SQUARE,      /* (a - b)^2, times w unless that is NULL */
    DR_TERM_CHARBONNIER, /* sqrt((a - b)^2 + s^2) */
    DR_TERM_HINGE,       /* max(0, 1 - s a) */
    DR_TERM_VALUE,       /* a */
    DR_TERM_PRODUCT      /* a w */
} dr_term;

/* y[1] = the sum of n terms over `of`; differentiable in a. */
typedef struct dr_loss_args {
    dr_term term;
    int64_t n;
    double of;
    float s;
    const float *a, *b, *w;
    float *y;
    const float *dy; /* [1] */
    float *da;
} dr_loss_args;

/* y[1] = the mean of sqrt(d^2 + s^2), d what the difference between neighbours across and down in a [N,H,W,C] has more
 * than b's. */
typedef struct dr_edge_args {
    int64_t N, H, W, C;
    float s;
    const float *a, *b;
    float *y;
    const float *dy; /* [1] */
    float *da;
} dr_edge_args;

/* y[1] = the mean of -log softmax(x)[label] over the places whose label is not `ignore`, weighted with w[label] unless
 * that is NULL; 0 without any. torch.nn.functional.cross_entropy. */
typedef struct dr_entropy_args {
    int64_t places, C;
    const uint8_t *label;
    int ignore;
    const float *w; /* [C] or NULL */
    const float *x; /* [places,C] */
    float *y;
    float *probability; /* [places,C]: the softmax, for the way back */
    double *total;      /* [1]: the weights of the places that count */
    const float *dy;    /* [1] */
    float *dx;
} dr_entropy_args;

/* Diagonal Gaussians [R,2C]: means, then log variances, which are clamped; beyond the clamp they get no gradient. */
#define DR_LOGVAR_MIN (-30.0f)
#define DR_LOGVAR_MAX 20.0f
typedef struct dr_gaussian_args {
    int64_t R, C;
    const float *x, *noise; /* [R,C] */
    float *y;               /* the draw [R,C], or the divergence [1] */
    const float *dy;
    float *dx;
} dr_gaussian_args;

/* y[N,OH,OW,C] = x[N,H,W,C] where a flow says: at (grid + flow / div), the grid going from -1 to 1 over both ends of an
 * axis, which are cells' CENTRES of the flow, and the outer EDGES of the outermost cells of x. Bilinear, clamped at the
 * border; where it is clamped the flow has no gradient.
 * torch.nn.functional.grid_sample(padding_mode="border", align_corners=False), in its arithmetic. */
typedef struct dr_flow_args {
    int64_t N, H, W, C, OH, OW;
    float div_x, div_y;
    const float *x;
    const float *flow; /* [N,OH,OW,2]: x, y */
    float *y;
    const float *dy;
    float *dx, *dflow;
} dr_flow_args;

/* Spatially-adaptive normalisation. With z = x + noise * noise_scale and xh its instance norm, per sample and channel:
 *     y = gain * leaky(xh (1 + gamma) + beta), leaky(v) = v < 0 ? slope v : v
 * Park et al. 2019, arXiv:1903.07291; noise as in VITON-HD, Choi et al. 2021, arXiv:2103.16874. */
typedef struct dr_spade_args {
    dr_arena *scratch;
    int64_t N, S, C;
    int64_t P; /* rows of gamma and beta */
    float eps, slope, gain;
    const float *x;            /* [N,S,C] */
    const float *noise;        /* [N,S] or NULL */
    const float *noise_scale;  /* [C]; not read without noise */
    const float *gamma, *beta; /* [P,C] */
    const int32_t *id;         /* [N*S], the row of every place; NULL: its own, P is N*S */
    float *y;
    float *mean, *rstd; /* [N,C]: written by forward (may be NULL), read by backward */
    const float *dy;
    float *dx, *dnoise_scale, *dgamma, *dbeta;
} dr_spade_args;

/* ReLU(3x3 convolution with zero padding) of a map of labels taken as one-hot, at the middle 3x3 cells of P windows of
 * 5x5 cells; 0 at cells outside the picture. */
#define DR_LABEL_OUTSIDE 255
typedef struct dr_label_conv_args {
    dr_arena *scratch;
    int64_t P, labels, O;
    const uint8_t *window; /* [P,25]: a label, or DR_LABEL_OUTSIDE */
    const dr_tensor *w;    /* [O,labels,3,3], any float dtype */
    const float *b;        /* [O] */
    float *y;              /* [P,O,9]; read by backward */
    const float *dy;
    float *dw, *db;
} dr_label_conv_args;

/* Instance norm of [N,S,C] apart for the two sides of a mask m, of m and of 1 - m: with n = sum m (1 where that is 0)
 * and mu = sum(m x) / n, the instance norm of m x + (1-m) mu, times sqrt(n / S); the two are added. VITON-HD's ALIAS
 * norm, Choi et al. 2021, arXiv:2103.16874, equation 6. Differentiable in x. */
typedef struct dr_region_norm_args {
    dr_arena *scratch;
    int64_t N, S, C;
    float eps;
    const float *x;
    const float *m; /* [N,S] */
    float *y;
    const float *dy;
    float *dx;
} dr_region_norm_args;

/* Rows or columns of a matrix [V,C] of any float dtype. */
typedef struct dr_pick_args {
    dr_arena *scratch;
    const dr_tensor *x;
    const int32_t *id; /* embedding: [n], which rows -> y [n,C] */
    int64_t from, n;   /* transpose: the columns from..from+n, as rows -> y [n,V] */
    float *y;
    const float *dy;
    float *dx;
} dr_pick_args;

typedef struct dr_ops {
    const char *name;

    /* --- memory for values: the host fills it by put and reads it by get; all else is the rows' ------------- */
    dr_take_fn *take;
    dr_give_fn *give;
    void (*put)(void *values, const void *host, size_t bytes);
    void (*get)(void *host, const void *values, size_t bytes);
    dr_move_fn *move; /* may overlap */
    void (*fill)(int64_t n, float value, float *y);
    /* n values of any float dtype as f32 */
    void (*convert)(int64_t n, dr_dtype from, const void *x, float *y);
    /* false if one of n values of F32, F16 or BF16 is NaN or infinite */
    bool (*finite)(int64_t n, dr_dtype type, const void *x);

    /* --- layers ---------------------------------------------------------------------------------------------- */
    dr_status (*linear)(const dr_linear_args *a);
    dr_status (*linear_bwd)(const dr_linear_args *a);
    dr_status (*conv2d)(const dr_conv_args *a);
    dr_status (*conv2d_bwd)(const dr_conv_args *a);
    dr_status (*groupnorm)(const dr_groupnorm_args *a);
    dr_status (*groupnorm_bwd)(const dr_groupnorm_args *a);
    dr_status (*layernorm)(const dr_layernorm_args *a);
    dr_status (*layernorm_bwd)(const dr_layernorm_args *a);
    dr_status (*attention)(const dr_attention_args *a);
    dr_status (*attention_bwd)(const dr_attention_args *a);
    void (*batchnorm)(const dr_batchnorm_args *a);
    void (*batchnorm_bwd)(const dr_batchnorm_args *a);
    void (*pool2d)(const dr_pool_args *a);
    void (*pool2d_bwd)(const dr_pool_args *a);
    void (*flow_sample)(const dr_flow_args *a);
    void (*flow_sample_bwd)(const dr_flow_args *a);
    dr_status (*spade)(const dr_spade_args *a);
    dr_status (*spade_bwd)(const dr_spade_args *a);
    dr_status (*label_conv)(const dr_label_conv_args *a);
    void (*label_conv_bwd)(const dr_label_conv_args *a);
    dr_status (*region_norm)(const dr_region_norm_args *a);
    dr_status (*region_norm_bwd)(const dr_region_norm_args *a);
    void (*embedding)(const dr_pick_args *a);
    void (*embedding_bwd)(const dr_pick_args *a);
    dr_status (*transpose)(const dr_pick_args *a);
    void (*transpose_bwd)(const dr_pick_args *a);
    /* w[o,i] += s * sum over j of up[o,j] down[j,i]: merges a low-rank adapter. w [out,in] f32 */
    dr_status (*add_product)(int64_t out, int64_t rank, int64_t in, float s, const float *up, const float *down,
                             float *w);

    /* --- losses and draws ------------------------------------------------------------------------------------ */
    void (*loss)(const dr_loss_args *a);
    void (*loss_bwd)(const dr_loss_args *a);
    void (*edge_loss)(const dr_edge_args *a);
    void (*edge_loss_bwd)(const dr_edge_args *a);
    void (*cross_entropy)(const dr_entropy_args *a);
    void (*cross_entropy_bwd)(const dr_entropy_args *a);
    /* mean + exp(logvar / 2) * noise. Kingma & Welling 2013, arXiv:1312.6114 */
    void (*gaussian_sample)(const dr_gaussian_args *a);
    void (*gaussian_sample_bwd)(const dr_gaussian_args *a);
    /* divergence from the standard normal: the mean of (mean^2 + variance - 1 - logvar) / 2 */
    void (*gaussian_kl)(const dr_gaussian_args *a);
    void (*gaussian_kl_bwd)(const dr_gaussian_args *a);

    /* --- elementwise over n values; y may equal an input ----------------------------------------------------- */
    void (*act)(dr_act kind, int64_t n, const float *x, float *y);
    void (*act_bwd)(dr_act kind, int64_t n, const float *x, const float *dy, float *dx);
    void (*add)(int64_t n, const float *a, const float *b, float *y);
    void (*mul)(int64_t n, const float *a, const float *b, float *y);
    void (*axpy)(int64_t n, float s, const float *x, float *y); /* y += s*x */
    void (*scale)(int64_t n, float s, const float *x, float *y);
    /* over the last axis of [R,C] */
    void (*softmax)(int64_t R, int64_t C, const float *x, float *y);
    void (*softmax_bwd)(int64_t R, int64_t C, const float *y, const float *dy, float *dx);
    /* y[r,c] = x[r,c] * gelu(x[r,C+c]); x [R,2C]. Shazeer 2020; diffusers GEGLU (exact gelu). */
    void (*geglu)(int64_t R, int64_t C, const float *x, float *y);
    void (*geglu_bwd)(int64_t R, int64_t C, const float *x, const float *dy, float *dx);
    /* y[n,s,c] = x[n,s,c] + e[n,c] */
    void (*add_rows)(int64_t N, int64_t S, int64_t C, const float *x, const float *e, float *y);
    /* de[n,c] += sum over s of dy[n,s,c] */
    void (*sum_rows)(int64_t N, int64_t S, int64_t C, const float *dy, float *de);
    /* copies a [R,C] block between matrices with row distances; add=true adds instead */
    void (*copy2d)(int64_t R, int64_t C, const float *src, int64_t lds, float *dst, int64_t ldd, bool add);
    /* torch interpolate(mode="nearest") to [N,OH,OW,C]: source index floor(o * H / OH) */
    void (*resize_nearest)(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *x,
                           float *y);
    void (*resize_nearest_bwd)(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *dy,
                               float *dx);
    /* torch interpolate(mode="bilinear", align_corners=False) */
    void (*resize_bilinear)(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *x,
                            float *y);
    void (*resize_bilinear_bwd)(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *dy,
                                float *dx);
    /* --- updates --------------------------------------------------------------------------------------------- */
    /* sum of squares, in double */
    double (*sumsq)(int64_t n, const float *x);
    /* torch.optim.AdamW's step on n values; `scale` multiplies the gradient first (clipping).
     * bc1, bc2: 1-beta1^t, 1-beta2^t. Loshchilov & Hutter 2017, arXiv:1711.05101. */
    void (*adamw)(int64_t n, float *p, const float *g, float *m, float *v, float scale, float lr, float beta1,
                  float beta2, float eps, float weight_decay, double bc1, double bc2);
    void (*adamw8)(const dr_adamw8_args *a);
    /* average -= part * (average - x) */
    void (*average)(int64_t n, float part, const float *x, float *average);
    void (*exchange)(int64_t n, float *a, float *b);
} dr_ops;

/** The active table; filled at the first call (thread-safe). */
const dr_ops *dr_ops_get(void);
/** The plain C table, for tests. */
const dr_ops *dr_ops_ref(void);

/** A table that computes nothing. A tape over it allocates as it would otherwise, in addresses that are never touched,
 * and the peaks of its arenas say what it would have held. What is read from values is zero. */
const dr_ops *dr_ops_dry(void);

/** True when this CPU multiplies bf16 faster than f32 (measured or known), so that AUTO differs from EXACT. */
bool dr_ops_has_bf16(void);

/** What the table may be filled from here, from the slowest on: "ref" and "plain C", "cpu" and "AVX2", "onednn" and its
 *  version. DRAPE_BACKEND leaves out those above the one it names. Returns how many. */
typedef struct dr_backend {
    const char *name;
    char what[32];
} dr_backend;
int dr_ops_backends(dr_backend out[3]);

/* What rows use of this CPU; strings are static. */
typedef struct dr_cpu {
    const char *name, *isa; /* "AMD EPYC 9R14" as the system names it; "baseline", "AVX2", "AVX-512" */
    bool bf16;              /* AVX512_BF16 */
} dr_cpu;
dr_cpu dr_ops_cpu(void);

/** One line per row: which implementation serves it and why; for `drape info` and bug reports. */
void dr_ops_describe(char *buf, size_t n);

/** Called by the layer that owns a weight when its storage ends or its values change. */
void dr_weight_unpack(dr_tensor *w);

#endif
