/* The photos that the small model learns from: a folder of people in street clothes, decoded once, and square crops of
 * them that depend on nothing but a seed and a step, so that a resumed training sees what it would have seen.
 *
 *   DIR/photos/ID.jpg    the photos
 *   DIR/splits.json      "test_open": ids that are never trained on
 *
 * Framings: a crop is as large a part of the photo as it would be in a picture of `frame` pixels that shows a square of
 * MINI_NEAR to MINI_FAR of the photo's height: head and shoulders to the whole person. The scale is drawn evenly in its
 * logarithm; no crop reaches beyond the photo, and none is enlarged unless the photo is smaller than the crop. */
#ifndef MINI_PHOTOS_H
#define MINI_PHOTOS_H

#include "base/json.h"
#include "base/rng.h"
#include "io/image.h"

#define MINI_NEAR 0.28
#define MINI_FAR 1.0

typedef struct mini_photo {
    char id[32]; /* the file's name without extension */
    dr_image image;
} mini_photo;

typedef struct mini_photos {
    mini_photo *photo;
    int count;
    int64_t *order; /* [count]: the photos' order in the pass `pass` */
    int64_t pass;   /* -1: none yet */
} mini_photos;

typedef enum mini_split { MINI_TRAIN, MINI_TEST } mini_split;

/* A square of one photo, in its pixels. */
typedef struct mini_crop {
    int photo, x, y, side;
    bool flip;
} mini_crop;

/**
 * Reads the photos of one split in order of their names.
 *
 * @param limit  at most so many; 0: all
 * @return DR_EINVAL for a damaged photo or splits.json, or when no photo is left; DR_ENOENT without the files
 */
dr_status mini_photos_open(mini_photos *p, const char *dir, mini_split split, int limit);
/** Safe on a zeroed struct. */
void mini_photos_clear(mini_photos *p);

/** True if a list of names has this one. */
bool mini_in_list(const json_t *names, const char *name);

/** The crops of step `step` (from 0), out [batch]. Every photo comes once before one comes again. */
void mini_crops_draw(mini_photos *p, uint64_t seed, int64_t step, int batch, int size, int frame, mini_crop *out);

/** The square in the middle of a photo, as large as it fits. */
mini_crop mini_crop_middle(const mini_photos *p, int photo);

/** The crop of `in`, a picture of the photo's size (the photo, or its label map with DR_NEAREST), as size x size. */
dr_status mini_crop_cut(dr_image *out, const dr_image *in, const mini_crop *c, int size, dr_resample how);

/** The crops of the photos as [n,size,size,3] in [-1,1]. */
dr_status mini_crops_load(const mini_photos *p, const mini_crop *crop, int n, int size, float *out);

#endif
