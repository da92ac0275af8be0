#include "warp/warp.h"

#include "io/prepare.h"
#include "pipeline/models.h"

#include <stdlib.h>
#include <string.h>

enum { CLASSES = DR_HR_CLASSES, RGB = 3, CLOTH = 4, IN = 9 };

/* Shares of the time, about; within the image generator each block takes twice as long as the one before. */
#define CONDITION_PART 0.12
#define GLUE_PART 0.2

/* One picture on its way. */
typedef struct job {
    const dr_warp_nets *nets;
    const dr_warp_inputs *in;
    const dr_warp_options *o;
    dr_warp_values *out;
    float *segmap, *low_mask; /* of the condition generator's size */
    int blocks;               /* of the image generator that are done */
} job;

void dr_warp_values_clear(dr_warp_values *v)
{
    free(v->flow);
    free(v->classes);
    free(v->cloth);
    free(v->mask);
    free(v->picture);
    *v = (dr_warp_values){0};
}

/* --- sizes ---------------------------------------------------------------------------------------- */

static bool fits(int width, int height, int divisor)
{
    enum { STEP = 32, LEAST = 64 };
    return width % divisor == 0 && height % divisor == 0 && width / divisor % STEP == 0 &&
           height / divisor % STEP == 0 && width / divisor >= LEAST && height / divisor >= LEAST;
}

void dr_warp_complete_size(dr_warp_size *s)
{
    s->width = s->width ? s->width : 768;
    s->height = s->height ? s->height : 1024;
    int divisor = fits(s->width, s->height, 4) ? 4 : fits(s->width, s->height, 2) ? 2 : 1;
    s->cond_width = s->cond_width ? s->cond_width : s->width / divisor;
    s->cond_height = s->cond_height ? s->cond_height : s->height / divisor;
}

dr_status dr_warp_check_size(const dr_condition_config *condition, const dr_spade_config *generator,
                             const dr_warp_size *s)
{
    dr_status st = dr_spade_check_size(generator, s->height, s->width, "the image generator");
    return st ? st : dr_condition_check_size(condition, s->cond_height, s->cond_width, "the condition generator");
}

/* --- between host and tape -------------------------------------------------------------------------- */

static dr_status out_of_memory(const job *j)
{
    return dr_fail(DR_ENOMEM, "out of memory for a picture of %dx%d", j->o->size.width, j->o->size.height);
}

static void tell(const job *j, double part)
{
    if (j->o->progress)
        j->o->progress(j->o->user, part);
}

static size_t pixels(const job *j)
{
    return (size_t)j->o->size.width * (size_t)j->o->size.height;
}

/* The values of a tensor, in memory of their own. */
static dr_status take(dr_tape *g, const dr_tensor *t, float **out)
{
    dr_status st = dr_tape_status(g);
    if (st)
        return st;
    *out = malloc(dr_nbytes(t));
    if (!*out)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_tensor_get(g, t, *out);
    return DR_OK;
}

/* A picture as a tensor [1,H,W,3] in [-1, 1]. */
static dr_tensor *picture(const job *j, const dr_image *im)
{
    dr_tape *g = j->nets->tape;
    float *v = dr_arena_alloc(&g->arena, pixels(j) * RGB * sizeof *v);
    if (!v) {
        dr_tape_fail(g, DR_ENOMEM);
        return &g->dummy;
    }
    dr_image_to_f32(im, v);
    return dr_input(g, v, 4, (int64_t[]){1, im->height, im->width, RGB});
}

/* Numbers of the condition generator's size as a tensor, made by `fill`. */
static dr_tensor *small_numbers(const job *j, int channels,
                                dr_status (*fill)(const dr_warp_inputs *in, const dr_warp_size *s, float *out))
{
    dr_tape *g = j->nets->tape;
    const dr_warp_size *s = &j->o->size;
    float *v = dr_arena_alloc(&g->arena, (size_t)s->cond_width * (size_t)s->cond_height * (size_t)channels * sizeof *v);
    dr_status st = v ? fill(j->in, s, v) : DR_ENOMEM;
    if (st) {
        dr_tape_fail(g, st);
        return &g->dummy;
    }
    return dr_input(g, v, 4, (int64_t[]){1, s->cond_height, s->cond_width, channels});
}

/* --- condition generator ------------------------------------------------------------------------------ */

static dr_status run_condition(job *j)
{
    dr_tape *g = j->nets->tape;
    const dr_warp_size *s = &j->o->size;
    dr_condition c;
    dr_tape_reset(g);
    dr_tensor *cloth = dr_resize_bilinear(g, picture(j, &j->in->cloth), s->cond_height, s->cond_width);
    cloth = dr_concat(g, cloth, small_numbers(j, 1, dr_inputs_cloth_mask));
    dr_tensor *dense = dr_resize_bilinear(g, picture(j, &j->in->densepose), s->cond_height, s->cond_width);
    dr_tensor *pose = dr_concat(g, small_numbers(j, CLASSES, dr_inputs_classes), dense);
    dr_condition_forward(g, &j->nets->condition->net, cloth, pose, &c);
    dr_status st = dr_tape_status(g);
    if (st)
        return st;
    const dr_tensor *flow = c.flow[c.levels - 1];
    j->out->flow_height = (int)flow->dim[1];
    j->out->flow_width = (int)flow->dim[2];
    st = take(g, flow, &j->out->flow);
    if (!st)
        st = take(g, c.segmap, &j->segmap);
    return st ? st : take(g, c.warped_mask, &j->low_mask);
}

/* --- glue --------------------------------------------------------------------------------------------- */

/* The cloth and its mask as they are, [1,H,W,4]. */
static dr_tensor *whole_cloth(const job *j)
{
    dr_tape *g = j->nets->tape;
    const dr_image *mask = &j->in->cloth_mask;
    float *v = dr_arena_alloc(&g->arena, pixels(j) * sizeof *v);
    if (!v) {
        dr_tape_fail(g, DR_ENOMEM);
        return &g->dummy;
    }
    for (size_t i = 0; i < pixels(j); i++)
        v[i] = mask->data[i] ? 1 : 0;
    return dr_concat(g, picture(j, &j->in->cloth), dr_input(g, v, 4, (int64_t[]){1, mask->height, mask->width, 1}));
}

static dr_status run_glue(job *j)
{
    dr_tape *g = j->nets->tape;
    const dr_warp_size *s = &j->o->size;
    dr_warp_values *out = j->out;
    dr_tape_reset(g);
    dr_tensor *segmap = dr_input(g, j->segmap, 4, (int64_t[]){1, s->cond_height, s->cond_width, CLASSES});
    dr_tensor *mask = dr_input(g, j->low_mask, 4, (int64_t[]){1, s->cond_height, s->cond_width, 1});
    dr_tensor *logits = dr_hr_logits(g, segmap, mask, j->o->composition, s->height, s->width);
    dr_status st = dr_tape_status(g);
    if (!st)
        st = dr_hr_labels(g, logits, out->classes);
    if (st)
        return st;
    dr_tensor *flow = dr_input(g, out->flow, 4, (int64_t[]){1, out->flow_height, out->flow_width, 2});
    dr_tensor *warped = dr_hr_warp(g, whole_cloth(j), flow);
    dr_tensor *cloth = dr_slice(g, warped, 0, RGB);
    mask = dr_slice(g, warped, RGB, 1);
    if (j->o->occlusion)
        dr_hr_occlude(g, logits, &cloth, &mask);
    st = take(g, cloth, &out->cloth);
    return st ? st : take(g, mask, &out->mask);
}

/* --- image generator ------------------------------------------------------------------------------------ */

/* Agnostic picture, DensePose and warped cloth [1,H,W,9]. */
static dr_tensor *generator_input(const job *j)
{
    dr_tape *g = j->nets->tape;
    dr_tensor *both = dr_concat(g, picture(j, &j->in->agnostic), picture(j, &j->in->densepose));
    dr_tensor *cloth = dr_input(g, j->out->cloth, 4, (int64_t[]){1, j->o->size.height, j->o->size.width, RGB});
    dr_tensor *x = dr_concat(g, both, cloth);
    DR_ASSERT(dr_tape_stopped(g) || x->dim[3] == IN, "%d channels", (int)x->dim[3]);
    return x;
}

static void block_done(void *user, const char *name, const dr_tensor *y)
{
    job *j = user;
    (void)name;
    (void)y;
    int blocks = j->nets->generator->net.config.blocks;
    j->blocks = j->blocks < blocks ? j->blocks + 1 : blocks;
    tell(j, GLUE_PART + (1 - GLUE_PART) * ((1 << j->blocks) - 1) / (double)((1 << blocks) - 1));
}

static dr_status run_generator(job *j)
{
    dr_tape *g = j->nets->tape;
    size_t n = pixels(j);
    uint8_t *regions = malloc(n);
    dr_rng rng;
    dr_spade_noise noise = {dr_spade_noise_draw, &rng};
    if (!regions)
        return out_of_memory(j);
    for (size_t i = 0; i < n; i++)
        regions[i] = dr_hr_region(j->out->classes[i]);
    dr_rng_seed(&rng, j->o->seed);
    dr_tape_reset(g);
    g->watch = block_done;
    g->watcher = j;
    dr_tensor *x = generator_input(j);
    dr_tensor *y = dr_spade_forward(g, &j->nets->generator->net, x, regions, j->o->no_noise ? NULL : &noise);
    g->watch = NULL;
    dr_status st = take(g, y, &j->out->picture);
    free(regions);
    return st ? st
              : dr_output_check(j->out->picture, n * RGB, &j->nets->generator->params, "image generator",
                                j->nets->generator->files.list[0].path);
}

/* --- the whole ------------------------------------------------------------------------------------------ */

static dr_status run(job *j)
{
    j->out->classes = malloc(pixels(j));
    dr_status st = j->out->classes ? run_condition(j) : out_of_memory(j);
    if (st)
        return st;
    tell(j, CONDITION_PART);
    st = run_glue(j);
    if (st)
        return st;
    tell(j, GLUE_PART);
    return run_generator(j);
}

dr_status dr_warp_run(const dr_warp_nets *nets, const dr_warp_inputs *in, const dr_warp_options *o, dr_warp_values *out)
{
    job j = {.nets = nets, .in = in, .o = o, .out = out};
    dr_tape *g = nets->tape;
    *out = (dr_warp_values){0};
    DR_ASSERT(in->cloth.width == o->size.width && in->cloth.height == o->size.height, "inputs of %dx%d",
              in->cloth.width, in->cloth.height);
    g->cancelled = o->cancelled;
    g->user = o->user;
    dr_status st = run(&j);
    g->cancelled = NULL;
    dr_tape_reset(g);
    dr_tape_trim(g);
    free(j.segmap);
    free(j.low_mask);
    if (st)
        dr_warp_values_clear(out);
    return st;
}
