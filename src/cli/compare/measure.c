/* Numbers about pictures: those of `drape eval` that apply to a comparison. */
#include "cli/compare/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a number needs beside the photo and the mask. */
typedef enum needs { NOTHING, GARMENT, TRUTH } needs;

/* A metric of the library's, and what the page calls it. */
typedef struct metric {
    const char *of, *name;
    needs needs;
    const char *help; /* NULL: the library's */
} metric;

static const metric metrics[] = {
    {"changed_outside", "Changed outside", NOTHING,
     "pixels outside the mask and its soft edge that are not the photo's"},
    {"largest_outside", "Largest change", NOTHING, "how far the most changed of these is from the photo"},
    {"seam", "Seam", NOTHING,
     "gradient at the mask's edge, over that of its surroundings; a paste that cannot be seen is near 1"},
    {"sharpness", "Sharpness", NOTHING,
     "finest detail inside the mask, over that of the rest of the photo; near 1 is natural"},
    {"colour_mean", "Colour", GARMENT, "distance of the mean colours of the garment's photo and the result"},
    {"colour_histogram", "All colours", GARMENT, "distance of all their colours"},
    {"pattern_frequency", "Pattern", GARMENT, "how detail of each size differs in strength"},
    {"psnr", "PSNR", TRUTH, NULL},
    {"psnr_inside", "PSNR inside", TRUTH, "the same inside the mask"},
    {"ssim_torchmetrics", "SSIM", TRUTH, "structural similarity to the reference, as torchmetrics computes it"},
    {"ssim_torchmetrics_inside", "SSIM inside", TRUTH, "the same inside the mask"},
};
enum { METRICS = sizeof metrics / sizeof *metrics };

static bool applies(const dr_comparison *c, const metric *m)
{
    return m->needs == NOTHING || (m->needs == GARMENT ? c->garment_paths.count > 0 : c->reference.data != NULL);
}

json_t *dr_metrics_json(const dr_comparison *c)
{
    static const char *const better[] = {"low", "", "high"};
    json_t *list = json_array();
    for (int i = 0; i < METRICS; i++) {
        const drape_eval_metric *known = drape_eval_metric_at(drape_eval_metric_index(metrics[i].of));
        if (!known || !applies(c, &metrics[i]))
            continue;
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "key", metrics[i].of, "name",
                                              metrics[i].name, "unit", known->unit, "better", better[known->better + 1],
                                              "help", metrics[i].help ? metrics[i].help : known->help));
    }
    return list;
}

/* "psnr,ssim_torchmetrics": those that need the reference, or the others. */
static void list_names(char *out, size_t n, const dr_comparison *c, bool truth)
{
    *out = 0;
    for (int i = 0; i < METRICS; i++)
        if (applies(c, &metrics[i]) && (metrics[i].needs == TRUTH) == truth) {
            strncat(out, *out ? "," : "", n - strlen(out) - 1);
            strncat(out, metrics[i].of, n - strlen(out) - 1);
        }
}

/* How far a paste may reach out of the mask: what a method grows it by, and its soft edge. */
static int reach(const dr_comparison *c)
{
    int longer = c->scene.person.width > c->scene.person.height ? c->scene.person.width : c->scene.person.height;
    int most = 0;
    for (int i = 0; i < c->rows; i++) {
        const drape_tryon_options *o = &c->row[i].method->o;
        int soft = o->mask_blur >= 0 ? o->mask_blur : longer / 128 + 2, grown = o->mask_grow > 0 ? o->mask_grow : 0;
        most = soft + grown > most ? soft + grown : most;
    }
    return most;
}

/* One question to the library: of a picture and what it is compared with. */
typedef struct asking {
    drape_evaluator *photo, *truth; /* NULL: nothing to ask */
} asking;

static dr_status begin(asking *a, const dr_comparison *c)
{
    char names[512];
    drape_eval_options o;
    drape_eval_defaults(&o);
    list_names(names, sizeof names, c, false);
    o.metrics = names;
    o.mask_grow = reach(c);
    dr_status st = (dr_status)drape_evaluator_new(&a->photo, &o);
    list_names(names, sizeof names, c, true);
    o.mask_grow = 0;
    if (!st && *names)
        st = (dr_status)drape_evaluator_new(&a->truth, &o);
    return st;
}

static dr_status ask(drape_evaluator *e, const dr_comparison *c, const drape_image *picture,
                     const drape_image *reference, bool truth, json_t *out)
{
    drape_eval_numbers numbers;
    drape_eval_input in = {picture, reference, &c->scene.mask, c->garment_paths.count && !truth ? c->garments : NULL};
    dr_status st = (dr_status)drape_eval_pair(e, &in, &numbers);
    for (int i = 0; !st && i < METRICS; i++) {
        int at = drape_eval_metric_index(metrics[i].of);
        if (at >= 0 && applies(c, &metrics[i]) && (metrics[i].needs == TRUTH) == truth && isfinite(numbers.value[at]))
            json_object_set_new(out, metrics[i].of, json_real(numbers.value[at]));
    }
    return st;
}

/* A picture of another size (--paste off) is measured at the photo's. */
static dr_status read_fitting(const dr_comparison *c, const dr_cell *cell, drape_image *out)
{
    char *path = dr_comparison_path(c, cell->file);
    drape_image full = {0};
    const drape_image *person = &c->scene.person;
    dr_status st = path ? (dr_status)drape_image_read(&full, path) : DR_ENOMEM;
    free(path);
    if (!st && full.width == person->width && full.height == person->height) {
        *out = full;
        return DR_OK;
    }
    if (!st)
        st = (dr_status)drape_image_resize(&full, person->width, person->height, out);
    drape_image_free(&full);
    return st;
}

static dr_status measure(const asking *a, const dr_comparison *c, dr_cell *cell)
{
    drape_image picture = {0};
    dr_status st = read_fitting(c, cell, &picture);
    json_decref(cell->metrics);
    cell->metrics = json_object();
    if (!st)
        st = ask(a->photo, c, &picture, &c->scene.person, false, cell->metrics);
    if (!st && a->truth)
        st = ask(a->truth, c, &picture, &c->reference, true, cell->metrics);
    drape_image_free(&picture);
    return st;
}

dr_status dr_comparison_measure(dr_comparison *c)
{
    asking a = {0};
    dr_status st = begin(&a, c);
    for (int i = 0; i < c->rows; i++)
        for (int k = 0; !st && k < c->seeds; k++)
            if (c->row[i].cell[k].done)
                st = measure(&a, c, &c->row[i].cell[k]);
    drape_evaluator_free(a.photo);
    drape_evaluator_free(a.truth);
    return st;
}
