#include "diffusion/sampler.h"

#define NAME(KIND, class, name) [DR_SAMPLER_##KIND] = name,
static const char *const names[DR_SAMPLER_KINDS] = {DR_SAMPLERS(NAME)};

const char *dr_sampler_kind_name(dr_sampler_kind k)
{
    DR_ASSERT(k >= 0 && k < DR_SAMPLER_KINDS, "kind %d", (int)k);
    return names[k];
}
