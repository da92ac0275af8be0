/* What a file of tensors is, by their names: a whole Stable Diffusion 1 or 2, or one of the many other things that lie
 * about under the same extensions. Inside pipeline/ alone. */
#ifndef DR_PIPELINE_LDM_FAMILY_H
#define DR_PIPELINE_LDM_FAMILY_H

#include "io/tensor_file.h"

/** DR_EUNSUPPORTED or DR_EINVAL, naming what it is and a tensor that shows it, unless `f` is a whole checkpoint of
 * Stable Diffusion 1 or 2 by its names. `ema`: the moving average stands for the UNet. */
dr_status dr_ldm_family_check(const dr_tensor_file *f, bool ema);

/** The same of the channels that the UNet takes: 9 (inpainting) and 4 (text-to-image) are Stable Diffusion's. */
dr_status dr_ldm_channels_check(const dr_tensor_file *f, int64_t channels);

#endif
