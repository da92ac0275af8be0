/* The API that stable-diffusion-webui (AUTOMATIC1111) made a habit: what its files here share.
 *
 * Clients send many fields that drape has no use for. Those that ask for nothing are taken as they come; those that
 * would change the picture in a way that drape cannot are refused by name. */
#ifndef DR_SERVE_A1111_A1111_H
#define DR_SERVE_A1111_A1111_H

#include "serve/http/routes.h"
#include "serve/jobs/fields.h"
#include "serve/jobs/studio.h"

/* --- handlers, for the table of routes ------------------------------------------------------------ */

dr_handler dr_a1111_img2img, dr_a1111_progress, dr_a1111_interrupt, dr_a1111_png_info, dr_a1111_samplers,
    dr_a1111_schedulers, dr_a1111_models, dr_a1111_loras, dr_a1111_get_options, dr_a1111_post_options,
    dr_a1111_empty_list, dr_a1111_embeddings, dr_a1111_refresh, dr_a1111_cmd_flags, dr_a1111_scripts, dr_a1111_txt2img;

/* --- names -------------------------------------------------------------------------------------- */

/** drape's scheduler for a sampler's name ("DPM++ 2M Karras", "k_euler_a", "pndm"); NULL for an unknown one. *karras
 * for a name that says so. */
const char *dr_a1111_scheduler(const char *sampler, bool *karras);

/** The name clients know a scheduler by. */
const char *dr_a1111_sampler_name(const char *scheduler);

/** The model that "id", "title" or a garment's name means: *model its id, *garment the garment's id or 0. */
dr_status dr_a1111_find_model(dr_studio *s, const char *name, const dr_model **model, int64_t *garment);

/** How clients know a model: "v1-5-inpainting.ckpt [c6bbc15e32]" for a single file, a folder's name. */
void dr_a1111_model_title(dr_studio *s, const dr_model *m, char *out, size_t n);

/** The adapter of this name; 0 if there is none. */
int64_t dr_a1111_find_lora(dr_studio *s, const char *name);

/** How a garment is called here: its name, with its number where another has the same. `jobs` from dr_store_garments.
 */
void dr_a1111_garment_name(const dr_job *jobs, int count, int i, char *out, size_t n);

/** What GET options answers. New. */
json_t *dr_a1111_options_json(dr_studio *s);

/** The model that POST options chose, "" for the first. malloc'ed. */
char *dr_a1111_chosen_model(dr_studio *s);

/* --- pictures ----------------------------------------------------------------------------------- */

/** base64, plain or as a data: address, to bytes; *out malloc'ed. DR_EINVAL says what is wrong. */
dr_status dr_a1111_base64(const char *text, void **out, size_t *size);

/** The bytes as base64, a new JSON string. */
json_t *dr_a1111_to_base64(const void *data, size_t size);

/** Brings a picture to a size: 0 stretches, 1 crops to its shape, 2 adds what is missing at the edges. `mask`: 0 and
 * 255 stay. In place. */
dr_status dr_a1111_resize(drape_image *im, int mode, int width, int height, bool mask);

/** Fills what the mask covers with the colours around it, far from sharp. In place. */
dr_status dr_a1111_fill(drape_image *photo, const drape_image *mask);

/* --- values ------------------------------------------------------------------------------------- */

/** True for what asks for nothing: null, "", "None", false, 0, and lists and objects of nothing else. NULL as well. */
bool dr_a1111_at_rest(const json_t *v);

/** True for one of alwayson_scripts that is switched off, or has no unit that is on. */
bool dr_a1111_script_is_off(const json_t *script);

/** The value with the field's type, as pydantic takes it: "True" and 1 for true, "20" for 20. New; another one comes
 *  back as it is. */
json_t *dr_a1111_coerced(const dr_field *f, json_t *v);

/** Equal under the same rules. */
bool dr_a1111_same(const json_t *a, const json_t *b);

/* --- a request ---------------------------------------------------------------------------------- */

typedef struct dr_img2img {
    /* as sent */
    json_t *o;         /* checked fields, see a1111_fields.c */
    const char *image; /* base64; borrowed from the body */
    const char *mask;  /* NULL: none */
    /* what they mean */
    const char *scheduler;
    bool karras;
    bool preset; /* other than exact: what is not sent is its own */
    bool sampler_open;
    double eta, strength;
    int width, height;
    int clip_skip;    /* as drape counts: layers left out */
    json_t *comments; /* sentences on what was done otherwise than asked */
    const dr_model *model;
    int64_t garment; /* 0: none */
    double garment_scale;
    const dr_lora_file *lora;             /* an adapter from elsewhere, NULL: none; its weight is garment_scale */
    char *prompt;                         /* without <lora:...> */
    const char *worn;                     /* a photo of the garment, base64; NULL: none */
    const char *worn_category, *worn_cut; /* NULL: not said */
    bool eta_open;                        /* as suits the photo of a garment */
} dr_img2img;

#define DR_A1111_GARMENT "garment" /* one of alwayson_scripts */

/** A photo of the garment, when there is one, and what that changes in the request; the rest must be read. */
dr_status dr_a1111_take_garment(const json_t *body, dr_img2img *q, char *field);

/** Checks the body. `field` gets the field at fault. Clear it in any case. */
dr_status dr_img2img_read(dr_studio *s, const json_t *body, dr_img2img *out, char *field);
void dr_img2img_clear(dr_img2img *q);

/** Its sampler, schedule and eta, from the checked fields and the model. */
dr_status dr_a1111_take_sampler(dr_img2img *q, char *field);

#endif
