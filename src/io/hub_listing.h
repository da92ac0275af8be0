/* What a repo on the hub holds, and which of it a pull wants. Inside of hub.c; apart for tests and fuzzing. */
#ifndef DR_IO_HUB_LISTING_H
#define DR_IO_HUB_LISTING_H

#include "base/arena.h"
#include "io/hub.h"

#include <stddef.h>

#define DR_HUB_MAX_FILES 50000                /* entries of a listing, folders included */
#define DR_HUB_MAX_FILE ((uint64_t)256 << 30) /* bytes of one file */
#define DR_HUB_MAX_SMALL ((uint64_t)64 << 20) /* of a config or tokenizer file */
#define DR_HUB_MAX_PATH 512

typedef enum dr_hub_hash {
    DR_HUB_SHA256,  /* of the contents (LFS) */
    DR_HUB_GIT_SHA1 /* git's blob id: SHA-1 of "blob SIZE\0" and the contents */
} dr_hub_hash;

typedef struct dr_hub_file {
    const char *path; /* relative, checked: no "..", no control characters; in the listing's arena */
    uint64_t size;
    dr_hub_hash kind;
    char hash[65]; /* lower-case hex */
} dr_hub_file;

typedef struct dr_hub_listing {
    dr_arena arena;
    dr_hub_file *file;
    size_t count, cap;
    size_t entries; /* folders counted too */
} dr_hub_listing;

dr_status dr_hub_listing_init(dr_hub_listing *l);
void dr_hub_listing_clear(dr_hub_listing *l);

/** Adds one page of GET /api/models/REPO/tree/REV?recursive=1. Every fault is DR_EINVAL with one sentence. */
dr_status dr_hub_listing_add(dr_hub_listing *l, const char *json, size_t n, const char *repo);

/** Sorts by path after the last page, refuses a name that comes twice. */
dr_status dr_hub_listing_finish(dr_hub_listing *l, const char *repo);

/** Binary search in a finished listing; NULL if not there. */
const dr_hub_file *dr_hub_listing_find(const dr_hub_listing *l, const char *path);

/* The files of a pull: the weights last, so that a wrong repo shows before the gigabytes; among themselves small ones
 * first. */
typedef struct dr_hub_choice {
    dr_hub_kind kind;
    const dr_hub_file **file; /* in the listing's arena */
    size_t count;
} dr_hub_choice;

/** Whether it is a file of weights. */
bool dr_hub_is_weights(const dr_hub_file *f);

/** Chooses from a finished listing.
 *
 *  Weights: one safetensors file, or a complete set of shards with its index, of the asked variant ("" = plain).
 *  With a variant, parts that do not have it come plain, as diffusers does, unless no part has it. DR_EINVAL if
 *  the repo is of neither kind (or not of `kind`), has weights as .bin or .ckpt alone, or not of this variant. */
dr_status dr_hub_choose(dr_hub_listing *l, const char *repo, dr_hub_kind kind, const char *variant, dr_hub_choice *c);

#endif
