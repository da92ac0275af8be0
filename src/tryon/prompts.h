/* The two prompts of a picture as a text encoder gets them, and what weights do to its output. */
#ifndef DR_TRYON_PROMPTS_H
#define DR_TRYON_PROMPTS_H

#include "models/tokenizer.h"

/* Negative prompt and prompt, of equally many chunks. */
typedef struct dr_prompts {
    int32_t *ids;  /* [2][chunks][77] */
    float *weight; /* the same; NULL: all are 1 */
    int chunks;
} dr_prompts;

/** Reads both as dr_tokenizer_prompt() does; the shorter one gets empty chunks at its end. */
dr_status dr_prompts_read(dr_prompts *p, const dr_tokenizer *t, const char *const texts[2], unsigned how);
void dr_prompts_clear(dr_prompts *p);

/** Weights a chunk's hidden states [77,C] and gives them back their mean, as AUTOMATIC1111 does by default (the
 *  emphasis "Original" in its modules/sd_emphasis.py, 1.10). Nothing changes where all weights are 1. */
void dr_emphasize(float *hidden, const float weight[DR_TOKENS], int64_t C);

#endif
