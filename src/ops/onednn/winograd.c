/* 3x3 convolutions of stride 1 by F(4x4,3x3): ops/cpu/winograd.h has the arithmetic, winograd_run.c the loops; here are
 * the weights. A constant one is packed into panels, in its own dtype; the transform reads it at each call. */
#include "ops/onednn/pack.h"
#include "ops/onednn/rows.h"
#include "ops/onednn/winograd_run.h"

#define PANEL_LAYOUT 1 /* the name of our own weight layout among dr_pack's */

typedef struct unit_job {
    const dr_winograd_kernels *k;
    const dr_winograd_weights *w;
    int64_t panels;
} unit_job;

static void make_units(const void *job, float *unit)
{
    const unit_job *j = job;
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t panel = 0; panel < j->panels; panel++)
        j->k->units(j->w, panel, unit + panel * DR_WINOGRAD_POSITIONS * j->k->outputs);
}

/* What the weights' whole numbers stand for: worked out once. */
static dr_status forward_units(const dr_conv_args *a, const dr_winograd_kernels *k, dr_winograd_weights *w)
{
    int64_t panels = (a->O + k->outputs - 1) / k->outputs;
    const dr_pack *pack = dr_pack_of(a->w);
    if (!pack || pack->layout != PANEL_LAYOUT)
        return DR_EUNSUPPORTED;
    w->unit = dr_pack_extra(pack, (size_t)(panels * k->outputs * DR_WINOGRAD_POSITIONS), make_units,
                            &(unit_job){.k = k, .w = w, .panels = panels});
    return w->unit ? DR_OK : DR_ENOMEM;
}

static dr_status forward_weights(const dr_conv_args *a, dr_cmd plain, dr_winograd_weights *w, int width)
{
    dr_md panels = dr_md_panels((int64_t[]){a->O, a->I, 3, 3}, width);
    if (!panels)
        return DR_EUNSUPPORTED;
    const dr_pack *pack = NULL;
    dr_status s = dr_pack_make(a->w, plain, panels, PANEL_LAYOUT, DR_F32, a->scratch, &pack);
    if (s == DR_OK && pack && pack->layout == PANEL_LAYOUT) {
        w->data = pack->data;
        w->dtype = pack->stored;
        if (pack->q8) {
            w->scale = pack->q8->scale;
            w->outputs = pack->q8->outputs;
        }
    } else if (s == DR_OK) {
        s = dr_weights_as(a->w, plain, panels, a->scratch, &w->data);
    }
    dr_md_free(panels);
    return s;
}

/* Outputs and inputs exchanged. */
static dr_status gradient_weights(const dr_conv_args *a, dr_cmd plain, dr_winograd_weights *w, int width)
{
    const int64_t dim[] = {a->I, a->O, 3, 3}, stride[] = {9, 9 * a->I, 3, 1};
    dr_md exchanged = dr_md_make(4, dim, dnnl_f32, stride), panels = dr_md_panels(dim, width);
    dr_status s = exchanged && panels ? DR_OK : DR_EUNSUPPORTED;
    if (s == DR_OK) {
        float *out = dr_arena_alloc(a->scratch, dnnl_memory_desc_get_size(panels));
        const float *from = NULL;
        s = out ? dr_weights_plain(a->w, plain, a->scratch, &from) : DR_ENOMEM;
        if (s == DR_OK)
            s = dr_reorder(a->scratch, exchanged, from, panels, out);
        w->data = out;
    }
    dr_md_free(exchanged);
    dr_md_free(panels);
    return s;
}

bool dr_conv_winograd_fits(const dr_conv_args *a)
{
    const dr_conv_geom *g = &a->geom;
    return g->kh == 3 && g->kw == 3 && g->stride == 1 && g->groups <= 1;
}

static dr_status forward(const dr_conv_args *a, const dr_winograd_kernels *k)
{
    if (!dr_conv_winograd_fits(a))
        return DR_EUNSUPPORTED;
    size_t mark = dr_arena_mark(a->scratch);
    dr_winograd p = {.k = k,
                     .w = {.dtype = DR_F32, .channels = a->I},
                     .N = a->N,
                     .H = a->H,
                     .W = a->W,
                     .I = a->I,
                     .O = a->O,
                     .OH = a->OH,
                     .OW = a->OW,
                     .top = a->geom.top,
                     .left = a->geom.left,
                     .x = a->x,
                     .b = a->b,
                     .residual = a->residual,
                     .y = a->y};
    dr_md plain = dr_conv_plain_md(a);
    dr_status s = plain ? forward_weights(a, plain, &p.w, k->outputs) : DR_EUNSUPPORTED;
    if (s == DR_OK && k->units)
        s = forward_units(a, k, &p.w);
    if (s == DR_OK)
        s = dr_winograd_run(&p, a->scratch);
    dr_md_free(plain);
    dr_arena_rewind(a->scratch, mark);
    return s;
}

dr_status dr_conv_winograd(const dr_conv_args *a)
{
    return forward(a, dr_cpu_winograd());
}

dr_status dr_conv_winograd16(const dr_conv_args *a)
{
    return dr_conv_winograd16_fits(a) ? forward(a, dr_cpu_winograd16()) : DR_EUNSUPPORTED;
}

bool dr_conv_winograd16_fits(const dr_conv_args *a)
{
    return dr_conv_winograd_fits(a) && a->w->constant && dr_cpu_winograd16();
}

bool dr_conv_winograd_dx_fits(const dr_conv_args *a)
{
    const dr_conv_geom *g = &a->geom;
    return dr_conv_winograd_fits(a) && g->top <= 2 && g->left <= 2;
}

/* dx is the convolution of dy with the weights turned by half a turn and their channels exchanged. */
dr_status dr_conv_winograd_dx(const dr_conv_args *a)
{
    if (!dr_conv_winograd_dx_fits(a))
        return DR_EUNSUPPORTED;
    size_t mark = dr_arena_mark(a->scratch);
    dr_winograd p = {.k = dr_cpu_winograd(),
                     .w = {.dtype = DR_F32, .channels = a->O, .flip = true},
                     .N = a->N,
                     .H = a->OH,
                     .W = a->OW,
                     .I = a->O,
                     .O = a->I,
                     .OH = a->H,
                     .OW = a->W,
                     .top = 2 - a->geom.top,
                     .left = 2 - a->geom.left,
                     .x = a->dy,
                     .residual = a->dx,
                     .y = a->dx};
    dr_md plain = dr_conv_plain_md(a);
    dr_status s = plain ? gradient_weights(a, plain, &p.w, p.k->outputs) : DR_EUNSUPPORTED;
    if (s == DR_OK)
        s = dr_winograd_run(&p, a->scratch);
    dr_md_free(plain);
    dr_arena_rewind(a->scratch, mark);
    return s;
}
