/* Real cloth to compare with. */
#include "mini/eval.h"

#include <math.h>
#include <stdlib.h>

/* In every colour that is asked for, as training examples are recoloured: street clothes are black and grey, and cloth
 * is to be compared, not how often a colour is worn. */
static dr_status add_item(mini_samples *s, const dr_parser *parser, const eval_item *it)
{
    eval_painter real = {.way = EVAL_RECOLOURED};
    dr_image picture = {0}, closeup = {0};
    dr_status st = eval_paint(&real, it, &picture);
    if (!st)
        st = eval_closeup(&closeup, &picture, &it->region);
    if (!st)
        st = eval_patches(s, parser, &closeup, &it->inside);
    dr_image_clear(&closeup);
    dr_image_clear(&picture);
    return st;
}

/* Persons in turn to one half and the other. */
static dr_status collect(mini_samples half[2], const dr_parser *parser, const mini_wardrobe *w)
{
    eval_items all;
    dr_status st = eval_items_open(&all, w, w->count * MINI_GARMENTS);
    for (int i = 0; !st && i < all.count; i++)
        st = add_item(&half[(all.item[i].person - w->person) % 2], parser, &all.item[i]);
    if (!st)
        eval_items_clear(&all);
    return st;
}

static void scale(mini_samples *s, const float *by)
{
    for (int64_t i = 0; i < s->count * s->dim; i++)
        s->x[i] *= by[i % s->dim];
}

static dr_status measure_scale(eval_reference *r, const mini_samples *s)
{
    mini_gaussian g;
    r->scale = malloc((size_t)s->dim * sizeof *r->scale);
    if (!r->scale)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = mini_gaussian_fit(&g, s);
    for (int i = 0; !st && i < s->dim; i++)
        r->scale[i] = (float)(1 / sqrt(fmax(g.cov[i * s->dim + i], 1e-12)));
    if (!st)
        mini_gaussian_clear(&g);
    return st;
}

/* The distance between the halves, then `all` of both. */
static dr_status fit(eval_reference *r, mini_samples half[2])
{
    mini_gaussian g[2] = {{0}, {0}};
    dr_status st = DR_OK;
    for (int i = 0; !st && i < 2; i++)
        scale(&half[i], r->scale);
    for (int i = 0; !st && i < 2; i++)
        st = mini_gaussian_fit(&g[i], &half[i]);
    if (!st)
        st = mini_frechet(&g[0], &g[1], &r->floor);
    for (int64_t k = 0; !st && k < half[1].count; k++)
        st = mini_samples_add(&half[0], half[1].x + k * half[1].dim, half[1].dim);
    if (!st)
        st = mini_gaussian_fit(&r->all, &half[0]);
    r->patches = half[0].count;
    mini_gaussian_clear(&g[0]);
    mini_gaussian_clear(&g[1]);
    return st;
}

dr_status eval_reference_open(eval_reference *r, const dr_parser *parser, const char *data, int photos)
{
    mini_samples half[2] = {{0}, {0}};
    mini_wardrobe w;
    *r = (eval_reference){0};
    dr_status st = mini_wardrobe_open(&w, data, NULL, false, photos);
    if (!st)
        st = collect(half, parser, &w);
    if (!st && (half[0].count < 2 || half[1].count < 2))
        st = dr_fail(DR_EINVAL, "'%s' has too few photos with labelled garments to compare cloth with", data);
    if (!st)
        st = measure_scale(r, &half[0]);
    if (!st)
        st = fit(r, half);
    mini_samples_clear(&half[0]);
    mini_samples_clear(&half[1]);
    mini_wardrobe_clear(&w);
    if (st)
        eval_reference_clear(r);
    return st;
}

void eval_reference_clear(eval_reference *r)
{
    mini_gaussian_clear(&r->all);
    free(r->scale);
    *r = (eval_reference){0};
}

dr_status eval_reference_distance(const eval_reference *r, mini_samples *s, double *d2)
{
    mini_gaussian g = {0};
    scale(s, r->scale);
    dr_status st = mini_gaussian_fit(&g, s);
    if (!st)
        st = mini_frechet(&g, &r->all, d2);
    mini_gaussian_clear(&g);
    return st;
}
