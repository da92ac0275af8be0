/* What is measured in a picture. */
#include "mini/eval.h"

#include "eval/cloth.h"
#include "io/labels.h"

#include <math.h>

/* Wavelengths, pixels of the close-up. A quarter of Nyquist's frequency is a wavelength of 8; a blotch of 4 to 16
 * pixels is half a wave. */
static const dr_band fine = {0, 8}, blotchy = {8, 32};

/* --- patches of cloth -------------------------------------------------------------------------------- */

#define LEVEL 2  /* of the parser's net: an eighth of the size, where texture is still seen */
#define PATCH 4  /* cells along a side, that one vector is the mean of */
#define ENOUGH 8 /* of its cells must be cloth */

static dr_tensor *pixels(dr_tape *g, const dr_parser *m, const dr_image *im)
{
    dr_tensor *x = dr_new4(g, 1, im->height, im->width, 3);
    for (int64_t i = 0; !g->status && i < dr_numel(x); i++)
        dr_f32(x)[i] = ((float)im->data[i] * m->scale - m->mean[i % 3]) / m->std[i % 3];
    return x;
}

/* A cell that lies wholly within the area. */
static bool covered(const dr_image *area, int cx, int cy, int cell)
{
    for (int y = cy * cell; y < (cy + 1) * cell; y++)
        for (int x = cx * cell; x < (cx + 1) * cell; x++)
            if (area->data[(size_t)y * (size_t)area->width + (size_t)x] != 255)
                return false;
    return true;
}

/* The mean of the patch's cells that are cloth, if they are enough. */
static dr_status add_patch(mini_samples *s, const dr_tensor *level, const dr_image *inside, int px, int py)
{
    enum { MOST = 4096 };
    float mean[MOST] = {0};
    int C = (int)level->dim[3], cell = inside->width / (int)level->dim[2], n = 0;
    for (int y = py; y < py + PATCH; y++)
        for (int x = px; x < px + PATCH; x++) {
            if (!covered(inside, x, y, cell))
                continue;
            const float *v = dr_f32(level) + ((int64_t)y * level->dim[2] + x) * C;
            for (int c = 0; c < C; c++)
                mean[c] += v[c];
            n++;
        }
    for (int c = 0; c < C && n; c++)
        mean[c] /= (float)n;
    return n >= ENOUGH ? mini_samples_add(s, mean, C) : DR_OK;
}

dr_status eval_patches(mini_samples *s, const dr_parser *parser, const dr_image *closeup, const dr_image *inside)
{
    dr_tensor *level[DR_CLOTHES_MAX_LEVELS];
    dr_tape g;
    if (parser->is_segformer || parser->net.clothes_net.config.levels <= LEVEL)
        return dr_fail(DR_EINVAL,
                       "'%s' is no drape_clothes_net of at least %d levels: cloth is compared by its features",
                       parser->dir, LEVEL + 1);
    dr_status st = dr_tape_init(&g);
    if (st)
        return st;
    dr_clothes_net_encode(&g, &parser->net.clothes_net, pixels(&g, parser, closeup), level);
    st = dr_tape_status(&g);
    for (int y = 0; !st && y + PATCH <= level[LEVEL]->dim[1]; y += PATCH)
        for (int x = 0; !st && x + PATCH <= level[LEVEL]->dim[2]; x += PATCH)
            st = add_patch(s, level[LEVEL], inside, x, y);
    dr_tape_clear(&g);
    return st;
}

/* --- figures ----------------------------------------------------------------------------------------- */

/* What the parser may call the garment. */
static uint32_t kind_of(uint8_t label)
{
    bool lower = label == DR_LABEL_SKIRT || label == DR_LABEL_PANTS;
    return lower ? 1u << DR_LABEL_SKIRT | 1u << DR_LABEL_PANTS : 1u << label;
}

static dr_status mark_whole(eval_marks *m, dr_parser *parser, const eval_item *it, const dr_image *picture)
{
    dr_image labels = {0};
    dr_status st = dr_parser_run(parser, picture, NULL, NULL, &labels);
    if (st)
        return st;
    m->agreement = dr_area_share(&labels, &it->worn, kind_of(it->label));
    m->agreement_mask = dr_area_share(&labels, &it->mask, kind_of(it->label));
    dr_image_clear(&labels);
    return DR_OK;
}

static dr_status mark_closeup(eval_marks *m, const eval_item *it, const dr_image *closeup)
{
    m->right = eval_colour_nearest(dr_look_of(closeup, &it->cloth, 255).mean) == it->asked;
    dr_status st = dr_band_energy(closeup, &it->inside, fine, &m->sharpness);
    if (!st)
        st = dr_band_energy(closeup, &it->inside, blotchy, &m->blotches);
    if (!st)
        st = dr_edge_step(closeup, &it->place, &m->seam);
    if (!st)
        st = dr_edge_step(closeup, &it->cloth, &m->edge);
    return st;
}

dr_status eval_mark(eval_marks *m, mini_samples *patches, dr_parser *parser, const eval_item *it,
                    const dr_image *picture)
{
    dr_image closeup = {0};
    *m = (eval_marks){0};
    dr_status st = eval_closeup(&closeup, picture, &it->region);
    if (!st)
        st = mark_closeup(m, it, &closeup);
    if (!st)
        st = eval_patches(patches, parser, &closeup, &it->inside);
    if (!st)
        st = mark_whole(m, parser, it, picture);
    dr_image_clear(&closeup);
    return st;
}
