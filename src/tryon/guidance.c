#include "tryon/guidance.h"

bool dr_is_guided(const dr_guidance *g, int i, int calls)
{
    return g->scale > 1 && (double)i / calls >= g->start && (double)(i + 1) / calls <= g->end;
}

void dr_guide(const dr_guidance *g, float *pair, size_t n)
{
    float s = (float)g->scale;
    for (size_t k = 0; k < n; k++)
        pair[k] += s * (pair[n + k] - pair[k]);
}
