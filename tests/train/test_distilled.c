/* Folders with a UNet that was distilled for few steps, and the one that it came from. */
#include "base/path.h"
#include "drape.h"
#include "scratch.h"
#include "train/distilled.h"

#include <math.h>

#define MODEL DR_SOURCE_DIR "/tests/golden/nano"
#define STEPS 3

static void shell(const char *command)
{
    assert_int_equal(system(command), 0);
}

/* nano twice: "plain", whose UNet is the base, and "distilled", which has nano's own UNet and that base. */
/* A model whose parts are looked at by themselves. */
static dr_source *open_source(const char *path)
{
    dr_source *s = NULL;
    if (dr_source_open(&s, path, &(dr_source_options){.unchecked = true}))
        fail_msg("%s", dr_error());
    return s;
}

static int make_models(void **state)
{
    char command[2048], path[600];
    dr_unet_model m = {0};
    if (scratch_make(state) || dr_mkdirs(scratch("images")) || dr_mkdirs(scratch("masks")))
        return -1;
    drape_set_threads(1);
    put_photo("images/coat_1.png", 40, 60);
    put_mask("masks/coat_1.png", 40, 60, 10, 10, 20, 30);
    snprintf(command, sizeof command,
             "cd '%s' && cp -rL '%s' distilled && cp -r distilled/unet distilled/unet_base && "
             "chmod -R u+w . && rm distilled/unet_base/*.safetensors",
             scratch_dir, MODEL);
    shell(command);
    dr_source *s = open_source(MODEL);
    assert_int_equal(dr_unet_load(&m, s), DR_OK);
    assert_int_equal(dr_params_make_trainable(&m.params), DR_OK); /* copies */
    dr_source_close(s);
    for (dr_param *q = m.params.first; q; q = q->next)
        for (int64_t i = 0; i < dr_numel(&q->t); i++)
            dr_f32(&q->t)[i] *= 0.9f;
    dr_path(path, sizeof path, scratch_dir, "distilled/unet_base/diffusion_pytorch_model.safetensors");
    assert_int_equal(dr_weights_save(&m.params, path, DR_F32, "", 0), DR_OK);
    dr_unet_unload(&m);
    snprintf(command, sizeof command,
             "cd '%s' && cp -r distilled plain && rm -r plain/unet && mv plain/unet_base plain/unet", scratch_dir);
    shell(command);
    return 0;
}

typedef struct losses {
    double loss[STEPS];
    int steps;
} losses;

static void on_step(void *user, const drape_train_report *r)
{
    losses *l = user;
    l->loss[l->steps++] = r->loss;
}

static void train(const char *model, const char *out, losses *l)
{
    drape_train_options o;
    *l = (losses){.steps = 0};
    drape_train_defaults(&o);
    o.pretrained_model_name_or_path = scratch(model);
    o.instance_data_dir = scratch("images");
    o.instance_masks_data_dir = scratch("masks");
    o.output_dir = scratch(out);
    o.resolution = 32;
    o.learning_rate = 1e-3;
    o.max_train_steps = STEPS;
    o.seed = 3;
    o.callbacks = (drape_train_callbacks){.user = l, .step = on_step};
    if (drape_train(&o) != DRAPE_OK)
        fail_msg("%s", drape_error());
    assert_int_equal(l->steps, STEPS);
}

static void load(dr_unet_model *m, const char *dir, const char *part)
{
    dr_source *s = open_source(scratch(dir));
    *m = (dr_unet_model){0};
    if (dr_unet_load_part(m, s, part) != DR_OK)
        fail_msg("%s", dr_error());
    assert_int_equal(dr_params_make_trainable(&m->params), DR_OK); /* copies: the source may go */
    dr_source_close(s);
}

/* The largest difference between a - b and c - d. */
static double apart(const dr_unet_model *a, const dr_unet_model *b, const dr_unet_model *c, const dr_unet_model *d)
{
    double most = 0;
    const dr_param *p[4] = {a->params.first, b->params.first, c->params.first, d->params.first};
    for (; p[0]; p[0] = p[0]->next, p[1] = p[1]->next, p[2] = p[2]->next, p[3] = p[3]->next)
        for (int64_t i = 0; i < dr_numel(&p[0]->t); i++) {
            double v[4];
            for (int k = 0; k < 4; k++)
                v[k] = (double)dr_f32(&p[k]->t)[i];
            most = fmax(most, fabs((v[0] - v[1]) - (v[2] - v[3])));
        }
    return most;
}

static void the_base_learns_and_the_painter_changes_with_it(void **state)
{
    (void)state;
    losses want, got;
    dr_unet_model plain, base, painter, old_base, old_painter;
    train("plain", "taught-plain", &want);
    train("distilled", "taught", &got);
    for (int i = 0; i < STEPS; i++)
        assert_true(got.loss[i] == want.loss[i]);
    load(&plain, "taught-plain", "unet");
    load(&base, "taught", DR_UNET_BASE);
    load(&painter, "taught", "unet");
    load(&old_base, "distilled", DR_UNET_BASE);
    load(&old_painter, "distilled", "unet");
    assert_true(apart(&base, &plain, &plain, &plain) == 0);
    assert_true(apart(&base, &old_base, &old_base, &old_base) > 1e-4); /* it has learnt */
    assert_true(apart(&painter, &base, &old_painter, &old_base) < 1e-6);
    dr_unet_model *all[] = {&plain, &base, &painter, &old_base, &old_painter};
    for (int i = 0; i < 5; i++)
        dr_unet_unload(all[i]);
}

static void painting_leaves_every_bit_of_what_learns(void **state)
{
    (void)state;
    dr_distilled d;
    dr_unet_model base = {0}, kept, painter;
    dr_source *s = open_source(scratch("distilled"));
    assert_int_equal(dr_distilled_open(&d, &base, s), DR_OK);
    assert_int_equal(dr_params_make_trainable(&base.params), DR_OK);
    load(&kept, "distilled", DR_UNET_BASE);
    load(&painter, "distilled", "unet");
    assert_int_equal(dr_distilled_enter(&d, &base.params), DR_OK);
    assert_true(apart(&base, &painter, &kept, &kept) < 1e-6);
    dr_distilled_leave(&d, &base.params);
    assert_true(apart(&base, &kept, &kept, &kept) == 0);
    dr_unet_unload(&base);
    dr_unet_unload(&kept);
    dr_unet_unload(&painter);
    dr_distilled_clear(&d);
    dr_source_close(s);
}

static void unets_of_two_kinds_are_told_apart(void **state)
{
    (void)state;
    char command[1024];
    dr_distilled d;
    dr_unet_model m = {0};
    snprintf(command, sizeof command,
             "cd '%s' && cp -r distilled odd && rm -r odd/unet_base && cp -rL '%s/../nano1/unet' odd/unet_base",
             scratch_dir, MODEL);
    shell(command);
    dr_source *s = open_source(scratch("odd"));
    dr_status st = dr_distilled_open(&d, &m, s);
    dr_source_close(s);
    assert_int_equal(st, DR_EINVAL);
    assert_null(d.change);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_base_learns_and_the_painter_changes_with_it),
        cmocka_unit_test(painting_leaves_every_bit_of_what_learns),
        cmocka_unit_test(unets_of_two_kinds_are_told_apart),
    };
    return cmocka_run_group_tests(tests, make_models, scratch_remove);
}
