/* HR-VITON from inputs to a picture: the condition generator, what lies between, the image generator
 * (models/hr_viton.h). Each part's activations are let go before the next begins. */
#ifndef DR_WARP_WARP_H
#define DR_WARP_WARP_H

#include "pipeline/gan.h"
#include "warp/inputs.h"

/* Both networks, loaded, and a tape that does not record. */
typedef struct dr_warp_nets {
    const dr_condition_model *condition;
    const dr_spade_model *generator;
    dr_tape *tape;
} dr_warp_nets;

typedef struct dr_warp_options {
    dr_warp_size size;
    dr_composition composition;
    bool occlusion; /* take the cloth away where arms and hair lie in front of it */
    bool no_noise;  /* in the normalisations; it is part of the published behaviour */
    uint64_t seed;  /* of the noise, as PyTorch's manual_seed() */
    /* how far, 0 to 1; may be NULL */
    void (*progress)(void *user, double part);
    bool (*cancelled)(void *user); /* may be NULL */
    void *user;
} dr_warp_options;

/** DR_EINVAL in one sentence for sizes that the networks cannot work at. */
dr_status dr_warp_check_size(const dr_condition_config *condition, const dr_spade_config *generator,
                             const dr_warp_size *s);

/** Sizes of 0 are filled in: 768x1024, and a quarter of that (or, where that is too small, half or all) for the
 * condition generator. */
void dr_warp_complete_size(dr_warp_size *s);

/* What comes out, on the host, channels last; all malloc'ed. H, W: the working size. */
typedef struct dr_warp_values {
    float *flow; /* [flow_height,flow_width,(x,y)], the condition generator's last */
    int flow_width, flow_height;
    uint8_t *classes; /* [H,W], 0 to 12 */
    float *cloth;     /* [H,W,3], warped, in [-1, 1] */
    float *mask;      /* [H,W], warped */
    float *picture;   /* [H,W,3], in [-1, 1] */
} dr_warp_values;

/** The tape is reset. */
dr_status dr_warp_run(const dr_warp_nets *nets, const dr_warp_inputs *in, const dr_warp_options *o,
                      dr_warp_values *out);
void dr_warp_values_clear(dr_warp_values *v);

#endif
