/* The parameter that an adapter's layer means. Inside pipeline/lora*.c and convert_merge.c only. */
#ifndef DR_PIPELINE_LORA_FIND_H
#define DR_PIPELINE_LORA_FIND_H

#include "pipeline/lora.h"

/** The layer's parameter with this ending, ".weight" or ".bias", in the table of its model; NULL without one. */
dr_param *dr_lora_find(const dr_params *p, const dr_lora_module *m, const char *ending);

/** OpenCLIP's last layer, behind the one that Stable Diffusion 2 reads: the text encoder ends before it. */
bool dr_lora_is_left_out(const dr_params *p, const dr_lora_module *m);

#endif
