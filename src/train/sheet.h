/* A contact sheet: pictures in a grid, to look at many at once. */
#ifndef DR_TRAIN_SHEET_H
#define DR_TRAIN_SHEET_H

#include "io/image.h"

/** `count` RGB tiles, scaled to fit tile_size x tile_size with their aspect kept, row by row on white. */
dr_status dr_contact_sheet(dr_image *out, const dr_image *tiles, int count, int columns, int tile_size);

#endif
