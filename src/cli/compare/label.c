#include "cli/compare/label.h"

#include "base/json.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

extern const unsigned char dr_label_png[], dr_label_json[];
extern const size_t dr_label_png_size, dr_label_json_size;

typedef struct glyph {
    gunichar code;
    double advance;
} glyph;

struct dr_font {
    drape_image sheet; /* glyph number i stands in cell i */
    int size, width, height, columns, pad;
    glyph *glyph; /* by rising code */
    size_t count;
};

static int by_code(const void *a, const void *b)
{
    const glyph *x = a, *y = b;
    return (x->code > y->code) - (x->code < y->code);
}

static dr_status read_table(dr_font *f)
{
    json_t *table = NULL;
    dr_status st = dr_json_parse((const char *)dr_label_json, dr_label_json_size, "label.json", &table);
    if (st)
        return st;
    f->size = (int)dr_json_whole(table, "size");
    f->width = (int)dr_json_whole(table, "width");
    f->height = (int)dr_json_whole(table, "height");
    f->columns = (int)dr_json_whole(table, "columns");
    f->pad = (int)dr_json_whole(table, "pad");
    const json_t *list = json_object_get(table, "glyphs");
    f->glyph = calloc(json_array_size(list) + 1, sizeof *f->glyph);
    for (f->count = 0; f->glyph && f->count < json_array_size(list); f->count++) {
        const json_t *g = json_array_get(list, f->count);
        f->glyph[f->count] =
            (glyph){(gunichar)json_integer_value(json_array_get(g, 0)), json_number_value(json_array_get(g, 1))};
    }
    json_decref(table);
    return f->glyph ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
}

dr_status dr_font_load(dr_font **out)
{
    dr_font *f = calloc(1, sizeof *f);
    if (!f)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = read_table(f);
    if (!st)
        st = (dr_status)drape_image_read_memory(&f->sheet, dr_label_png, dr_label_png_size, "label.png");
    if (st) {
        dr_font_free(f);
        f = NULL;
    }
    *out = f;
    return st;
}

void dr_font_free(dr_font *f)
{
    if (!f)
        return;
    drape_image_free(&f->sheet);
    free(f->glyph);
    free(f);
}

static const glyph *find(const dr_font *f, gunichar code)
{
    glyph key = {code == '\n' || code == '\t' ? ' ' : code, 0};
    return bsearch(&key, f->glyph, f->count, sizeof key, by_code);
}

/* Of a letter that is not there: the place of a box. */
static double advance(const dr_font *f, gunichar code)
{
    const glyph *g = find(f, code);
    return g ? g->advance : 0.6 * f->size;
}

static double width_of(const dr_font *f, const char *text, const char *end)
{
    double w = 0;
    for (const char *c = text; c < end; c = g_utf8_next_char(c))
        w += advance(f, g_utf8_get_char(c));
    return w;
}

double dr_font_width(const dr_font *f, const char *text, int size)
{
    char *valid = g_utf8_make_valid(text, -1);
    double w = width_of(f, valid, valid + strlen(valid)) * size / f->size;
    g_free(valid);
    return w;
}

int dr_font_line(int size)
{
    return (size * 5 + 2) / 4;
}

/* --- drawing ------------------------------------------------------------------------------------------- */

static void draw_box(drape_image *strip, const dr_font *f, int x)
{
    int left = x + f->size / 10, right = x + f->size / 2, top = f->height / 5, bottom = f->height * 4 / 5;
    for (int j = top; j <= bottom; j++)
        for (int i = left; i <= right && i < strip->width; i++)
            if (j - top < 2 || bottom - j < 2 || i - left < 2 || right - i < 2)
                memset(strip->data + 3 * ((size_t)j * (size_t)strip->width + (size_t)i), 255, 3);
}

static void draw_glyph(drape_image *strip, const dr_font *f, const glyph *g, int x)
{
    int index = (int)(g - f->glyph), channels = f->sheet.channels;
    int left = index % f->columns * f->width, top = index / f->columns * f->height;
    for (int j = 0; j < f->height; j++)
        for (int i = 0; i < f->width; i++) {
            int to = x - f->pad + i;
            if (to < 0 || to >= strip->width)
                continue;
            size_t from = (size_t)(top + j) * (size_t)f->sheet.width + (size_t)(left + i);
            uint8_t v = f->sheet.data[from * (size_t)channels];
            uint8_t *p = strip->data + 3 * ((size_t)j * (size_t)strip->width + (size_t)to);
            if (v > *p)
                memset(p, v, 3);
        }
}

/* The line at the letters' own size, white on black. */
static dr_status make_strip(const dr_font *f, const char *text, const char *end, drape_image *strip)
{
    int width = (int)width_of(f, text, end) + 2 * f->pad + 2;
    double x = f->pad;
    *strip = (drape_image){width, f->height, 3, calloc((size_t)width * (size_t)f->height, 3)};
    if (!strip->data)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (const char *c = text; c < end; c = g_utf8_next_char(c)) {
        gunichar code = g_utf8_get_char(c);
        const glyph *g = find(f, code);
        if (g)
            draw_glyph(strip, f, g, (int)(x + 0.5));
        else
            draw_box(strip, f, (int)(x + 0.5));
        x += advance(f, code);
    }
    return DR_OK;
}

static void blend(drape_image *im, const drape_image *strip, int x, int y, const uint8_t colour[3])
{
    for (int j = 0; j < strip->height; j++)
        for (int i = 0; i < strip->width; i++) {
            if (x + i < 0 || x + i >= im->width || y + j < 0 || y + j >= im->height)
                continue;
            uint8_t *p = im->data + 3 * ((size_t)(y + j) * (size_t)im->width + (size_t)(x + i));
            int v = strip->data[3 * ((size_t)j * (size_t)strip->width + (size_t)i)];
            for (int c = 0; c < 3; c++)
                p[c] = (uint8_t)((p[c] * (255 - v) + colour[c] * v + 127) / 255);
        }
}

static dr_status draw_part(const dr_font *f, drape_image *im, int x, int y, int size, const uint8_t colour[3],
                           const char *text, const char *end)
{
    drape_image strip = {0}, small = {0};
    dr_status st = text < end ? make_strip(f, text, end, &strip) : DR_OK;
    if (!st && strip.data) {
        int w = (strip.width * size + f->size - 1) / f->size, h = (strip.height * size + f->size - 1) / f->size;
        st = (dr_status)drape_image_resize(&strip, w > 0 ? w : 1, h > 0 ? h : 1, &small);
    }
    if (!st && small.data)
        blend(im, &small, x - f->pad * size / f->size, y, colour);
    drape_image_free(&strip);
    drape_image_free(&small);
    return st;
}

/* The end of what fits into `width` (in the font's own pixels). */
static const char *fitting(const dr_font *f, const char *text, double width)
{
    const char *c = text;
    for (double w = 0; *c; c = g_utf8_next_char(c)) {
        w += advance(f, g_utf8_get_char(c));
        if (w > width)
            break;
    }
    return c;
}

static dr_status draw_cut(const dr_font *f, drape_image *im, int x, int y, int width, int size, const uint8_t colour[3],
                          const char *valid)
{
    double room = (double)width * f->size / size;
    const char *end = fitting(f, valid, room);
    if (!*end)
        return draw_part(f, im, x, y, size, colour, valid, end);
    end = fitting(f, valid, room - 3 * advance(f, '.'));
    char *cut = g_strdup_printf("%.*s...", (int)(end - valid), valid);
    dr_status st = draw_part(f, im, x, y, size, colour, cut, cut + strlen(cut));
    g_free(cut);
    return st;
}

dr_status dr_font_draw(const dr_font *f, drape_image *im, int x, int y, int width, int size, const uint8_t colour[3],
                       const char *text)
{
    char *valid = g_utf8_make_valid(text, -1);
    dr_status st = draw_cut(f, im, x, y, width, size, colour, valid);
    g_free(valid);
    return st;
}

dr_status dr_font_draw_lines(const dr_font *f, drape_image *im, int x, int y, int width, int size,
                             const uint8_t colour[3], const char *text, int lines, int *used)
{
    char *valid = g_utf8_make_valid(text, -1);
    const char *at = valid;
    dr_status st = DR_OK;
    for (*used = 0; !st && *at && *used < lines; ++*used, y += dr_font_line(size)) {
        const char *end = fitting(f, at, (double)width * f->size / size), *space = end;
        if (*used + 1 == lines) {
            st = draw_cut(f, im, x, y, width, size, colour, at);
            continue;
        }
        while (*end && space > at && *space != ' ')
            space--;
        if (*end && space > at)
            end = space;
        if (end == at) /* not even one letter fits */
            end = g_utf8_next_char(at);
        st = draw_part(f, im, x, y, size, colour, at, end);
        at = *end == ' ' ? end + 1 : end;
    }
    g_free(valid);
    return st;
}
