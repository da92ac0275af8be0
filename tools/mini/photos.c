#include "mini/photos.h"

#include "base/file.h"
#include "base/path.h"
#include "learn/draw.h"
#include "pipeline/folder.h"

#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_ORDER (-1) /* of dr_draw; steps draw from streams 0 and up */

/* --- the folder --------------------------------------------------------------------------------- */

bool mini_in_list(const json_t *ids, const char *id)
{
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const char *s = json_string_value(json_array_get(ids, i));
        if (s && strcmp(s, id) == 0)
            return true;
    }
    return false;
}

/* "0001.jpg" -> "0001"; false for files that are no photos. */
static bool id_of(const char *file, char id[sizeof((mini_photo *)0)->id])
{
    size_t n = dr_path_stem(file);
    if (n >= sizeof((mini_photo *)0)->id || strcmp(file + n, ".jpg") != 0)
        return false;
    memcpy(id, file, n);
    id[n] = 0;
    return true;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const mini_photo *)a)->id, ((const mini_photo *)b)->id);
}

/* The ids of the split, without pictures yet. */
static dr_status list_ids(mini_photos *p, const char *dir, const json_t *test, mini_split split)
{
    DIR *d = opendir(dir);
    const struct dirent *f;
    char id[sizeof p->photo->id];
    int room = 0;
    dr_status st = d ? DR_OK : dr_fail(DR_ENOENT, "cannot read the folder '%s'", dir);
    while (!st && (f = readdir(d))) {
        if (!id_of(f->d_name, id) || mini_in_list(test, id) != (split == MINI_TEST))
            continue;
        if (p->count == room) {
            room = room ? 2 * room : 256;
            mini_photo *more = realloc(p->photo, (size_t)room * sizeof *more);
            if (!more) {
                st = dr_fail(DR_ENOMEM, "out of memory listing '%s'", dir);
                break;
            }
            p->photo = more;
        }
        p->photo[p->count] = (mini_photo){0};
        memcpy(p->photo[p->count++].id, id, sizeof id);
    }
    if (d)
        closedir(d);
    if (!st && p->count == 0)
        st = dr_fail(DR_EINVAL, "'%s' has no photos (.jpg) %s the test list of splits.json", dir,
                     split == MINI_TEST ? "from" : "beyond");
    return st;
}

static dr_status read_photos(mini_photos *p, const char *dir)
{
    dr_status st = DR_OK;
    for (int i = 0; !st && i < p->count; i++) {
        char path[PATH_MAX], file[64];
        snprintf(file, sizeof file, "%s.jpg", p->photo[i].id);
        st = dr_path(path, sizeof path, dir, file);
        if (!st)
            st = dr_image_read(&p->photo[i].image, path, 3);
    }
    return st;
}

dr_status mini_photos_open(mini_photos *p, const char *dir, mini_split split, int limit)
{
    char path[PATH_MAX];
    json_t *splits = NULL;
    *p = (mini_photos){.pass = -1};
    dr_status st = dr_path(path, sizeof path, dir, "splits.json");
    if (!st)
        st = dr_json_load(path, &splits);
    const json_t *test = json_object_get(splits, "test_open");
    if (!st && !json_is_array(test))
        st = dr_fail(DR_EINVAL, "'%s' has no list \"test_open\" of photos to keep out of training", path);
    if (!st)
        st = dr_path(path, sizeof path, dir, "photos");
    if (!st)
        st = list_ids(p, path, test, split);
    json_decref(splits);
    if (!st) {
        qsort(p->photo, (size_t)p->count, sizeof *p->photo, by_id);
        p->count = limit > 0 && limit < p->count ? limit : p->count;
        st = read_photos(p, path);
    }
    if (!st && !(p->order = calloc((size_t)p->count, sizeof *p->order)))
        st = dr_fail(DR_ENOMEM, "out of memory");
    if (st)
        mini_photos_clear(p);
    return st;
}

void mini_photos_clear(mini_photos *p)
{
    for (int i = 0; i < p->count; i++)
        dr_image_clear(&p->photo[i].image);
    free(p->photo);
    free(p->order);
    *p = (mini_photos){.pass = -1};
}

/* --- crops -------------------------------------------------------------------------------------- */

/* The photo of draw number `at` since the beginning. */
static int photo_of(mini_photos *p, uint64_t seed, int64_t at)
{
    int64_t pass = at / p->count;
    if (pass != p->pass) {
        dr_rng r;
        dr_draw(&r, seed, pass, STREAM_ORDER);
        dr_rng_perm(&r, p->count, p->order);
        p->pass = pass;
    }
    return (int)p->order[at % p->count];
}

static mini_crop draw(const mini_photos *p, int photo, dr_rng *r, int size, int frame)
{
    const dr_image *im = &p->photo[photo].image;
    int shorter = im->width < im->height ? im->width : im->height;
    double part = MINI_NEAR * pow(MINI_FAR / MINI_NEAR, (double)dr_rng_uniform(r));
    int side = (int)lround(part * im->height * size / frame);
    side = side < size ? size : side; /* an enlarged photo has no weave to learn */
    side = side > shorter ? shorter : side;
    mini_crop c = {.photo = photo, .side = side};
    c.x = (int)dr_rng_below(r, im->width - side + 1);
    c.y = (int)dr_rng_below(r, im->height - side + 1);
    c.flip = dr_rng_below(r, 2) == 1;
    return c;
}

void mini_crops_draw(mini_photos *p, uint64_t seed, int64_t step, int batch, int size, int frame, mini_crop *out)
{
    dr_rng r;
    dr_draw(&r, seed, step, 0);
    for (int i = 0; i < batch; i++)
        out[i] = draw(p, photo_of(p, seed, step * batch + i), &r, size, frame);
}

mini_crop mini_crop_middle(const mini_photos *p, int photo)
{
    const dr_image *im = &p->photo[photo].image;
    int side = im->width < im->height ? im->width : im->height;
    return (mini_crop){.photo = photo, .x = (im->width - side) / 2, .y = (im->height - side) / 2, .side = side};
}

dr_status mini_crop_cut(dr_image *out, const dr_image *in, const mini_crop *c, int size, dr_resample how)
{
    dr_image part = {0};
    dr_status st = dr_image_crop(&part, in, c->x, c->y, c->side, c->side);
    if (!st)
        st = dr_image_resize(out, &part, size, size, how);
    if (!st && c->flip)
        dr_image_mirror(out);
    dr_image_clear(&part);
    return st;
}

dr_status mini_crops_load(const mini_photos *p, const mini_crop *crop, int n, int size, float *out)
{
    size_t values = (size_t)size * (size_t)size * 3;
    for (int i = 0; i < n; i++) {
        dr_image im = {0};
        dr_status st = mini_crop_cut(&im, &p->photo[crop[i].photo].image, &crop[i], size, DR_LANCZOS);
        for (size_t k = 0; !st && k < values; k++)
            out[(size_t)i * values + k] = (float)im.data[k] / 127.5f - 1;
        dr_image_clear(&im);
        if (st)
            return st;
    }
    return DR_OK;
}
