/* Masks: 8-bit pictures of one channel, white where the photo is to be replaced. Reading them, and saying what is
 * wrong with one before an hour is spent on it. */
#ifndef DR_IO_MASK_H
#define DR_IO_MASK_H

#include "io/image.h"

/* Where warnings go, one sentence each, without a newline. */
typedef void (*dr_warn_fn)(void *user, const char *message);

typedef struct dr_mask_options {
    bool whole;      /* the whole picture may be masked: no warning about an all white mask */
    bool strict;     /* a mask that is all white or looks inverted is DR_EINVAL instead of a warning */
    dr_warn_fn warn; /* may be NULL */
    void *user;
} dr_mask_options;

/** Reads a mask for a photo and brings it to the photo's size (LANCZOS, as diffusers does); still grey, see
 *  dr_mask_binarize(). Which pictures are masks, and what is white in them: io/mask_kind.h. `o` and `photo_path` (the
 *  photo's name in messages) may be NULL.
 *
 *  DR_EINVAL when the shapes differ by more than 1 % and 2 pixels, the picture is a photo, or nothing is white.
 * Warnings for a mask that is all white, looks inverted, or has many grey values. */
dr_status dr_mask_load(dr_image *out, const char *path, int photo_width, int photo_height, const char *photo_path,
                       const dr_mask_options *o);

/** The same for a picture already read with 1 or 4 channels; `name` stands in messages. */
dr_status dr_mask_from_image(dr_image *out, const dr_image *in, const char *name, int photo_width, int photo_height,
                             const char *photo_name, const dr_mask_options *o);

/** 0 below one half and 255 from there on, as diffusers' VaeImageProcessor.binarize: 127 is black, 128 white. */
void dr_mask_binarize(dr_image *mask);

/** Another size of a mask, binary: white where any pixel under it is (from 128 on), so that thin parts survive. */
dr_status dr_mask_resize_any(dr_image *out, const dr_image *in, int width, int height);

#endif
