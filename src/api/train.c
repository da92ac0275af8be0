/* drape_train: the trainer, with try-on pictures of the model in training. The two do not know of each other below. */
#include "drape.h"

#include "base/file.h"
#include "base/path.h"
#include "base/progress.h"
#include "io/mask.h"
#include "learn/ranks.h"
#include "options/options.h"
#include "pipeline/folder.h"
#include "train/dataset_lint.h"
#include "train/pairs_dataset.h"
#include "train/trainer.h"
#include "tryon/tryon.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void drape_train_defaults(drape_train_options *options)
{
    *options = dr_train_defaults;
}

/* --- pictures of the model in training ---------------------------------------------------------- */

typedef struct train_call {
    const drape_train_options *options;
    const dr_trainer *trainer;
    const char *what; /* for progress */
    int done, total;
} train_call;

static void picture_progress(void *user, dr_stage stage, int done, int total)
{
    const train_call *c = user;
    const drape_train_callbacks *cb = &c->options->callbacks;
    if (stage == DR_STAGE_DENOISE && cb->prepare)
        cb->prepare(cb->user, c->what, c->done * total + done, c->total * total);
}

static bool picture_cancel(void *user)
{
    const drape_train_callbacks *cb = &((const train_call *)user)->options->callbacks;
    return cb->cancel && cb->cancel(cb->user);
}

static dr_tryon_options picture_options(train_call *c, const dr_engine *e, const char *prompt, uint64_t seed)
{
    int steps = e->schedule.advised_steps; /* at most 25: a picture on the way need not be the finest */
    dr_tryon_options o = {.inpaint = {.prompt = prompt,
                                      .negative_prompt = "",
                                      .guidance = {.scale = e->schedule.advised_guidance, .end = 1},
                                      .seed = seed,
                                      .sampler = {.steps = steps < 25 ? steps : 25, .strength = 1},
                                      .cb = {.user = c, .progress = picture_progress, .cancel = picture_cancel}},
                          .padding = -1,
                          .mask_blur = -1,
                          .paste = true};
    if (dr_sampler_kind_of(&e->schedule, &o.inpaint.sampler.kind))
        o.inpaint.sampler.kind = DR_SAMPLER_DDIM;
    return o;
}

/* As CatVTON's published program makes them, at the size of the pairs. */
static void picture_of_pair(const train_call *c, const dr_engine *e, const dr_image *garment, dr_tryon_options *o)
{
    o->garment = garment;
    o->fit = DR_FIT_CROP_PAD;
    o->whole = true;
    o->paste = false;
    (void)dr_trainer_pair_size(c->trainer, &o->inpaint.width, &o->inpaint.height);
    o->inpaint.sampler.kind = DR_SAMPLER_DDIM;
    o->inpaint.sampler.eta = e->schedule.advice_given ? 0 : 1; /* few steps want no noise of their own */
}

static bool first_rank(const train_call *c)
{
    return dr_ranks_rank(dr_trainer_ranks(c->trainer)) == 0;
}

static dr_status write_pictures(train_call *c, dr_engine *e, const char *dir, int step)
{
    const drape_train_options *p = c->options;
    dr_image photo = {0}, mask = {0}, garment = {0};
    dr_status st = dr_image_read(&photo, p->validation_image, 3);
    if (!st && p->validation_garment)
        st = dr_image_read(&garment, p->validation_garment, 3);
    if (!st)
        st = dr_mask_load(&mask, p->validation_mask, photo.width, photo.height, p->validation_image, NULL);
    dr_status before = st; /* of this rank: the others hear of it with the first picture that they miss */
    st = DR_OK;
    for (int i = 0; !st && i < p->num_validation_images; i++) {
        char path[PATH_MAX];
        dr_image out = {0};
        dr_tryon_options o =
            picture_options(c, e, p->validation_prompt ? p->validation_prompt : "", p->seed + (uint64_t)i);
        c->done = i;
        if (garment.data)
            picture_of_pair(c, e, &garment, &o);
        dr_status made = before || !dr_trainer_makes(c->trainer, i) ? before : dr_tryon(e, &o, &photo, &mask, &out);
        st = dr_trainer_bring(c->trainer, i, made, &out);
        if (!st && first_rank(c))
            st = dr_path_format(path, sizeof path, dir, "step-%06d-%d.png", step, i + 1);
        if (!st && first_rank(c))
            st = dr_image_write(&out, path, &(dr_image_write_options){0});
        dr_image_clear(&out);
    }
    dr_image_clear(&photo);
    dr_image_clear(&mask);
    dr_image_clear(&garment);
    return st;
}

/* An engine on the model that training started from, with the models in training in place of its own. */
static dr_status open_in_training(dr_engine *e, dr_trainer *t)
{
    struct dr_text_model *text = dr_trainer_text(t);
    dr_engine_extras extras = {.dresses = dr_trainer_pair_size(t, NULL, NULL)};
    dr_status st = dr_engine_open(e, dr_trainer_source(t), &extras, dr_trainer_precision(t), true, NULL);
    if (st)
        return st;
    e->unet = *dr_trainer_unet(t);
    if (text)
        e->text = *text;
    return DR_OK;
}

static void close_in_training(dr_engine *e, dr_trainer *t)
{
    e->unet = (dr_unet_model){0}; /* borrowed */
    if (dr_trainer_text(t))
        e->text = (dr_text_model){0};
    dr_engine_close(e);
}

static dr_status validate(void *user, dr_trainer *t, int step, const char *dir)
{
    train_call *c = user;
    dr_engine e;
    dr_status st = open_in_training(&e, t);
    if (st)
        return st;
    c->trainer = t;
    c->what = "validation pictures";
    c->total = c->options->num_validation_images;
    st = write_pictures(c, &e, dir, step);
    close_in_training(&e, t);
    return st;
}

/* --- photos that are held out ------------------------------------------------------------------------ */

/* A pair's pictures at the size that it is trained at, so that the result can be compared with them. */
static dr_status load_held(const train_call *c, const dr_example *x, dr_image *photo, dr_image *mask, dr_image *garment)
{
    dr_crop whole = {0};
    if (dr_trainer_pair_size(c->trainer, &whole.width, &whole.height))
        return dr_garment_pair_load(x, &whole, photo, mask, garment, NULL);
    dr_status st = dr_image_read(photo, x->image, 3);
    return st ? st : dr_mask_load(mask, x->mask, photo->width, photo->height, x->image, NULL);
}

static dr_status dress_one(train_call *c, dr_engine *e, const dr_example *x, int i, dr_train_dressed *each, void *user)
{
    dr_image photo = {0}, mask = {0}, garment = {0}, out = {0};
    dr_status st = load_held(c, x, &photo, &mask, &garment);
    dr_tryon_options o = picture_options(c, e, x->prompt ? x->prompt : "", c->options->seed + (uint64_t)i);
    if (garment.data)
        picture_of_pair(c, e, &garment, &o);
    if (!st && dr_trainer_makes(c->trainer, i))
        st = dr_tryon(e, &o, &photo, &mask, &out);
    st = dr_trainer_bring(c->trainer, i, st, &out);
    if (!st && first_rank(c))
        st = each(user, i, &photo, &mask, &out);
    dr_image_clear(&photo);
    dr_image_clear(&mask);
    dr_image_clear(&garment);
    dr_image_clear(&out);
    return st;
}

static dr_status dress(void *user, dr_trainer *t, const dr_dataset *photos, int count, dr_train_dressed *each,
                       void *each_user)
{
    train_call *c = user;
    dr_engine e;
    dr_status st = open_in_training(&e, t);
    if (st)
        return st;
    c->trainer = t;
    c->what = "photos held out";
    c->total = count;
    for (int i = 0; !st && i < count; i++) {
        c->done = i;
        st = dress_one(c, &e, &photos->example[i], i, each, each_user);
    }
    close_in_training(&e, t);
    return st;
}

/* --- class images ------------------------------------------------------------------------------- */

/* A whole picture from the class prompt: all of a grey canvas is masked. */
static dr_status make_one(train_call *c, dr_engine *e, const drape_train_options *o, uint64_t seed, const char *path)
{
    dr_image canvas = {0}, mask = {0}, out = {0};
    dr_status st = dr_image_alloc(&canvas, o->resolution, o->resolution, 3);
    if (!st)
        st = dr_image_alloc(&mask, o->resolution, o->resolution, 1);
    if (!st) {
        size_t pixels = (size_t)o->resolution * (size_t)o->resolution;
        memset(canvas.data, 128, 3 * pixels);
        memset(mask.data, 255, pixels);
        dr_tryon_options to = picture_options(c, e, o->class_prompt, seed);
        to.whole = true;
        to.paste = false;
        to.inpaint.width = to.inpaint.height = o->resolution;
        st = dr_tryon(e, &to, &canvas, &mask, &out);
    }
    if (!st)
        st = dr_image_write(&out, path, &(dr_image_write_options){0});
    dr_image_clear(&canvas);
    dr_image_clear(&mask);
    dr_image_clear(&out);
    return st;
}

/* The numbers of those that are not there: all ranks look before one of them writes. */
static dr_status list_missing(const drape_train_options *o, int *number, int missing)
{
    char path[PATH_MAX];
    dr_status st = DR_OK;
    for (int i = 0, n = 0; !st && i < missing; n++) {
        st = dr_path_format(path, sizeof path, o->class_data_dir, "class-%05d.png", n);
        if (!st && !dr_exists(path))
            number[i++] = n;
    }
    return st;
}

static dr_status make_those(train_call *c, dr_engine *e, const dr_trainer *t, const drape_train_options *o,
                            const int *number, int missing)
{
    char path[PATH_MAX];
    dr_status st = DR_OK;
    for (int i = 0; !st && i < missing; i++) {
        c->done = i;
        if (!dr_trainer_makes(t, i))
            continue;
        st = dr_path_format(path, sizeof path, o->class_data_dir, "class-%05d.png", number[i]);
        if (!st)
            st = make_one(c, e, o, o->seed + 1000 + (uint64_t)number[i], path);
    }
    return st;
}

static dr_status make_class_images(void *user, const dr_trainer *t, const drape_train_options *o, int missing)
{
    train_call *c = user;
    dr_engine e;
    int *number = calloc((size_t)missing + 1, sizeof *number);
    dr_status st = number ? list_missing(o, number, missing) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_ranks_barrier(dr_trainer_ranks(t));
    if (!st)
        st = dr_engine_open(&e, dr_trainer_source(t), NULL, DR_PRECISION_EXACT, true, NULL);
    if (!st) {
        c->what = "class images";
        c->total = missing;
        st = make_those(c, &e, t, o, number, missing);
        dr_engine_close(&e);
    }
    free(number);
    return st ? st : dr_ranks_barrier(dr_trainer_ranks(t));
}

/* --- the call ----------------------------------------------------------------------------------- */

/* Found out now, not after the first hundred steps. */
static dr_status check_validation(const drape_train_options *p)
{
    dr_image photo = {0}, mask = {0}, garment = {0};
    if (!p->validation_image || !p->validation_mask)
        return DR_OK;
    dr_status st = dr_image_read(&photo, p->validation_image, 3);
    if (!st)
        st = dr_mask_load(&mask, p->validation_mask, photo.width, photo.height, p->validation_image, NULL);
    if (!st && p->validation_garment)
        st = dr_image_read(&garment, p->validation_garment, 3);
    dr_image_clear(&photo);
    dr_image_clear(&mask);
    dr_image_clear(&garment);
    return st;
}

drape_status drape_train(const drape_train_options *options)
{
    train_call call = {.options = options};
    dr_train_pictures pictures = {&call, validate, dress, make_class_images};
    dr_status st = check_validation(options);
    return (drape_status)(st ? st : dr_train(options, &pictures));
}

/* --- before a training -------------------------------------------------------------------------- */

drape_status drape_train_lint(const char *photo, const char *mask, int resolution, char *faults, size_t faults_size,
                              char *doubts, size_t doubts_size)
{
    dr_example e = {.image = strdup(photo), .mask = strdup(mask)};
    dr_findings wrong, odd;
    if (faults_size)
        faults[0] = 0;
    if (doubts_size)
        doubts[0] = 0;
    dr_findings_init(&wrong, faults, faults_size);
    dr_findings_init(&odd, doubts, doubts_size);
    dr_status st = e.image && e.mask ? dr_lint_example(&e, &wrong, &odd) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st && resolution > 0 && !wrong.count)
        dr_dataset_check_resolution(&(dr_dataset){&e, 1}, resolution, doubts, doubts_size);
    free(e.image);
    free(e.mask);
    return (drape_status)st;
}

drape_status drape_train_estimate(const drape_train_options *options, drape_train_need *out, char *text, size_t size)
{
    *out = (drape_train_need){.available = dr_mem_available()};
    return (drape_status)dr_train_need(options, out->available, &out->memory, text, size);
}
