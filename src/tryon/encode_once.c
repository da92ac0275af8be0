/* Latents of the pictures that were encoded last: another seed of the same picture needs no encoding again. */
#include "tryon/engine.h"

#include <stdlib.h>
#include <string.h>

static bool is_kept(const dr_encoded_picture *k, const float *rgb, int H, int W)
{
    return k->rgb && k->H == H && k->W == W && memcmp(k->rgb, rgb, (size_t)H * (size_t)W * 3 * sizeof *rgb) == 0;
}

dr_status dr_engine_encode_once(dr_engine *e, int at, const float *rgb, int H, int W, float *moments)
{
    dr_encoded_picture *k = &e->encoded[at];
    int f = dr_vae_factor(&e->vae_config);
    size_t pixels = (size_t)H * (size_t)W * 3 * sizeof *rgb;
    size_t bytes = (size_t)(H / f) * (size_t)(W / f) * 2 * (size_t)e->vae_config.latent * sizeof *moments;
    if (is_kept(k, rgb, H, W)) {
        memcpy(moments, k->moments, bytes);
        return DR_OK;
    }
    dr_status st = dr_engine_encode(e, rgb, H, W, moments);
    if (st)
        return st;
    free(k->rgb);
    free(k->moments);
    *k = (dr_encoded_picture){malloc(pixels), malloc(bytes), H, W};
    if (k->rgb && k->moments) {
        memcpy(k->rgb, rgb, pixels);
        memcpy(k->moments, moments, bytes);
    } else { /* it is encoded again next time */
        free(k->rgb);
        free(k->moments);
        *k = (dr_encoded_picture){0};
    }
    return DR_OK;
}
