/* mini_show: a sheet of what the small model is shown, to check by eye.
 *
 *     mini_show --photos DIR [--labels DIR] [--garments DIR] --output SHEET.png [--count N] [--seed N]
 *
 * Each cell is an example with its mask tinted; captions are printed in the cells' order. With garments each is three
 * cells: the mask, the person, the garment's photo. */
#include "mini/pair.h"

#include "cli/opt.h"
#include "mask/garment.h"
#include "train/sheet.h"

#include <stdio.h>
#include <stdlib.h>

/* A tile of the example, or three: person, mask, garment. */
static dr_status draw(const mini_wardrobe *w, const mini_flats *f, uint64_t seed, int k, dr_image *tile)
{
    mini_example e;
    dr_status st = f->count ? mini_pair_draw(&e, &tile[2], w, f, 0, seed, k) : mini_example_draw(&e, w, seed, k);
    if (!st)
        st = dr_mask_overlay(&tile[0], &e.photo, &e.mask);
    if (!st && f->count)
        st = dr_image_copy(&tile[1], &e.photo);
    if (!st)
        printf("%d %s\n", k, e.caption);
    mini_example_clear(&e);
    return st;
}

static dr_status show(const mini_wardrobe *w, const mini_flats *f, uint64_t seed, int count, const char *path)
{
    int each = f->count ? 3 : 1, tiles = count * each;
    dr_image *tile = calloc((size_t)tiles, sizeof *tile), sheet = {0};
    dr_status st = tile ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    for (int i = 0; !st && i < count; i++)
        st = draw(w, f, seed, i, tile + i * each);
    if (!st)
        st = dr_contact_sheet(&sheet, tile, tiles, 8 + (each > 1), 192);
    if (!st)
        st = dr_image_write(&sheet, path, NULL);
    dr_image_clear(&sheet);
    for (int i = 0; tile && i < tiles; i++)
        dr_image_clear(&tile[i]);
    free(tile);
    return st;
}

int main(int argc, char **argv)
{
    const dr_command cmd = {.name = "mini_show",
                            .summary = "a sheet of the small model's training examples",
                            .usage = "--photos DIR --output SHEET.png [options]",
                            .example = "  mini_show --photos photos --output sheet.png --count 32\n"};
    const char *photos = NULL, *labels = NULL, *garments = NULL, *output = NULL;
    int count = 32, limit = 0;
    uint64_t seed = 0;
    const dr_opt opts[] = {
        {"photos", DR_OPT_STRING, &photos, "DIR", "photos, tags and labels, see wardrobe.h", .required = true},
        {"labels", DR_OPT_STRING, &labels, "DIR", "label maps of the other photos"},
        {"garments", DR_OPT_STRING, &garments, "DIR", "photos of garments: pairs for dressing from one"},
        {"output", DR_OPT_STRING, &output, "FILE", "the sheet", .required = true},
        {"count", DR_OPT_INT, &count, "N", "examples", 1, 1000},
        {"photo-limit", DR_OPT_INT, &limit, "N", "read the first N photos only; 0: all", 0, 1e6},
        {"seed", DR_OPT_U64, &seed, "N", "of the examples"},
    };
    int rc = dr_opt_parse(&cmd, opts, sizeof opts / sizeof *opts, argc, argv, NULL);
    if (rc)
        return rc < 0 ? 0 : rc;
    mini_wardrobe w;
    mini_flats f = {0};
    dr_status st = mini_wardrobe_open(&w, photos, labels, false, limit);
    if (!st && garments)
        st = mini_flats_open(&f, garments);
    if (!st)
        st = show(&w, &f, seed, count, output);
    mini_flats_clear(&f);
    mini_wardrobe_clear(&w);
    return st ? dr_cli_fail(&cmd, st) : 0;
}
