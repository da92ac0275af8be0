/* What a training teaches, in words, before its first step. */
#ifndef DR_TRAIN_PROMPT_TELL_H
#define DR_TRAIN_PROMPT_TELL_H

#include "models/tokenizer.h"
#include "train/dataset.h"

/** The prompts, each once with its photos and where it comes from, one per line; of many the first ones. */
void dr_prompts_tell(const dr_dataset *d, char *out, size_t n);

/** A line for each prompt of which the model reads the beginning only, and what is cut off; "" when there is none.
 *  Out of memory is DR_ENOMEM. */
dr_status dr_prompts_tell_cut(const dr_dataset *d, const dr_tokenizer *t, char *out, size_t n);

#endif
