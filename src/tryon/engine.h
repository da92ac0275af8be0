/* The models of one pipeline, held as long as they are needed, and the stages of an inpainting run.
 *
 * By default each model is loaded, used and let go in turn, so that the peak is the largest model and not the sum. */
#ifndef DR_TRYON_ENGINE_H
#define DR_TRYON_ENGINE_H

#include "diffusion/sampler.h"
#include "io/image.h"
#include "models/tokenizer.h"
#include "pipeline/garment_attention.h"
#include "pipeline/learned_words.h"
#include "pipeline/lora.h"
#include "pipeline/models.h"
#include "tryon/prompts.h"

typedef enum dr_stage { DR_STAGE_TEXT, DR_STAGE_ENCODE, DR_STAGE_DENOISE, DR_STAGE_DECODE } dr_stage;

/* As drape_callbacks, with latents as floats. Any may be NULL. */
typedef struct dr_stage_callbacks {
    void *user;
    void (*progress)(void *user, dr_stage stage, int done, int total);
    /* the estimate of the finished latents [h,w,latent], before the VAE */
    void (*preview)(void *user, int step, const float *latents);
    int preview_every;
    bool (*cancel)(void *user);
} dr_stage_callbacks;

typedef struct dr_lora_ref {
    const char *path;
    double scale;
} dr_lora_ref;

typedef struct dr_embedding_ref {
    const char *path;
    const char *word; /* NULL: the file's own, or its name */
} dr_embedding_ref;

/* What goes with a model's folder. */
typedef struct dr_engine_extras {
    const dr_lora_ref *lora; /* [lora_count] */
    const dr_embedding_ref *embedding;
    int lora_count, embedding_count;
    bool skip_misfits;     /* pass over embeddings of another width, with a word */
    const char *attention; /* weights that dress from a photo of the garment (pipeline/garment_attention.h), or NULL */
    bool dresses;          /* the UNet does so by itself, as one in training does */
    bool q8;               /* weights wait in 8 bits, see dr_params_hold() */
} dr_engine_extras;

/* Hears what in a model's files is passed over. `tell` may be NULL. */
typedef struct dr_engine_notes {
    void (*tell)(void *user, const char *text);
    void *user;
} dr_engine_notes;

/* A picture's moments, kept for the next picture that begins with it. */
typedef struct dr_encoded_picture {
    float *rgb, *moments; /* [H,W,3], [h,w,2*latent]; NULL: none */
    int H, W;
} dr_encoded_picture;

typedef struct dr_engine {
    const dr_source *source;
    dr_engine_notes notes;
    bool told[3];  /* of the text encoder, the VAE, the UNet */
    dr_lora *lora; /* [lora_count] */
    double *lora_scale;
    int lora_count;
    bool keep;    /* models stay loaded */
    bool dresses; /* from a photo of the garment: there is no text, and `attention` is open */
    dr_garment_attention attention;
    dr_encoded_picture encoded[2]; /* person, garment */
    bool q8;

    dr_clip_config text_config;
    dr_vae_config vae_config;
    dr_unet_config unet_config;
    dr_schedule schedule;
    dr_tokenizer *tokenizer;
    dr_learned_words words; /* that the tokenizer knows, too */

    dr_text_model text;
    dr_vae_model vae;
    dr_unet_model unet;
    dr_tape tape;

    int skipped; /* calls of the last run, see tryon/step_skip.h */

    char *prompt, *negative; /* that `context` belongs to */
    unsigned how;            /* they were read: DR_PROMPT_... */
    int clip_skip;
    float *context; /* [2,L,C]: negative, prompt; malloc'ed */
    int length;     /* L: 77, or 77 for each chunk of a long prompt */
} dr_engine;

/** Checks the source's configs, and that they fit together: a UNet for this VAE and text encoder, made for
 *  inpainting or text-to-image; with extras->attention an inpainting UNet for these, and text encoder and tokenizer are
 *  not looked at. Weights are read later, adapters and embeddings now; `extras` may be NULL. */
dr_status dr_engine_open(dr_engine *e, const dr_source *source, const dr_engine_extras *extras, dr_precision precision,
                         bool keep, const dr_engine_notes *notes);
void dr_engine_close(dr_engine *e);

/** As dr_engine_encode(); what place `at` of e->encoded has of the same picture is taken, or kept there. */
dr_status dr_engine_encode_once(dr_engine *e, int at, const float *rgb, int H, int W, float *moments);

/** Whether the UNet takes the mask and the masked photo; a text-to-image model takes noisy latents alone. */
bool dr_engine_inpaints(const dr_engine *e);

/** Lets go of the models that the next stages do not need, unless they are kept. */
void dr_engine_release(dr_engine *e);

/** Encodes both prompts into e->context (kept for the next call with the same prompts). `how`: DR_PROMPT_LONG, in as
 *  many chunks of 75 tokens as the longer one needs, the shorter one filled up with empty chunks, otherwise what goes
 *  beyond 75 tokens is left out; DR_PROMPT_WEIGHTS, with weights as AUTOMATIC1111 has them. */
dr_status dr_engine_text(dr_engine *e, const char *prompt, const char *negative, unsigned how, int clip_skip);

/** rgb [H,W,3] in [-1,1] -> moments [h,w,2*latent] (caller's, floats). H and W are multiples of the factor. */
dr_status dr_engine_encode(dr_engine *e, const float *rgb, int H, int W, float *moments);

/** latents [h,w,latent] as the UNet gives them -> rgb [H,W,3], about [-1,1] */
dr_status dr_engine_decode(dr_engine *e, const float *latents, int H, int W, float *rgb);
/** The same of the pixels of `part`, [part.h,part.w,3]; other than the whole of a VAE that dr_vae_decodes_parts(). */
dr_status dr_engine_decode_part(dr_engine *e, const float *latents, int H, int W, dr_window part, float *rgb);
/** The same as a picture of W x H. `part` (h 0: all) is what of it is needed: the rest may be black, where that is less
 *  work. */
dr_status dr_engine_decode_picture(dr_engine *e, const float *latents, int W, int H, dr_window part, dr_image *out);

/** Loads the UNet, with attention weights and adapters; otherwise done when it is first needed. */
dr_status dr_engine_load_unet(dr_engine *e);

/** One model call: x [h,w,in] with each of N texts [N,e->length,C] -> out [N,h,w,out]. `cache`: see
 *  dr_unet_forward_cached(); NULL for none. */
dr_status dr_engine_predict(dr_engine *e, const float *x, float timestep, const float *text, int N, int h, int w,
                            dr_unet_cache *cache, float *out);

/** The same without a text, for an engine that dresses: x [N,h,w,in] -> out [N,h,w,out], N 1 or 2. */
dr_status dr_engine_predict_textless(dr_engine *e, const float *x, float timestep, int N, int h, int w,
                                     dr_unet_cache *cache, float *out);

#endif
