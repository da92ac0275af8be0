/* From tensors to layers: which belong together, and whether they are all there. Inside pipeline/lora*.c only. */
#ifndef DR_PIPELINE_LORA_PAIR_H
#define DR_PIPELINE_LORA_PAIR_H

#include "pipeline/lora.h"

/** Puts the modules of one tensor each, l->module[0..count), together by layers; says each one's method and rank, and
 *  counts them. DR_EINVAL names a tensor without its counterparts, or two that do not share a rank. */
dr_status dr_lora_pair(dr_lora *l);

/** Values of a tensor divided by its first axis. 0 for a tensor without values. */
int64_t dr_lora_columns(const dr_st_entry *e);

#endif
