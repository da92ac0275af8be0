/* Training on pairs of a person and a garment's photo, through the public header, on a very small model. */
#include "base/path.h"
#include "drape.h"
#include "io/safetensors.h"
#include "mask/lay_cloth.h"
#include "scratch.h"
#include "train/pairs_dataset.h"

#include <math.h>
#include <stdlib.h>

#define MODEL DR_SOURCE_DIR "/tests/golden/nano"

typedef struct watch {
    int steps, cancel_after; /* steps; 0: never */
    double loss;             /* of the last one */
} watch;

static void on_step(void *user, const drape_train_report *r)
{
    watch *w = user;
    assert_true(isfinite(r->loss) && r->loss > 0);
    w->steps++;
    w->loss = r->loss;
}

static bool on_cancel(void *user)
{
    const watch *w = user;
    return w->cancel_after && w->steps >= w->cancel_after;
}

static drape_train_options options(watch *w, const char *out)
{
    drape_train_options o;
    *w = (watch){0};
    drape_train_defaults(&o);
    o.pretrained_model_name_or_path = MODEL;
    o.garment_pairs = scratch("pairs");
    o.output_dir = scratch(out);
    o.width = 24;
    o.height = 32;
    o.learning_rate = 1e-3;
    o.lr_warmup_steps = 0;
    o.max_train_steps = 3;
    o.callbacks = (drape_train_callbacks){.user = w, .step = on_step, .cancel = on_cancel};
    return o;
}

static int make_pairs(void **state)
{
    if (scratch_make(state) || dr_mkdirs(scratch("pairs/person")) || dr_mkdirs(scratch("pairs/mask")) ||
        dr_mkdirs(scratch("pairs/garment")))
        return -1;
    drape_set_threads(1);
    put_photo("pairs/person/a.png", 40, 60);
    put_photo("pairs/person/b.png", 64, 48);
    put_mask("pairs/mask/a.png", 40, 60, 8, 8, 20, 40);
    put_mask("pairs/mask/b.png", 64, 48, 20, 4, 24, 36);
    put_photo("pairs/garment/a.png", 30, 70);
    put_photo("pairs/garment/b.png", 90, 50);
    return 0;
}

static void train(const drape_train_options *o)
{
    if (drape_train(o))
        fail_msg("%s", drape_error());
}

static char *file_of(const char *out, const char *name, size_t *size)
{
    char path[600], *data;
    dr_path(path, sizeof path, scratch(out), name);
    assert_int_equal(dr_file_read(path, (size_t)64 << 20, &data, size), DR_OK);
    return data;
}

static void assert_same(const char *a, const char *b, const char *name)
{
    size_t n, m;
    char *x = file_of(a, name, &n), *y = file_of(b, name, &m);
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n);
    free(x);
    free(y);
}

static void the_result_is_an_attention_file_in_the_published_form(void **state)
{
    (void)state;
    watch w;
    drape_train_options o = options(&w, "attention");
    dr_safetensors f;
    char path[600];
    train(&o);
    assert_int_equal(w.steps, 3);
    dr_path(path, sizeof path, o.output_dir, "attention/model.safetensors");
    assert_int_equal(dr_st_open(&f, path), DR_OK);
    assert_int_equal(f.count, 35);
    assert_string_equal(dr_st_metadata(&f, "width"), "24");
    assert_string_equal(dr_st_metadata(&f, "height"), "32");
    assert_int_equal(dr_st_find(&f, "0.to_q.weight")->dim[0], 8);   /* down_blocks.0 */
    assert_int_equal(dr_st_find(&f, "16.to_q.weight")->dim[0], 16); /* up_blocks.1, before the middle */
    assert_int_equal(dr_st_find(&f, "32.to_q.weight")->dim[0], 8);  /* up_blocks.2 */
    assert_int_equal(dr_st_find(&f, "48.to_out.0.bias")->dim[0], 16);
    dr_st_close(&f);
}

static void a_cancelled_run_goes_on(void **state)
{
    (void)state;
    static const struct {
        const char *name, *file;
        const char *layers;
        int rank;
    } ways[] = {{"one", "attention/model.safetensors", "attention", 0},
                {"two", "unet/diffusion_pytorch_model.safetensors", "all", 0},
                {"three", "pytorch_lora_weights.safetensors", "attention", 2}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        watch w;
        char halved[32];
        snprintf(halved, sizeof halved, "%s-halved", ways[i].name);
        for (int part = 0; part < 3; part++) {
            drape_train_options o = options(&w, part ? halved : ways[i].name);
            o.train_layers = ways[i].layers;
            o.lora_rank = ways[i].rank;
            o.gradient_checkpointing = true;
            o.flip = true;
            w.cancel_after = part == 1 ? 2 : 0;
            o.resume_from_checkpoint = part == 2 ? "latest" : NULL;
            if (part == 1)
                assert_int_equal(drape_train(&o), DRAPE_ECANCELLED);
            else
                train(&o);
        }
        assert_same(ways[i].name, halved, ways[i].file);
    }
}

static void the_garment_is_seen_and_may_be_left_out(void **state)
{
    (void)state;
    watch w;
    double with, without;
    drape_train_options o = options(&w, "with");
    o.garment_dropout = 0;
    train(&o);
    with = w.loss;
    o = options(&w, "without");
    o.garment_dropout = 1;
    train(&o);
    without = w.loss;
    assert_true(with != without);
}

/* A model that wants cloth in the hole is taught with it: as try-on lays it, from the garment's photo as it is. */
static void cloth_is_laid_where_the_model_wants_it(void **state)
{
    (void)state;
    char command[2000], person[600], mask[600], garment[600];
    watch w;
    snprintf(command, sizeof command,
             "cd '%s' && cp -rL '%s' laid && chmod -R u+w laid && "
             "sed -i 's/{/{\"_drape_lay_cloth\": true, /' laid/scheduler/scheduler_config.json",
             scratch("."), MODEL);
    assert_int_equal(system(command), 0);
    drape_train_options o = options(&w, "grey-hole");
    train(&o);
    double grey = w.loss;
    o = options(&w, "cloth-hole");
    snprintf(command, sizeof command, "%s", scratch("laid"));
    o.pretrained_model_name_or_path = command;
    train(&o);
    assert_true(w.loss != grey);

    snprintf(person, sizeof person, "%s", scratch("pairs/person/a.png"));
    snprintf(mask, sizeof mask, "%s", scratch("pairs/mask/a.png"));
    snprintf(garment, sizeof garment, "%s", scratch("pairs/garment/a.png"));
    dr_example e = {.image = person, .mask = mask, .garment = garment, .width = 40, .height = 60};
    dr_image p, m, g, seen, photo;
    assert_int_equal(dr_garment_pair_load(&e, &(dr_crop){.width = 24, .height = 32, .flip = true}, &p, &m, &g, &seen),
                     DR_OK);
    assert_int_equal(dr_image_read(&photo, garment, 3), DR_OK);
    dr_image_mirror(&photo);
    assert_int_equal(dr_lay_cloth(&p, &m, &photo), DR_OK);
    int off = 0; /* by a pixel, where the middle of a row lies between two */
    for (int i = 0; i < 3 * 24 * 32; i++)
        off += abs(p.data[i] - seen.data[i]) > 24;
    assert_true(off < 24);
    dr_image *const all[] = {&p, &m, &g, &seen, &photo};
    for (int i = 0; i < 5; i++)
        dr_image_clear(all[i]);
}

/* Of a model that brings one for dressing from photos that one learns, with the model's VAE. */
static void the_net_that_a_model_brings_learns(void **state)
{
    (void)state;
    char command[2000], model[600];
    size_t n, m;
    watch w;
    drape_train_options o = options(&w, "by-itself");
    train(&o);
    snprintf(
        command, sizeof command,
        "cd '%s' && mkdir -p whole/garment && cp -rL '%s/vae' whole && cp -rL '%s/unet' '%s/scheduler' '%s/attention' "
        "whole/garment && chmod -R u+w whole",
        scratch("."), MODEL, MODEL, MODEL, o.output_dir);
    assert_int_equal(system(command), 0);
    snprintf(model, sizeof model, "%s", scratch("whole"));
    o = options(&w, "brought");
    o.pretrained_model_name_or_path = model;
    train(&o);
    char *a = file_of("by-itself", "attention/model.safetensors", &n);
    char *b = file_of("brought", "attention/model.safetensors", &m);
    assert_true(n == m && memcmp(a, b, n) == 0);
    free(a);
    free(b);
}

static void training_begins_where_attention_weights_are(void **state)
{
    (void)state;
    watch w;
    drape_train_options o = options(&w, "first");
    train(&o);
    char from[600];
    snprintf(from, sizeof from, "%s", o.output_dir);
    o = options(&w, "again");
    o.attention = from;
    o.width = o.height = 0; /* the file says it */
    o.learning_rate = 0;
    train(&o);
    assert_same("first", "again", "attention/model.safetensors");
}

static void all_faults_are_named(void **state)
{
    (void)state;
    watch w;
    drape_train_options o = options(&w, "faults");
    o.garment_pairs = scratch("faulty");
    assert_int_equal(dr_mkdirs(scratch("faulty/person")) || dr_mkdirs(scratch("faulty/mask")) ||
                         dr_mkdirs(scratch("faulty/garment")),
                     0);
    put_photo("faulty/person/alone.png", 40, 60);
    put_mask("faulty/mask/orphan.png", 40, 60, 8, 8, 20, 40);
    put_photo("faulty/garment/unworn.png", 40, 60);
    assert_int_equal(drape_train(&o), DRAPE_EINVAL);
    const char *const said[] = {"4 faults", "person 'alone.png' has no mask", "person 'alone.png' has no garment",
                                "mask 'orphan.png' has no person", "garment 'unworn.png' has no person"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (!strstr(drape_error(), said[i]))
            fail_msg("'%s' is not in '%s'", said[i], drape_error());
    assert_false(dr_exists(scratch("faults")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_result_is_an_attention_file_in_the_published_form),
        cmocka_unit_test(a_cancelled_run_goes_on),
        cmocka_unit_test(the_garment_is_seen_and_may_be_left_out),
        cmocka_unit_test(cloth_is_laid_where_the_model_wants_it),
        cmocka_unit_test(the_net_that_a_model_brings_learns),
        cmocka_unit_test(training_begins_where_attention_weights_are),
        cmocka_unit_test(all_faults_are_named),
    };
    return cmocka_run_group_tests(tests, make_pairs, scratch_remove);
}
