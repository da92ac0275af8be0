/* The inpainting run itself: diffusers' StableDiffusionInpaintPipeline, number for number.
 *
 * Rombach et al. 2022, arXiv:2112.10752, section 4.5. */
#ifndef DR_TRYON_INPAINT_H
#define DR_TRYON_INPAINT_H

#include "io/image.h"
#include "tryon/engine.h"
#include "tryon/guidance.h"
#include "tryon/step_cache.h"
#include "tryon/step_skip.h"

typedef struct dr_inpaint_options {
    const char *prompt, *negative_prompt;
    unsigned how;  /* the prompts are read; see dr_engine_text() */
    int clip_skip; /* the same */
    dr_guidance guidance;
    dr_step_plan cache;
    dr_sampler_options sampler;
    uint64_t seed;
    int width, height; /* pixels; multiples of the VAE's factor */
    bool mask_any;     /* a latent cell is masked if any pixel of it is; else by diffusers' nearest sample */
    dr_window part;    /* of the picture, all that is needed; the rest may be black. h 0: the whole */
    dr_stage_callbacks cb;
} dr_inpaint_options;

/**
 * Inpaints at the model's size.
 *
 * A text-to-image model knows nothing of masks: after each of its steps the latents around the mask become the photo's
 * again, with as much noise as the next step expects (the same diffusers pipeline with a UNet of 4 channels; Lugmayr et
 * al. 2022, arXiv:2201.09865, eq. 8).
 *
 * @param photo  RGB of o->width x o->height
 * @param mask   1 channel, binary, the same size: white is to be replaced
 * @param out    RGB of the same size; allocated here
 */
dr_status dr_inpaint(dr_engine *e, const dr_inpaint_options *o, const dr_image *photo, const dr_image *mask,
                     dr_image *out);

#endif
