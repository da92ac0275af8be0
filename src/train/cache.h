/* What training needs of the VAE and of a frozen text encoder, computed once.
 *
 * diffusers' script encodes photo and masked photo anew at every step; the encoder does not change, so its mean and
 * deviation per photo and crop can be kept and only the draw repeated. The text encoder is let go before the UNet
 * comes. So is the VAE if all photos are encoded before the first step; otherwise it stays until the last one has come
 * up. */
#ifndef DR_TRAIN_CACHE_H
#define DR_TRAIN_CACHE_H

#include "learn/ranks.h"
#include "pipeline/models.h"
#include "train/plan.h"

typedef struct dr_encoded {
    dr_plan_item item;
    int h, w;       /* of the latents */
    float *moments; /* [h,w,2*latent] of the photo */
    float *masked;  /* the same of the photo with the garment greyed out, or cloth laid there */
    float *mask;    /* [h,w]: 1 where the garment is; of a pair [2h,w] */
    float *garment; /* the moments of the garment's photo, of a pair; else NULL */
} dr_encoded;

/* Where photos come from. */
typedef struct dr_cache_photos {
    const dr_dataset *instances, *classes; /* classes: NULL without prior preservation */
    bool any_white;                        /* masks on the latents' grid, as in drape_train_options */
} dr_cache_photos;

typedef struct dr_cache {
    dr_encoded *entry;
    int count;
    int *of_item; /* [plan items]: index into entry, -1 where the run will not go again */
    float **text; /* [instances], [classes]: [77,C] per example, or NULL when the text encoder is trained */
    int instances, classes;
    dr_precision precision; /* in which texts are encoded; photos: the tape's */
    dr_ranks *ranks;        /* who fill it together: each encodes its part for all. NULL: alone */
    bool lay_cloth;         /* pairs: cloth in the hole instead of grey, as the model's schedule has it */
    dr_vae_config vae;
    dr_vae_model model; /* loaded while entries are missing */
    dr_cache_photos photos;
    int missing; /* entries that are not encoded yet */
} dr_cache;

/* Called while encoding. */
typedef struct dr_cache_callbacks {
    void *user;
    void (*progress)(void *user, int done, int total);
    bool (*cancelled)(void *user);
    void (*doubt)(void *user, const char *text); /* one sentence a line; may be NULL */
} dr_cache_callbacks;

/** Encodes what the plan needs from micro batch `first_batch` on, up to `until`; what comes later alone is left to
 *  dr_cache_complete(), and must be nothing where ranks fill the cache together. Loads the VAE from `s` and lets it go
 *  unless something is left. Without `any_white`, masks that lose a part on the latents' grid are a doubt. `photos` are
 *  borrowed while something is left. The tape keeps its pages for what is to come then: touching new ones takes long.
 */
dr_status dr_cache_images(dr_cache *c, dr_tape *g, const dr_source *s, const dr_plan *plan, int first_batch, int until,
                          const dr_cache_photos *photos, const dr_cache_callbacks *cb);

/** Encodes what is left of `count` plan items from `first` on. The tape is reset if that is anything, and the VAE let
 * go after the last entry. */
dr_status dr_cache_complete(dr_cache *c, dr_tape *g, int first, int count);

/** Encodes one text per example with a loaded text encoder. ids: [instances + classes][77]. */
dr_status dr_cache_texts(dr_cache *c, const dr_text_model *text, const int32_t *ids, int instances, int classes);

void dr_cache_clear(dr_cache *c);

#endif
