/* libFuzzer: any bytes as the config.json of a UNet, a VAE, a text encoder, a SegFormer or a clothes net, or as a
 * scheduler_config.json.
 *
 * Byte 0 picks which ('u', 'v', 't', 'g', 'c' or 's', else by its value); the rest is the file. An accepted config must
 * give a model whose parameters have sizes that fit memory's arithmetic, and a schedule whose samplers have finite
 * steps. */
#include "diffusion/sampler.h"
#include "models/clip_text.h"
#include "models/clothes_net.h"
#include "models/segformer.h"
#include "models/unet.h"
#include "models/vae.h"

#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Models that are too large for one static object on the stack. */
static dr_unet unet;
static dr_vae vae;
static dr_clip_text text;
static dr_segformer segformer;
static dr_clothes_net clothes_net;

static void check_params(dr_params *p)
{
    int64_t sum = 0;
    for (const dr_param *q = p->first; q; q = q->next) {
        int64_t n = dr_numel(&q->t);
        DR_ASSERT(n > 0 && n < INT64_MAX / 8 && sum < INT64_MAX / 8, "'%s' has %lld values", q->t.name, (long long)n);
        sum += n;
    }
    DR_ASSERT(p->status || sum == dr_params_numel(p), "%lld values, not %lld", (long long)sum,
              (long long)dr_params_numel(p));
}

static dr_status try_unet(const json_t *j, dr_params *p)
{
    dr_unet_config c;
    dr_status st = dr_unet_config_parse(&c, j, "fuzz");
    return st ? st : dr_unet_init(&unet, &c, p);
}

static dr_status try_vae(const json_t *j, dr_params *p)
{
    dr_vae_config c;
    dr_status st = dr_vae_config_parse(&c, j, "fuzz");
    DR_ASSERT(st || dr_vae_factor(&c) >= 1, "factor %d", dr_vae_factor(&c));
    return st ? st : dr_vae_init(&vae, &c, p);
}

static dr_status try_text(const json_t *j, dr_params *p)
{
    dr_clip_config c;
    dr_status st = dr_clip_config_parse(&c, j, "fuzz");
    return st ? st : dr_clip_init(&text, &c, p);
}

static dr_status try_segformer(const json_t *j, dr_params *p)
{
    dr_segformer_config c;
    dr_status st = dr_segformer_config_parse(&c, j, "fuzz");
    if (!st && dr_segformer_check_size(&c, 1 << 14, 1 << 14, "fuzz"))
        return DR_EINVAL;
    return st ? st : dr_segformer_init(&segformer, &c, p);
}

static dr_status try_clothes_net(const json_t *j, dr_params *p)
{
    dr_clothes_net_config c;
    dr_status st = dr_clothes_net_config_parse(&c, j, "fuzz");
    DR_ASSERT(st || dr_clothes_net_multiple(&c) >= 2, "a multiple of %d", dr_clothes_net_multiple(&c));
    return st ? st : dr_clothes_net_init(&clothes_net, &c, p);
}

/* A whole run of one sampler on two values, the model always answering 0.1. */
static void try_sampler(const dr_schedule *sch, dr_sampler_kind kind, int steps)
{
    dr_sampler_options o = {.kind = kind, .steps = steps, .strength = 1};
    dr_sampler *s;
    dr_rng rng;
    float x[2] = {0.5f, -1}, scaled[2], e[2] = {0.1f, 0.1f};
    if (dr_sampler_new(&s, sch, &o))
        return;
    dr_rng_seed(&rng, 0);
    dr_status st = DR_OK;
    for (int i = 0; !st && i < dr_sampler_calls(s); i++) {
        float t = dr_sampler_timestep(s, i);
        DR_ASSERT(isfinite(t), "timestep %d of %s is %g", i, dr_sampler_kind_name(kind), (double)t);
        dr_sampler_scale(s, i, x, 2, scaled);
        st = dr_sampler_step(s, i, e, x, 2, &rng);
    }
    dr_sampler_free(s);
}

static dr_status try_schedule(const json_t *j, size_t how)
{
    dr_schedule sch;
    dr_status st = dr_schedule_parse(&sch, j, "fuzz");
    if (st)
        return st;
    try_sampler(&sch, (dr_sampler_kind)(how % DR_SAMPLER_KINDS), 1 + (int)(how % 7));
    dr_schedule_clear(&sch);
    return DR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char kinds[] = "uvtgcs";
    json_t *j;
    dr_params p;
    if (!size || dr_json_parse((const char *)data + 1, size - 1, "fuzz", &j))
        return 0;
    const char *kind = data[0] ? strchr(kinds, data[0]) : NULL;
    int which = kind ? (int)(kind - kinds) : data[0] % 6;
    dr_status st = dr_params_init(&p);
    if (!st)
        st = which == 0   ? try_unet(j, &p)
             : which == 1 ? try_vae(j, &p)
             : which == 2 ? try_text(j, &p)
             : which == 3 ? try_segformer(j, &p)
             : which == 4 ? try_clothes_net(j, &p)
                          : try_schedule(j, size);
    DR_ASSERT(!st || dr_error()[0], "a failure without a message");
    if (!st)
        check_params(&p);
    dr_params_clear(&p);
    json_decref(j);
    return 0;
}
