#include "photos.h"

#include "base/json.h"
#include "base/path.h"

#include <stdio.h>
#include <stdlib.h>

uint8_t voc_index(const uint8_t *rgb)
{
    unsigned index = 0;
    for (unsigned k = 0; k < 8; k++)
        index |= (rgb[k % 3] >> (7 - k / 3) & 1u) << k;
    return (uint8_t)index;
}

void voc_colour(uint8_t index, uint8_t *rgb)
{
    rgb[0] = rgb[1] = rgb[2] = 0;
    for (unsigned k = 0; k < 8; k++)
        rgb[k % 3] |= (uint8_t)((index >> k & 1u) << (7 - k / 3));
}

static dr_status read_labels(dr_image *out, const char *path)
{
    dr_image colours = {0};
    dr_status st = dr_image_read(&colours, path, 3);
    if (!st)
        st = dr_image_alloc(out, colours.width, colours.height, 1);
    for (int64_t i = 0; !st && i < (int64_t)out->width * out->height; i++)
        out->data[i] = voc_index(colours.data + 3 * i);
    dr_image_clear(&colours);
    return st;
}

static void find_person(labelled_photo *p)
{
    p->top = p->labels.height;
    p->left = p->labels.width;
    p->bottom = p->right = 0;
    for (int y = 0; y < p->labels.height; y++)
        for (int x = 0; x < p->labels.width; x++) {
            uint8_t label = p->labels.data[(size_t)y * (size_t)p->labels.width + (size_t)x];
            if (label == 0 || label == NOT_JUDGED)
                continue;
            p->top = y < p->top ? y : p->top;
            p->bottom = y + 1 > p->bottom ? y + 1 : p->bottom;
            p->left = x < p->left ? x : p->left;
            p->right = x + 1 > p->right ? x + 1 : p->right;
        }
}

static dr_status load_one(labelled_photo *p, const char *photos, const char *labels, const char *name)
{
    char path[4096];
    snprintf(p->name, sizeof p->name, "%s", name);
    dr_status st = dr_path_format(path, sizeof path, photos, "photos/%s.jpg", name);
    if (!st)
        st = dr_image_read(&p->photo, path, 3);
    if (!st)
        st = dr_path_format(path, sizeof path, labels, "parsing-18/%s.png", name);
    if (!st)
        st = read_labels(&p->labels, path);
    if (!st && (p->labels.width != p->photo.width || p->labels.height != p->photo.height))
        st = dr_fail(DR_EINVAL, "'%s' is %dx%d, its photo %dx%d", path, p->labels.width, p->labels.height,
                     p->photo.width, p->photo.height);
    if (!st)
        find_person(p);
    if (!st && p->bottom <= p->top)
        st = dr_fail(DR_EINVAL, "'%s' shows nobody", path);
    return st;
}

dr_status photo_set_add(photo_set *s, const char *photos, const char *labels, const char *split, size_t limit)
{
    char path[4096];
    json_t *splits = NULL;
    dr_status st = dr_path(path, sizeof path, labels, "splits.json");
    if (!st)
        st = dr_json_load(path, &splits);
    const json_t *names = json_object_get(splits, split);
    size_t n = json_array_size(names);
    n = limit && limit < n ? limit : n;
    if (!st && n == 0)
        st = dr_fail(DR_EINVAL, "'%s' has no list \"%s\"", path, split);
    labelled_photo *grown = st ? NULL : realloc(s->item, (s->count + n) * sizeof *grown);
    if (!st && !grown)
        st = dr_fail(DR_ENOMEM, "out of memory");
    s->item = grown ? grown : s->item;
    for (size_t i = 0; !st && i < n; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        s->item[s->count] = (labelled_photo){0};
        st = name ? load_one(&s->item[s->count], photos, labels, name)
                  : dr_fail(DR_EINVAL, "'%s': a name is no string", path);
        s->count++;
    }
    json_decref(splits);
    if (st)
        photo_set_clear(s);
    return st;
}

void photo_set_clear(photo_set *s)
{
    for (size_t i = 0; i < s->count; i++) {
        dr_image_clear(&s->item[i].photo);
        dr_image_clear(&s->item[i].labels);
    }
    free(s->item);
    *s = (photo_set){0};
}
