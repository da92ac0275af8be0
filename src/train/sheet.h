/* A contact sheet: pictures side by side, to see at one glance what was taught and what came of it. */
#ifndef DR_TRAIN_SHEET_H
#define DR_TRAIN_SHEET_H

#include "io/image.h"

/**
 * Pictures in rows on white, each scaled to fit a square cell and centred in it.
 *
 * @param tiles      of 1, 3 or 4 channels (alpha over white); one without data leaves its cell empty
 * @param count      at least 1
 * @param columns    at most so many in a row; at least 1
 * @param tile_size  pixels of a cell's side
 * @param out        RGB
 * @return DR_EINVAL when the sheet would have more than DR_IMAGE_MAX_PIXELS
 */
dr_status dr_contact_sheet(dr_image *out, const dr_image *tiles, int count, int columns, int tile_size);

#endif
