/* Photos that are held out, through the public header: which they are, what is told of them, and the best that is kept.
 */
#include "base/json.h"
#include "drape.h"
#include "scratch.h"
#include "train/holdout.h"

#include <dirent.h>
#include <math.h>

#define MODEL DR_SOURCE_DIR "/tests/golden/nano"

typedef struct watch {
    int looks, stop_at_step, step;
    bool best[16];
    drape_train_look look[16];
    double value[16][DRAPE_EVAL_METRICS];
    char said[8192];
} watch;

static void on_step(void *user, const drape_train_report *r)
{
    ((watch *)user)->step = r->step;
}

static void on_message(void *user, const char *text)
{
    watch *w = user;
    strncat(w->said, text, sizeof w->said - strlen(w->said) - 1);
}

static bool on_cancel(void *user)
{
    const watch *w = user;
    return w->stop_at_step && w->step >= w->stop_at_step;
}

static void on_look(void *user, const drape_train_look *l)
{
    watch *w = user;
    assert_in_range(w->looks, 0, 15);
    w->look[w->looks] = *l;
    w->best[w->looks] = l->best;
    memcpy(w->value[w->looks++], l->value, (size_t)l->metrics * sizeof *l->value);
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
    o.lr_warmup_steps = 0;
    o.max_train_steps = 6;
    o.checkpointing_steps = 2;
    o.validation_split = 0.3;
    o.validation_steps = 2;
    o.validation_metrics = "none";
    o.callbacks =
        (drape_train_callbacks){w, .step = on_step, .message = on_message, .cancel = on_cancel, .look = on_look};
    return o;
}

static int make_photos(void **state)
{
    char name[32];
    if (scratch_make(state) || dr_mkdirs(scratch("images")) || dr_mkdirs(scratch("masks")))
        return -1;
    drape_set_threads(1);
    for (int i = 1; i <= 5; i++) {
        snprintf(name, sizeof name, "images/coat_%d.png", i);
        put_photo(name, 40 + i, 60);
        snprintf(name, sizeof name, "masks/coat_%d.png", i);
        put_mask(name, 40 + i, 60, 8, 8, 20, 40);
    }
    return 0;
}

static void train(const drape_train_options *o)
{
    if (drape_train(o))
        fail_msg("%s", drape_error());
}

static void the_same_photos_are_held_out_every_time(void **state)
{
    watch w;
    drape_train_options o = options(&w, "unused");
    char doubts[256];
    (void)state;
    for (int seed = 0; seed < 3; seed++) {
        char names[2][256] = {"", ""};
        for (int k = 0; k < 2; k++) {
            dr_dataset d;
            dr_holdout h;
            o.seed = (uint64_t)seed;
            assert_int_equal(dr_dataset_open(&d, o.instance_data_dir, o.instance_masks_data_dir, NULL, NULL, 0), DR_OK);
            assert_int_equal(dr_holdout_open(&h, &o, &d, doubts, sizeof doubts), DR_OK);
            assert_int_equal(h.photos.count, 2);
            assert_int_equal(d.count, 3);
            for (int i = 0; i < 5; i++)
                strcat(names[k], dr_path_name(i < 2 ? h.photos.example[i].image : d.example[i - 2].image));
            dr_holdout_close(&h);
            dr_dataset_close(&d);
        }
        assert_string_equal(names[0], names[1]);
        for (int i = 1; i <= 5; i++) {
            char one[32];
            snprintf(one, sizeof one, "coat_%d.png", i);
            assert_non_null(strstr(names[0], one)); /* none is lost, none is on both sides */
        }
    }
}

static void looks_are_told_logged_and_change_no_weight(void **state)
{
    watch w, alone;
    char *a, *b;
    size_t na, nb;
    (void)state;
    drape_train_options o = options(&w, "looked");
    train(&o);
    assert_int_equal(w.looks, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(w.look[i].step, 2 * i + 2);
        assert_true(isfinite(w.look[i].loss) && w.look[i].loss > 0);
    }
    assert_non_null(strstr(w.said, "2 photos are held out, 3 to train on"));
    assert_non_null(strstr(w.said, "over-fitting"));
    assert_int_equal(dr_file_read(scratch("looked/logs/train.jsonl"), 1 << 20, &a, &na), DR_OK);
    assert_non_null(strstr(a, "\"held_out\""));
    free(a);
    o = options(&alone, "alone");
    o.validation_steps = 0; /* a look at the end alone */
    train(&o);
    assert_int_equal(alone.looks, 1);
    assert_true(alone.look[0].loss == w.look[2].loss);
    const char *file = "unet/diffusion_pytorch_model.safetensors";
    char path[64];
    snprintf(path, sizeof path, "looked/%s", file);
    assert_int_equal(dr_file_read(scratch(path), 1 << 26, &a, &na), DR_OK);
    snprintf(path, sizeof path, "alone/%s", file);
    assert_int_equal(dr_file_read(scratch(path), 1 << 26, &b, &nb), DR_OK);
    assert_int_equal(na, nb);
    assert_memory_equal(a, b, na);
    free(a);
    free(b);
}

static void the_loss_of_an_untrained_model_is_the_same_at_every_look(void **state)
{
    watch w;
    drape_train_options o = options(&w, "still");
    (void)state;
    o.learning_rate = 0;
    train(&o);
    assert_int_equal(w.looks, 3);
    assert_true(w.look[0].loss == w.look[1].loss && w.look[1].loss == w.look[2].loss);
    assert_true(w.best[0] && !w.best[1] && !w.best[2]); /* the first of equal ones */
}

/* The step of OUT/best-STEP; there must be one alone, and nothing half written. */
static int best_in(const char *out)
{
    int step = -1, found = 0;
    DIR *d = opendir(scratch(out));
    assert_non_null(d);
    for (const struct dirent *f; (f = readdir(d));) {
        assert_null(strstr(f->d_name, ".tmp-"));
        if (strncmp(f->d_name, "best-", 5) == 0) {
            step = atoi(f->d_name + 5);
            found++;
        }
    }
    closedir(d);
    assert_int_equal(found, 1);
    return step;
}

static void same_best(const char *a, const char *b, const char *file)
{
    char *x, *y, path[128];
    size_t nx, ny;
    int step = best_in(a);
    assert_int_equal(best_in(b), step);
    snprintf(path, sizeof path, "%s/best-%d/%s", a, step, file);
    assert_int_equal(dr_file_read(scratch(path), 1 << 26, &x, &nx), DR_OK);
    snprintf(path, sizeof path, "%s/best-%d/%s", b, step, file);
    assert_int_equal(dr_file_read(scratch(path), 1 << 26, &y, &ny), DR_OK);
    assert_int_equal(nx, ny);
    assert_memory_equal(x, y, nx);
    free(x);
    free(y);
}

/* Interrupted after each step; the last of these has the best of a run that was left alone, bit for bit. */
static void compare_interrupted(const char *whole, const char *pieces, int rank, const char *file)
{
    watch w, v;
    drape_train_options o = options(&w, whole);
    o.lora_rank = rank;
    o.keep_best = "loss";
    train(&o);
    for (int stop = 1; stop <= 6; stop++) {
        o = options(&v, pieces);
        o.lora_rank = rank;
        o.keep_best = "loss";
        o.resume_from_checkpoint = "latest";
        v.stop_at_step = stop < 6 ? stop : 0;
        assert_int_equal(drape_train(&o), stop < 6 ? DRAPE_ECANCELLED : DRAPE_OK);
    }
    same_best(whole, pieces, file);
    int best = 0;
    for (int i = 1; i < 3; i++)
        best = w.look[i].loss < w.look[best].loss ? i : best;
    assert_int_equal(best_in(whole), w.look[best].step);
}

static void the_best_survives_interruptions_bit_for_bit(void **state)
{
    (void)state;
    compare_interrupted("whole", "pieces", 0, "unet/diffusion_pytorch_model.safetensors");
    compare_interrupted("whole-lora", "pieces-lora", 2, "pytorch_lora_weights.safetensors");
}

static void the_best_is_a_model_that_dresses(void **state)
{
    watch w;
    drape_pipeline *p;
    char path[64];
    drape_train_options o = options(&w, "dresses");
    (void)state;
    o.keep_best = "loss";
    train(&o);
    snprintf(path, sizeof path, "dresses/best-%d", best_in("dresses"));
    assert_int_equal(drape_pipeline_load(&p, scratch(path), NULL), DRAPE_OK);
    drape_pipeline_free(p);
}

static void pictures_of_them_are_judged(void **state)
{
    watch w;
    drape_train_options o = options(&w, "judged");
    (void)state;
    o.max_train_steps = 2;
    o.validation_metrics = "colour,psnr";
    o.keep_best = "colour_mean";
    train(&o);
    assert_int_equal(w.looks, 1);
    assert_int_equal(w.look[0].metrics, 5);
    for (int i = 0; i < 5; i++)
        assert_true(i == 2 || isfinite(w.value[0][i])); /* psnr_outside of what was pasted may be infinite */
    assert_true(dr_is_file(scratch("judged/validation/held-000002-1.png")));
    assert_true(dr_is_file(scratch("judged/validation/held-000002-2.png")));
    assert_int_equal(best_in("judged"), 2);
}

static void refused(const drape_train_options *o, const char *words)
{
    assert_int_not_equal(drape_train(o), DRAPE_OK);
    if (!strstr(drape_error(), words))
        fail_msg("'%s' does not say '%s'", drape_error(), words);
    assert_false(dr_exists(o->output_dir));
}

static void what_cannot_be_held_out_is_a_sentence(void **state)
{
    watch w;
    drape_train_options o = options(&w, "refused");
    (void)state;
    o.validation_data = scratch("images");
    refused(&o, "leave one out");
    o.validation_split = 0;
    refused(&o, "there is no folder");
    o = options(&w, "refused");
    assert_int_equal(dr_mkdirs(scratch("single/images")), DR_OK);
    assert_int_equal(dr_mkdirs(scratch("single/masks")), DR_OK);
    put_photo("single/images/coat_1.png", 50, 50);
    put_mask("single/masks/coat_1.png", 50, 50, 8, 8, 20, 20);
    o.instance_data_dir = scratch("single/images");
    o.instance_masks_data_dir = scratch("single/masks");
    refused(&o, "leaves none to train on");
    o = options(&w, "refused");
    o.keep_best = "beauty";
    refused(&o, "must be loss or a metric");
    o.keep_best = "psnr";
    o.validation_metrics = "colour";
    refused(&o, "not among --validation_metrics");
    o.validation_split = 0;
    refused(&o, "needs photos that are held out");
    o = options(&w, "refused");
    o.validation_metrics = "colour,beauty";
    refused(&o, "no metric 'beauty'");
}

static void a_folder_of_others_is_looked_at(void **state)
{
    watch w;
    drape_train_options o = options(&w, "others");
    (void)state;
    assert_int_equal(dr_mkdirs(scratch("set/images")), DR_OK);
    assert_int_equal(dr_mkdirs(scratch("set/masks")), DR_OK);
    put_photo("set/images/coat_9.png", 50, 50);
    put_mask("set/masks/coat_9.png", 50, 50, 8, 8, 20, 20);
    o.validation_split = 0;
    o.validation_data = scratch("set");
    o.max_train_steps = 2;
    train(&o);
    assert_int_equal(w.looks, 1);
    assert_non_null(strstr(w.said, "1 photo is held out, 5 to train on"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_photos_are_held_out_every_time),
        cmocka_unit_test(looks_are_told_logged_and_change_no_weight),
        cmocka_unit_test(the_loss_of_an_untrained_model_is_the_same_at_every_look),
        cmocka_unit_test(the_best_survives_interruptions_bit_for_bit),
        cmocka_unit_test(the_best_is_a_model_that_dresses),
        cmocka_unit_test(pictures_of_them_are_judged),
        cmocka_unit_test(what_cannot_be_held_out_is_a_sentence),
        cmocka_unit_test(a_folder_of_others_is_looked_at),
    };
    return cmocka_run_group_tests(tests, make_photos, scratch_remove);
}
