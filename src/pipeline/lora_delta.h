/* What an adapter adds to one weight, as a dense array. Inside pipeline/lora*.c only. */
#ifndef DR_PIPELINE_LORA_DELTA_H
#define DR_PIPELINE_LORA_DELTA_H

#include "pipeline/lora.h"

/** A tensor of the file as f32, malloc'ed; DR_EINVAL for a value that is not finite. */
dr_status dr_lora_values(const dr_lora *l, const dr_st_entry *e, float **out);

/** Whether the module's tensors are of the sizes that weight w [out,in(,kh,kw)] asks for. */
bool dr_lora_fits(const dr_lora_module *m, const dr_tensor *w);

/**
 * The sum of a module that fits, without its scale.
 *
 * @param out  [dr_numel(w)], the host's: for OpenCLIP's in_proj the rows of the module's third
 */
dr_status dr_lora_delta(const dr_lora *l, const dr_lora_module *m, const dr_tensor *w, float *out);

#endif
