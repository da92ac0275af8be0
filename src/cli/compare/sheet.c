/* The contact sheet: what went in on the left, then a column for each method, a line for each seed. */
#include "cli/compare/compare.h"

#include "base/path.h"
#include "cli/compare/label.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MARGIN = 36,
    GAP = 20,
    TITLE = 40, /* sizes of letters */
    NAME = 28,
    FACT = 21,
    WIDEST = 4200, /* of the sheet, about */
    LARGEST = 640, /* sides of one picture */
    SMALLEST = 220
};

static const uint8_t ink[3] = {28, 27, 25}, soft[3] = {95, 91, 84}, red[3] = {179, 38, 30}, paper[3] = {255, 255, 255},
                     hollow[3] = {243, 241, 237};

typedef struct sheet {
    const dr_comparison *c;
    dr_font *font;
    drape_image im;
    int cell_w, cell_h, top; /* top: of the first line of pictures */
} sheet;

static void fill(drape_image *im, int x, int y, int w, int h, const uint8_t colour[3])
{
    for (int j = y < 0 ? 0 : y; j < y + h && j < im->height; j++)
        for (int i = x < 0 ? 0 : x; i < x + w && i < im->width; i++)
            memcpy(im->data + 3 * ((size_t)j * (size_t)im->width + (size_t)i), colour, 3);
}

/* As large as the cell allows, in its middle at the top. Its height goes to *height. */
static dr_status place(sheet *s, const drape_image *picture, int x, int y, int *height)
{
    double by = (double)s->cell_w / picture->width, other = (double)s->cell_h / picture->height;
    by = by < other ? by : other;
    int w = (int)(picture->width * by + 0.5), h = (int)(picture->height * by + 0.5);
    drape_image small = {0};
    dr_status st = (dr_status)drape_image_resize(picture, w > 0 ? w : 1, h > 0 ? h : 1, &small);
    int left = x + (s->cell_w - w) / 2;
    *height = small.height;
    for (int j = 0; !st && j < small.height && y + j < s->im.height; j++)
        memcpy(s->im.data + 3 * ((size_t)(y + j) * (size_t)s->im.width + (size_t)left),
               small.data + 3 * (size_t)j * (size_t)small.width, 3 * (size_t)small.width);
    drape_image_free(&small);
    return st;
}

static int column(const sheet *s, int i)
{
    return MARGIN + i * (s->cell_w + GAP);
}

static int line(const sheet *s, int k)
{
    return s->top + k * (s->cell_h + dr_font_line(FACT) + GAP);
}

/* A picture with a word below it. */
static dr_status place_named(sheet *s, int i, int k, const drape_image *picture, const char *text)
{
    int height = 0;
    dr_status st = place(s, picture, column(s, i), line(s, k), &height);
    if (st)
        return st;
    return dr_font_draw(s->font, &s->im, column(s, i), line(s, k) + height + 4, s->cell_w, FACT, soft, text);
}

/* --- columns -------------------------------------------------------------------------------------------- */

static int inputs(const dr_comparison *c)
{
    return 1 + c->garment_paths.count + (c->reference.data != NULL);
}

static dr_status draw_inputs(sheet *s)
{
    const dr_comparison *c = s->c;
    int k = 0;
    dr_status st = place_named(s, 0, k++, &c->scene.person, "person");
    for (int i = 0; !st && i < c->garment_paths.count; i++)
        st = place_named(s, 0, k++, &c->garments[i], "garment");
    if (!st && c->reference.data)
        st = place_named(s, 0, k++, &c->reference, "reference");
    return st;
}

/* "12.3 s, 1.24 GiB": the mean of the pictures, and the peak. */
static void facts(char *out, size_t n, const dr_comparison *c, const dr_row *row)
{
    double seconds = 0;
    int done = 0;
    for (int k = 0; k < c->seeds; k++)
        if (row->cell[k].done) {
            seconds += row->cell[k].seconds;
            done++;
        }
    *out = 0;
    if (done)
        snprintf(out, n, "%.*f s a picture", seconds / done < 100 ? 1 : 0, seconds / done);
    if (done && row->peak)
        snprintf(out + strlen(out), n - strlen(out), ", %.2f GiB", (double)row->peak / (1024.0 * 1024 * 1024));
}

static dr_status draw_result(sheet *s, int i, int k, const dr_row *row)
{
    const dr_cell *cell = &row->cell[k];
    char text[64];
    drape_image picture = {0};
    char *path = dr_comparison_path(s->c, cell->file);
    dr_status st = path ? (dr_status)drape_image_read(&picture, path) : DR_ENOMEM;
    snprintf(text, sizeof text, "seed %llu", (unsigned long long)cell->seed);
    if (!st)
        st = place_named(s, i, k, &picture, text);
    drape_image_free(&picture);
    free(path);
    return st;
}

static dr_status draw_failure(sheet *s, int i, int k, const char *error)
{
    int x = column(s, i), y = line(s, k), used;
    fill(&s->im, x, y, s->cell_w, s->cell_h, hollow);
    return dr_font_draw_lines(s->font, &s->im, x + 14, y + 14, s->cell_w - 28, FACT, red, error,
                              (s->cell_h - 28) / dr_font_line(FACT), &used);
}

static dr_status draw_method(sheet *s, int i, const dr_row *row)
{
    char text[96];
    int x = column(s, i), y = s->top - dr_font_line(NAME) - dr_font_line(FACT) - 8;
    facts(text, sizeof text, s->c, row);
    dr_status st = dr_font_draw(s->font, &s->im, x, y, s->cell_w, NAME, ink, row->method->name);
    if (!st)
        st = dr_font_draw(s->font, &s->im, x, y + dr_font_line(NAME), s->cell_w, FACT, row->error ? red : soft,
                          *text        ? text
                          : row->error ? "failed"
                                       : "");
    bool said = false;
    for (int k = 0; !st && k < s->c->seeds; k++) {
        if (row->cell[k].done)
            st = draw_result(s, i, k, row);
        else if (row->error && !said)
            st = draw_failure(s, i, k, row->error);
        said = said || !row->cell[k].done;
    }
    return st;
}

/* --- the whole ------------------------------------------------------------------------------------------- */

static dr_status begin(sheet *s)
{
    const dr_comparison *c = s->c;
    const drape_image *person = &c->scene.person;
    int columns = c->rows + 1, lines = c->seeds > inputs(c) ? c->seeds : inputs(c);
    int w = (WIDEST - 2 * MARGIN) / columns - GAP;
    w = w > LARGEST ? LARGEST : w < SMALLEST ? SMALLEST : w;
    double aspect = (double)person->height / person->width;
    int h = (int)(w * aspect + 0.5);
    if (h > LARGEST * 4 / 3) {
        h = LARGEST * 4 / 3;
        w = (int)(h / aspect + 0.5);
        w = w < SMALLEST ? SMALLEST : w;
    }
    s->cell_w = w;
    s->cell_h = h > 40 ? h : 40;
    s->top = MARGIN + dr_font_line(TITLE) + 16 + dr_font_line(NAME) + dr_font_line(FACT) + 8;
    s->im = (drape_image){column(s, columns) - GAP + MARGIN, line(s, lines) - GAP + MARGIN, 3, NULL};
    s->im.data = malloc(3 * (size_t)s->im.width * (size_t)s->im.height);
    if (!s->im.data)
        return dr_fail(DR_ENOMEM, "out of memory");
    fill(&s->im, 0, 0, s->im.width, s->im.height, paper);
    return DR_OK;
}

dr_status dr_sheet_write(const dr_comparison *c, const char *file)
{
    sheet s = {.c = c};
    char *path = dr_comparison_path(c, file);
    dr_status st = path ? dr_font_load(&s.font) : DR_ENOMEM;
    if (!st)
        st = begin(&s);
    if (!st)
        st = dr_font_draw(s.font, &s.im, MARGIN, MARGIN - 6, s.im.width - 2 * MARGIN, TITLE, ink,
                          c->title ? c->title : dr_path_name(c->image));
    if (!st)
        st = draw_inputs(&s);
    for (int i = 0; !st && i < c->rows; i++)
        st = draw_method(&s, i + 1, &c->row[i]);
    if (!st)
        st = (dr_status)drape_image_write(&s.im, path, NULL);
    drape_image_free(&s.im);
    dr_font_free(s.font);
    free(path);
    return st;
}
