/* Pictures: reading any common format into 8-bit sRGB, writing PNG, JPEG, WebP or TIFF, resizing. Over libvips. */
#ifndef DR_IO_IMAGE_H
#define DR_IO_IMAGE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 8192x8192: the full size of the usual 50-megapixel phones, 8192x6144, is a little more than 50 million pixels. */
#define DR_IMAGE_MAX_PIXELS (8192 * 8192)
#define DR_IMAGE_MAX_MEGAPIXELS 67

/* 8-bit pixels, rows without padding. Storage is malloc'ed. */
typedef struct dr_image {
    int width, height;
    int channels; /* 3 sRGB, 1 grey (masks), 4 sRGB and alpha (not premultiplied) */
    uint8_t *data;
} dr_image;

void dr_image_clear(dr_image *im);
dr_status dr_image_alloc(dr_image *im, int width, int height, int channels);
dr_status dr_image_copy(dr_image *out, const dr_image *in);

/** Reads a photo as sRGB: EXIF orientation applied, embedded profile converted, CMYK, grey, 16 bit and
 *  floats of 0 to 1 (io/image_samples.h) brought to 8-bit RGB, alpha flattened on white. `channels` 3, or 1 for a mask
 * (Rec. 601 luma as PIL's convert("L"); alpha over black; an RGB or grey profile is not applied, numbers are numbers),
 * or 4 to keep the alpha (255 where the file has none; profiles as for 1). Of a file with several pages the first.
 *  JPEG, PNG, WebP, TIFF and GIF, and HEIC and AVIF where libvips has libheif; the format is told by the
 *  content, never by the name. Size is checked before decoding; a truncated or damaged file is DR_EINVAL. */
dr_status dr_image_read(dr_image *out, const char *path, int channels);
/** The same from bytes in memory; `name` stands in messages. */
dr_status dr_image_read_memory(dr_image *out, const void *data, size_t size, const char *name, int channels);

/** As the file has it, for whoever repeats what PIL does when nothing is asked of it: neither EXIF's orientation nor a
 *  profile is applied. `channels` 3, or 0: one where the file is grey, else 3. `hard` (or NULL) is set where the file
 * has a palette or one bit per pixel, which PIL resizes by nearest neighbour. */
dr_status dr_image_read_stored(dr_image *out, const char *path, int channels, bool *hard);

/* What the header of a picture says. */
typedef struct dr_image_header {
    int width, height; /* upright */
    bool upright;      /* no EXIF orientation turns it */
    const char *type;  /* "image/jpeg" and so on; static */
} dr_image_header;
/** Reads the header alone, nothing is decoded: as dr_image_read_memory() otherwise. */
dr_status dr_image_read_header(dr_image_header *out, const void *data, size_t size, const char *name);

/** What drape wrote: PNG keeps `parameters` in a tEXt (Latin-1) or iTXt (UTF-8) chunk of that name, JPEG and
 *  WebP in EXIF UserComment. Format by extension (.png .jpg .jpeg .webp .tif .tiff). Atomic. */
typedef struct dr_image_write_options {
    const char *parameters; /* UTF-8 or NULL */
    int quality;            /* JPEG and WebP, 1..100; 0 = 95 */
} dr_image_write_options;
dr_status dr_image_write(const dr_image *im, const char *path, const dr_image_write_options *o);
/** The `parameters` text of a PNG, UTF-8, malloc'ed, yours. DR_ENOENT if the file has none, DR_EINVAL if it is
 *  no PNG or damaged, DR_EUNSUPPORTED if the text is compressed (neither drape nor PIL's default does that). */
dr_status dr_image_read_parameters(const char *path, char **out);
/** The same from a file's bytes; `name` stands in messages. */
dr_status dr_image_parameters(const void *png, size_t size, const char *name, char **out);
/** PNG bytes in memory (malloc'ed, yours). */
dr_status dr_image_encode_png(const dr_image *im, const char *parameters, void **out, size_t *size);
/** The bytes of a file that is called `name`, of which the extension counts (malloc'ed, yours). */
dr_status dr_image_encode(const dr_image *im, const char *name, const dr_image_write_options *o, void **out,
                          size_t *size);

/** True if the extension is one that dr_image_write knows; so that it is said before the long work. */
bool dr_image_can_write(const char *path);

/** True if a file is called like a picture; also of kinds that cannot be read, where saying so is better than passing
 *  it over. */
bool dr_image_has_name(const char *path);

/** Resize. LANCZOS, BICUBIC and BILINEAR equal PIL's Image.resize bit for bit (antialiased, 8-bit fixed point; of
 * Pillow 13 where its versions differ); NEAREST as PIL's, the pixel under the new one's middle; TOP_LEFT the one under
 * its corner, as torch.nn.functional.interpolate(mode="nearest"). LANCZOS_X_FIRST is Pillow's of before 13, where the
 * width always came first. */
typedef enum dr_resample {
    DR_NEAREST,
    DR_BILINEAR,
    DR_LANCZOS,
    DR_TOP_LEFT,
    DR_LANCZOS_X_FIRST,
    DR_BICUBIC
} dr_resample;
dr_status dr_image_resize(dr_image *out, const dr_image *in, int width, int height, dr_resample how);
/** The same without rounding to bytes, by BILINEAR, BICUBIC or LANCZOS: [height][width][channels], yours to free();
 * each channel as PIL's Image.resize of mode "F". */
dr_status dr_image_resize_float(float **out, const dr_image *in, int width, int height, dr_resample how);
/** Crop; the rectangle must lie inside (asserted). */
dr_status dr_image_crop(dr_image *out, const dr_image *in, int x, int y, int width, int height);
/** The picture the other way round, in place. */
void dr_image_mirror(dr_image *im);

#define DR_IMAGE_MAX_BLUR 4096 /* pixels */
/** Blurs in place, each channel by itself, as PIL's ImageFilter.GaussianBlur(radius) bit for bit; 0 to
 *  DR_IMAGE_MAX_BLUR (asserted). After DR_ENOMEM the picture is blurred in part. */
dr_status dr_image_gaussian(dr_image *im, double radius);

/** Rec. 601 in 16-bit fixed point, as PIL's convert("L"). */
static inline uint8_t dr_luma(const uint8_t rgb[3])
{
    return (uint8_t)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
}
/** The luma of an RGB picture, or a copy of one with one channel. */
dr_status dr_image_luma(dr_image *out, const dr_image *in);

/** Which of `in` pixels TOP_LEFT takes for pixel i of `out`: floor(i * float(in / out)). */
int dr_top_left(int i, int in, int out);

#endif
