#include "cli/eval_grid.h"

#include "cli/compare/label.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MARGIN = 32,
    GAP = 16,
    TITLE = 32, /* sizes of letters */
    NAME = 22,
    FACT = 17,
    SIDE = 220, /* the column of names */
    WIDEST = 6000,
    LARGEST = 400, /* width of a picture */
    SMALLEST = 150,
    NUMBERS = 4 /* lines below a picture */
};

static const uint8_t ink[3] = {28, 27, 25}, soft[3] = {95, 91, 84}, red[3] = {179, 38, 30};

typedef struct sheet {
    const dr_grid *g;
    dr_font *font;
    drape_image im;
    int cell_w, cell_h, top;
    json_t *metrics; /* those that apply */
} sheet;

static int left_of(const sheet *s, int column)
{
    return MARGIN + SIDE + column * (s->cell_w + GAP);
}

static int line_height(const sheet *s)
{
    return s->cell_h + NUMBERS * dr_font_line(FACT) + 2 * GAP;
}

static dr_status begin(sheet *s)
{
    const dr_comparison *c = &s->g->c;
    int columns = s->g->scales * c->seeds, w = (WIDEST - 2 * MARGIN - SIDE) / columns - GAP;
    s->cell_w = w > LARGEST ? LARGEST : w < SMALLEST ? SMALLEST : w;
    s->cell_h = (int)((int64_t)s->cell_w * c->scene.person.height / c->scene.person.width);
    s->cell_h = s->cell_h < 1 ? 1 : s->cell_h;
    s->top = MARGIN + dr_font_line(TITLE) + dr_font_line(NAME) + GAP;
    s->im = (drape_image){left_of(s, columns) + MARGIN, s->top + s->g->checkpoints.count * line_height(s) + MARGIN, 3,
                          NULL};
    if ((int64_t)s->im.width * s->im.height > DRAPE_MAX_PIXELS)
        return dr_fail(DR_EINVAL, "a sheet of %d x %d pictures is too large: take fewer seeds, checkpoints or scales",
                       columns, s->g->checkpoints.count);
    size_t bytes = 3 * (size_t)s->im.width * (size_t)s->im.height;
    s->im.data = malloc(bytes);
    if (!s->im.data)
        return dr_fail(DR_ENOMEM, "out of memory");
    memset(s->im.data, 255, bytes);
    return DR_OK;
}

static dr_status draw_heads(sheet *s)
{
    char text[64];
    const dr_comparison *c = &s->g->c;
    dr_status st = dr_font_draw(s->font, &s->im, MARGIN, MARGIN - 6, s->im.width - 2 * MARGIN, TITLE, ink, c->title);
    for (int i = 0; !st && i < s->g->scales; i++)
        for (int k = 0; !st && k < c->seeds; k++) {
            snprintf(text, sizeof text, "guidance %g, seed %llu", s->g->scale[i],
                     (unsigned long long)(c->seed + (uint64_t)k));
            st = dr_font_draw(s->font, &s->im, left_of(s, i * c->seeds + k), s->top - dr_font_line(NAME) - 4, s->cell_w,
                              FACT, soft, text);
        }
    return st;
}

static dr_status put_picture(sheet *s, const char *file, int x, int y)
{
    drape_image full = {0}, small = {0};
    char *path = dr_comparison_path(&s->g->c, file);
    dr_status st = path ? (dr_status)drape_image_read(&full, path) : DR_ENOMEM;
    if (!st)
        st = (dr_status)drape_image_resize(&full, s->cell_w, s->cell_h, &small);
    for (int j = 0; !st && j < s->cell_h; j++)
        memcpy(s->im.data + 3 * ((size_t)(y + j) * (size_t)s->im.width + (size_t)x),
               small.data + 3 * (size_t)j * (size_t)s->cell_w, 3 * (size_t)s->cell_w);
    drape_image_free(&full);
    drape_image_free(&small);
    free(path);
    return st;
}

/* The numbers of a picture, a line each: what it is measured against first. */
static dr_status put_numbers(sheet *s, const dr_cell *cell, int x, int y)
{
    size_t i, n = json_array_size(s->metrics);
    int line = 0;
    dr_status st = DR_OK;
    for (i = n; !st && i-- > 0 && line < NUMBERS;) {
        const json_t *m = json_array_get(s->metrics, i),
                     *v = json_object_get(cell->metrics, json_string_value(json_object_get(m, "key")));
        char text[96];
        if (!json_is_number(v))
            continue;
        snprintf(text, sizeof text, "%s %.3g", json_string_value(json_object_get(m, "name")), json_number_value(v));
        st = dr_font_draw(s->font, &s->im, x, y + line++ * dr_font_line(FACT), s->cell_w, FACT, soft, text);
    }
    return st;
}

static dr_status draw_cell(sheet *s, int checkpoint, int scale, int k)
{
    const dr_row *row = &s->g->c.row[checkpoint * s->g->scales + scale];
    const dr_cell *cell = &row->cell[k];
    int x = left_of(s, scale * s->g->c.seeds + k), y = s->top + checkpoint * line_height(s), used;
    if (!cell->done)
        return dr_font_draw_lines(s->font, &s->im, x, y, s->cell_w, FACT, red, row->error ? row->error : "not made", 8,
                                  &used);
    dr_status st = put_picture(s, cell->file, x, y);
    return st ? st : put_numbers(s, cell, x, y + s->cell_h + 4);
}

/* "checkpoint-400" of the method "checkpoint-400, 3". */
static dr_status draw_name(sheet *s, int checkpoint)
{
    char name[160];
    int used;
    snprintf(name, sizeof name, "%s", s->g->c.row[checkpoint * s->g->scales].method->name);
    char *comma = strrchr(name, ',');
    if (comma)
        *comma = 0;
    return dr_font_draw_lines(s->font, &s->im, MARGIN, s->top + checkpoint * line_height(s), SIDE - GAP, NAME, ink,
                              name, 6, &used);
}

dr_status dr_grid_sheet(const dr_grid *g, const char *file)
{
    sheet s = {.g = g, .metrics = dr_metrics_json(&g->c)};
    char *path = dr_comparison_path(&g->c, file);
    dr_status st = path ? dr_font_load(&s.font) : DR_ENOMEM;
    if (!st)
        st = begin(&s);
    if (!st)
        st = draw_heads(&s);
    for (int i = 0; !st && i < g->checkpoints.count; i++) {
        st = draw_name(&s, i);
        for (int k = 0; !st && k < g->scales * g->c.seeds; k++)
            st = draw_cell(&s, i, k / g->c.seeds, k % g->c.seeds);
    }
    if (!st)
        st = (dr_status)drape_image_write(&s.im, path, NULL);
    drape_image_free(&s.im);
    dr_font_free(s.font);
    json_decref(s.metrics);
    free(path);
    return st;
}
