/* The variational autoencoder between pictures and latents: diffusers' AutoencoderKL, or the small one that stands for
 * it (vae_tiny.h), told by the config's class.
 *
 * Kingma & Welling 2013; Rombach et al. 2022, arXiv:2112.10752. With L levels of widths c[0..L-1] and
 * f = 2^(L-1) (8 in SD):
 *
 *   encode  [N,H,W,3] -> conv_in -> L x (resnets, halve) -> mid -> norm, silu, conv_out -> quant_conv
 *           -> mean and log variance [N,H/f,W/f,2*latent]
 *   decode  [N,h,w,latent] -> post_quant_conv -> conv_in -> mid -> L x (resnets, double) -> norm, silu, conv_out
 *           -> [N,h*f,w*f,3]
 *
 * Details that have caused bugs: halving pads right and bottom only (padding both sides shifts the picture);
 * group norm's eps is 1e-6 here; the decoder has one resnet more per level; log variance is clamped to [-30,20]. */
#ifndef DR_MODELS_VAE_H
#define DR_MODELS_VAE_H

#include "base/json.h"
#include "models/resnet.h"
#include "models/vae_tiny.h"

#define DR_VAE_MAX_LEVELS 8
#define DR_VAE_MAX_RESNETS 8

typedef struct dr_vae_config {
    int levels, width[DR_VAE_MAX_LEVELS];
    int layers;          /* resnets per level of the encoder */
    int in, out, latent; /* channels: 3, 3, 4 */
    int groups;
    int sample_size;
    double scaling, shift; /* latents that the UNet sees = (sampled - shift) * scaling */
    bool quant, post_quant, mid_attention;
    bool is_tiny; /* AutoencoderTiny: of the above only channels, scaling and shift count */
    dr_vae_tiny_config tiny;
} dr_vae_config;

typedef struct dr_vae_attention {
    const char *name;
    dr_norm norm;
    dr_lin q, k, v, out;
} dr_vae_attention;

typedef struct dr_vae_mid {
    const char *name; /* "encoder.mid_block" */
    dr_resnet resnet[2];
    dr_vae_attention attention;
    bool has_attention;
} dr_vae_mid;

typedef struct dr_vae_level {
    const char *name; /* "decoder.up_blocks.0" */
    int width;
    int resnets;
    dr_resnet resnet[DR_VAE_MAX_RESNETS];
    bool resizes;
    dr_conv resize; /* halving in the encoder, after doubling in the decoder */
} dr_vae_level;

typedef struct dr_vae_half {
    dr_lin quant; /* 1x1: quant_conv or post_quant_conv; w is NULL without */
    dr_conv conv_in, conv_out;
    dr_vae_level level[DR_VAE_MAX_LEVELS];
    dr_vae_mid mid;
    dr_norm norm_out;
} dr_vae_half;

typedef struct dr_vae {
    dr_vae_config config;
    dr_vae_half encoder, decoder;
    dr_vae_tiny tiny;
} dr_vae;

/** From vae/config.json. */
dr_status dr_vae_config_parse(dr_vae_config *c, const json_t *j, const char *where);

/** Pixels per latent cell: 2^(levels-1). */
int dr_vae_factor(const dr_vae_config *c);

dr_status dr_vae_init(dr_vae *v, const dr_vae_config *c, dr_params *p);

/** x [N,H,W,3] in [-1,1], H and W multiples of the factor -> moments [N,h,w,2*latent]: mean, then log variance
 *  (not clamped). The small one's latents are no draw: their log variance is the least, DR_LOGVAR_MIN. */
dr_tensor *dr_vae_encode(dr_tape *g, const dr_vae *v, dr_tensor *x);

/** n latents as the UNet gives them -> those that the decoder takes: divided by the scaling factor, shifted. */
void dr_vae_unscale(const dr_vae_config *c, const float *latents, size_t n, float *z);

/** z [N,h,w,latent] from dr_vae_unscale() -> [N,H,W,3], about [-1,1]. */
dr_tensor *dr_vae_decode(dr_tape *g, const dr_vae *v, dr_tensor *z);

/** Whether dr_vae_decode_part() costs less than the whole. Group norms and attention of the large one look at all
 * places: none of its pixels comes from a part of the latents alone. */
bool dr_vae_decodes_parts(const dr_vae_config *c);

/** `part`, in pixels, of what dr_vae_decode() gives: [N,part.h,part.w,3]. For one that dr_vae_decodes_parts(). */
dr_tensor *dr_vae_decode_part(dr_tape *g, const dr_vae *v, dr_tensor *z, dr_window part);

/** One draw from the moments of [cells, 2*latent]: z = mean + exp(clamp(logvar)/2) * noise, then (z - shift) *
 *  scaling: latents as the UNet sees them. noise [cells, latent]; the small one needs none, see dr_vae_draws(). */
bool dr_vae_draws(const dr_vae_config *c);
void dr_vae_sample(const dr_vae_config *c, const float *moments, const float *noise, int64_t cells, float *latents);

#endif
