#include "train/noisy.h"

#include "diffusion/place_code.h"
#include "diffusion/sampler.h"
#include "train/pairs.h"

dr_status dr_noisy_fill(const dr_noisy *n, dr_arena *a, dr_rng *rng, int *timestep, float *x, float *target)
{
    const dr_encoded *e = n->photo;
    int64_t C = n->vae->latent;
    size_t own = (size_t)e->h * (size_t)e->w, cells = (size_t)dr_encoded_rows(e) * (size_t)e->w;
    size_t count = cells * (size_t)C, mark = dr_arena_mark(a);
    float *noise = dr_arena_alloc(a, count * sizeof *noise), *latents = dr_arena_alloc(a, count * sizeof *latents);
    float *masked = dr_arena_alloc(a, count * sizeof *masked), *noisy = dr_arena_alloc(a, count * sizeof *noisy);
    if (!noise || !latents || !masked || !noisy)
        return DR_ENOMEM;
    dr_randn_nhwc(rng, noise, 1, e->h, e->w, C);
    dr_vae_sample(n->vae, e->moments, noise, (int64_t)own, latents);
    dr_randn_nhwc(rng, noise, 1, e->h, e->w, C);
    dr_vae_sample(n->vae, e->masked, noise, (int64_t)own, masked);
    dr_status st = e->garment ? dr_garment_pair_stack(n->vae, e, rng, a, latents, masked) : DR_OK;
    if (st)
        return st;
    dr_randn_nhwc(rng, noise, 1, dr_encoded_rows(e), e->w, C);
    if (n->noise_offset > 0) {
        float offset[64];
        dr_rng_normal(rng, offset, (size_t)C);
        for (size_t i = 0; i < count; i++)
            noise[i] += (float)n->noise_offset * offset[i % (size_t)C];
    }
    if (n->schedule->place_code && e->garment)
        dr_place_code_mix(noise, e->h, e->w, (int)C);
    if (*timestep < 0)
        *timestep = (int)dr_rng_below(rng, n->schedule->train_timesteps);
    if (e->garment)
        dr_garment_pair_drop(e, (int)C, n->garment_dropout, rng, masked);
    dr_schedule_add_noise(n->schedule, latents, noise, *timestep, count, noisy);
    dr_schedule_target(n->schedule, latents, noise, *timestep, count, target);
    dr_unet_join_input(noisy, e->mask, masked, (int64_t)cells, C, x);
    dr_arena_rewind(a, mark);
    return DR_OK;
}
