/* The small autoencoder that stands for Stable Diffusion's: diffusers' AutoencoderTiny (TAESD, Bohan 2023,
 * https://github.com/madebyollin/taesd). No norm, no attention, no distribution: convolutions of 64 channels.
 *
 *   encode  [N,H,W,3] in [-1,1] -> (x + 1) / 2 -> conv -> blocks -> L-1 x (halving conv -> blocks) -> conv
 *           -> [N,H/f,W/f,latent]
 *   decode  [N,h,w,latent] -> conv, relu -> L-1 x (blocks -> double -> conv) -> blocks -> conv -> 2 y - 1
 *           -> [N,h*f,w*f,3]
 *   block   relu(conv(relu(conv(relu(conv(x))))) + x)
 *
 * Details that have caused bugs: latents are taken as they are, and go through 3 tanh(z / 3) before the decoder
 * (dr_vae_unscale() does that on the host); halving pads on all sides, unlike the large VAE's; convolutions that change
 * the size have no bias; layers are numbered through, an upsampler and an activation count; the decoder's lists are
 * from the coarsest level on. */
#ifndef DR_MODELS_VAE_TINY_H
#define DR_MODELS_VAE_TINY_H

#include "base/json.h"
#include "nn/layers.h"

#define DR_VAE_TINY_LEVELS 8
#define DR_VAE_TINY_BLOCKS 16

typedef struct dr_vae_tiny_config {
    int levels, encoder_width, decoder_width;
    int encoder_blocks[DR_VAE_TINY_LEVELS], decoder_blocks[DR_VAE_TINY_LEVELS];
} dr_vae_tiny_config;

typedef struct dr_vae_tiny_block {
    const char *name; /* "encoder.layers.1" */
    dr_conv conv[3];
} dr_vae_tiny_block;

typedef struct dr_vae_tiny_level {
    dr_conv conv; /* in front of the encoder's blocks, behind the decoder's */
    int blocks;
    bool doubles;
    dr_vae_tiny_block block[DR_VAE_TINY_BLOCKS];
} dr_vae_tiny_level;

typedef struct dr_vae_tiny {
    int levels, latent;
    dr_vae_tiny_level encoder[DR_VAE_TINY_LEVELS], decoder[DR_VAE_TINY_LEVELS];
    dr_conv encoder_out, decoder_in;
} dr_vae_tiny;

/* Places y <= i < y + h, x <= j < x + w of a picture or of what is on its way to one. */
typedef struct dr_window {
    int64_t y, x, h, w;
} dr_window;

/** Whether a VAE's config.json is of this kind. */
bool dr_vae_tiny_is(const json_t *j);

/** What is of this kind alone. The width is the same on all levels, as diffusers' convolutions need it. */
dr_status dr_vae_tiny_config_parse(dr_vae_tiny_config *c, const json_t *j, const char *where);

dr_status dr_vae_tiny_init(dr_vae_tiny *v, const dr_vae_tiny_config *c, int in, int latent, int out, dr_params *p);

/** x [N,H,W,3] in [-1,1] -> latents [N,h,w,latent]. */
dr_tensor *dr_vae_tiny_encode(dr_tape *g, const dr_vae_tiny *v, dr_tensor *x);

/** z [N,h,w,latent], behind the tanh -> [N,H,W,3], about [-1,1]. */
dr_tensor *dr_vae_tiny_decode(dr_tape *g, const dr_vae_tiny *v, dr_tensor *z);

/** The pixels of `part` of what dr_vae_tiny_decode() gives: [N,part.h,part.w,3]. Each level computes no more than these
 *  depend on, by the algorithms that serve the whole: the values are the same to the bit, or to the rounding of one
 * that adds in another order where maps are smaller. For inference. */
dr_tensor *dr_vae_tiny_decode_part(dr_tape *g, const dr_vae_tiny *v, dr_tensor *z, dr_window part);

/** A tensor of the shape of x's first axes and C channels, all of one value. */
dr_tensor *dr_vae_tiny_constant(dr_tape *g, const dr_tensor *x, int64_t C, float value);

#endif
