/* Examples as the UNet takes them: encoding one costs as much as training on it, so each is kept for a while and used
 * several times, with other noise. The pool is a file; slot k % size holds example k, so that it depends on nothing but
 * the seed, and a resumed training finds its examples there (or encodes them again). */
#ifndef MINI_POOL_H
#define MINI_POOL_H

#include "mini/pair.h"
#include "pipeline/models.h"

#define MINI_CHANNELS 4 /* of the latents */

/* What the UNet sees of an example: its picture, and under it the garment's photo if there are such photos. */
typedef struct mini_layout {
    int side;   /* latent cells of a picture's side */
    int rows;   /* side, or twice that with a garment's photo */
    int cells;  /* rows * side */
    int values; /* cells * MINI_CHANNELS */
} mini_layout;

/* Borrowed from the pool. */
typedef struct mini_entry {
    const char *caption;
    const uint8_t *mask;              /* [cells], 0 or 1; of a garment's photo 0 */
    const uint16_t *latents, *masked; /* [values], f16, as the UNet sees them; a garment's photo is in both */
} mini_entry;

typedef struct mini_pool {
    const mini_wardrobe *wardrobe;
    const mini_flats *flats; /* NULL: examples without a garment's photo */
    float aligned;           /* share of garments that lie in their place already: pair.h */
    dr_vae_model *vae;
    mini_layout layout;
    uint64_t seed;
    char *file; /* a head and `size` slots, mapped */
    int size;
    dr_tape tape;
    int64_t encoded; /* so far, for the log */
} mini_pool;

/** `tag` tells pools apart that must not be mixed (another VAE, other photos): a file with another tag starts anew. */
dr_status mini_pool_open(mini_pool *p, const char *path, int size, uint64_t tag);
/** Safe on a zeroed struct. */
void mini_pool_close(mini_pool *p);
/** Example k, encoded now if it is not there. Borrowed until the next call. */
dr_status mini_pool_get(mini_pool *p, int64_t k, mini_entry *out);
/** Latents of a square picture, f32 [cells][MINI_CHANNELS], with the masked pixels grey if there is a mask. */
dr_status mini_encode(dr_tape *g, const dr_vae *vae, const dr_image *photo, const dr_image *mask, float *latents);

#endif
