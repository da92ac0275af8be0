#include "eval/evaluator.h"

#include "base/choice.h"
#include "eval/cloth.h"
#include "eval/metrics.h"
#include "mask/mask_shape.h"
#include "pipeline/shipped.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BIT(label) (1u << (label))

/* --- opening ------------------------------------------------------------------------------------------ */

/* In the order of the option's words. */
static const uint32_t asked_of[] = {0, BIT(DR_LABEL_UPPER), BIT(DR_LABEL_SKIRT) | BIT(DR_LABEL_PANTS),
                                    BIT(DR_LABEL_DRESS), BIT(DR_LABEL_UPPER)};

dr_status dr_evaluator_open(dr_evaluator *e, const drape_eval_options *o)
{
    *e = (dr_evaluator){.mask_grow = o->mask_grow, .callbacks = o->callbacks};
    e->asked = asked_of[dr_choice_index("auto|upper|lower|dress|outer", o->category)];
    dr_status st = dr_columns_wanted(o->metrics, e->wanted);
    if (!st)
        st = dr_networks_open(&e->networks, e->wanted, o->backbones);
    if (st || !e->wanted[DR_PARSER_AGREEMENT])
        return st;
    if (!o->parser)
        return dr_parser_find(e->parser_dir, sizeof e->parser_dir);
    if (!dr_is_parser_folder(o->parser))
        return dr_fail(DR_EINVAL, "'%s' is no folder of a clothes parser: there is no config.json of one", o->parser);
    snprintf(e->parser_dir, sizeof e->parser_dir, "%s", o->parser);
    return DR_OK;
}

void dr_evaluator_close(dr_evaluator *e)
{
    dr_parser_unload(&e->parser);
    dr_networks_close(&e->networks);
    *e = (dr_evaluator){0};
}

/* --- from the reference ------------------------------------------------------------------------------- */

static void put(const dr_evaluator *e, drape_eval_numbers *n, int column, double v)
{
    if (e->wanted[column])
        n->value[column] = v;
}

static void put_measured(const dr_evaluator *e, drape_eval_numbers *n, int column, const dr_measured *m)
{
    put(e, n, column, m->all);
    put(e, n, column + 1, m->inside);
    put(e, n, column + 2, m->outside);
}

static bool any_wanted(const dr_evaluator *e, int column, int count)
{
    for (int i = column; i < column + count; i++)
        if (e->wanted[i])
            return true;
    return false;
}

/* What is too small for a window has no such number; that is no failure. */
static dr_status similarities(const dr_evaluator *e, const dr_image *a, const dr_image *b, const dr_image *mask,
                              drape_eval_numbers *n)
{
    dr_status st = DR_OK;
    for (int k = 0; !st && k < 3; k++) {
        dr_measured m = {NAN, NAN, NAN};
        if (!any_wanted(e, DR_SSIM + 3 * k, 3))
            continue;
        st = dr_ssim(a, b, mask, (dr_ssim_kind)k, &m);
        st = st == DR_EINVAL ? DR_OK : st;
        put_measured(e, n, DR_SSIM + 3 * k, &m);
    }
    for (int k = 0; !st && k < 2; k++) {
        double v = NAN;
        if (!e->wanted[DR_MS_SSIM + k])
            continue;
        st = dr_ms_ssim(a, b, (dr_ms_ssim_kind)k, &v);
        st = st == DR_EINVAL ? DR_OK : st;
        put(e, n, DR_MS_SSIM + k, v);
    }
    return st;
}

static dr_status compare(const dr_evaluator *e, const dr_image *a, const dr_image *b, const dr_image *mask,
                         drape_eval_numbers *n)
{
    dr_measured psnr = dr_psnr(a, b, mask);
    put_measured(e, n, DR_PSNR, &psnr);
    if (mask && any_wanted(e, DR_CHANGED_INSIDE, 3)) {
        dr_differences d = dr_difference_of(a, b, mask);
        put(e, n, DR_CHANGED_INSIDE, d.inside.pixels ? (double)d.inside.changed / (double)d.inside.pixels : NAN);
        put(e, n, DR_CHANGED_OUTSIDE, d.outside.pixels ? (double)d.outside.changed : NAN);
        put(e, n, DR_LARGEST_OUTSIDE, d.outside.pixels ? (double)d.outside.largest : NAN);
    }
    return similarities(e, a, b, mask, n);
}

/* --- from the mask ------------------------------------------------------------------------------------ */

static dr_status compare_cloth(const dr_evaluator *e, const dr_area *result, const dr_area *cloth,
                               drape_eval_numbers *n)
{
    dr_colour_distance colour;
    dr_pattern_distance pattern;
    dr_status st = DR_OK;
    if (any_wanted(e, DR_COLOUR_MEAN, 2)) {
        st = dr_colours(result, cloth, &colour);
        put(e, n, DR_COLOUR_MEAN, st ? NAN : colour.mean);
        put(e, n, DR_COLOUR_HISTOGRAM, st ? NAN : colour.histogram);
    }
    if (!st && any_wanted(e, DR_PATTERN_FREQUENCY, 2)) {
        st = dr_patterns(result, cloth, &pattern);
        put(e, n, DR_PATTERN_FREQUENCY, st ? NAN : pattern.frequency);
        put(e, n, DR_PATTERN_ORIENTATION, st ? NAN : pattern.orientation);
    }
    return st;
}

/* With the garment's own photo, or with what the reference shows. */
static dr_status cloth(const dr_evaluator *e, const dr_area *result, const drape_eval_input *in, drape_eval_numbers *n)
{
    if (!any_wanted(e, DR_COLOUR_MEAN, 4) || (!in->garment && !in->reference))
        return DR_OK;
    if (!in->garment) {
        dr_area worn = {(const dr_image *)in->reference, result->where};
        return compare_cloth(e, result, &worn, n);
    }
    dr_image where = {0};
    dr_status st = dr_cloth_area(&where, (const dr_image *)in->garment);
    dr_area photo = {(const dr_image *)in->garment, &where};
    if (!st)
        st = compare_cloth(e, result, &photo, n);
    dr_image_clear(&where);
    return st;
}

static dr_status seam(const dr_evaluator *e, const dr_area *result, const dr_area *reference, drape_eval_numbers *n)
{
    double now = NAN, before = NAN;
    if (!any_wanted(e, DR_SEAM, 2))
        return DR_OK;
    dr_status st = dr_seam(result, &now);
    if (!st && reference->picture)
        st = dr_seam(reference, &before);
    put(e, n, DR_SEAM, now);
    put(e, n, DR_SEAM_RELATIVE, now / before);
    return st;
}

static dr_status sharpness(const dr_evaluator *e, const dr_area *result, const dr_area *reference,
                           drape_eval_numbers *n)
{
    double inside = NAN, outside = NAN, before = NAN, rest;
    if (!any_wanted(e, DR_SHARPNESS, 2))
        return DR_OK;
    dr_status st = dr_sharpness(result, &inside, &outside);
    if (!st && reference->picture)
        st = dr_sharpness(reference, &before, &rest);
    put(e, n, DR_SHARPNESS, outside > 0 ? inside / outside : NAN);
    put(e, n, DR_SHARPNESS_RELATIVE, before > 0 ? inside / before : NAN);
    return st;
}

/* The garment that most of the area shows. */
static uint32_t worn(const dr_image *labels, const dr_image *area)
{
    static const int garment[] = {DR_LABEL_UPPER, DR_LABEL_SKIRT, DR_LABEL_PANTS, DR_LABEL_DRESS};
    uint32_t best = 0;
    double most = 0;
    for (int i = 0; i < 4; i++) {
        double share = dr_area_share(labels, area, BIT(garment[i]));
        if (share > most) {
            most = share;
            best = BIT(garment[i]);
        }
    }
    return best;
}

static dr_status labels_of(dr_evaluator *e, const dr_image *picture, dr_image *labels)
{
    dr_status st = dr_parser_load(&e->parser, e->parser_dir); /* once */
    e->at_fault = st != DR_OK;
    return st ? st : dr_parser_run(&e->parser, picture, e->callbacks.cancel, e->callbacks.user, labels);
}

static dr_status agreement(dr_evaluator *e, const dr_area *result, const dr_area *reference, drape_eval_numbers *n)
{
    uint32_t asked = e->asked;
    dr_image labels = {0};
    dr_status st = DR_OK;
    if (!e->wanted[DR_PARSER_AGREEMENT] || dr_area_pixels(result->where) == 0)
        return DR_OK;
    if (!asked && reference->picture)
        st = labels_of(e, reference->picture, &labels);
    if (!asked && labels.data)
        asked = worn(&labels, result->where);
    dr_image_clear(&labels);
    if (st || !asked)
        return st;
    st = labels_of(e, result->picture, &labels);
    if (!st)
        put(e, n, DR_PARSER_AGREEMENT, dr_area_share(&labels, result->where, asked));
    dr_image_clear(&labels);
    return st;
}

static dr_status judge_area(dr_evaluator *e, const drape_eval_input *in, const dr_image *mask, drape_eval_numbers *n)
{
    dr_area result = {(const dr_image *)in->result, mask}, reference = {(const dr_image *)in->reference, mask};
    dr_status st = cloth(e, &result, in, n);
    if (!st)
        st = seam(e, &result, &reference, n);
    if (!st)
        st = sharpness(e, &result, &reference, n);
    return st ? st : agreement(e, &result, &reference, n);
}

/* --- all of it ---------------------------------------------------------------------------------------- */

/* 0 and 255, grown as asked for. */
static dr_status ready_mask(const dr_evaluator *e, const drape_image *mask, dr_image *out)
{
    dr_status st = dr_image_copy(out, (const dr_image *)mask);
    if (st)
        return st;
    dr_mask_binarize(out);
    return e->mask_grow ? dr_mask_grow(out, e->mask_grow) : DR_OK;
}

dr_status dr_evaluator_pair(dr_evaluator *e, const drape_eval_input *in, drape_eval_numbers *out)
{
    dr_image mask = {0};
    dr_status st = in->mask ? ready_mask(e, in->mask, &mask) : DR_OK;
    for (int i = 0; i < DRAPE_EVAL_METRICS; i++)
        out->value[i] = NAN;
    if (!st && in->reference)
        st = compare(e, (const dr_image *)in->result, (const dr_image *)in->reference, mask.data ? &mask : NULL, out);
    if (!st && mask.data)
        st = judge_area(e, in, &mask, out);
    if (!st) {
        st = dr_networks_pair(&e->networks, e->wanted, (const dr_image *)in->result, (const dr_image *)in->reference,
                              mask.data ? &mask : NULL, (const dr_image *)in->garment, out);
        e->at_fault = e->at_fault || e->networks.at_fault;
    }
    dr_image_clear(&mask);
    return st;
}
