/* Samples that are no bytes: 16 and 32 bits, whole numbers and floats, and what of them is black and white. */
#ifndef DR_IO_IMAGE_SAMPLES_H
#define DR_IO_IMAGE_SAMPLES_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <vips/vips.h>

/** True if what is black and white in the picture can only be told by its values (or it has to be refused for them). */
bool dr_samples_need_scan(VipsImage *im);

/** Brings such a picture to bytes, alpha too: floats from 0 (black) to 1 (white); 16 bits from 0 to 65535, and where no
 *  value is above 255, which bytes in a wider type are, from 0 to 255. `scan` is the same picture opened once more; it
 * is read to its end. DR_EINVAL for other ranges and for NaN; `name` stands in messages. */
dr_status dr_samples_to_bytes(VipsImage **im, VipsImage *scan, const char *name);

/** The pixel at (x, y) of a region's pixels. VIPS_REGION_ADDR() multiplies signed with unsigned numbers. */
static inline const VipsPel *dr_region_at(const VipsRegion *r, int x, int y)
{
    ptrdiff_t pixel = (ptrdiff_t)vips_format_sizeof(r->im->BandFmt) * r->im->Bands;
    return r->data + (ptrdiff_t)r->bpl * (y - r->valid.top) + pixel * (x - r->valid.left);
}

#endif
