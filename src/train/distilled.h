/* Models distilled for few steps, and how they learn.
 *
 * A UNet that was distilled (Luo et al. 2023, arXiv:2311.05556, and its kind) paints in a few steps and is no denoiser
 * any more: DreamBooth's loss on it begins at many times its usual value, and drives out what distilling brought. What
 * it was distilled from still learns as every denoiser does, and what it learns carries over: weights are added. So a
 * folder may hold both,
 *
 *   unet/        paints: what try-on and diffusers take
 *   unet_base/   learns: what it was distilled from; as unet/, with the same config
 *
 * and training such a folder teaches unet_base/, and gives unet/ the same change. The result is such a folder again. An
 * adapter that was trained so goes on unet/. */
#ifndef DR_TRAIN_DISTILLED_H
#define DR_TRAIN_DISTILLED_H

#include "pipeline/models.h"

#define DR_UNET_BASE "unet_base"

/* What distilling changed, [numel] in the parameters' order, and room for what the parameters are without it. */
typedef struct dr_distilled {
    float *change, *plain; /* NULL: the folder has no unet_base/ */
    size_t values;
} dr_distilled;

/** Where the source has both: reads the change into `d`, and the base into `unet`, in place of unet/. After a failure
 *  nothing is loaded. */
dr_status dr_distilled_open(dr_distilled *d, dr_unet_model *unet, const dr_source *s);
/** Safe on a zeroed struct. */
void dr_distilled_clear(dr_distilled *d);

/** Adds the change to `params` (base weights, taught or not), so that they paint; dr_distilled_leave() brings back
 *  every bit. Nothing without a change. */
dr_status dr_distilled_enter(const dr_distilled *d, dr_params *params);
void dr_distilled_leave(const dr_distilled *d, dr_params *params);

#endif
