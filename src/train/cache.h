/* What training needs of the VAE and of a frozen text encoder, computed once before the first step.
 *
 * diffusers' script encodes photo and masked photo anew at every step; the encoder does not change, so its mean and
 * deviation per photo and crop can be kept and only the draw repeated. Both models are let go before the UNet comes. */
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

typedef struct dr_cache {
    dr_encoded *entry;
    int count;
    int *of_item; /* [plan items]: index into entry, -1 where the run will not go again */
    float **text; /* [instances], [classes]: [77,C] per example, or NULL when the text encoder is trained */
    int instances, classes;
    dr_precision precision; /* in which it is filled */
    dr_ranks *ranks;        /* who fill it together: each encodes its part for all. NULL: alone */
    bool lay_cloth;         /* pairs: cloth in the hole instead of grey, as the model's schedule has it */
    dr_vae_config vae;
} dr_cache;

/* Called while encoding. */
typedef struct dr_cache_callbacks {
    void *user;
    void (*progress)(void *user, int done, int total);
    bool (*cancelled)(void *user);
    void (*doubt)(void *user, const char *text); /* one sentence a line; may be NULL */
} dr_cache_callbacks;

/** Encodes what the plan needs from micro batch `first_batch` on. Loads the VAE from `s` and lets it go. Masks on the
 *  latents' grid: `any_white` as in drape_train_options; without it, masks that lose a part are a doubt. */
dr_status dr_cache_images(dr_cache *c, const dr_source *s, const dr_plan *plan, int first_batch, bool any_white,
                          const dr_dataset *instances, const dr_dataset *classes, const dr_cache_callbacks *cb);

/** Encodes one text per example with a loaded text encoder. ids: [instances + classes][77]. */
dr_status dr_cache_texts(dr_cache *c, const dr_text_model *text, const int32_t *ids, int instances, int classes);

void dr_cache_clear(dr_cache *c);

#endif
