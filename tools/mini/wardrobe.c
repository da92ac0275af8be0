#include "mini/wardrobe.h"

#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "io/labels.h"
#include "mini/photos.h"
#include "parser/photos.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST 0.012 /* of the person's pixels: what is smaller is a rim of something */

/* Tags that are garments to paint, with their word and the label they show as. Order counts where only the photo's
 * tags are known: what is worn outside first. */
static const struct {
    const char *tag, *word;
    uint8_t label;
} kinds[] = {
    {"coat", "coat", DR_LABEL_UPPER},         {"cape", "cape", DR_LABEL_UPPER},
    {"jacket", "jacket", DR_LABEL_UPPER},     {"blazer", "blazer", DR_LABEL_UPPER},
    {"suit", "suit", DR_LABEL_UPPER},         {"cardigan", "cardigan", DR_LABEL_UPPER},
    {"hoodie", "hoodie", DR_LABEL_UPPER},     {"sweatshirt", "sweatshirt", DR_LABEL_UPPER},
    {"sweater", "sweater", DR_LABEL_UPPER},   {"jumper", "sweater", DR_LABEL_UPPER},
    {"vest", "vest", DR_LABEL_UPPER},         {"shirt", "shirt", DR_LABEL_UPPER},
    {"blouse", "blouse", DR_LABEL_UPPER},     {"t-shirt", "t-shirt", DR_LABEL_UPPER},
    {"top", "top", DR_LABEL_UPPER},           {"bodysuit", "top", DR_LABEL_UPPER},
    {"intimate", "top", DR_LABEL_UPPER},      {"swimwear", "swimsuit", DR_LABEL_UPPER},
    {"bra", "top", DR_LABEL_UPPER},           {"dress", "dress", DR_LABEL_DRESS},
    {"romper", "romper", DR_LABEL_DRESS},     {"skirt", "skirt", DR_LABEL_SKIRT},
    {"shorts", "shorts", DR_LABEL_PANTS},     {"jeans", "jeans", DR_LABEL_PANTS},
    {"leggings", "leggings", DR_LABEL_PANTS}, {"pants", "pants", DR_LABEL_PANTS},
};
#define KINDS ((int)(sizeof kinds / sizeof *kinds))

/* What a label is called where no tag says more. */
static const char *plain_word(uint8_t label)
{
    return label == DR_LABEL_UPPER   ? "top"
           : label == DR_LABEL_DRESS ? "dress"
           : label == DR_LABEL_SKIRT ? "skirt"
                                     : "pants";
}

static bool is_garment(uint8_t label)
{
    return label >= DR_LABEL_UPPER && label <= DR_LABEL_DRESS;
}

typedef struct tables {
    json_t *tags, *names, *splits;
    int kind[256]; /* of a tag, or -1 */
} tables;

static dr_status load_json(const char *dir, const char *name, json_t **out)
{
    char path[PATH_MAX];
    dr_status st = dr_path(path, sizeof path, dir, name);
    return st ? st : dr_json_load(path, out);
}

static dr_status read_tables(tables *t, const char *data)
{
    dr_status st = load_json(data, "image_tags.json", &t->tags);
    if (!st)
        st = load_json(data, "splits.json", &t->splits);
    if (!st)
        st = load_json(data, "labels.json", &t->names);
    for (int tag = 0; tag < 256; tag++) {
        char id[16];
        snprintf(id, sizeof id, "%d", tag);
        const char *name = json_string_value(json_object_get(t->names, id));
        t->kind[tag] = -1;
        for (int k = 0; name && k < KINDS; k++)
            if (strcmp(kinds[k].tag, name) == 0)
                t->kind[tag] = k;
    }
    return st;
}

static void drop_tables(tables *t)
{
    json_decref(t->tags);
    json_decref(t->names);
    json_decref(t->splits);
}

/* --- label maps -------------------------------------------------------------------------------------- */

/* A palette PNG's colours, in the order of their indices; their number, or 0. */
static int read_palette(const char *path, uint8_t palette[256][3])
{
    uint8_t head[8];
    int n = 0;
    FILE *f = fopen(path, "rb");
    if (!f)
        return 0;
    if (fread(head, 1, 8, f) == 8)
        while (n == 0 && fread(head, 1, 8, f) == 8) {
            long size = (long)head[0] << 24 | (long)head[1] << 16 | (long)head[2] << 8 | (long)head[3];
            if (memcmp(head + 4, "PLTE", 4) == 0 && size <= 768 && size % 3 == 0)
                n = fread(palette, 3, (size_t)size / 3, f) == (size_t)size / 3 ? (int)(size / 3) : 0;
            else if (memcmp(head + 4, "IDAT", 4) == 0 || fseek(f, size + 4, SEEK_CUR) != 0)
                break;
        }
    fclose(f);
    return n;
}

/* Indices instead of colours, in place: [w,h,3] becomes [w,h,1]. */
static dr_status read_indices(dr_image *out, const char *path, bool voc)
{
    uint8_t palette[256][3];
    dr_image colours = {0};
    int n = voc ? 0 : read_palette(path, palette);
    dr_status st = voc || n ? dr_image_read(&colours, path, 3) : dr_fail(DR_EINVAL, "'%s' has no palette", path);
    if (!st)
        st = dr_image_alloc(out, colours.width, colours.height, 1);
    uint8_t last = 0;
    for (int64_t i = 0; !st && i < (int64_t)out->width * out->height; i++) {
        const uint8_t *p = colours.data + 3 * i;
        if (voc)
            last = voc_index(p);
        else if (memcmp(palette[last], p, 3) != 0)
            for (int k = 0; k < n; k++)
                if (memcmp(palette[k], p, 3) == 0)
                    last = (uint8_t)k;
        out->data[i] = last;
    }
    dr_image_clear(&colours);
    return st;
}

/* --- garments ---------------------------------------------------------------------------------------- */

/* The garment of a kind (or of a label alone, kind -1) of this person, new if need be; -1 when there are too many. */
static int garment_of(mini_person *p, int kind, uint8_t label)
{
    const char *word = kind >= 0 ? kinds[kind].word : plain_word(label);
    for (int i = 0; i < p->count; i++)
        if (p->garment[i].label == label && strcmp(p->garment[i].word, word) == 0)
            return i;
    if (p->count == MINI_GARMENTS)
        return -1;
    p->garment[p->count] = (mini_garment){.word = word, .label = label};
    return p->count++;
}

/* "jeans" above the waist are a jacket of denim. */
static int kind_at(const tables *t, const dr_image *tags, int64_t i, uint8_t label)
{
    int kind = tags->data ? t->kind[tags->data[i]] : -1;
    return kind >= 0 && kinds[kind].label == label ? kind : -1;
}

/* Of the photo's tags, the first that shows as the label; -1: none. */
static int kind_by_tags(const tables *t, const json_t *tags, uint8_t label)
{
    int best = -1;
    for (size_t i = 0; i < json_array_size(tags); i++) {
        json_int_t tag = json_integer_value(json_array_get(tags, i));
        int kind = tag >= 0 && tag < 256 ? t->kind[tag] : -1;
        if (kind >= 0 && kinds[kind].label == label && (best < 0 || kind < best))
            best = kind;
    }
    return best;
}

static dr_status map_garments(mini_person *p, const tables *t, const dr_image *tags, const json_t *list)
{
    int by_tags[DR_LABELS];
    int64_t n = (int64_t)p->labels.width * p->labels.height, body = 0;
    for (int l = 0; l < DR_LABELS; l++)
        by_tags[l] = kind_by_tags(t, list, (uint8_t)l);
    dr_status st = dr_image_alloc(&p->garments, p->labels.width, p->labels.height, 1);
    for (int64_t i = 0; !st && i < n; i++) {
        uint8_t label = p->labels.data[i];
        body += label != DR_LABEL_BACKGROUND;
        int kind = tags->data ? kind_at(t, tags, i, label) : is_garment(label) ? by_tags[label] : -1;
        p->garments.data[i] = is_garment(label) ? (uint8_t)(1 + garment_of(p, kind, label)) : 0;
    }
    for (int k = 0; !st && k < p->count; k++) {
        p->garment[k].look = dr_look_of(&p->photo, &p->garments, (uint8_t)(k + 1));
        if ((double)p->garment[k].look.pixels < LEAST * (double)body)
            p->garment[k].look.pixels = 0;
    }
    return st;
}

/* --- the whole --------------------------------------------------------------------------------------- */

static void clear_person(mini_person *p)
{
    dr_image_clear(&p->photo);
    dr_image_clear(&p->labels);
    dr_image_clear(&p->garments);
}

/* Label maps may have been drawn on a smaller copy of the photo. */
static dr_status fit_to_photo(dr_image *map, const dr_image *photo, const char *path)
{
    dr_image scaled = {0};
    if (map->width == photo->width && map->height == photo->height)
        return DR_OK;
    double wider = (double)map->width * photo->height / ((double)map->height * photo->width);
    if (fabs(wider - 1) > 0.02)
        return dr_fail(DR_EINVAL, "'%s' is %dx%d, its photo %dx%d: they differ in shape", path, map->width, map->height,
                       photo->width, photo->height);
    dr_status st = dr_image_resize(&scaled, map, photo->width, photo->height, DR_NEAREST);
    if (!st) {
        dr_image_clear(map);
        *map = scaled;
    }
    return st;
}

static dr_status read_person(mini_person *p, const tables *t, const char *data, const char *labels, const json_t *list)
{
    char path[PATH_MAX];
    dr_image tags = {0};
    dr_status st = dr_path_format(path, sizeof path, data, "photos/%s.jpg", p->id);
    if (!st)
        st = dr_image_read(&p->photo, path, 3);
    if (!st)
        st = read_indices(&p->labels, labels, true);
    if (!st)
        st = fit_to_photo(&p->labels, &p->photo, labels);
    for (int64_t i = 0; !st && i < (int64_t)p->labels.width * p->labels.height; i++)
        if (p->labels.data[i] >= DR_LABELS)
            p->labels.data[i] = DR_LABEL_BACKGROUND;
    if (!st)
        st = dr_path_format(path, sizeof path, data, "parsing/%s.png", p->id);
    if (!st && dr_exists(path))
        st = read_indices(&tags, path, false);
    if (!st && tags.data)
        st = fit_to_photo(&tags, &p->photo, path);
    if (!st)
        st = map_garments(p, t, &tags, list);
    dr_image_clear(&tags);
    return st;
}

/* All photos with tags of one level, whose label maps lie in LABELS/parsing-18. */
static dr_status add_level(mini_wardrobe *w, const tables *t, const char *data, const char *labels, const char *level,
                           bool test, int limit)
{
    const char *id;
    json_t *list, *all = json_object_get(t->tags, level);
    const json_t *held = json_object_get(t->splits, "test_open"), *train = json_object_get(t->splits, "train");
    mini_person *grown = realloc(w->person, ((size_t)w->count + json_object_size(all) + 1) * sizeof *grown);
    if (!grown)
        return dr_fail(DR_ENOMEM, "out of memory");
    w->person = grown;
    bool drawn = strcmp(labels, data) == 0; /* by people: there the lists say what is for what */
    json_object_foreach(all, id, list)
    {
        char path[PATH_MAX];
        mini_person *p = &w->person[w->count];
        *p = (mini_person){0};
        if (dr_path_format(path, sizeof path, labels, "parsing-18/%s.png", id) || (limit > 0 && w->count >= limit) ||
            mini_in_list(held, id) != test || strlen(id) >= sizeof p->id ||
            (drawn && !test && !mini_in_list(train, id)) || !dr_exists(path))
            continue;
        snprintf(p->id, sizeof p->id, "%s", id);
        dr_status st = read_person(p, t, data, path, list);
        if (st || p->count == 0)
            clear_person(p);
        else
            w->count++;
        if (st)
            return st;
    }
    return DR_OK;
}

dr_status mini_wardrobe_open(mini_wardrobe *w, const char *data, const char *more, bool test, int limit)
{
    tables t = {0};
    *w = (mini_wardrobe){.size = MINI_SIZE};
    dr_status st = read_tables(&t, data);
    if (!st)
        st = add_level(w, &t, data, data, "pixel_level", test, limit);
    if (!st && more && !test)
        st = add_level(w, &t, data, more, "image_level", test, limit);
    if (!st && w->count == 0)
        st = dr_fail(DR_EINVAL, "'%s' has no photos with labelled garments", data);
    drop_tables(&t);
    if (st)
        mini_wardrobe_clear(w);
    return st;
}

void mini_wardrobe_clear(mini_wardrobe *w)
{
    for (int i = 0; i < w->count; i++)
        clear_person(&w->person[i]);
    free(w->person);
    *w = (mini_wardrobe){0};
}
