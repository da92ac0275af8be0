/* Examples as the UNet takes them: encoding one costs as much as training on it, so each is kept for a while and used
 * several times, with other noise. The pool is a file; slot k % size holds example k, so that it depends on nothing but
 * the seed, and a resumed training finds its examples there (or encodes them again). */
#ifndef MINI_POOL_H
#define MINI_POOL_H

#include "mini/example.h"
#include "pipeline/models.h"

#define MINI_CELLS 32   /* of a side: factor 8 */
#define MINI_CHANNELS 4 /* of the latents */
#define MINI_LATENTS (MINI_CELLS * MINI_CELLS * MINI_CHANNELS)

typedef struct mini_entry {
    int64_t k; /* 1 + the example; 0: empty */
    char caption[128];
    uint8_t mask[MINI_CELLS * MINI_CELLS];                /* 0 or 1 */
    uint16_t latents[MINI_LATENTS], masked[MINI_LATENTS]; /* f16, as the UNet sees them */
} mini_entry;

typedef struct mini_pool {
    const mini_wardrobe *wardrobe;
    dr_vae_model *vae;
    uint64_t seed;
    mini_entry *entry; /* [size], mapped */
    int size;
    dr_tape tape;
    int64_t encoded; /* so far, for the log */
} mini_pool;

/** `tag` tells pools apart that must not be mixed (another VAE, other photos): a file with another tag starts anew. */
dr_status mini_pool_open(mini_pool *p, const char *path, int size, uint64_t tag);
/** Safe on a zeroed struct. */
void mini_pool_close(mini_pool *p);
/** Example k, encoded now if it is not there. Borrowed until the next call. */
dr_status mini_pool_get(mini_pool *p, int64_t k, const mini_entry **out);
/** Latents of a picture, f32 [MINI_LATENTS], with the masked pixels grey if there is a mask. */
dr_status mini_encode(dr_tape *g, const dr_vae *vae, const dr_image *photo, const dr_image *mask, float *latents);

#endif
