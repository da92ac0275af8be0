/* A pair's latents: the garment under the person. */
#include "train/pairs.h"

#include "diffusion/sampler.h"

#include <string.h>

int dr_encoded_rows(const dr_encoded *e)
{
    return e->garment ? 2 * e->h : e->h;
}

dr_status dr_garment_pair_stack(const dr_vae_config *vae, const dr_encoded *e, dr_rng *rng, dr_arena *scratch,
                                float *x0, float *z)
{
    size_t cells = (size_t)e->h * (size_t)e->w, half = cells * (size_t)vae->latent;
    size_t mark = dr_arena_mark(scratch);
    float *noise = dr_arena_alloc(scratch, half * sizeof *noise);
    if (!noise)
        return DR_ENOMEM;
    dr_randn_nhwc(rng, noise, 1, e->h, e->w, vae->latent);
    dr_vae_sample(vae, e->garment, noise, (int64_t)cells, x0 + half);
    memcpy(z + half, x0 + half, half * sizeof *z); /* one draw: what is shown is what is to be found again */
    dr_arena_rewind(scratch, mark);
    return DR_OK;
}

void dr_garment_pair_drop(const dr_encoded *e, int channels, double dropout, dr_rng *rng, float *z)
{
    size_t half = (size_t)e->h * (size_t)e->w * (size_t)channels;
    if ((double)dr_rng_uniform(rng) < dropout)
        memset(z + half, 0, half * sizeof *z);
}
