#include "train/keep_photos.h"

#include "base/file.h"
#include "base/path.h"
#include "io/mask.h"
#include "mask/lay_cloth.h"
#include "pipeline/folder.h"
#include "pipeline/garment_attention.h"
#include "pipeline/wardrobe.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#define CELLS 96     /* of a mask's longer side, when a rectangle is looked for in it */
#define COVERED 0.9  /* of a cell that counts as garment: a button or a hole is no end of it */
#define TALLEST 1024 /* pixels of what is kept in a folder: more than a small model sees */
#define IN_TEXT 320  /* the same in an adapter */

/* --- the clearest photo ---------------------------------------------------------------------------------- */

/* Which cells of `side` pixels are garment; `out` has room for CELLS + 1 squared. Returns their columns. */
static int cells_of(const dr_image *mask, int side, bool *out, int *rows)
{
    int columns = (mask->width + side - 1) / side;
    *rows = (mask->height + side - 1) / side;
    for (int r = 0; r < *rows; r++)
        for (int c = 0; c < columns; c++) {
            int white = 0;
            for (int y = r * side; y < (r + 1) * side && y < mask->height; y++)
                for (int x = c * side; x < (c + 1) * side && x < mask->width; x++)
                    white += mask->data[(size_t)y * (size_t)mask->width + (size_t)x] != 0;
            out[r * columns + c] = white >= COVERED * side * side;
        }
    return columns;
}

/* The rectangle that shows most cloth as it will be laid, in pixels: the largest in the garment, what is too wide not
 * counted. Empty where there is none. */
static dr_rect cloth_in(const dr_image *mask)
{
    bool cell[(CELLS + 1) * (CELLS + 1)];
    int longer = mask->width > mask->height ? mask->width : mask->height, side = (longer + CELLS - 1) / CELLS, rows;
    int columns = cells_of(mask, side, cell, &rows), above[CELLS + 1] = {0};
    float most = 0;
    dr_rect best = {0};
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < columns; c++)
            above[c] = cell[r * columns + c] ? above[c] + 1 : 0;
        for (int c = 0; c < columns; c++)
            for (int e = c, h = rows; e < columns && (h = above[e] < h ? above[e] : h) > 0; e++) {
                float w = (float)(e - c + 1), counted = fminf(w, (float)DR_CLOTH_WIDEST * (float)h) * (float)h;
                if (counted > most) {
                    most = counted;
                    best = (dr_rect){c * side, (r - h + 1) * side, (int)w * side, h * side};
                }
            }
    }
    int wide = (int)((float)DR_CLOTH_WIDEST * (float)best.height);
    if (best.width > wide) {
        best.x += (best.width - wide) / 2;
        best.width = wide;
    }
    return best;
}

static dr_status cut_out(dr_image *out, const dr_example *e, dr_rect part, int tallest)
{
    dr_image photo = {0}, cloth = {0};
    dr_status st = dr_image_read(&photo, e->image, 3);
    if (!st && (photo.width != e->width || photo.height != e->height))
        st = dr_fail(DR_EINVAL, "photo '%s' has changed since training began", e->image);
    if (!st)
        st = dr_image_crop(&cloth, &photo, part.x, part.y, part.width, part.height);
    int height = part.height < tallest ? part.height : tallest;
    int width = (int)((int64_t)part.width * height / part.height);
    if (!st)
        st = dr_image_resize(out, &cloth, width > 0 ? width : 1, height, DR_LANCZOS);
    dr_image_clear(&photo);
    dr_image_clear(&cloth);
    return st;
}

/* Of the photos with a prompt the one of which most is cloth. */
static dr_status find_best(const dr_dataset *d, const char *prompt, int *best, dr_rect *part)
{
    double most = 0;
    dr_status st = DR_OK;
    *best = -1;
    for (int i = 0; !st && i < d->count; i++) {
        const dr_example *e = &d->example[i];
        dr_image mask = {0};
        if (strcmp(e->prompt, prompt) != 0)
            continue;
        st = dr_mask_load(&mask, e->mask, e->width, e->height, e->image, NULL);
        if (st)
            break;
        dr_mask_binarize(&mask);
        dr_rect r = cloth_in(&mask);
        double share = (double)r.width * r.height / ((double)e->width * e->height);
        if (share > most) {
            most = share;
            *best = i;
            *part = r;
        }
        dr_image_clear(&mask);
    }
    return st;
}

static bool is_new(const dr_dataset *d, int i)
{
    for (int k = 0; k < i; k++)
        if (strcmp(d->example[k].prompt, d->example[i].prompt) == 0)
            return false;
    return true;
}

/* One photo for each prompt. */
static dr_status choose(dr_wardrobe *w, const dr_dataset *d, int tallest)
{
    dr_status st = DR_OK;
    for (int i = 0; !st && i < d->count && w->count < DR_WARDROBE_MAX; i++) {
        const char *prompt = d->example[i].prompt;
        dr_image cloth = {0};
        dr_rect part;
        int best = -1;
        if (!is_new(d, i))
            continue;
        st = find_best(d, prompt, &best, &part);
        if (!st && best >= 0)
            st = cut_out(&cloth, &d->example[best], part, tallest);
        if (!st && best >= 0)
            st = dr_wardrobe_add(w, prompt, &cloth);
        dr_image_clear(&cloth);
    }
    return st;
}

/* --- the net that dresses ---------------------------------------------------------------------------------- */

/* garment/ as the model has it. */
static dr_status copy_garment_model(const char *from, const char *dir)
{
    static const char *const parts[] = {"unet", "scheduler", "attention", "vae"};
    char to[PATH_MAX], part[PATH_MAX];
    dr_status st = dr_path(to, sizeof to, dir, "garment");
    if (!st)
        st = dr_folder_copy_files(from, to, false);
    for (size_t i = 0; !st && i < sizeof parts / sizeof *parts; i++) {
        st = dr_path(part, sizeof part, from, parts[i]);
        if (!st && dr_is_dir(part))
            st = dr_folder_copy(from, to, parts[i], true);
    }
    return st;
}

static dr_status is_asked(const dr_source *model, bool *asked)
{
    dr_schedule schedule;
    dr_status st = dr_source_schedule(model, &schedule);
    if (st)
        return st;
    *asked = schedule.keep_photos;
    dr_schedule_clear(&schedule);
    return DR_OK;
}

dr_status dr_keep_photos(const dr_source *model, const dr_dataset *photos, const char *dir)
{
    dr_garment_model m;
    dr_wardrobe w;
    bool asked;
    const char *path = dr_source_path(model), *vae = NULL;
    dr_status st = is_asked(model, &asked);
    if (st || !asked)
        return st;
    st = dr_wardrobe_open(&w, path);
    if (!st)
        st = dr_garment_model_take(&m, &path, &vae);
    if (!st)
        st = choose(&w, photos, TALLEST);
    if (!st)
        st = copy_garment_model(m.dir, dir);
    if (!st)
        st = dr_wardrobe_write(&w, dir);
    dr_wardrobe_clear(&w);
    return st;
}

dr_status dr_keep_photos_text(const dr_source *model, const dr_dataset *photos, char **out)
{
    dr_wardrobe w = {0};
    bool asked;
    *out = NULL;
    dr_status st = is_asked(model, &asked);
    if (st || !asked)
        return st;
    st = choose(&w, photos, IN_TEXT);
    if (!st)
        st = dr_wardrobe_to_text(&w, out);
    dr_wardrobe_clear(&w);
    return st;
}
