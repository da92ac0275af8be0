/* The training photos: which there are, what is wrong with them, and one of them ready for the VAE.
 *
 * A photo and its garment mask are paired by stem ("t-shirt (1).jpg" with "t-shirt (1).png"). The prompt is the
 * text of STEM.txt or STEM.caption beside the photo, or --instance_prompt, or comes from the file name. */
#ifndef DR_TRAIN_DATASET_H
#define DR_TRAIN_DATASET_H

#include "io/image.h"
#include "train/prompt.h"

typedef struct dr_example {
    char *image, *mask; /* paths; mask NULL for class images */
    char *garment;      /* the garment's photo, of pairs (train/pairs.h); else NULL */
    char *prompt;
    dr_prompt_source source; /* where it comes from */
    int width, height;       /* of the photo, upright */
} dr_example;

typedef struct dr_dataset {
    dr_example *example; /* sorted by file name */
    int count;
} dr_dataset;

/**
 * Reads the folders and checks every pair before anything is trained: a photo without a mask, a mask without a
 * photo, two of one stem, another aspect, all black, all white, evidently inverted, unreadable, a bad caption.
 * All faults are listed by name in one message (DR_EINVAL), one per line; doubts go to `warnings` (may be NULL),
 * one per line: a mask of another size in the photo's own shape, one that covers next to nothing or nearly all,
 * captions without a photo.
 *
 * @param masks_dir        NULL for class images
 * @param instance_prompt  for photos without a caption; NULL: from their file names
 * @return DR_ENOENT when a folder is not there or has no photos
 */
dr_status dr_dataset_open(dr_dataset *d, const char *images_dir, const char *masks_dir, const char *instance_prompt,
                          char *warnings, size_t size);
void dr_dataset_close(dr_dataset *d);

/** Doubts that depend on the resolution (photos that are smaller), behind what is in `warnings` already. */
void dr_dataset_check_resolution(const dr_dataset *d, int resolution, char *warnings, size_t size);

/** "t-shirt (1).jpg", "red_dress_2.png", "coat-03.webp" -> "t-shirt", "red dress", "coat": the extension and one
 * trailing counter " (n)", "_n" or "-n" dropped, `_` to space. Writes at most n bytes. */
void dr_prompt_from_name(const char *file_name, char *out, size_t n);

/* Where a picture is cut: the short side is resized to `resolution` (bilinear as torchvision's Resize on PIL images),
 * then a width x height crop at x, y of the resized picture. */
typedef struct dr_crop {
    int width, height; /* of the crop: resolution, or the bucket's size */
    int x, y;
    bool flip;
} dr_crop;

/** The size that the short side resize gives. */
void dr_resized_size(int width, int height, int crop_width, int crop_height, int *out_width, int *out_height);

/** Bucket sizes for a resolution: multiples of `step` with at most resolution^2 pixels; picks the one whose aspect is
 *  nearest to width:height. */
void dr_bucket_size(int width, int height, int resolution, int step, int *bucket_width, int *bucket_height);

/** Photo (RGB) and mask (binary, NULL out for class images) through one and the same resize, crop and flip. The mask is
 *  resized as the photo is, or with `any_white` so that no part of it is too thin. */
dr_status dr_example_load(const dr_example *e, const dr_crop *crop, bool any_white, dr_image *photo, dr_image *mask);

#endif
