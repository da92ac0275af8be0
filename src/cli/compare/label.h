/* Words in pictures. The letters are part of the program (data/font), so no machine needs a font; what is not among
 * them is a box. */
#ifndef DR_CLI_COMPARE_LABEL_H
#define DR_CLI_COMPARE_LABEL_H

#include "base/status.h"
#include "drape.h"

typedef struct dr_font dr_font;

dr_status dr_font_load(dr_font **out);
void dr_font_free(dr_font *f);

/** How wide UTF-8 text is, in pixels, where the em is `size` of them. */
double dr_font_width(const dr_font *f, const char *text, int size);

/** Writes one line into an RGB picture; (x, y) is the upper left. What is wider than `width` ends with "...". */
dr_status dr_font_draw(const dr_font *f, drape_image *im, int x, int y, int width, int size, const uint8_t colour[3],
                       const char *text);

/** The same in at most `lines` lines, broken at spaces where there are any. Returns through *used how many. */
dr_status dr_font_draw_lines(const dr_font *f, drape_image *im, int x, int y, int width, int size,
                             const uint8_t colour[3], const char *text, int lines, int *used);

/** From one line to the next. */
int dr_font_line(int size);

#endif
