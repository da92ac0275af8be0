/* Training through the public header alone, on a very small model. */
#include "base/path.h"
#include "drape.h"
#include "scratch.h"

#include <math.h>

#define MODEL DR_SOURCE_DIR "/tests/golden/nano"

/* --- a run that is watched ------------------------------------------------------------------------ */

typedef struct watch {
    int prepared, steps, asked;
    int cancel_after;              /* steps; 0: never */
    char said[4096];               /* all messages */
    drape_train_report report[16]; /* of each step */
} watch;

static void on_prepare(void *user, const char *what, int done, int total)
{
    watch *w = user;
    assert_non_null(what);
    assert_true(done >= 0 && done <= total);
    assert_int_equal(w->steps, 0);
    w->prepared++;
}

static void on_step(void *user, const drape_train_report *r)
{
    watch *w = user;
    assert_in_range(w->steps, 0, 15);
    w->report[w->steps++] = *r;
}

static void on_message(void *user, const char *text)
{
    watch *w = user;
    strncat(w->said, text, sizeof w->said - strlen(w->said) - 1);
}

static bool on_cancel(void *user)
{
    watch *w = user;
    w->asked++;
    return w->cancel_after && w->steps >= w->cancel_after;
}

static drape_train_options options(watch *w, const char *out)
{
    drape_train_options o;
    *w = (watch){0};
    drape_train_defaults(&o);
    o.pretrained_model_name_or_path = MODEL;
    o.instance_data_dir = scratch("images");
    o.instance_masks_data_dir = scratch("masks");
    o.output_dir = scratch(out);
    o.resolution = 32;
    o.learning_rate = 1e-3;
    o.lr_scheduler = "linear";
    o.lr_warmup_steps = 2;
    o.max_train_steps = 5;
    o.callbacks = (drape_train_callbacks){w, on_prepare, on_step, on_message, on_cancel};
    return o;
}

static int make_photos(void **state)
{
    if (scratch_make(state) || dr_mkdirs(scratch("images")) || dr_mkdirs(scratch("masks")))
        return -1;
    drape_set_threads(1);
    put_photo("images/coat_1.png", 40, 60);
    put_photo("images/coat_2.png", 64, 48);
    put_mask("masks/coat_1.png", 40, 60, 8, 8, 20, 40);
    put_mask("masks/coat_2.png", 64, 48, 20, 4, 24, 36);
    return 0;
}

static void train(const drape_train_options *o)
{
    if (drape_train(o))
        fail_msg("%s", drape_error());
}

static void reports_come_for_every_step(void **state)
{
    (void)state;
    watch w;
    drape_train_options o = options(&w, "watched");
    o.train_text_encoder = true;
    train(&o);
    assert_int_equal(w.steps, 5);
    assert_true(w.prepared > 0 && w.asked > 0);
    for (int i = 0; i < w.steps; i++) {
        const drape_train_report *r = &w.report[i];
        assert_int_equal(r->step, i + 1);
        assert_int_equal(r->steps, 5);
        assert_true(isfinite(r->loss) && r->loss > 0);
        assert_true(isfinite(r->smooth_loss) && r->smooth_loss > 0);
        assert_true(isfinite(r->gradient_norm) && r->gradient_norm > 0);
        assert_true(r->seconds > 0 && r->memory > 0);
        assert_true(fabs(r->learning_rate - 1e-3 * (i < 2 ? i / 2.0 : (5 - i) / 3.0)) < 1e-9);
    }
    assert_non_null(strstr(w.said, "this run needs"));
}

static void gradients_used_as_they_come_have_no_norm(void **state)
{
    (void)state;
    watch w;
    drape_train_options o = options(&w, "as-they-come");
    o.gradient_checkpointing = true;
    o.max_grad_norm = 0;
    train(&o);
    assert_int_equal(w.steps, 5);
    for (int i = 0; i < w.steps; i++)
        assert_true(isnan(w.report[i].gradient_norm) && isfinite(w.report[i].loss));
}

/* The weights in a folder that training wrote. */
static char *weights(const char *out, size_t *size)
{
    char path[600], *data;
    dr_path(path, sizeof path, scratch(out), "unet/diffusion_pytorch_model.safetensors");
    assert_int_equal(dr_file_read(path, (size_t)64 << 20, &data, size), DR_OK);
    return data;
}

static void a_cancelled_run_goes_on(void **state)
{
    (void)state;
    watch w;
    drape_train_options o = options(&w, "whole");
    train(&o);
    o = options(&w, "halved");
    w.cancel_after = 2;
    assert_int_equal(drape_train(&o), DRAPE_ECANCELLED);
    assert_int_equal(w.steps, 2);
    assert_non_null(strstr(w.said, "--resume_from_checkpoint=latest"));
    assert_true(dr_exists(scratch("halved/checkpoint-2/state.json")));
    assert_false(dr_exists(scratch("halved/model_index.json")));

    o = options(&w, "halved");
    o.resume_from_checkpoint = "latest";
    train(&o);
    assert_int_equal(w.steps, 3);
    assert_int_equal(w.report[0].step, 3);
    size_t n, m;
    char *a = weights("whole", &n), *b = weights("halved", &m);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    free(a);
    free(b);
}

static void cancelling_before_the_first_step_writes_no_model(void **state)
{
    (void)state;
    watch w;
    drape_train_options o = options(&w, "nothing");
    w.cancel_after = -1; /* at once */
    assert_int_equal(drape_train(&o), DRAPE_ECANCELLED);
    assert_int_equal(w.steps, 0);
    assert_false(dr_exists(scratch("nothing/model_index.json")));
}

static void without_callbacks_it_works_silently(void **state)
{
    (void)state;
    watch w;
    drape_pipeline *p;
    drape_train_options o = options(&w, "silent");
    o.callbacks = (drape_train_callbacks){0};
    o.max_train_steps = 1;
    train(&o);
    assert_int_equal(drape_pipeline_load(&p, o.output_dir, NULL), DRAPE_OK);
    drape_pipeline_free(p);
}

static void a_loss_beyond_numbers_stops_the_run(void **state)
{
    (void)state;
    watch w;
    drape_train_options o = options(&w, "diverged");
    o.learning_rate = 1;
    o.adam_weight_decay = 100;
    o.lr_scheduler = "constant";
    o.max_train_steps = 16;
    drape_status st = drape_train(&o);
    assert_int_equal(st, DRAPE_EINVAL);
    assert_non_null(strstr(drape_error(), "try a lower --learning_rate"));
    assert_false(dr_exists(scratch("diverged/model_index.json")));
}

static void refuse(const drape_train_options *o, drape_status want, const char *words)
{
    assert_int_equal(drape_train(o), want);
    if (!strstr(drape_error(), words))
        fail_msg("'%s' is not in '%s'", words, drape_error());
    assert_false(dr_exists(o->output_dir));
}

static void what_cannot_be_is_refused_in_words(void **state)
{
    (void)state;
    watch w;
    drape_train_options good = options(&w, "refused"), o = good;
    o.pretrained_model_name_or_path = NULL;
    refuse(&o, DRAPE_EINVAL, "pretrained_model_name_or_path is missing");
    o = good;
    o.instance_masks_data_dir = scratch("no-masks");
    refuse(&o, DRAPE_ENOENT, "there is no folder");
    o = good;
    o.resolution = 33;
    refuse(&o, DRAPE_EINVAL, "must be a multiple of 4");
    o = good;
    o.learning_rate = NAN;
    refuse(&o, DRAPE_EINVAL, "learning_rate");
    o = good;
    o.lr_scheduler = "steep";
    refuse(&o, DRAPE_EINVAL, "cosine_with_restarts");
    o = good;
    o.mixed_precision = "fp16";
    refuse(&o, DRAPE_EUNSUPPORTED, "fp16");
    o = good;
    o.with_prior_preservation = true;
    refuse(&o, DRAPE_EINVAL, "class_data_dir");
    o = good;
    o.validation_image = scratch("images/coat_1.png");
    refuse(&o, DRAPE_EINVAL, "validation_mask");
    o.validation_mask = scratch("masks/none.png");
    refuse(&o, DRAPE_ENOENT, "none.png");
    o = good;
    o.use_ema = true;
    o.lora_rank = 4;
    refuse(&o, DRAPE_EINVAL, "use_ema");
    o = good;
    o.resume_from_checkpoint = "checkpoint-1";
    assert_int_equal(drape_train(&o), DRAPE_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_come_for_every_step),
        cmocka_unit_test(gradients_used_as_they_come_have_no_norm),
        cmocka_unit_test(a_cancelled_run_goes_on),
        cmocka_unit_test(cancelling_before_the_first_step_writes_no_model),
        cmocka_unit_test(without_callbacks_it_works_silently),
        cmocka_unit_test(a_loss_beyond_numbers_stops_the_run),
        cmocka_unit_test(what_cannot_be_is_refused_in_words),
    };
    return cmocka_run_group_tests(tests, make_photos, scratch_remove);
}
