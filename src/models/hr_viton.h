/* HR-VITON: virtual try-on with a GAN. Two networks, and what lies between them.
 *
 * Lee et al., "High-Resolution Virtual Try-On with Misalignment and Occlusion-Handled Conditions", ECCV 2022,
 * arXiv:2206.14180, figure 2. The published weights are for non-commercial use (CC BY-NC 4.0).
 *
 *   condition generator: cloth and its mask A [N,h,w,4], agnostic map and DensePose B [N,h,w,16]
 *       -> appearance flow [N,h/2,w/2,2], map of 13 classes [N,h,w,13], warped cloth and mask [N,h,w,4]
 *   glue: map to full size, blurred, as labels; cloth of full size through the flow; occlusion
 *   image generator: agnostic picture, DensePose, warped cloth [N,H,W,9], map of 7 classes [N,H,W] -> picture [N,H,W,3]
 *
 * Published: h, w = 256, 192; H, W = 1024, 768. Pictures are RGB in [-1, 1], masks 0 or 1. Flows are [N,h,w,(x,y)].
 *
 * Details that have caused bugs: a flow is not in pixels: it is divided by (w/2 - 1)/2, as if by the width of the level
 * below, and values stay as they are when the flow is enlarged. The grid that it is added to is made as with
 * `align_corners`, the sampling is without, so that a flow of 0 is half a pixel off at the edges. The map ends in a
 * ReLU, logits are >= 0. Gaussian and convolutions are padded with zeros. Noise is drawn column by column ([N,W,H,1] in
 * PyTorch). */
#ifndef DR_MODELS_HR_VITON_H
#define DR_MODELS_HR_VITON_H

#include "base/rng.h"
#include "nn/layers.h"

#define DR_HR_CLASSES 13 /* of the condition generator's map */
#define DR_HR_REGIONS 7  /* of the image generator's */
#define DR_HR_MAX_LEVELS 8

/* The shape of a tensor of a checkpoint by its published name; false where there is none. How a config is read: the
 * files have no config.json. */
typedef bool dr_shape_of(const void *tensors, const char *name, int64_t dim[4]);

/* --- condition generator (figure 3) ------------------------------------------------------------------------- */

typedef struct dr_condition_config {
    int levels;                    /* 5: blocks of each encoder, and of the decoder */
    int cloth, pose, classes;      /* channels of A (4), of B (16), of the map (13) */
    int width[DR_HR_MAX_LEVELS];   /* n, 2n, 4n, 4n, 4n: of both encoders, the finest first; n is 96 */
    int middle;                    /* 8n, between encoder and decoder */
    int decoder[DR_HR_MAX_LEVELS]; /* 4n, 4n, 2n, n, n: the coarsest first */
} dr_condition_config;

/* ReLU(r + batchnorm(3x3(ReLU(batchnorm(3x3(r)))))), r = scale(x) */
typedef struct dr_condition_block {
    const char *name;
    enum { DR_BLOCK_DOWN, DR_BLOCK_UP, DR_BLOCK_SAME } kind;
    dr_conv scale; /* 3x3 with stride 2; 1x1 after doubling; 1x1 */
    dr_conv conv[2];
    dr_batch_norm norm[2];
} dr_condition_block;

typedef struct dr_condition_generator {
    dr_condition_config config;
    dr_condition_block cloth[DR_HR_MAX_LEVELS], pose[DR_HR_MAX_LEVELS]; /* ClothEncoder, PoseEncoder */
    dr_condition_block middle;                                          /* conv */
    dr_condition_block decoder[DR_HR_MAX_LEVELS];                       /* SegDecoder */
    dr_condition_block out;                                             /* out_layer */
    dr_lin lateral[DR_HR_MAX_LEVELS];                                   /* conv1 */
    dr_conv bottleneck[DR_HR_MAX_LEVELS], flow[DR_HR_MAX_LEVELS];       /* bottleneck.i.0, flow_conv.i */
} dr_condition_generator;

/* What it gives. */
typedef struct dr_condition {
    int levels;
    dr_tensor *flow[DR_HR_MAX_LEVELS]; /* [N,h,w,2], the coarsest first; the last one is the one to warp with */
    dr_tensor *segmap;                 /* [N,H,W,13], logits >= 0 */
    dr_tensor *warped_cloth;           /* [N,H,W,3] */
    dr_tensor *warped_mask;            /* [N,H,W,1] */
} dr_condition;

/** Widths and levels from the tensors' shapes. DR_EINVAL with one sentence that names `where` when it is no such
 *  network, or one of another variant. */
dr_status dr_condition_config_read(dr_condition_config *c, dr_shape_of *of, const void *tensors, const char *where);

/** The config of width n (published: 96), for random weights. */
dr_condition_config dr_condition_config_of(int n);

dr_status dr_condition_init(dr_condition_generator *m, const dr_condition_config *c, dr_params *p);

/** DR_EINVAL, naming `where`, unless both are multiples of 2^levels (32) and at least 2^(levels+1) (64). */
dr_status dr_condition_check_size(const dr_condition_config *c, int64_t H, int64_t W, const char *where);

/** cloth [N,H,W,4]: RGB and mask; pose [N,H,W,16]: agnostic map one-hot (13), DensePose RGB (3). Any size that passed
 *  the check. */
void dr_condition_forward(dr_tape *g, const dr_condition_generator *m, dr_tensor *cloth, dr_tensor *pose,
                          dr_condition *out);

/* --- glue: hr_viton_glue.c ---------------------------------------------------------------------------------- */

/* What becomes of the map's channel "upper" before it is enlarged. */
typedef enum dr_composition {
    DR_COMPOSITION_WARP_GRAD, /* times the warped mask; the default */
    DR_COMPOSITION_DETACH,    /* times (the warped mask > 0.5) */
    DR_COMPOSITION_NONE       /* stays */
} dr_composition;

/** "warp_grad", "detach", "no_composition"; false for another word. */
bool dr_composition_parse(const char *word, dr_composition *out);

/** segmap [N,h,w,13], warped_mask [N,h,w,1] -> logits [N,H,W,13]: composed, enlarged, blurred by a Gaussian of 15x15,
 *  sigma 3, with zeros outside. */
dr_tensor *dr_hr_logits(dr_tape *g, dr_tensor *segmap, dr_tensor *warped_mask, dr_composition composition, int64_t H,
                        int64_t W);

/** The class of every pixel of logits [N,H,W,13] -> labels [N*H*W] on the host, the lowest on ties. */
dr_status dr_hr_labels(dr_tape *g, const dr_tensor *logits, uint8_t *labels);

/** The image generator's region 0-6 of a class 0-12. */
uint8_t dr_hr_region(uint8_t label);

/** x [N,H,W,C] of full size (cloth, mask, or both) through the last flow [N,fh,fw,2] -> [N,H,W,C]. */
dr_tensor *dr_hr_warp(dr_tape *g, dr_tensor *x, dr_tensor *flow);

/** Takes the cloth away where body parts lie in front of it: from the logits' softmax all but background, upper and
 *  bottom. cloth [N,H,W,3] and mask [N,H,W,1], warped, are replaced; white where the mask is 0. */
void dr_hr_occlude(dr_tape *g, dr_tensor *logits, dr_tensor **cloth, dr_tensor **mask);

/* --- image generator: SPADE, Park et al. 2019, arXiv:1903.07291, figure 4 ------------------------------------ */

#define DR_SPADE_BLOCKS 8 /* head_0, G_middle_0, G_middle_1, up_0 .. up_4 */

typedef struct dr_spade_config {
    int blocks;                   /* 8 */
    int in, regions;              /* channels of the input (9), of the map (7) */
    int hidden[DR_SPADE_BLOCKS];  /* 128: width inside the normalisations of a block */
    int feature[DR_SPADE_BLOCKS]; /* 16n, 16, 16, ..: width of conv_i, what each block sees of the input */
    int width[DR_SPADE_BLOCKS];   /* 16n, 16n, 16n, 8n, 4n, 2n, n, n/2: what each block gives; n is 64 */
    bool spectral;                /* weights come as weight_orig, weight_u, weight_v */
} dr_spade_config;

/* Spatially-adaptive normalisation with VITON-HD's noise. */
typedef struct dr_spade_norm {
    const char *name;       /* "up_0.norm_s" */
    dr_tensor *noise_scale; /* [C] */
    dr_conv shared, gamma, beta;
} dr_spade_norm;

/* A convolution whose weight is divided by sigma = u . (w v), w [out,rest] as a matrix, with u and v as the training
 * left them. Miyato et al. 2018, arXiv:1802.05957. Not the weight is divided, which would be a copy of it, but the
 * input, by the normalisation that makes it. */
typedef struct dr_spectral_conv {
    dr_conv conv;
    dr_tensor *u, *v; /* [out], [rest]; NULL: sigma is 1 */
    float gain;       /* 1 / sigma, once dr_spade_fold() was called */
} dr_spectral_conv;

typedef struct dr_spade_block {
    const char *name; /* "up_0" */
    int in, middle, out;
    bool learned_shortcut;
    dr_spade_norm norm_s, norm_0, norm_1;
    dr_spectral_conv conv_s, conv_0, conv_1;
} dr_spade_block;

typedef struct dr_spade_generator {
    dr_spade_config config;
    dr_conv feature[DR_SPADE_BLOCKS]; /* conv_i */
    dr_spade_block block[DR_SPADE_BLOCKS];
    dr_conv image; /* conv_img */
} dr_spade_generator;

/* Where the noise of the normalisations comes from. It is part of the published behaviour. */
typedef struct dr_spade_noise {
    /* fills plane [N,H,W] on the host for normalisation `norm` ("up_0.norm_s"); asked in the order of evaluation */
    dr_status (*fill)(void *user, const char *norm, int64_t N, int64_t H, int64_t W, float *plane);
    void *user;
} dr_spade_noise;

/** Noise as PyTorch draws it; `user` is a dr_rng that dr_rng_seed() seeded. */
dr_status dr_spade_noise_draw(void *rng, const char *norm, int64_t N, int64_t H, int64_t W, float *plane);

dr_status dr_spade_config_read(dr_spade_config *c, dr_shape_of *of, const void *tensors, const char *where);
/** Of width n (published: 64) and hidden width (128). */
dr_spade_config dr_spade_config_of(int n, int hidden);

dr_status dr_spade_init(dr_spade_generator *m, const dr_spade_config *c, dr_params *p);

/** Reads every spectral norm of bound weights, before the first forward. DR_EINVAL, naming `where`, for one that is 0
 * or not a number. */
dr_status dr_spade_fold(dr_spade_generator *m, const char *where);

/** sigma; 1 without spectral norm. */
dr_status dr_spectral_sigma(const dr_spectral_conv *c, double *sigma);

/** DR_EINVAL, naming `where`, unless both are multiples of 2^(blocks-1) (128) and not both that. */
dr_status dr_spade_check_size(const dr_spade_config *c, int64_t H, int64_t W, const char *where);

/** x [N,H,W,9]: agnostic picture, DensePose, warped cloth; regions [N*H*W], 0-6, on the host; noise NULL: none. Any
 * size that passed the check -> picture [N,H,W,3] in [-1, 1]. */
dr_tensor *dr_spade_forward(dr_tape *g, const dr_spade_generator *m, dr_tensor *x, const uint8_t *regions,
                            const dr_spade_noise *noise);

/** The weights of one normalisation of C channels, at names that begin with `name`. */
void dr_spade_norm_init(dr_params *p, dr_spade_norm *n, const char *name, int C, int regions, int hidden);

/** One normalisation by itself: x [N,H,W,C], map [N,H,W,regions], noise [N,H,W,1] or NULL. With `region` [N,H,W,1] the
 *  two sides of that mask are normalised separately (VITON-HD's ALIAS). *normalized, unless NULL, is what comes
 *  before gamma and beta. */
dr_tensor *dr_spade_norm_forward(dr_tape *g, const dr_spade_norm *n, dr_tensor *x, dr_tensor *map, dr_tensor *noise,
                                 dr_tensor *region, dr_tensor **normalized);

#endif
