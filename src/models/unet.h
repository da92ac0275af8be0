/* The noise predictor: diffusers' UNet2DConditionModel as Stable Diffusion 1 and 2 use it.
 *
 * Ronneberger et al. 2015; Rombach et al. 2022, arXiv:2112.10752, figure 3. With widths c[0..L-1]:
 *
 *   x [N,h,w,9] -> conv_in [N,h,w,c0] -> L x (resnet, transformer; halve) -> mid
 *     -> L x (concat skip, resnet, transformer; double) -> norm, silu, conv_out [N,h,w,4]
 *
 * The 9 input channels of an inpainting model are noisy latents (4), mask (1), masked picture's latents (4):
 * dr_unet_join_input() puts them together.
 *
 * Details that have caused bugs: `attention_head_dim` is the NUMBER of heads in SD 1 and 2; the transformer's
 * group norm has eps 1e-6, the resnets' 1e-5; up blocks pop skips in reverse, and one more than they have
 * layers in the down path; the time embedding is cos first, then sin (flip_sin_to_cos); GEGLU gates with its
 * second half; a size that is not a multiple of 2^(L-1) doubles to the skip's size, not to twice its own. */
#ifndef DR_MODELS_UNET_H
#define DR_MODELS_UNET_H

#include "base/json.h"
#include "models/resnet.h"
#include "models/transformer2d.h"
#include "models/unet_cache.h"

#define DR_UNET_MAX_LEVELS 8
#define DR_UNET_MAX_LAYERS 8

typedef struct dr_unet_config {
    int in, out, sample_size;
    int levels, width[DR_UNET_MAX_LEVELS], heads[DR_UNET_MAX_LEVELS];
    int layers[DR_UNET_MAX_LEVELS]; /* resnets of down block i; its up twin has one more */
    int depth[DR_UNET_MAX_LEVELS], up_depth[DR_UNET_MAX_LEVELS], mid_depth; /* transformer layers, by block index */
    bool down_cross[DR_UNET_MAX_LEVELS], up_cross[DR_UNET_MAX_LEVELS];
    int context[DR_UNET_MAX_LEVELS]; /* cross_attention_dim */
    int groups;
    float eps;
    bool linear_projection, flip_sin_to_cos;
    double freq_shift;
} dr_unet_config;

typedef struct dr_unet_layer {
    dr_resnet resnet;
    bool cross;
    dr_transformer2d attention;
} dr_unet_layer;

typedef struct dr_unet_level {
    const char *name; /* "down_blocks.0" */
    int width;
    int layers;
    dr_unet_layer layer[DR_UNET_MAX_LAYERS];
    bool resizes;
    dr_conv resize;
} dr_unet_level;

typedef struct dr_unet {
    dr_unet_config config;
    dr_lin time1, time2;
    dr_conv conv_in, conv_out;
    dr_unet_level down[DR_UNET_MAX_LEVELS], up[DR_UNET_MAX_LEVELS];
    struct {
        dr_resnet resnet[2];
        bool cross;
        dr_transformer2d attention;
    } mid;
    dr_norm norm_out;
} dr_unet;

/** From unet/config.json. Features of other families (class embeddings, added conditions, ...) are named errors. */
dr_status dr_unet_config_parse(dr_unet_config *c, const json_t *j, const char *where);

dr_status dr_unet_init(dr_unet *u, const dr_unet_config *c, dr_params *p);

/** Calls fn for the projections of every attention: to_q, to_k, to_v, to_out.0 of self- and cross-attention. */
void dr_unet_each_attention(dr_unet *u, void (*fn)(void *user, dr_lin *l), void *user);

/** Calls fn for every self-attention, in the order in which diffusers registers a UNet's blocks: down, up, and mid
 * last.
 */
void dr_unet_each_self_attention(dr_unet *u, void (*fn)(void *user, dr_attn *a), void *user);

/** The input of an inpainting model from its parts, of `cells` latent cells in C channels: noisy [cells,C], mask
 * [cells], 1 where something is to be painted, masked [cells,C] -> x [cells,2C+1]. On the host. */
void dr_unet_join_input(const float *noisy, const float *mask, const float *masked, int64_t cells, int64_t C, float *x);

/** x [N,h,w,in], timestep [N], text [N,L,context] -> noise, v or sample [N,h,w,out].
 *
 *  x may be one sample for N texts, as in guidance, where both halves start from the same latents: all up to the first
 *  cross-attention (at the widest level, with its costliest self-attention) is then computed once, with the same
 *  result. Without a text (NULL) cross-attention is skipped, as in dr_transformer2d_forward(). */
dr_tensor *dr_unet_forward(dr_tape *g, const dr_unet *u, dr_tensor *x, const float *timestep, dr_tensor *text);

/** How many skip connections lead from the down path to the up path: branches that a cache may have. */
int dr_unet_skips(const dr_unet_config *c);

/** The same with a cache, for calls of one run in their order; not on a tape that records. With NULL, and in a call
 * that reuses nothing, the result is dr_unet_forward()'s, bit for bit. */
dr_tensor *dr_unet_forward_cached(dr_tape *g, const dr_unet *u, dr_tensor *x, const float *timestep, dr_tensor *text,
                                  dr_unet_cache *c);

#endif
