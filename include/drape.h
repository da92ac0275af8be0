/**
 * libdrape: virtual try-on with Stable Diffusion inpainting models, on the CPU.
 *
 *     drape_pipeline *p;
 *     drape_image photo, mask, out;
 *     drape_tryon_options o = DRAPE_TRYON_DEFAULTS;
 *     o.prompt = "red t-shirt";
 *     if (drape_pipeline_load(&p, "model", NULL) || drape_image_read(&photo, "person.jpg") ||
 *         drape_mask_read(&mask, "mask.png", &photo, NULL, 0) || drape_tryon(p, &photo, &mask, &o, &out) ||
 *         drape_image_write(&out, "out.png", NULL))
 *         fprintf(stderr, "%s\n", drape_error());
 *
 * Functions return DRAPE_OK or a negative status; drape_error() then holds one sentence on this thread.
 * A pipeline is used by one thread at a time; different pipelines may be used by different threads.
 * Strings are UTF-8. What comes out through a first parameter is yours to free.
 */
#ifndef DRAPE_H
#define DRAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum drape_status {
    DRAPE_OK = 0,
    DRAPE_EINVAL = -1,      /* bad argument or bad input file */
    DRAPE_EIO = -2,         /* reading or writing failed, disk full */
    DRAPE_ENOMEM = -3,      /* out of memory */
    DRAPE_ENOENT = -4,      /* a file is not there */
    DRAPE_ECANCELLED = -5,  /* a cancel callback said so */
    DRAPE_ENET = -6,        /* network failure */
    DRAPE_EUNSUPPORTED = -7 /* understood, but not possible in this build or on this CPU */
} drape_status;

/** What went wrong in the last failed call on this thread: one sentence, lower case, no full stop. Borrowed. */
const char *drape_error(void);

/** "0.1.0" */
const char *drape_version(void);

/**
 * Threads that computations use in this process; 0 (the default) is OMP_NUM_THREADS, where that is set, or else all
 * physical cores the process may use, by affinity mask and control groups.
 *
 * On a machine that computes something else as well, set GOMP_SPINCOUNT=1000 in the program's environment before it
 * starts (or OMP_WAIT_POLICY=passive): libgomp's threads wait for each other in a loop otherwise, and one whose core is
 * taken stops all, ten times slower. The program drape does so by itself; a library comes too late, since libgomp reads
 * its environment when it is loaded.
 */
void drape_set_threads(int threads);

/* --- pictures --------------------------------------------------------------------------------------- */

/** 8-bit pixels, rows without padding; 3 channels sRGB, or 1 for a mask (255 = replace). Free with drape_image_free. */
typedef struct drape_image {
    int width, height, channels;
    uint8_t *data;
} drape_image;

/** Pixels of the largest picture that is read: 8192x8192. */
#define DRAPE_MAX_PIXELS (8192 * 8192)

/** Reads a photo (JPEG, PNG, WebP, TIFF and what libvips has), upright, as sRGB; at most DRAPE_MAX_PIXELS. */
drape_status drape_image_read(drape_image *out, const char *path);

/** A photo or mask as its file has it: neither turned by EXIF nor brought to sRGB, a mask with 1 or 3 channels. For
 *  whoever wants the numbers of a program that reads pictures so. `hard` (or NULL): the file has a palette or one bit
 * per pixel. */
drape_status drape_image_read_stored(drape_image *out, const char *path, bool mask, bool *hard);

/** The same from a file's bytes; `name` stands in messages. The size is checked before anything is decoded. */
drape_status drape_image_read_memory(drape_image *out, const void *data, size_t size, const char *name);

/** What a picture's header says. */
typedef struct drape_image_info {
    int width, height; /* upright */
    bool upright;      /* false: the file's EXIF orientation turns it */
    const char *type;  /* "image/jpeg" and so on, told by the content; static */
} drape_image_info;

/** Reads a file's header from its bytes; nothing is decoded. */
drape_status drape_image_probe(drape_image_info *out, const void *data, size_t size, const char *name);

/**
 * Reads a mask for `photo`: white = replace. Any size with the photo's aspect ratio; the result has the photo's
 * size and only 0 and 255. One colour on black, on white or on nothing (a transparent layer) is a mask as well, and so
 * is a photo with an erased hole. All black and a photo are errors. Doubts (grey values, probably inverted) go to
 * `warnings`, one per line, if it is not NULL.
 */
drape_status drape_mask_read(drape_image *out, const char *path, const drape_image *photo, char *warnings, size_t size);

/** The same; `photo_name` (or NULL) is what the photo is called in messages. */
drape_status drape_mask_read_for(drape_image *out, const char *path, const drape_image *photo, const char *photo_name,
                                 char *warnings, size_t size);

drape_status drape_mask_read_memory(drape_image *out, const void *data, size_t size, const char *name,
                                    const drape_image *photo, char *warnings, size_t warnings_size);

/** Writes PNG, JPEG, WebP or TIFF by extension, atomically. `parameters` (or NULL) is kept in the file as text, as
 *  other tools read it. */
drape_status drape_image_write(const drape_image *image, const char *path, const char *parameters);

/** The bytes of such a file; `extension` is ".png" and so on. Free *out with free(). */
drape_status drape_image_encode(const drape_image *image, const char *extension, const char *parameters, void **out,
                                size_t *size);

/** The `parameters` text of a PNG in memory, UTF-8, malloc'ed. DRAPE_ENOENT if it has none. */
drape_status drape_image_parameters(const void *png, size_t size, const char *name, char **out);

/** Whether drape_image_write() knows the extension of `path`; and whether a file is called like a picture. */
bool drape_image_can_write(const char *path);
bool drape_image_has_name(const char *path);

/** Another size, by Lanczos. `out` is untouched on failure. */
drape_status drape_image_resize(const drape_image *image, int width, int height, drape_image *out);

void drape_image_free(drape_image *image);

/* --- models ----------------------------------------------------------------------------------------- */

/** A Stable Diffusion 1 or 2 model: a diffusers pipeline folder, or a single file with LDM's names as model sites have
 *  them (.safetensors, .ckpt, .gguf). */
typedef struct drape_pipeline drape_pipeline;

typedef enum drape_precision {
    DRAPE_EXACT, /* f32 arithmetic: PyTorch's numbers */
    DRAPE_AUTO,  /* products of 16 bits where this CPU gains by it */
    DRAPE_FAST   /* and linear layers in 8 bits, where a layer's error keeps to a budget */
} drape_precision;

typedef enum drape_weights {
    DRAPE_WEIGHTS_FILE, /* in memory as in the files; of those of fewer than 8 bits f16 is made */
    DRAPE_WEIGHTS_Q8    /* matrices and convolutions in 8 bits (GGUF's Q8_0): half of f16, and rounded */
} drape_weights;

typedef struct drape_lora {
    const char *path; /* an adapter in diffusers', peft's, kohya's or LyCORIS' form */
    double scale;     /* 1 = as trained */
} drape_lora;

/* A word that was learned (textual inversion); in a prompt it stands for what it was learned from. */
typedef struct drape_embedding {
    const char *path; /* AUTOMATIC1111's form or diffusers' */
    const char *word; /* NULL: the file's own, else its name without the ending */
} drape_embedding;

typedef struct drape_load_options {
    const drape_lora *loras;
    int lora_count;
    drape_precision precision;
    bool keep_models;      /* keep all models in memory between pictures: faster for many, more memory */
    const char *tokenizer; /* folder of another vocabulary; NULL: the model's own, for a single file CLIP's */
    const char *vae;       /* another VAE: its folder, a pipeline folder, or a file; NULL: the model's own */
    bool ema;              /* of a single file: the UNet's moving average in place of its weights */
    /** Notes, one sentence each: what in the files is passed over. May be NULL. Called when adapters are read and, from
     *  drape_tryon() on the pipeline's thread, when weights are; each is said once. */
    void (*note)(void *user, const char *text);
    void *user;
    const drape_embedding *embeddings;
    int embedding_count;
    bool
        skip_misfits; /* pass over embeddings of another width than the model's text, with a note, instead of failing */
    /* Dress from a photo of the garment (CatVTON, arXiv:2407.15886): self-attention weights that were trained for that
     * take the place of the model's own. Such a pipeline reads no prompt and needs no text encoder. The file, or the
     * folder of one version of them; NULL: with `garment` those that lie in the model's folder. */
    const char *attention;
    bool garment;
    drape_weights weights;
} drape_load_options;

/** Checks the model, its configs, and that its parts fit together; weights are read when first needed. `path` is a
 *  pipeline folder or a single file; NULL is the small model that comes with
 *  drape, or the folder in $DRAPE_MODEL. `options` may be NULL. */
drape_status drape_pipeline_load(drape_pipeline **out, const char *path, const drape_load_options *options);
void drape_pipeline_free(drape_pipeline *p);

/** What a pipeline is. Strings are borrowed from it, or static. */
typedef struct drape_model_info {
    int width, height;     /* pixels that it was made for */
    int multiple;          /* sizes must be multiples of this */
    const char *scheduler; /* its own: "pndm" */
    const char *dir;       /* its folder or file */
    const char *kind;      /* "sd1", "sd2", or "other", by the width of its text encoder */
    const char *family;    /* of a single file what it is, "SD 1.x inpainting"; NULL for a folder */
    int steps;             /* denoising steps that suit it: "_drape_steps" in its scheduler_config.json, or 50 */
    double guidance_scale; /* the same, "_drape_guidance_scale", or 7.5 */
    bool few_steps;        /* it names its steps: it was made for them, and other counts look worse, not better */
    bool garment;          /* it dresses from a photo of the garment */
    const char
        *attention; /* then: the file of its attention weights, and which version they are, "mix-48k-1024" or "" */
    const char *version;
    bool pure_noise; /* its schedule begins without any signal, at a noise level as good as infinite */
} drape_model_info;
drape_status drape_pipeline_info(const drape_pipeline *p, drape_model_info *out);

/** "pndm", "ddim", ...: the names that drape_tryon_options knows, by index from 0; NULL behind the last. */
const char *drape_scheduler_name(int index);

/* --- try-on ----------------------------------------------------------------------------------------- */

typedef enum drape_stage { DRAPE_STAGE_TEXT, DRAPE_STAGE_ENCODE, DRAPE_STAGE_DENOISE, DRAPE_STAGE_DECODE } drape_stage;

typedef struct drape_callbacks {
    void *user;
    /** Called at the start of a stage (done 0) and after each of its `total` parts. */
    void (*progress)(void *user, drape_stage stage, int done, int total);
    /** The picture as far as it is, every `preview_every` steps: an estimate. Borrowed for the call. */
    void (*preview)(void *user, int step, const drape_image *picture);
    int preview_every;
    /** Asked often; true stops with DRAPE_ECANCELLED. May be called from a signal-safe flag. */
    bool (*cancel)(void *user);
    /** A doubt about what was asked for, one sentence. Borrowed for the call. */
    void (*warn)(void *user, const char *message);
} drape_callbacks;

/* How photo, mask and garment get the working size. */
typedef enum drape_fit {
    DRAPE_FIT_REGION,   /* by the region around the mask, or the whole photo; the garment on white */
    DRAPE_FIT_CROP_PAD, /* as CatVTON's pipeline: cropped in the middle, the garment on white */
    DRAPE_FIT_STRETCH,  /* as its inference.py: all stretched */
    DRAPE_FIT_APP       /* as its app.py: CROP_PAD, but every grey of the mask counts, and its outline is smoothed */
} drape_fit;

/* What a picture may cost: what drape_pipeline_advise() takes for steps, sampler and guidance's interval. */
typedef enum drape_preset {
    DRAPE_PRESET_EXACT,    /* all as the model has it */
    DRAPE_PRESET_BALANCED, /* DPM++ 2M on Karras noise levels, 20 steps, guidance until three quarters of them, and
                              from a fifth on every second call whole */
    DRAPE_PRESET_FAST      /* UniPC, 10 steps, guidance until half of them, the same cache */
} drape_preset;

/* What of the mask neither the old garment covers nor the new one, see drape_tryon_unworn(). */
typedef enum drape_unworn {
    DRAPE_UNWORN_AUTO,  /* keep for a model that asks for it (_drape_keep_unworn), else paint */
    DRAPE_UNWORN_PAINT, /* as the model paints it */
    DRAPE_UNWORN_KEEP   /* as it is in the photo */
} drape_unworn;

typedef struct drape_tryon_options {
    const char *prompt;          /* NULL is "" */
    const char *negative_prompt; /* NULL is "" */
    int steps;                   /* denoising steps, 1..1000 */
    double guidance_scale;       /* at most 1: no guidance, half the time */
    double strength;             /* (0,1]: 1 starts from noise, less keeps some of what was there */
    uint64_t seed;
    const char *scheduler; /* "pndm", "ddim", ... or "PNDMScheduler"; NULL: the folder's own */
    bool karras;           /* Karras sigmas */
    double eta;            /* DDIM's, 0..1; published for dressing from a photo is 1 */
    int width, height;     /* working size in pixels; 0: the model's */
    bool whole;            /* work on the whole photo instead of the region around the mask */
    int padding;           /* pixels of the photo kept around the mask's region; -1: 32 or an eighth of it */
    int mask_grow;         /* pixels of the photo; negative shrinks */
    int mask_blur;         /* pixels of the paste's feather; -1: 4 per 512 pixels of region */
    bool paste;            /* paste back into the untouched photo; without, the model's picture is the result */
    bool color_match;      /* shift the picture's mean colour to the photo's around the mask */
    int clip_skip;    /* last layers of the text encoder to leave out, for both prompts: 0 is none, as diffusers counts;
                         AUTOMATIC1111's "Clip skip" begins at 1 */
    bool long_prompt; /* read prompts of more than 75 tokens to their end, as AUTOMATIC1111 does; see below */
    drape_callbacks callbacks;
    bool prompt_weights;        /* read "(red:1.3)", "(x)" and "[x]" in both prompts as AUTOMATIC1111 does; see below */
    const drape_image *garment; /* its photo, 3 channels, for a pipeline that dresses from one; see drape_garment() */
    drape_fit fit;              /* the published fits ask for `whole` and no paste; see drape_tryon() */
    bool repaint;               /* with a published fit: the photo around the mask again, as inference.py --repaint */
    bool hard_mask; /* with a published fit: the mask's file has a palette, as drape_image_read_stored() says */
    double guidance_start, guidance_end; /* guided are the calls that lie between these parts of the run, 0..1; the
                                            others take half the time (Kynkaanniemi et al. 2024, arXiv:2404.07724) */
    drape_preset preset; /* for drape_pipeline_advise(); goes with DRAPE_AUTO, and drape_tryon() does not look at it */
    int cache_interval;  /* every how many calls the UNet is computed whole; the others reuse what its deep part gave
                            (DeepCache, Ma et al. 2024, arXiv:2312.00858). 1: all calls are whole */
    int cache_branch; /* how much a call that reuses computes itself: as far down as this skip connection, counted from
                         0 as the paper does; 0 is the least */
    double cache_start, cache_end; /* the calls that lie between these parts of the run may reuse */
    double cache_threshold; /* leave out calls whose prediction would change by less than this part of itself, by an
                               estimate that is added up until one is made again (EasyCache, Zhou et al. 2025,
                               arXiv:2507.02860); 0: all are made. Not beside a cache_interval; cache_start and
                               cache_end hold for it, too */
    bool karras_open;       /* `karras` is what drape_pipeline_advise() finds; drape_tryon() does not look at it */
    drape_unworn unworn;    /* for drape_tryon_keeps_unworn(); drape_tryon() does not look at it */
    bool wardrobe; /* where the model's folder has photos of garments (wardrobe/): let the prompt choose among them;
                      only with strength 1 and without `whole` */
} drape_tryon_options;

#define DRAPE_TRYON_DEFAULTS                                                                                           \
    {                                                                                                                  \
        .steps = 50, .guidance_scale = 7.5, .strength = 1.0, .padding = -1, .mask_blur = -1, .paste = true,            \
        .guidance_end = 1.0, .cache_interval = 1, .cache_end = 1.0, .wardrobe = true                                   \
    }

/* The published settings for dressing from a photo of the garment. */
#define DRAPE_GARMENT_DEFAULTS                                                                                         \
    {                                                                                                                  \
        .steps = 50, .guidance_scale = 2.5, .strength = 1.0, .eta = 1.0, .padding = -1, .mask_blur = -1,               \
        .paste = true, .guidance_end = 1.0, .cache_interval = 1, .cache_end = 1.0                                      \
    }

/**
 * The end of a prompt that the model does not get to see: a text encoder reads 75 tokens, about 50 words, and what
 * comes behind them changes nothing in the picture. Whoever takes prompts from people should tell them.
 *
 * @param cut  malloc'ed UTF-8, the words as the tokens spell them (in small letters); NULL when all of it fits
 * @return DRAPE_EINVAL for a prompt of more than 1 MiB
 *
 * With `long_prompt` nothing is cut. Both prompts are read in chunks of 75 tokens, each with a start and an end of its
 * own, and the model gets all of them, one behind the other; the shorter prompt gets empty chunks. A chunk that would
 * break a phrase ends at a comma up to 20 tokens before, and the word BREAK begins a new one. This is AUTOMATIC1111's
 * way (with "Pad prompt/negative prompt to be same length"). A prompt of more than 32 chunks is DRAPE_EINVAL. Prompts
 * of up to 75 tokens give the same picture with and without, if BREAK is not in them.
 *
 * With `prompt_weights` brackets weight what is in them: "(x)" by 1.1, "[x]" by 1/1.1, "(x:1.3)" by 1.3, nested ones by
 * their product; "\\(" is the character. The text encoder's output is multiplied by the weights of its tokens and given
 * back the mean it had, chunk by chunk: AUTOMATIC1111's way. Without, brackets are characters as all others.
 */
drape_status drape_prompt_cut(const drape_pipeline *p, const char *prompt, char **cut);

/**
 * What the model will not get to see of the options, one sentence a line, for whoever wrote them; "" when it gets all.
 * So far: the ends of both prompts that drape_prompt_cut() finds, unless `long_prompt` is set.
 */
drape_status drape_tryon_doubts(const drape_pipeline *p, const drape_tryon_options *options, char *text, size_t size);

/** Fills in what suits the model, and the preset, where `options` leave it open: `steps` 0, `guidance_scale` below 0,
 *  `eta` below 0, `guidance_start` and `guidance_end` below 0; `cache_interval` 0, `cache_start` and `cache_end`
 *  below 0; with a preset `scheduler` NULL, to which `karras` goes where `karras_open`.
 *  Where one end of guidance is given, the other is the run's. A model that is made for few steps stays with its own
 *  settings. drape_tryon() itself takes none of them for open. */
void drape_pipeline_advise(const drape_pipeline *p, drape_tryon_options *options);

/** Leaves all that open. */
void drape_tryon_leave_open(drape_tryon_options *options);

/** drape_pipeline_advise() for a model that was looked at before. */
void drape_model_advise(const drape_model_info *model, drape_tryon_options *options);

/** What drape_tryon() would find wrong with the options, whatever the photo. */
drape_status drape_tryon_check(const drape_pipeline *p, const drape_tryon_options *options);

/**
 * Replaces what the mask covers in the photo by what the prompt says.
 *
 * With `whole`, paste off, and a photo of the working size this is diffusers' StableDiffusionInpaintPipeline: the
 * same seed gives the same picture, and parts of the mask that are too thin for diffusers' sampling of it are told to
 * callbacks.warn; in all other ways no part of a mask is too thin. With paste (the default), pixels outside the mask
 * and its feather are the photo's, byte for byte.
 *
 * A pipeline that dresses from a photo of the garment asks for `garment` and takes neither prompt nor a strength other
 * than 1. With a published `fit` the mask is as its file has it, 1 or 3 channels (drape_image_read_stored()), and the
 * result is the published program's picture for torch.manual_seed(seed).
 *
 * @param mask  1 channel, the photo's size
 * @param out   the photo's size with paste, else the working size; untouched on failure
 */
drape_status drape_tryon(drape_pipeline *p, const drape_image *photo, const drape_image *mask,
                         const drape_tryon_options *options, drape_image *out);

/** Whether the options, with this pipeline, ask for drape_tryon_unworn() after drape_tryon(). */
bool drape_tryon_keeps_unworn(const drape_pipeline *p, const drape_tryon_options *options);

/** The text that drape_image_write() keeps in the file: prompt, steps, sampler, seed and so on in one block, as
 *  AUTOMATIC1111 writes it. With a cache_threshold it says how many calls the pipeline's last picture did without.
 *  malloc'ed. NULL when out of memory. */
char *drape_tryon_parameters(const drape_pipeline *p, const drape_tryon_options *options, int width, int height);

/* --- masks ------------------------------------------------------------------------------------------ */

/** Finds clothes and body parts in a photo. Used by one thread at a time. */
typedef struct drape_parser drape_parser;

/**
 * Loads a clothes parser: a folder of the small one that comes with drape, or of a SegFormer trained on the ATR labels.
 *
 * @param dir  NULL: the folder that $DRAPE_PARSER names, else the one that comes with drape, which is looked for
 *             beside the running program (../share/drape/models/mini/parser), where drape was installed, and in the
 *             source tree it was built from
 * @return DRAPE_ENOENT without a parser, and the message names the places; DRAPE_EINVAL for a folder that is none
 */
drape_status drape_parser_load(drape_parser **out, const char *dir);
void drape_parser_free(drape_parser *p);

/** The folder it was loaded from. Borrowed. */
const char *drape_parser_dir(const drape_parser *p);

/** Names of the parser's classes that drape does not know, "'a', 'b'": background to it. NULL: it knows all. */
const char *drape_parser_unknown(const drape_parser *p);

typedef enum drape_mask_what {
    DRAPE_MASK_AGNOSTIC, /* where a new garment may go: the old one, and the body it could cover; for try-on */
    DRAPE_MASK_GARMENT   /* the garment that is worn, and nothing else; for training */
} drape_mask_what;

typedef enum drape_category {
    DRAPE_UPPER, /* shirts, sweaters, jackets */
    DRAPE_LOWER, /* trousers, skirts */
    DRAPE_DRESS, /* dresses, overalls: upper and lower together */
    DRAPE_OUTER  /* a coat or jacket over what is worn: upper, further down */
} drape_category;

typedef enum drape_sleeve {
    DRAPE_SLEEVE_KEEP, /* the arm as far as it is covered now */
    DRAPE_SLEEVE_LONG, /* the arm down to the wrist, so that a long sleeve fits */
    DRAPE_SLEEVE_SHORT /* what covers the arm now goes, and the skin below a short sleeve is painted anew */
} drape_sleeve;

typedef struct drape_mask_options {
    drape_mask_what what;
    drape_category category;
    drape_sleeve sleeve;
    int person;                 /* from 1, the largest first; 0: the largest */
    double grow;                /* added to the mask's own growth, in parts of the person's height, -1..1 */
    const char *name;           /* how messages call the photo; NULL: "the photo" */
    bool (*cancel)(void *user); /* asked often, may be NULL; true stops with DRAPE_ECANCELLED */
    void *user;
} drape_mask_options;

#define DRAPE_MASK_DEFAULTS                                                                                            \
    {                                                                                                                  \
        .what = DRAPE_MASK_AGNOSTIC, .category = DRAPE_UPPER, .sleeve = DRAPE_SLEEVE_KEEP                              \
    }

/**
 * Makes a mask from a photo alone: drape_mask_labels(), then drape_mask_from_labels(). `options` may be NULL.
 *
 * @param photo  3 channels
 * @param out    1 channel, the photo's size, 0 and 255; untouched on failure, as in all functions below
 * @return DRAPE_EINVAL when there is no person in the photo, no such person, or no such garment
 */
drape_status drape_mask(drape_parser *p, const drape_image *photo, const drape_mask_options *options, drape_image *out);

/** What each pixel of a photo shows. `out` has 1 channel, the photo's size, and values below DRAPE_LABELS. */
drape_status drape_mask_labels(drape_parser *p, const drape_image *photo, const drape_mask_options *options,
                               drape_image *out);

#define DRAPE_LABELS 18 /* those of the ATR data set: hair, upper clothes, left arm, ... */

/** "Upper-clothes" and so on for 0..17, else NULL. 0 is the background. */
const char *drape_label_name(int label);

drape_status drape_mask_from_labels(const drape_image *labels, const drape_mask_options *options, drape_image *out);

/** A person in a label map: the box in pixels, and how many pixels show the person. */
typedef struct drape_person {
    int x, y, width, height;
    int64_t area;
} drape_person;

/** Persons by falling area, at most `max`. Returns their number, or a status below 0. */
int drape_mask_persons(const drape_image *labels, drape_person *out, int max);

/**
 * Snaps a roughly painted mask to what it covers: labels that lie under the paint for the most part are taken whole
 * near it, others are given back, and edges follow the photo's colours. Of the options only name is used.
 *
 * @param rough  1 channel, the photo's size, as drape_mask_read() gives it
 */
drape_status drape_mask_refine(const drape_image *rough, const drape_image *photo, const drape_image *labels,
                               const drape_mask_options *options, drape_image *out);

/** For people: labels as colours, and a photo with what a mask covers tinted. 3 channels. */
drape_status drape_mask_colours(const drape_image *labels, drape_image *out);
drape_status drape_mask_overlay(const drape_image *photo, const drape_image *mask, drape_image *out);

/**
 * Gives a result of drape_tryon() the photo's own pixels back where, inside the mask, neither the old garment is nor
 * the new one, as a clothes parser sees them: background, arms, hair that the mask covered and the new garment does
 * not. Small spots stay as painted.
 *
 * @param labels   drape_mask_labels() of the photo; NULL: they are made here
 * @param options  those that it was painted with: mask_grow and callbacks are used
 * @param picture  the result, of the photo's size; untouched on failure
 * @param kept     whether anything was given back; false where the parser sees no garment in the result. May be NULL
 */
drape_status drape_tryon_unworn(drape_parser *parser, const drape_image *photo, const drape_image *mask,
                                const drape_image *labels, const drape_tryon_options *options, drape_image *picture,
                                bool *kept);

/* --- photos of a garment ---------------------------------------------------------------------------- */

/* What a garment covers, and so which mask goes with it. */
typedef enum drape_garment_category {
    DRAPE_GARMENT_AUTO, /* what its photo shows */
    DRAPE_GARMENT_UPPER,
    DRAPE_GARMENT_LOWER,
    DRAPE_GARMENT_OVERALL /* dresses, overalls */
} drape_garment_category;

typedef enum drape_cut {
    DRAPE_CUT_AUTO, /* out of a photo of somebody who wears it; one that lies or hangs is left as it is */
    DRAPE_CUT_KEEP, /* the photo as it is */
    DRAPE_CUT_OUT   /* the garment alone, on white */
} drape_cut;

typedef struct drape_garment_options {
    drape_garment_category category;
    drape_cut cut;
    const char *name;           /* how messages call the photo; NULL: "the garment's photo" */
    bool (*cancel)(void *user); /* asked often, may be NULL; true stops with DRAPE_ECANCELLED */
    void *user;
} drape_garment_options;

/* What was found. */
typedef struct drape_garment_info {
    drape_garment_category category; /* never AUTO */
    drape_category mask;             /* the mask that goes with it */
    bool worn, cut;                  /* by somebody in the photo; it was cut out */
} drape_garment_info;

/**
 * Makes the photo of a garment ready for drape_tryon(): finds out which kind of garment it shows, and cuts it out on
 * white where somebody wears it.
 *
 * @param p     may be NULL when `category` is given and `cut` is DRAPE_CUT_KEEP: then nothing is looked for
 * @param out   3 channels; of another size than the photo where it was cut out; untouched on failure
 * @param info  may be NULL
 * @return DRAPE_EINVAL when no garment is found that was to be found
 */
drape_status drape_garment(drape_parser *p, const drape_image *photo, const drape_garment_options *options,
                           drape_image *out, drape_garment_info *info);
/* --- try-on by a GAN ------------------------------------------------------------------------------------ */

/** HR-VITON (Lee et al., ECCV 2022), which was the field's baseline before diffusion: the cloth in a product photo is
 *  warped onto a person. The published weights, and the pictures they were trained on, are for non-commercial use. */
typedef struct drape_warper drape_warper;

/**
 * Loads both networks: the condition generator (mtviton.pth) and the image generator (gen.pth), as published or as
 * safetensors of the same names. Widths are read from the tensors.
 *
 * @param options  NULL, or what counts of it: `note`, which is told the weights' licence, and `user`
 */
drape_status drape_warper_load(drape_warper **out, const char *condition, const char *generator,
                               const drape_load_options *options);
void drape_warper_free(drape_warper *w);

/** The files of one person and one cloth. Strings are borrowed. */
typedef struct drape_warp_files {
    const char *image;          /* the person's photo, which shows shoulders and hips */
    const char *densepose;      /* DensePose of it, rendered as a picture on black */
    const char *keypoints;      /* OpenPose's JSON (BODY_25) */
    const char *parse;          /* label map, a PNG of numbers and no colours; NULL: the parser makes it */
    const char *parse_agnostic; /* the same without the garment; NULL: made of `parse` and `keypoints` */
    const char *agnostic;       /* the photo without the garment; used only if `keypoints` is NULL */
    const char *cloth;          /* the garment alone */
    const char *cloth_mask;     /* white on the garment; NULL: made, of a garment on plain ground */
} drape_warp_files;

typedef struct drape_warp_callbacks {
    void *user;
    /** How far the picture is, 0 to 1. */
    void (*progress)(void *user, double part);
    /** Asked often; true stops with DRAPE_ECANCELLED. */
    bool (*cancel)(void *user);
} drape_warp_callbacks;

typedef struct drape_warp_options {
    int width, height; /* of the result, multiples of 128; 0: 768 and 1024, which the published weights are for. All
                          pictures must have this shape, of any size */
    int condition_width, condition_height; /* the condition generator's, multiples of 32 from 64 on; 0: a quarter of the
                                              above, or more where that is too small */
    bool occlusion;                        /* take the cloth away where arms and hair lie in front of it */
    bool composite; /* paste into the photo where the garment may be; all else stays, byte for byte */
    uint64_t seed;  /* of the noise, which is a part of the published network */
    bool no_noise;  /* leave that out */
    const char
        *composition;     /* what becomes of the garment in the map: "warp_grad" (NULL), "detach", "no_composition" */
    const char *labels;   /* the set of labels of parse maps: "cihp" (NULL), "lip", "atr" */
    drape_parser *parser; /* for photos without a parse map; NULL: that is an error. Borrowed */
    drape_warp_callbacks callbacks;
} drape_warp_options;

#define DRAPE_WARP_DEFAULTS                                                                                            \
    {                                                                                                                  \
        .composition = "warp_grad", .labels = "cihp"                                                                   \
    }

/** What comes of it. All have the working size but a `picture` that is pasted, which has the photo's, and `flow`. */
typedef struct drape_warp_result {
    drape_image picture;        /* 3 channels */
    drape_image warped_cloth;   /* 3 channels: what the image generator gets to see of the cloth */
    drape_image warped_mask;    /* 1 channel, grey */
    drape_image classes;        /* 1 channel, 0 to 12: where which part of person and clothes will be */
    drape_image flow;           /* 3 channels, for people: the hue is where to, white nowhere */
    drape_image agnostic;       /* 3 channels: the photo without the garment */
    drape_image parse_agnostic; /* 1 channel, CIHP's labels 0 to 19 without the garment */
    drape_image cloth_mask;     /* 1 channel, 0 and 255 */
} drape_warp_result;

/** What drape_warp() would find wrong with the options, whatever the files. */
drape_status drape_warp_check(const drape_warper *w, const drape_warp_options *options);

/**
 * Puts the cloth onto the person. The same seed gives the published program's picture, rounded where that cuts off.
 *
 * @param out  untouched on failure; free it with drape_warp_result_free()
 * @return DRAPE_EINVAL or DRAPE_ENOENT, with one sentence that names the file, for files that are missing or do not fit
 */
drape_status drape_warp(drape_warper *w, const drape_warp_files *files, const drape_warp_options *options,
                        drape_warp_result *out);
void drape_warp_result_free(drape_warp_result *r);

/** The text that drape_image_write() keeps in the picture: seed, size, weights and options. malloc'ed. NULL when out of
 *  memory. */
char *drape_warp_parameters(const drape_warper *w, const drape_warp_files *files, const drape_warp_options *options);

/** The pairs of a folder laid out as VITON-HD (image, cloth, image-densepose, openpose_json, ...). */
typedef struct drape_warp_pairs drape_warp_pairs;

/** `list` has a person's file name and a cloth's on each line; NULL: test_pairs.txt in the folder. Pictures are looked
 *  for when they are asked for. */
drape_status drape_warp_pairs_read(drape_warp_pairs **out, const char *dir, const char *list);
void drape_warp_pairs_free(drape_warp_pairs *p);
int drape_warp_pairs_count(const drape_warp_pairs *p);

/** "PERSON_CLOTH", of pair i: what its result is to be called. Two pairs never have the same. Borrowed. */
const char *drape_warp_pairs_name(const drape_warp_pairs *p, int i);

/** The files of pair i, borrowed until the next call; DRAPE_ENOENT, naming it, for one that is missing and cannot be
 *  made. */
drape_status drape_warp_pairs_files(drape_warp_pairs *p, int i, drape_warp_files *out);

/** Writes a label map as a PNG whose palette's numbers are the labels, with colours for people. */
drape_status drape_labels_write(const drape_image *labels, const char *path);

/** A mask of a garment in a product photo: 255 on what stands out from plain ground. `name` (or NULL) stands in
 * messages. 1 channel; untouched on failure. */
drape_status drape_cloth_mask(const drape_image *photo, const char *name, drape_image *out);

/* --- training --------------------------------------------------------------------------------------- */

/** How far a training is, after each optimizer step. */
typedef struct drape_train_report {
    int step, steps; /* step counts from 1 */
    double loss, smooth_loss;
    double learning_rate;
    double gradient_norm;      /* before clipping; NaN when gradients are used as they come */
    double seconds;            /* of this step */
    unsigned long long memory; /* resident bytes */
} drape_train_report;

/** What the model in training makes of photos that are held out. */
typedef struct drape_train_look {
    int step;
    double loss; /* on noise and timesteps that are the same at every look; NaN: not known */
    int metrics; /* of the pictures that were made, mean over them */
    const char *const *name;
    const double *value; /* NaN: not known */
    bool best;           /* by keep_best, so far */
} drape_train_look;

/** Any may be NULL. */
typedef struct drape_train_callbacks {
    void *user;
    /** Work before the first step ("encoding photos"), and pictures in between. */
    void (*prepare)(void *user, const char *what, int done, int total);
    void (*step)(void *user, const drape_train_report *report);
    /** Warnings and notes: one or more lines of text. */
    void (*message)(void *user, const char *text);
    /** True finishes the step, writes a checkpoint, and returns DRAPE_ECANCELLED. */
    bool (*cancel)(void *user);
    /** After each look at the photos that are held out. Borrowed for the call. */
    void (*look)(void *user, const drape_train_look *look);
    /** First of all, where an MPI launcher started several processes: which one this is, and of how many. All but
     *  `cancel` are then called in that of rank 0 alone. */
    void (*ranks)(void *user, int rank, int size);
} drape_train_callbacks;

/**
 * Names and defaults are those of diffusers' train_dreambooth scripts, except where a comment says otherwise.
 * Strings are borrowed for the call.
 */
typedef struct drape_train_options {
    const char *pretrained_model_name_or_path; /* pipeline folder or single file */
    const char *instance_data_dir;             /* photos of the garment */
    const char *instance_masks_data_dir;       /* a mask of the garment for each, of the same stem */
    const char *output_dir;
    const char *instance_prompt;    /* NULL: STEM.txt beside the photo, else from the file name: "t-shirt (1).jpg" */
    const char *tokenizer_name;     /* NULL: the model's, for a single file CLIP's */
    const char *vae;                /* another VAE: its folder, a pipeline folder, or a file; NULL: the model's */
    bool ema;                       /* of a single file: start from the UNet's moving average */
    int resolution;                 /* pixels */
    bool center_crop, bucket, flip; /* bucket: keep the photo's aspect ratio; flip: mirror half of the photos */
    bool train_text_encoder;
    int train_batch_size, gradient_accumulation_steps;
    bool gradient_checkpointing;
    int64_t activation_memory; /* bytes that checkpointed blocks may keep instead of running again */
    bool use_8bit_adam;
    double learning_rate;
    bool scale_lr;
    const char *lr_scheduler; /* linear, cosine, cosine_with_restarts, polynomial, constant, constant_with_warmup */
    int lr_warmup_steps, lr_num_cycles;
    double lr_power;
    int max_train_steps, num_train_epochs; /* max_train_steps 0: from epochs */
    double adam_beta1, adam_beta2, adam_weight_decay, adam_epsilon;
    double max_grad_norm; /* 0: no clipping */
    bool with_prior_preservation;
    const char *class_data_dir, *class_prompt;
    int num_class_images, sample_batch_size;
    double prior_loss_weight;
    int checkpointing_steps, checkpoints_total_limit; /* limit 0: keep all */
    const char *resume_from_checkpoint;               /* "latest", a folder, or NULL */
    const char *mixed_precision;                      /* "no" or "bf16" */
    uint64_t seed;
    const char *logging_dir; /* TensorBoard events and train.jsonl; below output_dir unless absolute */
    int lora_rank;           /* above 0: train adapters of this rank instead of the weights */
    double lora_alpha;       /* 0: the rank */
    bool mask_any_white;     /* thin parts of a mask count; without it masks are sampled as diffusers does */
    double mask_loss_weight, unmasked_loss_weight; /* of the loss inside and outside the garment's mask */
    double snr_gamma;                              /* min-SNR weighting; 0: off */
    double noise_offset;
    bool use_ema;
    bool save_single_file; /* the whole model as one file, too: NAME.safetensors in output_dir, NAME being its own */
    const char *validation_prompt, *validation_image, *validation_mask;
    int validation_steps, num_validation_images;

    /* Pairs of a person and a photo of the garment, instead of photos of one garment: see drape_train(). */
    const char *garment_pairs; /* their folder; then there are no instance data, prompts and class images */
    int width, height;         /* pixels of each of the two pictures; both 0: the attention weights', or 384x512 */
    const char *train_layers;  /* "attention": the self-attention alone; "all" */
    const char *attention;     /* self-attention weights to start from: their file or folder; NULL: the model's own */
    double garment_dropout;    /* part of the samples in which the garment is not shown, for guidance */
    const char *validation_garment;
    drape_train_callbacks callbacks;
    double validation_split;     /* part of the photos that are held out: never trained on, looked at every
                                    validation_steps; 0: none */
    const char *validation_data; /* or a folder of others: photos in it or in its images/, masks in its masks/ */
    const char
        *validation_metrics;   /* what pictures of them are judged by (drape_eval_metric_at()), "none": no pictures */
    const char *keep_best;     /* "loss" or one of these: OUTPUT/best-STEP is the model that was best by it */
    const char *gradient_wire; /* how gradients travel between ranks: "f32", "bf16" */
} drape_train_options;

/** The defaults of every option. */
void drape_train_defaults(drape_train_options *options);

/**
 * Teaches an inpainting model one garment. The result in output_dir is a pipeline folder that drape and diffusers load,
 * or pytorch_lora_weights.safetensors with lora_rank.
 *
 * With garment_pairs it teaches the model to dress a person from a photo of any garment, as CatVTON is trained
 * (arXiv:2407.15886). The result is then attention/model.safetensors, a pipeline folder with train_layers "all", or
 * adapters as well.
 *
 * A run that was stopped or killed at any moment goes on with resume_from_checkpoint, bit for bit.
 */
drape_status drape_train(const drape_train_options *options);

/**
 * Checks one photo of a training and its mask, as drape_train() does before its first step. Findings come one per line:
 * a fault keeps a training from starting, a doubt does not.
 *
 * @param resolution  0: not known yet
 * @return DRAPE_OK also with faults
 */
drape_status drape_train_lint(const char *photo, const char *mask, int resolution, char *faults, size_t faults_size,
                              char *doubts, size_t doubts_size);

/** What a training needs at its peak, and what is free, in bytes (0: not known). */
typedef struct drape_train_need {
    uint64_t memory, available;
} drape_train_need;

/**
 * Reckons from the options and the model's configs; photos are not looked at. `text` gets one sentence, which names the
 * options that help when the memory does not suffice.
 *
 * @return DRAPE_ENOMEM when it does not suffice; *out is set all the same
 */
drape_status drape_train_estimate(const drape_train_options *options, drape_train_need *out, char *text, size_t size);

/* --- numbers for pictures --------------------------------------------------------------------------- */

/** One number that is found of a result, or of all results together. All strings are static. */
typedef struct drape_eval_metric {
    const char *name;  /* "ssim_skimage_inside" */
    const char *group; /* the word that asks for it and what belongs to it: "ssim" */
    const char *unit;  /* "dB"; "" for none */
    const char *help;
    int better;   /* 1: more is better; -1: less is; 0: what is near 1 is */
    bool of_set;  /* of all results together: drape_eval() knows it, drape_eval_pair() does not */
    bool fetched; /* takes a network that does not come with drape */
} drape_eval_metric;

/** By index from 0; NULL behind the last. There are at most DRAPE_EVAL_METRICS. */
const drape_eval_metric *drape_eval_metric_at(int index);
#define DRAPE_EVAL_METRICS 64

/** The index of the metric of that name; -1 for none. */
int drape_eval_metric_index(const char *name);

/** By the metrics' indexes. NaN: not asked for, or without a meaning here; PSNR of equal pictures is INFINITY. */
typedef struct drape_eval_numbers {
    double value[DRAPE_EVAL_METRICS];
} drape_eval_numbers;

typedef struct drape_eval_callbacks {
    void *user;
    /** Before the first result (done 0) and after each. `name` is the one that comes or came. May be NULL. */
    void (*progress)(void *user, const char *name, int done, int total);
    /** Doubts, one sentence each. May be NULL. */
    void (*note)(void *user, const char *text);
    /** Asked often; true stops with DRAPE_ECANCELLED. May be NULL. */
    bool (*cancel)(void *user);
} drape_eval_callbacks;

/** Strings are borrowed for the call, or as long as an evaluator lives. */
typedef struct drape_eval_options {
    const char *results;   /* folder of pictures to judge; of drape_eval() alone, as the three below */
    const char *reference; /* folder of those that they are compared with, of the same names up to the ending */
    const char *masks;     /* folder, or NULL */
    const char *garments;  /* folder of the garments' photos, or NULL: the garment is what the reference shows */
    const char *metrics;   /* names and groups with commas between; NULL: all that need nothing fetched */
    const char *resize;    /* "no", "result", "reference": which of two sizes is brought to the other one */
    int mask_grow;         /* pixels by which masks grow before inside and outside are told apart */
    const char *category;  /* "auto", "upper", "lower", "dress", "outer": the garment that was asked for */
    const char *parser;    /* folder of a clothes parser; NULL: as drape_parser_load() */
    const char *backbones; /* folder of the networks of LPIPS, FID, KID and CLIP, as drape_pull_backbones() makes it;
                              NULL: "backbones" */
    const char *cache;     /* file in which numbers are kept; NULL: one in the user's cache folder; "": none */
    drape_eval_callbacks callbacks;
} drape_eval_options;

/** The defaults of every option. */
void drape_eval_defaults(drape_eval_options *options);

/** Judges results one by one. Used by one thread at a time. */
typedef struct drape_evaluator drape_evaluator;

/** Of the options `metrics`, `mask_grow`, `category`, `parser` and `callbacks.cancel` count; NULL: the defaults. What
 * is read for them is read when it is first needed. */
drape_status drape_evaluator_new(drape_evaluator **out, const drape_eval_options *options);
void drape_evaluator_free(drape_evaluator *e);

/** What there is of one result; all but `result` may be NULL, and the numbers that need it are NaN. */
typedef struct drape_eval_input {
    const drape_image *result;    /* 3 channels */
    const drape_image *reference; /* of its size: the photo that was dressed, or how it should look */
    const drape_image *mask;      /* 1 channel, of its size: what was painted */
    const drape_image *garment;   /* 3 channels, any size; NULL: what the reference shows inside the mask */
} drape_eval_input;

drape_status drape_eval_pair(drape_evaluator *e, const drape_eval_input *in, drape_eval_numbers *out);

/**
 * Judges folders: pictures are paired by their names without the ending, and what has no partner is listed.
 *
 * *json is malloc'ed: {"pairs": [{"name", "result", "reference", ..., "numbers": {METRIC: number or null}}],
 * "summary": {METRIC: {"mean", "median", "deviation", "least", "most", "count"}}, "failed", "missing", "notes": [...]}.
 * What was found of a pair is kept (`cache`), so that an interrupted run goes on and one that is repeated is short.
 *
 * @return DRAPE_ECANCELLED when interrupted; DRAPE_EINVAL when sizes differ and `resize` does not say what to do, or no
 *         two pictures belong together
 */
drape_status drape_eval(const drape_eval_options *options, char **json);

/* --- options by name -------------------------------------------------------------------------------- */

typedef enum drape_option_kind {
    DRAPE_OPTION_BOOL,   /* bool */
    DRAPE_OPTION_INT,    /* int */
    DRAPE_OPTION_U64,    /* uint64_t, any */
    DRAPE_OPTION_BYTES,  /* int64_t, an amount of memory */
    DRAPE_OPTION_NUMBER, /* double */
    DRAPE_OPTION_TEXT,   /* const char * */
    DRAPE_OPTION_CHOICE, /* const char *, one of `choices` */
    DRAPE_OPTION_ENUM    /* an enum: the index of one of `choices` */
} drape_option_kind;

/** One field of an options struct, for programs that make a command line or a form of it. All strings are static. */
typedef struct drape_option {
    const char *name; /* of the field: "lora_rank" */
    size_t offset;    /* of the field in its struct, bytes */
    drape_option_kind kind;
    double least, most; /* of numbers */
    const char *value;  /* what stands for a value in a usage line: "DIR", "PX", "latest|DIR"; NULL for none */
    const char *help;
    bool above;          /* `least` itself is not allowed */
    bool required;       /* a text that has no default */
    const char *choices; /* "a|b|c" */
    const char *unset;   /* what the default means, where it does not speak for itself: "the model's"; "" for nothing.
                            A text that has none must not be NULL */
    const char *heading; /* above this option and those that follow; NULL for most */
    const char *unless;  /* a required text may be missing when the option of this name is given */
    size_t open; /* offset of a bool that says that nothing was said, where the value itself cannot; 0: there is none */
} drape_option;

/**
 * The options of each job, by index from 0; NULL behind the last. Callbacks are not among them, and of
 * drape_mask_options not the name.
 *
 * The bounds are those of drape_train(), drape_tryon(), drape_mask() and drape_warp(). What a model or other options
 * narrow further is told by these.
 */
const drape_option *drape_train_option(int index);
const drape_option *drape_tryon_option(int index);
const drape_option *drape_mask_option(int index);
const drape_option *drape_warp_option(int index);
const drape_option *drape_eval_option(int index);
const drape_option *drape_garment_option(int index);

/* --- converting models -------------------------------------------------------------------------------- */

typedef struct drape_convert_options {
    const char *dtype;     /* "f32", "f16", "bf16", "q8" (for .gguf); NULL: each tensor's own type, for adapters f16 */
    bool ema;              /* of a single file: the UNet's moving average in place of its weights */
    const char *vae;       /* file or folder of another VAE, or NULL */
    const char *tokenizer; /* folder of another vocabulary, or NULL: the model's own, for a single file CLIP's */
    const drape_lora *loras;
    int lora_count;
    /** Asked between blocks, in bytes written or values compared; true stops with DRAPE_ECANCELLED. May be NULL. */
    bool (*progress)(void *user, int64_t done, int64_t total);
    /** What is passed over or lost, one sentence each. May be NULL. */
    void (*note)(void *user, const char *text);
    void *user;
} drape_convert_options;

/**
 * Writes a model in another form: `in` and `out` are a pipeline folder or a single file (LDM's names, as model sites
 * have them), `out` a file when it ends in .safetensors, or in .ckpt, .pt or .pth for a PyTorch checkpoint. Values are
 * copied as they are unless `dtype` says otherwise; adapters are merged. Streamed, and complete or absent. `options`
 * may be NULL.
 */
drape_status drape_convert(const char *in, const char *out, const drape_convert_options *options);

/** What came of extracting an adapter. */
typedef struct drape_extracted {
    int layers;   /* that differ: they are in the adapter */
    int left_out; /* other tensors that differ: biases, gains, embeddings */
    double kept;  /* share of the layers' squared difference that the rank holds, 0 to 1 */
} drape_extracted;

/** The difference of the models `in` and `base` as an adapter of a rank (1 to 1024) in kohya's form, by SVD. Of the
 * options `dtype`, `progress` and `note` count. */
drape_status drape_extract_lora(const char *in, const char *base, const char *out, int rank,
                                const drape_convert_options *options, drape_extracted *result);

/* --- what is in a model ------------------------------------------------------------------------------- */

/** A tensor of a file; all of it is borrowed for the call. */
typedef struct drape_tensor {
    const char *name;
    const char *dtype; /* "F32", "F16", "BF16", "I64", ... as safetensors calls them; "Q8_0", ... as ggml */
    int rank;
    const int64_t *dim; /* [rank] */
    const void *data;   /* contiguous, little-endian, not aligned */
    size_t size;        /* bytes */
} drape_tensor;

/** Either may be NULL. */
typedef struct drape_tensor_callbacks {
    void *user;
    void (*tensor)(void *user, const drape_tensor *t);
    void (*metadata)(void *user, const char *key, const char *value);
} drape_tensor_callbacks;

/** Goes through a safetensors file or a PyTorch checkpoint: its tensors in the order of their names, then its metadata.
 *  Nothing in a checkpoint is run. */
drape_status drape_tensors_read(const char *path, const drape_tensor_callbacks *callbacks);

/**
 * What a model is made of, as its configs say: no weight is read. For pipelines (folder or single file) and clothes
 * parsers. *json is an object: "parts" has one for each part, {"part": "unet", "parameters": N, ...} or with "error"
 * where it cannot be loaded; "family" is the kind of a single file, "SD 1.x inpainting" and so on.
 */
drape_status drape_model_parts(const char *path, char **json);

/** Where the small model is that drape_pipeline_load() takes for NULL, and the parser of drape_parser_load(). */
drape_status drape_model_find(char *dir, size_t size);
drape_status drape_parser_find(char *dir, size_t size);

/* --- this machine ------------------------------------------------------------------------------------- */

typedef struct drape_machine {
    const char *cpu; /* as the system names it; static, as all below */
    const char *isa; /* "baseline", "AVX2", "AVX-512": what computations use of it */
    bool bf16;       /* products in bf16 gain by it */
    int threads;     /* see drape_set_threads() */
} drape_machine;
void drape_machine_info(drape_machine *out);

/** The libraries that serve computations and what each is ("oneDNN", "3.1"), by index from 0; false behind the last. */
bool drape_machine_backend(int index, const char **name, const char **what);

/** Which of them serves which operation: lines of text. malloc'ed; NULL when out of memory. */
char *drape_machine_ops(void);

/* --- stages of a try-on, for timing ------------------------------------------------------------------- */

/** A model's stages one by one, on inputs that are made up. */
typedef struct drape_stages drape_stages;

/** A pipeline's stages are "text", "vae-encode", "unet" (both prompts of guidance) and "vae-decode", a clothes parser's
 *  is "parser". Of the options, which may be NULL, precision, weights, tokenizer, vae and ema count. `cancel` may be
 * NULL. */
drape_status drape_stages_open(drape_stages **out, const char *model, int width, int height,
                               const drape_load_options *options, bool (*cancel)(void *user), void *user);
void drape_stages_free(drape_stages *s);

/** The names of all stages, "text,vae-encode,unet,vae-decode" or "parser". Static. */
const char *drape_stages_names(const drape_stages *s);

/** One run. A model that the stage needs is loaded if need be, and stays until drape_stages_release(). */
drape_status drape_stages_run(drape_stages *s, const char *stage);
void drape_stages_release(drape_stages *s);

/* --- checking a build --------------------------------------------------------------------------------- */

/** Golden cases: does this build compute here what PyTorch computes? */
typedef struct drape_verifier drape_verifier;

/** `model` is what the cases were made with. `out_dir` (or NULL) gets what was computed, one file per case. */
drape_status drape_verifier_new(drape_verifier **out, const char *model, const char *out_dir);
void drape_verifier_free(drape_verifier *v);

typedef struct drape_verify_result {
    char kind[64];
    char worst[256]; /* the output that is furthest from its tolerance */
    double abs, rel; /* its largest absolute error, and that relative to its deviation or norm */
    double seconds;
    int outputs;
    bool ok;
} drape_verify_result;

/** A case that cannot be computed is a status; a wrong result is result->ok false. */
drape_status drape_verify_case(drape_verifier *v, const char *path, drape_verify_result *result);

/* --- getting models ----------------------------------------------------------------------------------- */

typedef struct drape_init_options {
    const char *arch;  /* "sd2-inpainting", "sd15-inpainting", or a JSON file of configs; NULL: the first */
    const char *dtype; /* "f32", "f16", "bf16"; NULL: the architecture's */
    int64_t seed;      /* below 0: the architecture's */
    /** Counts values; true stops with DRAPE_ECANCELLED. May be NULL. */
    bool (*progress)(void *user, int64_t done, int64_t total);
    void *user;
} drape_init_options;

/** Makes a pipeline folder with random weights, complete or not at all. `dir` must not exist, or be empty. */
drape_status drape_init(const char *dir, const drape_init_options *options);

typedef struct drape_pull_options {
    const char *revision; /* branch, tag or commit; NULL: "main" */
    const char *out_dir;  /* NULL: the last part of the repo's name */
    const char *variant;  /* "fp16" for half-size weights; NULL: the full ones */
    bool offline;         /* only check that out_dir is complete; also with HF_HUB_OFFLINE=1 */
    bool overwrite;       /* replace files in out_dir that no pull has brought */
    bool bar;             /* a progress bar on stderr */
    bool (*cancel)(void *user);
    void *user;
    const char *version; /* of a set that has several: "mix-48k-1024"; NULL: the first */
    /** A word to whoever pulls, one sentence: what is under which licence. Before anything is fetched. May be NULL. */
    void (*note)(void *user, const char *text);
} drape_pull_options;

/**
 * Downloads a model folder ("org/name") from the Hugging Face hub: pinned to a commit, verified, carried on where an
 * earlier pull ended. $HF_TOKEN gives access to private repos, $HF_ENDPOINT names a mirror. A pipeline's configs are
 * looked at before its weights are fetched.
 *
 * `repo` may also be the name of a set: "catvton" is what dresses from a photo of the garment (drape_load_options'
 * `garment`), of three repos in one folder: the UNet of Stable Diffusion 1.5 inpainting in half size, the VAE
 * sd-vae-ft-mse, and a version of CatVTON's attention weights, mix-48k-1024, vitonhd-16k-512 or dresscode-16k-512. The
 * last are not for commercial use.
 *
 * @param dir  where it is now: a buffer of `size`, or NULL
 */
drape_status drape_pull(const char *repo, const drape_pull_options *options, char *dir, size_t size);

/**
 * Downloads the published networks that measures of pictures stand on, each from where it is published, verified by its
 * SHA-256: AlexNet, VGG16 and SqueezeNet (torchvision), LPIPS's weights, Inception v3 (pytorch-fid), CLIP ViT-L/14.
 *
 * @param which    "lpips-alex", "lpips-vgg", "lpips-squeeze", "fid", "clip", with commas between; NULL: all
 * @param options  of which out_dir (NULL: "backbones"), offline, overwrite, bar and cancel count
 * @param dir      where they are now: a buffer of `size`, or NULL
 */
drape_status drape_pull_backbones(const char *which, const drape_pull_options *options, char *dir, size_t size);

#ifdef __cplusplus
}
#endif

#endif
