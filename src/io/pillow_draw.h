/* Filled shapes on 8-bit pictures, pixel for pixel as Pillow's ImageDraw has them.
 *
 * Published preprocessing scripts draw with Pillow, and networks were trained on what it drew; which border pixels
 * belong to a shape is its own rule and no geometry. Numbers are truncated towards zero to whole pixels, shapes are cut
 * off at the picture's edges. `ink` has a byte for each channel.
 *
 * Coordinates are at most DR_DRAW_MOST from 0, ellipses and widths at most 40000 (asserted): whoever takes coordinates
 * from a file checks them before. */
#ifndef DR_IO_PILLOW_DRAW_H
#define DR_IO_PILLOW_DRAW_H

#include "io/image.h"

#define DR_DRAW_MOST 100000

typedef struct dr_point {
    double x, y; /* pixels; (0,0) is the top left one */
} dr_point;

/** ImageDraw.line([p, q], fill, width) for a width of at least 2 (asserted); its ends are square. */
void dr_draw_line(dr_image *im, dr_point p, dr_point q, int width, const uint8_t *ink);

/** ImageDraw.polygon(corners, fill) of 2 to 16 corners (asserted); the last is joined to the first. */
void dr_draw_polygon(dr_image *im, const dr_point *corner, int count, const uint8_t *ink);

/** ImageDraw.ellipse([p, q], fill): inside the box between its corners, edges included. Nothing where q is left of or
 *  above p. */
void dr_draw_ellipse(dr_image *im, dr_point p, dr_point q, const uint8_t *ink);

/** ImageDraw.rectangle([p, q], fill), all four sides included. Nothing where q is left of or above p. */
void dr_draw_rectangle(dr_image *im, dr_point p, dr_point q, const uint8_t *ink);

#endif
