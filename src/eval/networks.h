/* The numbers of one result that published networks give (docs/backbones.md). */
#ifndef DR_EVAL_NETWORKS_H
#define DR_EVAL_NETWORKS_H

#include "eval/clip_image.h"
#include "eval/columns.h"
#include "eval/lpips.h"

#include <limits.h>

/* Zero-initialised means none. */
typedef struct dr_networks {
    char dir[PATH_MAX]; /* where they lie, as `drape pull --backbones` makes it */
    dr_lpips *lpips[3];
    dr_clip_image *clip;
    bool at_fault; /* one cannot be loaded, for no picture */
} dr_networks;

/** Looks whether those that the columns need are there; they are loaded when they are first needed. `dir` NULL:
 *  "backbones". DR_ENOENT with what to do. */
dr_status dr_networks_open(dr_networks *n, const bool *wanted, const char *dir);
void dr_networks_close(dr_networks *n);

/** What numbers depend on, as text: the files, their sizes and times of change. Cut off where it does not fit. */
void dr_networks_describe(const dr_networks *n, const bool *wanted, char *out, size_t size);

/** Of a result beside its reference, of one size (or NULL), and beside the garment's photo (or NULL). */
dr_status dr_networks_pair(dr_networks *n, const bool *wanted, const dr_image *result, const dr_image *reference,
                           const dr_image *mask, const dr_image *garment, drape_eval_numbers *out);

#endif
