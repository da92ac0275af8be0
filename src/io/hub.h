/* Downloading a model folder from the Hugging Face hub, or from a mirror that speaks its API.
 *
 * The revision is pinned to its commit first, so that a push in the middle cannot mix two states. Of the listing
 * only what drape reads is taken: configs, tokenizer files, schedulers and safetensors weights of one variant.
 * What the server says is hostile: names are matched against the few that can be wanted, sizes are bounded, and
 * every file is verified (SHA-256 of LFS files, git's blob id of the others) before it gets its name.
 *
 * An unfinished file is FILE.part and is carried on by the next pull. What was pulled is recorded in
 * OUT_DIR/.drape-pull.json; with it, a second pull need not read gigabytes again to know that they are right. */
#ifndef DR_IO_HUB_H
#define DR_IO_HUB_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define DR_HUB_ENDPOINT "https://huggingface.co"
#define DR_HUB_RECORD ".drape-pull.json"

typedef enum dr_hub_kind {
    DR_HUB_ANY,      /* whichever the repo is */
    DR_HUB_PIPELINE, /* inpainting pipeline: model_index.json, unet, vae, text_encoder, tokenizer, scheduler */
    DR_HUB_PARSER,   /* clothes parser, or a CLIP: config.json, model.safetensors, preprocessor_config.json */
    /* Only when asked for: */
    DR_HUB_UNET,     /* of a pipeline the UNet and the scheduler: model_index.json, unet, scheduler */
    DR_HUB_VAE,      /* a VAE alone: config.json, diffusion_pytorch_model.safetensors */
    DR_HUB_ATTENTION /* attention weights of the version that `variant` names: VARIANT/attention/model.safetensors */
} dr_hub_kind;

/* Handed to the progress callback; strings are valid during the call. */
typedef struct dr_hub_progress {
    const char *path;               /* the file at work, relative to the folder; "" between files */
    const char *note;               /* a line worth showing ("trying again in 2 s: ..."), usually NULL */
    uint64_t file_done, file_total; /* bytes of this file, what a pull before this one brought included */
    uint64_t done, total;           /* bytes of all files to fetch */
    int index, count;               /* this file is number index (from 1) of count */
} dr_hub_progress;

typedef struct dr_hub_options {
    const char *repo;     /* "org/name" */
    const char *revision; /* branch, tag or commit; NULL = "main" */
    const char *out_dir;  /* NULL = the last part of `repo` */
    const char *variant;  /* "fp16" for half-size weights; NULL or "" = the plain ones */
    const char *token;    /* for private and gated repos; NULL = none */
    const char *endpoint; /* NULL = DR_HUB_ENDPOINT. A http:// one must be on this machine, or allow_plain set */
    dr_hub_kind kind;     /* anything but DR_HUB_ANY: refuse a repo of the other kind */
    bool allow_plain;     /* set when the user typed the endpoint, so that http:// is meant */
    bool offline;         /* touch no network: succeed if out_dir holds this pull, complete */
    bool overwrite;       /* replace files in out_dir that no pull has brought */
    bool quiet;           /* no progress bar; without meaning when `progress` is set */
    void (*progress)(void *user, const dr_hub_progress *p); /* NULL = a bar on stderr */
    bool (*cancelled)(void *user);                          /* asked often; true stops. May be NULL */
    /* looks at `dir` when all but the weights is there; a failure ends the pull before they are fetched. May be NULL */
    dr_status (*check)(void *user, dr_hub_kind kind, const char *dir);
    void *user;
    int tries;      /* 0 = 5; a try that brought at least 1 MiB further is not counted */
    int backoff_ms; /* 0 = 1000; wait before the second try, doubling; Retry-After is honoured */
    int stall_s;    /* 0 = 30; seconds without a byte after which a connection counts as cut */
} dr_hub_options;

typedef struct dr_hub_result {
    dr_hub_kind kind;
    char commit[65]; /* what the revision stood for */
    char out_dir[4096];
    int files, fetched;     /* files of the folder, and how many of them were not there yet */
    uint64_t bytes_fetched; /* over the network */
} dr_hub_result;

/** Fills token, endpoint and offline from HF_TOKEN (or HUGGING_FACE_HUB_TOKEN), HF_ENDPOINT and HF_HUB_OFFLINE
 *  (1, on, yes, true). Fields whose variable is unset or empty stay as they are; strings are the environment's. */
void dr_hub_options_from_env(dr_hub_options *o);

/** Brings `out_dir` to hold the repo's model. Files that are there and right are not fetched again.
 *
 *  DR_EINVAL: bad options, a listing or file that does not check out, a repo without what drape reads, files in
 *  out_dir that are someone else's. DR_ENOENT: no such repo or revision. DR_ENET: the network, a private or gated
 *  repo, or offline and not complete. DR_EIO: the disk. DR_ECANCELLED: unfinished files stay as FILE.part.
 *
 *  @param r  may be NULL */
dr_status dr_hub_pull(const dr_hub_options *o, dr_hub_result *r);

#endif
