/* Pipelines of different precision in one process. */
#include "ops/ops.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "drape.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN DR_SOURCE_DIR "/tests/golden/"
enum { WIDTH = 40, HEIGHT = 24, BYTES = WIDTH * HEIGHT * 3, ROUNDS = 40 };

/* A pipeline, the picture that it makes when nothing else runs, and how many of its later ones are others. */
typedef struct worker {
    drape_pipeline *p;
    unsigned char alone[BYTES];
    int others;
} worker;

static unsigned char pixel[BYTES], covered[WIDTH * HEIGHT];

static void make(drape_pipeline *p, unsigned char out[BYTES])
{
    drape_image photo = {WIDTH, HEIGHT, 3, pixel}, mask = {WIDTH, HEIGHT, 1, covered}, picture = {0};
    drape_tryon_options o = DRAPE_TRYON_DEFAULTS;
    o.prompt = "a red coat";
    o.steps = 3;
    o.width = WIDTH;
    o.height = HEIGHT;
    o.whole = true;
    o.paste = false;
    if (drape_tryon(p, &photo, &mask, &o, &picture))
        fail_msg("%s", drape_error());
    memcpy(out, picture.data, BYTES);
    drape_image_free(&picture);
}

static worker *open_worker(drape_precision precision)
{
    worker *w = calloc(1, sizeof *w);
    drape_load_options o = {.precision = precision, .keep_models = true};
    assert_non_null(w);
    if (drape_pipeline_load(&w->p, GOLDEN "nano", &o))
        fail_msg("%s", drape_error());
    make(w->p, w->alone);
    return w;
}

static void close_worker(worker *w)
{
    drape_pipeline_free(w->p);
    free(w);
}

static void *work(void *user)
{
    worker *w = user;
    unsigned char again[BYTES];
    for (int i = 0; i < ROUNDS; i++) {
        make(w->p, again);
        w->others += memcmp(again, w->alone, BYTES) != 0;
    }
    return NULL;
}

static void an_exact_pipeline_beside_an_auto_one_stays_exact(void **state)
{
    (void)state;
    worker *exact = open_worker(DRAPE_EXACT), *autom = open_worker(DRAPE_AUTO);
    /* or there would be nothing to keep apart */
    if (dr_ops_has_bf16() && dr_ops_get()->attention != dr_ops_ref()->attention)
        assert_memory_not_equal(exact->alone, autom->alone, BYTES);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, work, autom), 0);
    work(exact);
    pthread_join(thread, NULL);
    assert_int_equal(exact->others, 0);
    assert_int_equal(autom->others, 0);
    close_worker(exact);
    close_worker(autom);
}

int main(void)
{
    for (int i = 0; i < BYTES; i++)
        pixel[i] = (unsigned char)(i * 37 % 256);
    memset(covered, 255, sizeof covered);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exact_pipeline_beside_an_auto_one_stays_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
