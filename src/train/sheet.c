#include "train/sheet.h"

#include <string.h>

/* The tile's pixel i over white. */
static void to_rgb(const dr_image *tile, size_t i, uint8_t *rgb)
{
    const uint8_t *p = tile->data + i * (size_t)tile->channels;
    for (int k = 0; k < 3; k++) {
        int v = tile->channels == 1 ? p[0] : p[k];
        rgb[k] = (uint8_t)(tile->channels == 4 ? (v * p[3] + 255 * (255 - p[3]) + 127) / 255 : v);
    }
}

/* Scales a tile to fit the cell at x, y. */
static dr_status place(dr_image *sheet, const dr_image *tile, int x, int y, int size)
{
    int64_t w = tile->width, h = tile->height, longest = w > h ? w : h;
    int width = (int)((w * size + longest / 2) / longest), height = (int)((h * size + longest / 2) / longest);
    dr_image fit;
    width = width < 1 ? 1 : width;
    height = height < 1 ? 1 : height;
    dr_status st = dr_image_resize(&fit, tile, width, height, DR_LANCZOS);
    if (st)
        return st;
    x += (size - width) / 2;
    y += (size - height) / 2;
    for (int j = 0; j < height; j++)
        for (int i = 0; i < width; i++)
            to_rgb(&fit, (size_t)j * (size_t)width + (size_t)i,
                   sheet->data + 3 * ((size_t)(y + j) * (size_t)sheet->width + (size_t)(x + i)));
    dr_image_clear(&fit);
    return DR_OK;
}

dr_status dr_contact_sheet(dr_image *out, const dr_image *tiles, int count, int columns, int tile_size)
{
    DR_ASSERT(count > 0 && columns > 0 && tile_size > 0, "sheet of %d tiles of %d in %d columns", count, tile_size,
              columns);
    int64_t across = count < columns ? count : columns, down = (count + across - 1) / across;
    int64_t gap = 2 + tile_size / 64, pitch = tile_size + gap;
    int64_t width = across * pitch + gap, height = down * pitch + gap;
    *out = (dr_image){0};
    if (width > DR_IMAGE_MAX_PIXELS || height > DR_IMAGE_MAX_PIXELS / width)
        return dr_fail(DR_EINVAL, "a contact sheet of %d pictures of %d pixels is larger than %d megapixels", count,
                       tile_size, DR_IMAGE_MAX_MEGAPIXELS);
    dr_status st = dr_image_alloc(out, (int)width, (int)height, 3);
    if (st)
        return st;
    memset(out->data, 255, (size_t)width * (size_t)height * 3);
    for (int i = 0; !st && i < count; i++) {
        int64_t x = gap + i % across * pitch, y = gap + i / across * pitch;
        if (tiles[i].data)
            st = place(out, &tiles[i], (int)x, (int)y, tile_size);
    }
    if (st)
        dr_image_clear(out);
    return st;
}
