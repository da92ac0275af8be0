/* Taught garments: a model learns each of some garments from a few photos, dresses people in it, and what comes of it
 * is held against the garment. */
#include "mini/eval.h"

#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/progress.h"
#include "eval/cloth.h"
#include "io/labels.h"
#include "pipeline/folder.h"
#include "train/dataset.h"
#include "train/sheet.h"

#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const dr_band pattern_band = {2, 32}; /* stripes, prints, lace */

/* What cloth looks like: sums over pictures. */
typedef struct look {
    double L, a, b, energy, oriented; /* the latter two as logarithms */
    double distance;                  /* of the colour from the garment's, where it is known */
    int count;
} look;

typedef struct garment {
    const eval_fewshot *f;
    char name[NAME_MAX + 1], model[PATH_MAX];
    const char *prompt; /* the photos' */
    dr_dataset photos;
    look taught, own, others; /* the garment; its own photos, and test photos, dressed */
    dr_image *tile;           /* [3][photos]: taught, own, others */
} garment;

/* --- looking ----------------------------------------------------------------------------------------- */

static dr_lab mean_of(const look *k)
{
    return (dr_lab){(float)(k->L / k->count), (float)(k->a / k->count), (float)(k->b / k->count)};
}

static dr_status look_at(look *k, const dr_image *closeup, const dr_image *inside, const look *taught)
{
    dr_pattern p;
    dr_lab c = dr_look_of(closeup, inside, 255).mean;
    dr_status st = dr_pattern_of(closeup, inside, pattern_band, &p);
    if (st || dr_area_pixels(inside) == 0)
        return st;
    k->L += (double)c.L;
    k->a += (double)c.a;
    k->b += (double)c.b;
    k->energy += log(p.energy + 1.0 / 12);
    k->oriented += log(p.oriented + 1.0 / 12);
    if (taught)
        k->distance += (double)dr_lab_distance(c, mean_of(taught));
    k->count++;
    return DR_OK;
}

/* --- the garment's own photos ------------------------------------------------------------------------ */

static void clear_own(eval_item *it, mini_person *p)
{
    dr_image *const all[] = {&it->mask, &it->worn, &it->photo, &it->place, &it->cloth, &it->inside, &p->photo};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        dr_image_clear(all[i]);
}

/* A photo of the garment as one to be dressed; `p` gets the photo. */
static dr_status open_own(eval_item *it, mini_person *p, const dr_example *e)
{
    drape_image photo, mask = {0};
    *p = (mini_person){0};
    *it = (eval_item){.person = p};
    snprintf(it->prompt, sizeof it->prompt, "%s", e->prompt);
    dr_status st = dr_image_read(&p->photo, e->image, 3);
    photo = eval_lend(&p->photo);
    if (!st)
        st = (dr_status)drape_mask_read(&mask, e->mask, &photo, NULL, 0);
    it->mask = (dr_image){.data = mask.data, .width = mask.width, .height = mask.height, .channels = 1};
    if (!st)
        st = dr_image_copy(&it->worn, &it->mask);
    return st ? st : eval_item_frame(it);
}

/* --- dressing ---------------------------------------------------------------------------------------- */

static dr_status dress(garment *g, eval_painter *p, const eval_item *it, look *k, dr_image *tile)
{
    dr_image picture = {0}, closeup = {0};
    dr_status st = eval_paint(p, it, &picture);
    if (!st)
        st = eval_closeup(&closeup, &picture, &it->region);
    if (!st)
        st = look_at(k, &closeup, &it->inside, &g->taught);
    if (!st)
        *tile = closeup;
    else
        dr_image_clear(&closeup);
    dr_image_clear(&picture);
    return st;
}

static dr_status look_at_garment(garment *g)
{
    dr_status st = DR_OK;
    for (int i = 0; !st && i < g->photos.count; i++) {
        mini_person p;
        eval_item it;
        st = open_own(&it, &p, &g->photos.example[i]);
        if (!st)
            st = look_at(&g->taught, &it.photo, &it.inside, NULL);
        if (!st && i < g->f->photos)
            st = dr_image_copy(&g->tile[i], &it.photo);
        clear_own(&it, &p);
    }
    if (!st && g->taught.count == 0)
        st = dr_fail(DR_EINVAL, "the masks of '%s' are too small to look at", g->name);
    return st;
}

static dr_status dress_own(garment *g, eval_painter *painter)
{
    dr_status st = DR_OK;
    for (int i = 0; !st && i < g->photos.count && i < g->f->photos; i++) {
        mini_person p;
        eval_item it;
        st = open_own(&it, &p, &g->photos.example[i]);
        if (!st)
            st = dress(g, painter, &it, &g->own, &g->tile[g->f->photos + i]);
        clear_own(&it, &p);
    }
    return st;
}

static uint8_t label_of(const char *prompt)
{
    static const char *const trousers[] = {"pants", "trousers", "jeans", "shorts", "leggings"};
    for (size_t i = 0; i < sizeof trousers / sizeof *trousers; i++)
        if (strstr(prompt, trousers[i]))
            return DR_LABEL_PANTS;
    return strstr(prompt, "dress") ? DR_LABEL_DRESS : strstr(prompt, "skirt") ? DR_LABEL_SKIRT : DR_LABEL_UPPER;
}

/* Test photos in which a garment of the kind is worn. */
static dr_status dress_others(garment *g, eval_painter *painter, eval_items *all)
{
    int done = 0;
    dr_status st = DR_OK;
    for (int i = 0; !st && i < all->count && done < g->f->photos; i++) {
        eval_item *it = &all->item[i];
        if (it->label != label_of(g->prompt))
            continue;
        snprintf(it->prompt, sizeof it->prompt, "%s", g->prompt);
        st = dress(g, painter, it, &g->others, &g->tile[2 * g->f->photos + done++]);
    }
    return st;
}

/* --- teaching ---------------------------------------------------------------------------------------- */

static void on_message(void *user, const char *text)
{
    const garment *g = user;
    fprintf(stderr, "%s: %s\n", g->name, text);
}

static dr_status teach(garment *g, const char *images, const char *masks)
{
    drape_train_options o;
    drape_pipeline *p;
    drape_model_info info;
    dr_status st = (dr_status)drape_pipeline_load(&p, g->f->model, NULL);
    if (st)
        return st;
    drape_pipeline_info(p, &info);
    drape_train_defaults(&o);
    o.pretrained_model_name_or_path = g->f->model;
    o.instance_data_dir = images;
    o.instance_masks_data_dir = masks;
    o.output_dir = g->model;
    o.resolution = info.width;
    o.center_crop = true;
    o.train_text_encoder = true;
    o.train_batch_size = g->f->batch;
    o.learning_rate = g->f->learning_rate;
    o.max_train_steps = g->f->steps;
    o.unmasked_loss_weight = 0.25;
    o.seed = g->f->seed;
    o.callbacks.user = g;
    o.callbacks.message = on_message;
    st = (dr_status)drape_train(&o);
    drape_pipeline_free(p);
    return st;
}

static dr_status write_tiles(const garment *g)
{
    char path[PATH_MAX], name[NAME_MAX + 8];
    dr_image sheet = {0};
    snprintf(name, sizeof name, "%s.png", g->name);
    dr_status st = dr_path(path, sizeof path, g->f->work, name);
    if (!st)
        st = dr_contact_sheet(&sheet, g->tile, 3 * g->f->photos, g->f->photos, EVAL_SIZE);
    if (!st)
        st = dr_image_write(&sheet, path, NULL);
    dr_image_clear(&sheet);
    return st;
}

static dr_status dress_all(garment *g, eval_items *all)
{
    eval_painter p = {.way = EVAL_MODEL, .dir = g->model, .guidance_scale = -1, .seed = g->f->seed};
    dr_status st = eval_painter_open(&p);
    if (!st)
        st = dress_own(g, &p);
    if (!st)
        st = dress_others(g, &p, all);
    eval_painter_close(&p);
    return st ? st : write_tiles(g);
}

static dr_status do_garment(garment *g, eval_items *all)
{
    char set[PATH_MAX], images[PATH_MAX], masks[PATH_MAX];
    dr_status st = dr_path(set, sizeof set, g->f->sets, g->name);
    if (!st)
        st = dr_path(images, sizeof images, set, "images");
    if (!st)
        st = dr_path(masks, sizeof masks, set, "masks");
    if (!st)
        st = dr_path(g->model, sizeof g->model, g->f->work, g->name);
    if (!st)
        st = dr_dataset_open(&g->photos, images, masks, NULL, NULL, 0);
    if (st)
        return st;
    g->prompt = g->photos.example[0].prompt;
    st = look_at_garment(g);
    if (!st)
        st = teach(g, images, masks);
    return st ? st : dress_all(g, all);
}

/* --- report ------------------------------------------------------------------------------------------ */

static double ratio(double k, int n, double taught, int m)
{
    return n ? exp(k / n - taught / m) : NAN;
}

static void print_line(const char *name, const char *who, const look *k, const look *t)
{
    printf("%-24s %-12s %10.2f %10.3f %10.3f\n", name, who, k->count ? k->distance / k->count : NAN,
           ratio(k->energy, k->count, t->energy, t->count), ratio(k->oriented, k->count, t->oriented, t->count));
}

static json_t *as_json(const look *k, const look *t)
{
    if (k->count == 0)
        return json_null();
    return json_pack("{s:i, s:f, s:f, s:f}", "pictures", k->count, "colour_distance", k->distance / k->count, "pattern",
                     ratio(k->energy, k->count, t->energy, t->count), "oriented",
                     ratio(k->oriented, k->count, t->oriented, t->count));
}

static void report(const garment *g, json_t *list)
{
    if (g->f->json) {
        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "garment", g->name, "prompt", g->prompt, "own",
                                              as_json(&g->own, &g->taught), "others", as_json(&g->others, &g->taught)));
        return;
    }
    print_line(g->name, "own photos", &g->own, &g->taught);
    print_line("", "test photos", &g->others, &g->taught);
    fflush(stdout);
}

/* --- the whole --------------------------------------------------------------------------------------- */

static int is_set(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static dr_status do_set(const eval_fewshot *f, const char *name, eval_items *all, json_t *list)
{
    garment *g = calloc(1, sizeof *g);
    if (!g || !(g->tile = calloc((size_t)(3 * f->photos), sizeof *g->tile))) {
        free(g);
        return dr_fail(DR_ENOMEM, "out of memory");
    }
    g->f = f;
    snprintf(g->name, sizeof g->name, "%s", name);
    dr_status st = do_garment(g, all);
    if (!st)
        report(g, list);
    for (int i = 0; i < 3 * f->photos; i++)
        dr_image_clear(&g->tile[i]);
    free(g->tile);
    dr_dataset_close(&g->photos);
    free(g);
    return st;
}

dr_status eval_fewshot_run(const eval_fewshot *f, const mini_wardrobe *w)
{
    eval_items all;
    struct dirent **names;
    int n = scandir(f->sets, &names, is_set, alphasort);
    json_t *list = json_array();
    if (n < 0)
        return dr_fail(DR_ENOENT, "cannot read the folder '%s'", f->sets);
    dr_status st = eval_items_open(&all, w, w->count * MINI_GARMENTS);
    if (!st)
        st = dr_mkdirs(f->work);
    if (!st && !f->json)
        printf("%-24s %-12s %10s %10s %10s\n%-24s %-12s %10s %10s\n", "garment", "dressed", "colour", "pattern",
               "oriented", "", "asked", "< 12", "0.5 to 1.5");
    for (int i = 0; i < n; i++) {
        char set[PATH_MAX];
        if (!st && !dr_path(set, sizeof set, f->sets, names[i]->d_name, "images") && dr_is_dir(set))
            st = do_set(f, names[i]->d_name, &all, list);
        free(names[i]);
    }
    free(names);
    if (!st && f->json)
        json_dumpf(list, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(5));
    json_decref(list);
    eval_items_clear(&all);
    return st;
}
