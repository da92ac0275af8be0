/* Photos may be encoded before the first step or as they come up: what training sees is the same. */
#include "models/tokenizer.h"
#include "pipeline/models.h"
#include "scratch.h"
#include "train/cache.h"

#define MODEL DR_SOURCE_DIR "/tests/golden/nano"
#define PHOTOS 5

typedef struct scene {
    dr_source *source;
    dr_dataset photos;
    dr_plan plan;
    drape_train_options o;
    char said[1024];
    int progress; /* the last total */
} scene;

static void on_progress(void *user, int done, int total)
{
    scene *s = user;
    assert_true(done <= total);
    s->progress = total;
}

static void on_doubt(void *user, const char *text)
{
    scene *s = user;
    snprintf(s->said, sizeof s->said, "%s", text);
}

static int make_photos(void **state)
{
    if (scratch_make(state) || dr_mkdirs(scratch("images")) || dr_mkdirs(scratch("masks")))
        return -1;
    drape_set_threads(1);
    for (int i = 0; i < PHOTOS; i++) {
        char name[64];
        snprintf(name, sizeof name, "images/coat_%d.png", i + 1);
        put_photo(name, 40 + 4 * i, 60);
        snprintf(name, sizeof name, "masks/coat_%d.png", i + 1);
        put_mask(name, 40 + 4 * i, 60, i == 3 ? 13 : 8, i == 3 ? 31 : 8, i == 3 ? 2 : 20 + i,
                 i == 3 ? 2 : 40); /* one falls between the cells */
    }
    return 0;
}

static void open_scene(scene *s)
{
    *s = (scene){0};
    drape_train_defaults(&s->o);
    s->o.resolution = 32;
    s->o.max_train_steps = 2 * PHOTOS;
    if (dr_source_open(&s->source, MODEL, NULL) ||
        dr_dataset_open(&s->photos, scratch("images"), scratch("masks"), NULL, NULL, 0) ||
        dr_plan_make(&s->plan, &s->o, &s->photos, NULL, 4))
        fail_msg("%s", dr_error());
}

static void close_scene(scene *s)
{
    dr_plan_clear(&s->plan);
    dr_dataset_close(&s->photos);
    dr_source_close(s->source);
}

static void fill(scene *s, dr_cache *c, dr_tape *g, int first, int until)
{
    const dr_cache_photos photos = {.instances = &s->photos};
    const dr_cache_callbacks cb = {.user = s, .progress = on_progress, .doubt = on_doubt};
    s->said[0] = 0;
    *c = (dr_cache){0};
    if (dr_cache_images(c, g, s->source, &s->plan, first, until, &photos, &cb))
        fail_msg("%s", dr_error());
}

static void check_same(const dr_cache *a, const dr_cache *b, int i)
{
    const dr_encoded *x = &a->entry[i], *y = &b->entry[i];
    size_t cells = (size_t)(x->h * x->w), moments = cells * 2 * (size_t)a->vae.latent * sizeof(float);
    assert_true(x->h == y->h && x->w == y->w);
    assert_memory_equal(x->moments, y->moments, moments);
    assert_memory_equal(x->masked, y->masked, moments);
    assert_memory_equal(x->mask, y->mask, cells * sizeof(float));
}

static void photos_that_come_up_are_encoded_as_they_would_have_been_before(void **state)
{
    scene s;
    dr_cache early, late;
    dr_tape g;
    char doubt[1024];
    (void)state;
    open_scene(&s);
    assert_int_equal(dr_tape_init(&g), DR_OK);
    fill(&s, &early, &g, 0, s.plan.batch_count);
    assert_true(early.missing == 0 && !early.model.loaded && s.progress == early.count);
    assert_true(early.count >= PHOTOS && strstr(s.said, "coat_4.png"));
    snprintf(doubt, sizeof doubt, "%s", s.said);

    fill(&s, &late, &g, 0, 1);
    assert_int_equal(late.missing, early.count - 1);
    assert_int_equal(s.progress, 1);
    assert_string_equal(s.said, doubt); /* before the first step, of all */
    int there = 1;
    for (int i = 0; i < s.plan.item_count; i++) {
        assert_int_equal(late.of_item[i], early.of_item[i]);
        if (late.entry[late.of_item[i]].mask == NULL)
            there++;
        assert_true(late.model.loaded == (late.missing > 0));
        assert_int_equal(dr_cache_complete(&late, &g, i, 1), DR_OK);
        assert_int_equal(late.missing, early.count - there);
        check_same(&late, &early, late.of_item[i]);
    }
    assert_true(late.missing == 0 && !late.model.loaded);
    dr_cache_clear(&early);
    dr_cache_clear(&late);
    dr_tape_clear(&g);
    close_scene(&s);
}

static void a_run_that_goes_on_encodes_what_its_first_step_sees(void **state)
{
    scene s;
    dr_cache c;
    dr_tape g;
    (void)state;
    open_scene(&s);
    assert_int_equal(dr_tape_init(&g), DR_OK);
    fill(&s, &c, &g, 7, 8);
    assert_true(c.of_item[6] == -1 && c.of_item[7] == 0 && c.entry[0].mask);
    assert_true(c.count >= 2 && !c.entry[1].mask && c.missing == c.count - 1);
    assert_int_equal(dr_cache_complete(&c, &g, 7, s.plan.item_count - 7), DR_OK);
    assert_int_equal(c.missing, 0);
    dr_cache_clear(&c);
    fill(&s, &c, &g, s.plan.batch_count, s.plan.batch_count);
    assert_true(c.count == 0 && !c.model.loaded);
    dr_cache_clear(&c);
    dr_tape_clear(&g);
    close_scene(&s);
}

/* Of three texts two are the same, of two examples each. */
static void texts_that_are_the_same_are_encoded_once(void **state)
{
    enum { N = 4 };
    int32_t ids[N * DR_TOKENS];
    dr_text_model text = {0};
    scene s;
    dr_cache all = {0};
    (void)state;
    open_scene(&s);
    assert_int_equal(dr_text_load(&text, s.source), DR_OK);
    size_t n = (size_t)(DR_TOKENS * text.net.config.width);
    for (int i = 0; i < N * DR_TOKENS; i++)
        ids[i] = i % DR_TOKENS + (i / DR_TOKENS) % 2; /* examples 0 and 2, 1 and 3 */
    assert_int_equal(dr_cache_texts(&all, &text, ids, 3, 1), DR_OK);
    for (int i = 0; i < N; i++) {
        dr_cache one = {0};
        assert_int_equal(dr_cache_texts(&one, &text, ids + i * DR_TOKENS, 1, 0), DR_OK);
        assert_memory_equal(all.text[i], one.text[0], n * sizeof(float));
        dr_cache_clear(&one);
    }
    assert_memory_not_equal(all.text[0], all.text[1], n * sizeof(float));
    dr_cache_clear(&all);
    dr_text_unload(&text);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(photos_that_come_up_are_encoded_as_they_would_have_been_before),
        cmocka_unit_test(a_run_that_goes_on_encodes_what_its_first_step_sees),
        cmocka_unit_test(texts_that_are_the_same_are_encoded_once),
    };
    return cmocka_run_group_tests(tests, make_photos, scratch_remove);
}
