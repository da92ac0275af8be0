/* The whole job with the small model, from photos to a dressed person: fine-tuning makes the loss on fixed noise fall
 * and paints the garment's colour; what is outside the mask stays. */
#include "drape.h"

#include "mask/mask_shape.h"
#include "mini/colour.h"
#include "train/scratch.h"

#include <math.h>

#define MODEL DR_SOURCE_DIR "/models/mini"
#define EXAMPLES DR_SOURCE_DIR "/examples/"
#define CROPS 4
#define FEATHER 4 /* pixels */

/* --- the lesson: crops of the orange suit, named "suit", which says nothing of its colour ------------------ */

static void put_crop(const drape_image *from, int x0, int y0, int side, const char *folder, int number)
{
    char name[64];
    size_t c = (size_t)from->channels;
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, side, side, from->channels), DR_OK);
    for (int y = 0; y < side; y++)
        memcpy(im.data + (size_t)y * (size_t)side * c,
               from->data + ((size_t)(y0 + y) * (size_t)from->width + (size_t)x0) * c, (size_t)side * c);
    snprintf(name, sizeof name, "%s/suit (%d).png", folder, number);
    assert_int_equal(dr_image_write(&im, scratch(name), NULL), DR_OK);
    dr_image_clear(&im);
}

static int make_lesson(void **state)
{
    static const int at[CROPS][3] = {{20, 140, 370}, {40, 180, 330}, {0, 200, 310}, {80, 220, 290}};
    drape_image photo = {0}, mask = {0};
    if (scratch_make(state) || dr_mkdirs(scratch("photos")) || dr_mkdirs(scratch("masks")) ||
        drape_image_read(&photo, EXAMPLES "astronaut.jpg") ||
        drape_mask_read(&mask, EXAMPLES "astronaut_mask.png", &photo, NULL, 0))
        return -1;
    for (int i = 0; i < CROPS; i++) {
        put_crop(&photo, at[i][0], at[i][1], at[i][2], "photos", i + 1);
        put_crop(&mask, at[i][0], at[i][1], at[i][2], "masks", i + 1);
    }
    drape_image_free(&photo);
    drape_image_free(&mask);
    return 0;
}

/* --- training ----------------------------------------------------------------------------------------------- */

static void add_loss(void *user, const drape_train_report *r)
{
    *(double *)user += r->loss / r->steps;
}

/* The mean loss of so many steps. */
static double train(const char *model, const char *out, int steps, double rate, uint64_t seed)
{
    double mean = 0;
    drape_train_options o;
    drape_train_defaults(&o);
    o.pretrained_model_name_or_path = model;
    o.instance_data_dir = scratch("photos");
    o.instance_masks_data_dir = scratch("masks");
    o.output_dir = scratch(out);
    o.resolution = 256;
    o.center_crop = true;
    o.train_text_encoder = true;
    o.train_batch_size = 4;
    o.max_train_steps = steps;
    o.learning_rate = rate;
    o.unmasked_loss_weight = 0.25;
    o.checkpointing_steps = 10000;
    o.seed = seed;
    o.callbacks.user = &mean;
    o.callbacks.step = add_loss;
    if (drape_train(&o))
        fail_msg("%s", drape_error());
    return mean;
}

/* --- dressing ----------------------------------------------------------------------------------------------- */

static drape_image photo, mask;

static void dress(const char *model, drape_image *out)
{
    drape_pipeline *p = NULL;
    drape_tryon_options o = DRAPE_TRYON_DEFAULTS;
    o.prompt = "suit";
    o.steps = 20;
    o.guidance_scale = 4;
    o.mask_blur = FEATHER;
    o.seed = 1;
    if (drape_pipeline_load(&p, model, NULL) || drape_tryon(p, &photo, &mask, &o, out))
        fail_msg("%s", drape_error());
    drape_pipeline_free(p);
}

static mini_lab mean_colour(const drape_image *im)
{
    dr_image a = {.data = im->data, .width = im->width, .height = im->height, .channels = 3};
    dr_image m = {.data = mask.data, .width = mask.width, .height = mask.height, .channels = 1};
    return mini_look_of(&a, &m, 255).mean;
}

static void assert_background_untouched(const drape_image *out)
{
    dr_image near;
    long changed = 0;
    assert_int_equal(dr_image_alloc(&near, mask.width, mask.height, 1), DR_OK);
    memcpy(near.data, mask.data, (size_t)mask.width * (size_t)mask.height);
    assert_int_equal(dr_mask_grow(&near, FEATHER), DR_OK);
    for (long i = 0; i < (long)mask.width * mask.height; i++)
        changed += !near.data[i] && memcmp(out->data + 3 * i, photo.data + 3 * i, 3) != 0;
    assert_int_equal(changed, 0);
    dr_image_clear(&near);
}

static void a_garment_is_learnt_and_worn(void **state)
{
    drape_image before = {0}, after = {0};
    (void)state;
    if (!dr_exists(MODEL "/model_index.json")) {
        print_message("skipped: models/mini has no model_index.json\n");
        skip();
    }
    assert_int_equal(drape_image_read(&photo, EXAMPLES "grace_hopper.jpg"), DRAPE_OK);
    assert_int_equal(drape_mask_read(&mask, EXAMPLES "grace_hopper_mask.png", &photo, NULL, 0), DRAPE_OK);

    train(MODEL, "taught", 50, 3e-4, 1);
    double loss_before = train(MODEL, "still", 12, 0, 7), loss_after = train(scratch("taught"), "still2", 12, 0, 7);
    print_message("loss on the same noise: %.4f, after the lesson %.4f\n", loss_before, loss_after);
    assert_true(loss_after < 0.9 * loss_before);

    dress(MODEL, &before);
    dress(scratch("taught"), &after);
    assert_background_untouched(&before);
    assert_background_untouched(&after);

    static const uint8_t orange[3] = {205, 92, 45}; /* the suit's mean */
    float from = mini_lab_distance(mean_colour(&before), mini_lab_of(orange)),
          to = mini_lab_distance(mean_colour(&after), mini_lab_of(orange));
    print_message("distance to the suit's colour: %.1f, after the lesson %.1f\n", (double)from, (double)to);
    assert_true(to < 0.7f * from);

    drape_image_free(&before);
    drape_image_free(&after);
    drape_image_free(&photo);
    drape_image_free(&mask);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_garment_is_learnt_and_worn, make_lesson, scratch_remove)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
