#include "tryon/prompts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static dr_status join(dr_prompts *p, const dr_prompt_tokens one[2], const int32_t empty[DR_TOKENS])
{
    p->chunks = one[0].chunks > one[1].chunks ? one[0].chunks : one[1].chunks;
    size_t row = (size_t)p->chunks * DR_TOKENS;
    bool weighted = one[0].weight || one[1].weight;
    p->ids = malloc(2 * row * sizeof *p->ids);
    p->weight = weighted ? malloc(2 * row * sizeof *p->weight) : NULL;
    if (!p->ids || (weighted && !p->weight))
        return dr_fail(DR_ENOMEM, "out of memory");
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < row; i++) {
            bool have = i < (size_t)one[k].chunks * DR_TOKENS;
            p->ids[k * row + i] = have ? one[k].ids[i] : empty[i % DR_TOKENS];
            if (weighted)
                p->weight[k * row + i] = have && one[k].weight ? one[k].weight[i] : 1;
        }
    return DR_OK;
}

dr_status dr_prompts_read(dr_prompts *p, const dr_tokenizer *t, const char *const texts[2], unsigned how)
{
    dr_prompt_tokens one[2] = {0};
    int32_t empty[DR_TOKENS];
    *p = (dr_prompts){0};
    dr_status st = dr_tokenizer_encode(t, "", empty, NULL);
    for (int k = 0; !st && k < 2; k++)
        st = dr_tokenizer_prompt(t, texts[k], how, &one[k]);
    if (!st)
        st = join(p, one, empty);
    dr_prompt_tokens_clear(&one[0]);
    dr_prompt_tokens_clear(&one[1]);
    if (st)
        dr_prompts_clear(p);
    return st;
}

void dr_prompts_clear(dr_prompts *p)
{
    free(p->ids);
    free(p->weight);
    *p = (dr_prompts){0};
}

static double mean(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i];
    return sum / (double)n;
}

void dr_emphasize(float *hidden, const float weight[DR_TOKENS], int64_t C)
{
    bool weighted = false;
    for (int i = 0; i < DR_TOKENS; i++)
        weighted |= weight[i] != 1;
    if (!weighted)
        return;
    double before = mean(hidden, DR_TOKENS * C);
    for (int64_t i = 0; i < DR_TOKENS * C; i++)
        hidden[i] *= weight[i / C];
    double by = before / mean(hidden, DR_TOKENS * C);
    for (int64_t i = 0; isfinite(by) && i < DR_TOKENS * C; i++) /* all weights 0: the states stay 0 */
        hidden[i] *= (float)by;
}
