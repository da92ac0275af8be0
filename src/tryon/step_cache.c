#include "tryon/step_cache.h"

dr_status dr_step_plan_check(const dr_step_plan *plan, int skips)
{
    if (plan->interval > 1 && plan->threshold > 0)
        return dr_fail(DR_EINVAL,
                       "cache_interval is %d and cache_threshold %.10g: a call is left out, or reuses the model's deep "
                       "part, not both; leave one of them out",
                       plan->interval, plan->threshold);
    if (plan->interval <= 1 || (plan->branch >= 0 && plan->branch < skips))
        return DR_OK;
    return dr_fail(DR_EINVAL, "cache_branch is %d, but this model's UNet has branches 0 to %d", plan->branch,
                   skips - 1);
}

void dr_step_cache_begin(dr_step_cache *c, const dr_step_plan *plan)
{
    *c = (dr_step_cache){.plan = *plan, .unet = {{.branch = plan->branch}, {.branch = plan->branch}}};
}

void dr_step_cache_end(dr_step_cache *c)
{
    dr_unet_cache_clear(&c->unet[0]);
    dr_unet_cache_clear(&c->unet[1]);
}

void dr_step_cache_next(dr_step_cache *c, int i, int calls, int halves)
{
    const dr_step_plan *p = &c->plan;
    bool inside = (double)i / calls >= p->start && (double)(i + 1) / calls <= p->end;
    c->reuse = inside && c->reused + 1 < p->interval && halves <= c->halves;
    c->reused = c->reuse ? c->reused + 1 : 0;
    c->halves = c->reuse ? c->halves : halves;
}

dr_unet_cache *dr_step_cache_of(dr_step_cache *c, int half)
{
    if (c->plan.interval <= 1)
        return NULL;
    c->unet[half].reuse = c->reuse;
    return &c->unet[half];
}
