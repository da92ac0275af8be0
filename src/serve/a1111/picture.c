/* Pictures as the other world sends and treats them. */
#include "serve/a1111/a1111.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

/* The digits alone, ended as GLib wants them: encoders leave out '=', break lines, and write '-' and '_' for use in
 * addresses. malloc'ed. */
static dr_status digits_of(const char *text, char **out, size_t *count)
{
    static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;
    bool ended = false, good = true;
    char *digits = malloc(strlen(text) + 4);
    if (!digits)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (const char *at = text; good && *at; at++) {
        char c = *at == '-' ? '+' : *at == '_' ? '/' : *at;
        if (strchr(" \t\r\n", c))
            continue;
        ended = ended || c == '=';
        good = ended ? c == '=' : strchr(all, c) != NULL;
        if (!ended)
            digits[n++] = c;
    }
    if (!good || n < 2 || n % 4 == 1) {
        free(digits);
        return dr_fail(DR_EINVAL,
                       good && n > 4 ? "the base64 is cut off: %zu digits are no whole number of bytes"
                                     : "it is not a picture as base64",
                       n);
    }
    while (n % 4)
        digits[n++] = '=';
    digits[n] = 0;
    *out = digits;
    *count = n;
    return DR_OK;
}

dr_status dr_a1111_base64(const char *text, void **out, size_t *size)
{
    *out = NULL;
    *size = 0;
    if (strncmp(text, "data:", 5) == 0) {
        text = strstr(text, ";base64,");
        if (!text)
            return dr_fail(DR_EINVAL, "a data: address must have ';base64,' in it");
        text += 8;
    }
    if (strncmp(text, "http:", 5) == 0 || strncmp(text, "https:", 6) == 0)
        return dr_fail(DR_EINVAL, "pictures are not fetched from addresses: send base64");
    char *digits = NULL;
    size_t n;
    dr_status st = digits_of(text, &digits, &n);
    if (st)
        return st;
    gsize length = 0;
    g_base64_decode_inplace(digits, &length);
    *out = digits;
    *size = length;
    return DR_OK;
}

json_t *dr_a1111_to_base64(const void *data, size_t size)
{
    char *text = g_base64_encode(data, size);
    json_t *j = json_string(text);
    g_free(text);
    return j;
}

/* --- sizes -------------------------------------------------------------------------------------- */

static dr_status alloc_image(drape_image *im, int width, int height, int channels)
{
    *im = (drape_image){width, height, channels, malloc((size_t)width * (size_t)height * (size_t)channels)};
    return im->data ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
}

static int clamp(int v, int most)
{
    return v < 0 ? 0 : v > most ? most : v;
}

/* The middle of a picture: cropped where it is larger, its edge repeated where it is smaller. */
static dr_status frame(drape_image *im, int width, int height)
{
    drape_image out;
    int dx = (im->width - width) / 2, dy = (im->height - height) / 2, c = im->channels;
    dr_status st = alloc_image(&out, width, height, c);
    for (int y = 0; !st && y < height; y++)
        for (int x = 0; x < width; x++) {
            size_t from =
                (size_t)clamp(y + dy, im->height - 1) * (size_t)im->width + (size_t)clamp(x + dx, im->width - 1);
            memcpy(out.data + ((size_t)y * (size_t)width + (size_t)x) * (size_t)c, im->data + from * (size_t)c,
                   (size_t)c);
        }
    if (st)
        return st;
    drape_image_free(im);
    *im = out;
    return DR_OK;
}

dr_status dr_a1111_resize(drape_image *im, int mode, int width, int height, bool mask)
{
    int w = width, h = height;
    double sx = (double)width / im->width, sy = (double)height / im->height;
    if (im->width == width && im->height == height)
        return DR_OK;
    if (mode != 0) {
        double scale = (mode == 1) == (sx > sy) ? sx : sy; /* 1: the larger one covers, 2: the smaller one fits */
        w = (int)(im->width * scale + 0.5);
        h = (int)(im->height * scale + 0.5);
    }
    drape_image out = {0};
    dr_status st = (dr_status)drape_image_resize(im, w > 0 ? w : 1, h > 0 ? h : 1, &out);
    if (st)
        return st;
    for (size_t i = 0; mask && i < (size_t)out.width * (size_t)out.height; i++)
        out.data[i] = out.data[i] >= 128 ? 255 : 0;
    drape_image_free(im);
    *im = out;
    return out.width == width && out.height == height ? DR_OK : frame(im, width, height);
}

/* --- filling ------------------------------------------------------------------------------------ */

/* Colours times their weight, and the weight: what is known of a cell. */
typedef struct cell {
    float v[3], w;
} cell;

/* Pull and push (Gortler et al. 1996, section 3.2): averages of what is known down to one cell, and back up where
 * nothing is. */
static dr_status pull_push(cell *c, int width, int height)
{
    if (width == 1 && height == 1)
        return DR_OK;
    int w = (width + 1) / 2, h = (height + 1) / 2;
    cell *half = calloc((size_t)w * (size_t)h, sizeof *half);
    if (!half)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const cell *from = &c[y * width + x];
            cell *to = &half[y / 2 * w + x / 2];
            for (int k = 0; k < 3; k++)
                to->v[k] += from->v[k];
            to->w += from->w;
        }
    dr_status st = pull_push(half, w, h);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            cell *to = &c[y * width + x];
            const cell *from = &half[y / 2 * w + x / 2];
            if (to->w > 0 || !(from->w > 0))
                continue;
            *to = (cell){{from->v[0] / from->w, from->v[1] / from->w, from->v[2] / from->w}, 1};
        }
    free(half);
    return st;
}

enum { FILL_SIDE = 256 };

dr_status dr_a1111_fill(drape_image *photo, const drape_image *mask)
{
    int longest = photo->width > photo->height ? photo->width : photo->height;
    int step = (longest + FILL_SIDE - 1) / FILL_SIDE, w = (photo->width + step - 1) / step,
        h = (photo->height + step - 1) / step;
    cell *c = calloc((size_t)w * (size_t)h, sizeof *c);
    if (!c)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (int y = 0; y < photo->height; y++)
        for (int x = 0; x < photo->width; x++) {
            size_t at = (size_t)y * (size_t)photo->width + (size_t)x;
            cell *to = &c[y / step * w + x / step];
            if (mask->data[at] >= 128)
                continue;
            for (int k = 0; k < 3; k++)
                to->v[k] += photo->data[3 * at + (size_t)k];
            to->w += 1;
        }
    dr_status st = pull_push(c, w, h);
    for (int y = 0; !st && y < photo->height; y++)
        for (int x = 0; x < photo->width; x++) {
            size_t at = (size_t)y * (size_t)photo->width + (size_t)x;
            const cell *from = &c[y / step * w + x / step];
            for (int k = 0; mask->data[at] >= 128 && k < 3; k++)
                photo->data[3 * at + (size_t)k] = from->w > 0 ? (uint8_t)(from->v[k] / from->w + 0.5f) : 128;
        }
    free(c);
    return st;
}
