#include "mini/eval.h"

#include "eval/cloth.h"
#include "io/labels.h"
#include "mask/garment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST 600 /* pixels well inside that a garment must show */

/* --- colours ----------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint8_t rgb[3];
} colours[EVAL_COLOURS] = {{"black", {24, 23, 26}},    {"white", {238, 237, 234}}, {"grey", {130, 130, 132}},
                           {"red", {196, 32, 42}},     {"green", {48, 134, 62}},   {"blue", {40, 84, 180}},
                           {"yellow", {236, 204, 62}}, {"pink", {236, 148, 176}}};

const char *eval_colour_name(int colour)
{
    return colours[colour].name;
}

dr_lab eval_colour_shade(int colour)
{
    return dr_lab_of(colours[colour].rgb);
}

int eval_colour_nearest(dr_lab c)
{
    int best = 0;
    for (int i = 1; i < EVAL_COLOURS; i++)
        if (dr_lab_distance(c, eval_colour_shade(i)) < dr_lab_distance(c, eval_colour_shade(best)))
            best = i;
    return best;
}

/* --- masks and frames -------------------------------------------------------------------------------- */

dr_region eval_frame(const dr_image *mask, int *padding)
{
    dr_rect box = {0, 0, mask->width, mask->height};
    dr_mask_bbox(mask, &box);
    int side = box.width > box.height ? box.width : box.height;
    *padding = side / 8 > 32 ? side / 8 : 32;
    dr_region_options o = {EVAL_SIZE, EVAL_SIZE, *padding, 0};
    return dr_region_around(box, mask->width, mask->height, &o);
}

dr_status eval_closeup(dr_image *out, const dr_image *picture, const dr_region *region)
{
    return dr_region_extract(out, NULL, picture, NULL, region);
}

static dr_mask_category category_of(const char *word, uint8_t label)
{
    bool outer = strcmp(word, "coat") == 0 || strcmp(word, "jacket") == 0 || strcmp(word, "cape") == 0;
    return label == DR_LABEL_DRESS   ? DR_MASK_DRESS
           : label != DR_LABEL_UPPER ? DR_MASK_LOWER
           : outer                   ? DR_MASK_OUTER
                                     : DR_MASK_UPPER;
}

/* Of the garments with this label the one of which most is seen; NULL without. */
static const mini_garment *garment_of(const mini_person *p, uint8_t label)
{
    const mini_garment *best = NULL;
    for (int i = 0; i < p->count; i++)
        if (p->garment[i].label == label && p->garment[i].look.pixels &&
            (!best || p->garment[i].look.pixels > best->look.pixels))
            best = &p->garment[i];
    return best;
}

static dr_status mask_item(eval_item *it, const char *word)
{
    const dr_image *labels = &it->person->labels;
    dr_garment_options o = DR_GARMENT_DEFAULTS;
    o.category = category_of(word, it->label);
    dr_status st = dr_garment_mask(&it->mask, labels, &o, it->person->id);
    if (!st)
        st = dr_image_alloc(&it->worn, labels->width, labels->height, 1);
    for (int64_t i = 0; !st && i < (int64_t)labels->width * labels->height; i++)
        it->worn.data[i] = labels->data[i] == it->label && it->mask.data[i] ? 255 : 0;
    return st;
}

dr_status eval_item_frame(eval_item *it)
{
    dr_image again = {0};
    const dr_image *photo = &it->person->photo;
    it->region = eval_frame(&it->mask, &it->padding);
    dr_status st = dr_region_extract(&it->photo, &it->place, photo, &it->mask, &it->region);
    if (!st)
        st = dr_region_extract(&again, &it->cloth, photo, &it->worn, &it->region);
    if (!st)
        st = dr_image_copy(&it->inside, &it->cloth);
    dr_image_clear(&again);
    return st ? st : dr_mask_grow(&it->inside, -EVAL_INSIDE);
}

static void phrase(eval_item *it, const char *word)
{
    bool plural = word[strlen(word) - 1] == 's' && strcmp(word, "dress") != 0;
    snprintf(it->prompt, sizeof it->prompt, "%s%s %s", plural ? "" : "a ", colours[it->asked].name, word);
}

static void clear_item(eval_item *it)
{
    dr_image *const all[] = {&it->mask, &it->worn, &it->photo, &it->place, &it->cloth, &it->inside};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        dr_image_clear(all[i]);
    *it = (eval_item){0};
}

/* Makes item number `n`; *made is false where the garment shows too little. */
static dr_status make_item(eval_item *it, const mini_person *p, uint8_t label, int n, bool *made)
{
    const mini_garment *g = garment_of(p, label);
    *made = false;
    if (!g)
        return DR_OK;
    *it = (eval_item){.person = p, .label = label, .asked = n % EVAL_COLOURS};
    dr_status st = mask_item(it, g->word);
    if (st == DR_EINVAL) { /* no person, or the garment of another than the nearest person */
        clear_item(it);
        return DR_OK;
    }
    if (!st)
        st = eval_item_frame(it);
    *made = !st && dr_area_pixels(&it->inside) >= LEAST;
    if (*made)
        phrase(it, g->word);
    else
        clear_item(it);
    return st;
}

dr_status eval_items_open(eval_items *all, const mini_wardrobe *w, int count)
{
    static const uint8_t labels[] = {DR_LABEL_UPPER, DR_LABEL_DRESS, DR_LABEL_SKIRT, DR_LABEL_PANTS};
    dr_status st = DR_OK;
    *all = (eval_items){.item = calloc((size_t)count + 1, sizeof *all->item)};
    if (!all->item)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (int i = 0; !st && i < w->count; i++)
        for (size_t k = 0; !st && k < sizeof labels && all->count < count; k++) {
            bool made;
            st = make_item(&all->item[all->count], &w->person[i], labels[k], all->count, &made);
            all->count += made;
        }
    if (!st && all->count == 0)
        st = dr_fail(DR_EINVAL, "none of the photos shows enough of a garment");
    if (st)
        eval_items_clear(all);
    return st;
}

void eval_items_clear(eval_items *all)
{
    for (int i = 0; i < all->count; i++)
        clear_item(&all->item[i]);
    free(all->item);
    *all = (eval_items){0};
}
