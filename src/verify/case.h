/* What the kinds of cases share: the open case, its inputs, and comparing an output. */
#ifndef DR_VERIFY_CASE_H
#define DR_VERIFY_CASE_H

#include "base/json.h"
#include "diffusion/sampler.h"
#include "io/fit.h"
#include "io/safetensors.h"
#include "models/tokenizer.h"
#include "pipeline/gan.h"
#include "pipeline/models.h"
#include "pipeline/parser.h"
#include "tryon/engine.h"
#include "verify/verify.h"

/* How an output's error is judged. */
typedef enum dr_tolerance {
    DR_TOL_FORWARD,
    DR_TOL_RUN, /* many forwards, one behind the other */
    DR_TOL_GRADIENT,
    DR_TOL_RANDOM,
    DR_TOL_NUMBER,   /* 1e-4 of the value */
    DR_TOL_RELATIVE, /* 1e-5 of the wanted value */
    DR_TOL_CHAIN,    /* 5e-4 of the deviation: what several models made of each other's results */
    DR_TOL_MOST,     /* 99.9 % of the values are within 1e-3 of the deviation */
    DR_TOL_MEAN,     /* 1e-5 */
    DR_TOL_LABELS,   /* labels of a large picture: at most 20 are others */
    DR_TOL_COUNTS,   /* of such labels */
    DR_TOL_EXACT
} dr_tolerance;

typedef struct dr_got {
    const dr_st_entry *want;
    float *data; /* in the tape's arena or in `results` */
} dr_got;

struct dr_verifier {
    dr_source *source;
    char *out_dir;
    dr_tokenizer *tokenizer;
    dr_text_model text;
    dr_vae_model vae;
    dr_unet_model unet;
    dr_parser parser;
    dr_condition_model condition; /* of the file condition_path */
    dr_spade_model spade;
    char condition_path[PATH_MAX], spade_path[PATH_MAX];
    dr_source *engine_source; /* of the parts that the last case of dressing from a photo named */
    dr_engine engine;
    bool engine_open;
    char engine_key[3 * PATH_MAX];
    dr_source *other_vae; /* the folder beside the model that the last case of a VAE named; `vae` is its */
    char other_vae_name[256];
    dr_tape tape;
    dr_arena results; /* outputs of the case at hand */

    /* the case at hand */
    const char *path;
    dr_safetensors file;
    json_t *args;
    dr_got *got;
    size_t got_count;
    dr_verify_result *result;
    double worst;  /* error over tolerance */
    size_t blocks; /* that were judged */
    dr_status watched;
};

/** Values of an entry. */
int64_t dr_entry_numel(const dr_st_entry *e);

/** in/NAME as floats in the tape's arena, with at least `rank` axes checked; NULL and a message when it is not
 *  there or misshapen. `dim` gets `rank` sizes. */
float *dr_case_input(dr_verifier *v, const char *name, int rank, int64_t *dim);
/** The same for whole numbers (int32). */
int32_t *dr_case_ints(dr_verifier *v, const char *name, int rank, int64_t *dim);
/** in/NAME [N,C,H,W] as a channels-last tensor. */
dr_tensor *dr_case_image(dr_verifier *v, const char *name);
/** in/NAME as a tensor of the same axes. */
dr_tensor *dr_case_tensor(dr_verifier *v, const char *name, int rank);

/** Judges `data` of n values in PyTorch's layout against want/NAME. */
dr_status dr_case_output(dr_verifier *v, const char *name, const float *data, int64_t n, dr_tolerance tol);
/** The same for values that rows made. */
dr_status dr_case_output_values(dr_verifier *v, const char *name, const float *values, int64_t n, dr_tolerance tol);
/** A channels-last [N,H,W,C] tensor against want/NAME [N,C,H,W]. */
dr_status dr_case_output_image(dr_verifier *v, const char *name, const dr_tensor *t, dr_tolerance tol);

/** A picture against the one that lies beside the case, under its name with `ending` in place of ".safetensors"; at
 * most 2 of 255 off. Nothing where there is none. */
dr_status dr_case_picture(dr_verifier *v, const char *ending, const dr_image *im);

/** Judges what the model's blocks give against want/block/NAME, where the case has that, until dr_case_watched(),
 *  which says whether all of these were given. */
void dr_case_watch(dr_verifier *v);
dr_status dr_case_watched(dr_verifier *v);

dr_status dr_verify_tokenize(dr_verifier *v);
dr_status dr_verify_text_encoder(dr_verifier *v);
dr_status dr_verify_vae_encode(dr_verifier *v);
dr_status dr_verify_vae_decode(dr_verifier *v);
dr_status dr_verify_unet(dr_verifier *v);
dr_status dr_verify_randn(dr_verifier *v);
dr_status dr_verify_sampler(dr_verifier *v);
dr_status dr_verify_train_gradients(dr_verifier *v);
dr_status dr_verify_vae_gradients(dr_verifier *v);
dr_status dr_verify_catvton_train(dr_verifier *v);
dr_status dr_verify_parser_net(dr_verifier *v);
dr_status dr_verify_parser_gradients(dr_verifier *v);
dr_status dr_verify_parser(dr_verifier *v);
dr_status dr_verify_features(dr_verifier *v);
dr_status dr_verify_inception(dr_verifier *v);
dr_status dr_verify_clip_vision(dr_verifier *v);
dr_status dr_verify_lpips(dr_verifier *v);
dr_status dr_verify_fid(dr_verifier *v);
dr_status dr_verify_frechet(dr_verifier *v);
dr_status dr_verify_kid(dr_verifier *v);
dr_status dr_verify_clip_image(dr_verifier *v);
/** "fit" of a case's args. */
dr_status dr_verify_fit(dr_verifier *v, dr_fit *out);
dr_status dr_verify_catvton_attention(dr_verifier *v);
dr_status dr_verify_catvton_unet(dr_verifier *v);
dr_status dr_verify_catvton_step(dr_verifier *v);
dr_status dr_verify_catvton_prepare(dr_verifier *v);
dr_status dr_verify_catvton_repaint(dr_verifier *v);
dr_status dr_verify_catvton_run(dr_verifier *v);
/** Lets go of what these opened. */
void dr_verify_garment_close(dr_verifier *v);
dr_status dr_verify_lr_schedule(dr_verifier *v);
dr_status dr_verify_adamw(dr_verifier *v);
dr_status dr_verify_hr_condition(dr_verifier *v);
dr_status dr_verify_hr_generator(dr_verifier *v);
dr_status dr_verify_hr_spade_norm(dr_verifier *v);
dr_status dr_verify_hr_spectral(dr_verifier *v);
dr_status dr_verify_hr_glue(dr_verifier *v);
dr_status dr_verify_hr_warp(dr_verifier *v);
dr_status dr_verify_hr_chain(dr_verifier *v);

/** The networks in the files that args.KEY names, relative to the model, with or without an ending. */
dr_status dr_case_condition(dr_verifier *v, const char *key);
dr_status dr_case_spade(dr_verifier *v, const char *key);

/** A case of pictures, in a folder with case.json. */
dr_status dr_verify_preprocess(const char *path, dr_verify_result *r);

#endif
