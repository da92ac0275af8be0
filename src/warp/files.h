/* Where the pictures of one person and one cloth are: named one by one, or found in a folder laid out as VITON-HD. */
#ifndef DR_WARP_FILES_H
#define DR_WARP_FILES_H

#include "warp/pairs.h"

/* Paths; NULL: there is none. In brackets the folder of VITON-HD that has it. */
typedef struct dr_warp_files {
    const char *image;     /* the person's photo (image) */
    const char *densepose; /* DensePose of it, a picture on black (image-densepose) */
    const char *keypoints; /* OpenPose's key points (openpose_json, NAME_keypoints.json) */
    const char *parse;     /* label map (image-parse-v3); else a parser makes it */
    const char
        *parse_agnostic;    /* without the garment (image-parse-agnostic-v3.2); else made of the map and the points */
    const char *agnostic;   /* the photo without the garment (agnostic); used only where the key points are missing */
    const char *cloth;      /* (cloth) */
    const char *cloth_mask; /* (cloth-mask); else made, of a cloth on plain ground */
} dr_warp_files;

/**
 * The files of a pair in folder `dir`, by name, or by stem with .jpg, .jpeg or .png.
 *
 * @return DR_ENOENT with one sentence when one is missing that cannot be made here. Without key points the agnostic
 *         picture and map must both be there
 */
dr_status dr_viton_files(dr_warp_files *out, const char *dir, const char *person, const char *cloth);

/** Says what is missing that cannot be made: photo, DensePose, key points, cloth. `person` stands in messages. */
dr_status dr_warp_files_check(const dr_warp_files *f, const char *person);

/** Frees the paths that dr_viton_files() found. */
void dr_warp_files_clear(dr_warp_files *f);

#endif
