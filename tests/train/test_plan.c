/* Which photo is cut how at which step. */
#include "train/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CELL 8
#define PHOTOS 7

/* Photos of many shapes; files are never opened. */
static dr_example photos[PHOTOS] = {
    {.width = 512, .height = 512}, {.width = 600, .height = 800},  {.width = 1200, .height = 500},
    {.width = 333, .height = 517}, {.width = 1024, .height = 768}, {.width = 64, .height = 64},
    {.width = 90, .height = 200},
};
static const dr_dataset garment = {photos, PHOTOS};
static dr_example squares[3] = {
    {.width = 128, .height = 128}, {.width = 128, .height = 128}, {.width = 300, .height = 128}};
static const dr_dataset classes = {squares, 3};

static drape_train_options options(int batch, int accumulation, int steps)
{
    drape_train_options o;
    drape_train_defaults(&o);
    o.resolution = 128;
    o.train_batch_size = batch;
    o.gradient_accumulation_steps = accumulation;
    o.max_train_steps = steps;
    o.seed = 5;
    return o;
}

static dr_plan make(const drape_train_options *o, const dr_dataset *prior)
{
    dr_plan p;
    assert_int_equal(dr_plan_make(&p, o, &garment, prior, CELL), DR_OK);
    return p;
}

static const dr_example *example(const dr_plan_item *item)
{
    return item->class_image ? &squares[item->example] : &photos[item->example];
}

static void every_pass_takes_every_photo_once(void **state)
{
    (void)state;
    for (int bucket = 0; bucket < 2; bucket++)
        for (int batch = 1; batch <= PHOTOS + 2; batch++) {
            drape_train_options o = options(batch, 1, 0);
            o.bucket = bucket;
            o.num_train_epochs = 5;
            dr_plan p = make(&o, NULL);
            assert_int_equal(p.item_count, 5 * PHOTOS);
            for (int pass = 0; pass < 5; pass++) {
                int seen[PHOTOS] = {0};
                for (int i = 0; i < PHOTOS; i++)
                    seen[p.item[pass * PHOTOS + i].example]++;
                for (int i = 0; i < PHOTOS; i++)
                    assert_int_equal(seen[i], 1);
            }
            dr_plan_clear(&p);
        }
}

static void passes_differ_in_order(void **state)
{
    (void)state;
    drape_train_options o = options(1, 1, 2 * PHOTOS);
    dr_plan p = make(&o, NULL);
    int moved = 0;
    for (int i = 0; i < PHOTOS; i++)
        moved += p.item[i].example != p.item[PHOTOS + i].example;
    assert_true(moved > 0);
    dr_plan_clear(&p);
}

static void crops_lie_inside_the_resized_photo(void **state)
{
    (void)state;
    int moved = 0;
    for (int bucket = 0; bucket < 2; bucket++) {
        int flipped = 0;
        drape_train_options o = options(1, 1, 300);
        o.bucket = bucket;
        o.flip = true;
        dr_plan p = make(&o, &classes);
        for (int i = 0; i < p.item_count; i++) {
            const dr_crop *c = &p.item[i].crop;
            int width, height;
            dr_resized_size(example(&p.item[i])->width, example(&p.item[i])->height, c->width, c->height, &width,
                            &height);
            assert_true(c->x >= 0 && c->y >= 0 && c->x + c->width <= width && c->y + c->height <= height);
            assert_true(c->width % CELL == 0 && c->height % CELL == 0);
            if (!bucket)
                assert_true(c->width == 128 && c->height == 128);
            moved += c->x > 0 || c->y > 0;
            flipped += c->flip;
        }
        assert_true(abs(2 * flipped - p.item_count) < p.item_count / 4); /* about half */
        dr_plan_clear(&p);
    }
    assert_true(moved > 100);
}

static void few_places_are_used_and_both_ends_among_them(void **state)
{
    (void)state;
    drape_train_options o = options(1, 1, 400);
    dr_plan p = make(&o, NULL);
    int places[512] = {0}, count = 0, width, height;
    dr_resized_size(photos[2].width, photos[2].height, 128, 128, &width, &height);
    for (int i = 0; i < p.item_count; i++)
        if (p.item[i].example == 2)
            places[p.item[i].crop.x]++;
    for (int x = 0; x < 512; x++)
        count += places[x] > 0;
    assert_int_equal(count, DR_PLAN_PLACES);
    assert_true(places[0] > 0 && places[width - 128] > 0);
    dr_plan_clear(&p);
}

static void center_crop_takes_the_middle(void **state)
{
    (void)state;
    drape_train_options o = options(1, 1, PHOTOS);
    o.center_crop = true;
    dr_plan p = make(&o, NULL);
    for (int i = 0; i < p.item_count; i++) {
        const dr_crop *c = &p.item[i].crop;
        int width, height;
        dr_resized_size(example(&p.item[i])->width, example(&p.item[i])->height, 128, 128, &width, &height);
        assert_int_equal(c->x, (width - 128 + 1) / 2);
        assert_int_equal(c->y, (height - 128 + 1) / 2);
        assert_false(c->flip);
    }
    dr_plan_clear(&p);
}

static void a_batch_is_of_one_size_and_has_as_many_class_images(void **state)
{
    (void)state;
    drape_train_options o = options(3, 1, 60);
    o.bucket = true;
    dr_plan p = make(&o, &classes);
    int several = 0, seen[3] = {0}, next = 0;
    for (int b = 0; b < p.batch_count; b++) {
        const dr_micro_batch *mb = &p.batch[b];
        assert_int_equal(mb->first, next);
        assert_true(mb->instances >= 1 && mb->instances <= 3);
        assert_int_equal(mb->class_images, mb->instances);
        for (int i = 0; i < 2 * mb->instances; i++) {
            const dr_plan_item *item = &p.item[mb->first + i];
            assert_int_equal(item->class_image, i >= mb->instances);
            assert_int_equal(item->crop.width, p.item[mb->first].crop.width);
            assert_int_equal(item->crop.height, p.item[mb->first].crop.height);
            if (item->class_image)
                seen[item->example]++;
        }
        next = mb->first + 2 * mb->instances;
        several += mb->instances > 1;
    }
    assert_int_equal(next, p.item_count);
    assert_true(several > 0);
    assert_true(abs(seen[0] - seen[1]) <= 1 && abs(seen[1] - seen[2]) <= 1);
    dr_plan_clear(&p);
}

/* 7 photos in batches of 2 are 4 batches a pass; 3 batches a step leave one for a step of its own. */
static void steps_end_with_their_accumulation_or_with_the_pass(void **state)
{
    (void)state;
    static const bool last[] = {false, false, true, true};
    static const int instances[] = {2, 2, 2, 1};
    drape_train_options o = options(2, 3, 0);
    o.num_train_epochs = 3;
    dr_plan p = make(&o, NULL);
    assert_int_equal(p.batch_count, 12);
    assert_int_equal(p.steps, 6);
    for (int b = 0; b < p.batch_count; b++) {
        assert_int_equal(p.batch[b].instances, instances[b % 4]);
        assert_int_equal(p.batch[b].last, last[b % 4]);
    }
    static const int first[] = {0, 3, 4, 7, 8, 11, 12};
    for (int step = 0; step <= 6; step++)
        assert_int_equal(dr_plan_batch_of_step(&p, step), first[step]);
    dr_plan_clear(&p);
}

static void the_seed_alone_decides(void **state)
{
    (void)state;
    drape_train_options o = options(2, 2, 40), other = o;
    other.seed = 6;
    dr_plan a = make(&o, &classes), b = make(&o, &classes), c = make(&other, &classes);
    assert_int_equal(a.item_count, b.item_count);
    int different = 0;
    for (int i = 0; i < a.item_count; i++) {
        assert_true(dr_plan_same(&a.item[i], &b.item[i]));
        different += !dr_plan_same(&a.item[i], &c.item[i]);
    }
    assert_true(different > a.item_count / 4);
    dr_plan_clear(&a);
    dr_plan_clear(&b);
    dr_plan_clear(&c);
}

/* So a run that is made longer goes on where it was. */
static void a_longer_run_begins_like_a_shorter_one(void **state)
{
    (void)state;
    drape_train_options shorter = options(2, 2, 9), longer = options(2, 2, 30);
    dr_plan a = make(&shorter, NULL), b = make(&longer, NULL);
    assert_int_equal(a.steps, 9);
    assert_int_equal(b.steps, 30);
    assert_memory_equal(a.batch, b.batch, (size_t)a.batch_count * sizeof *a.batch);
    for (int i = 0; i < a.item_count; i++)
        assert_true(dr_plan_same(&a.item[i], &b.item[i]));
    dr_plan_clear(&a);
    dr_plan_clear(&b);
}

static void endless_runs_are_refused(void **state)
{
    (void)state;
    drape_train_options o = options(1024, 4096, 10000000);
    dr_plan p;
    assert_int_equal(dr_plan_make(&p, &o, &garment, NULL, CELL), DR_EINVAL);
    o = options(1, 1, 0);
    o.num_train_epochs = 1000000000;
    assert_int_equal(dr_plan_make(&p, &o, &garment, NULL, CELL), DR_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pass_takes_every_photo_once),
        cmocka_unit_test(passes_differ_in_order),
        cmocka_unit_test(crops_lie_inside_the_resized_photo),
        cmocka_unit_test(few_places_are_used_and_both_ends_among_them),
        cmocka_unit_test(center_crop_takes_the_middle),
        cmocka_unit_test(a_batch_is_of_one_size_and_has_as_many_class_images),
        cmocka_unit_test(steps_end_with_their_accumulation_or_with_the_pass),
        cmocka_unit_test(the_seed_alone_decides),
        cmocka_unit_test(a_longer_run_begins_like_a_shorter_one),
        cmocka_unit_test(endless_runs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
