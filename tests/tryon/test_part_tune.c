/* Parts of pictures are computed by the algorithms that serve whole ones: nothing is measured for them, and the values
 * are the same. With the library's convolutions, where there are any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "ops/onednn/tune.h"
#include "tryon/engine.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define SIDE 512 /* below that a convolution of so few channels is not worth measuring */

static char *choices(void)
{
    char path[PATH_MAX], *text = NULL;
    size_t size;
    if (!dr_tune_path(path, sizeof path) || dr_file_read(path, 1 << 20, &text, &size))
        return strdup("");
    return text;
}

static dr_image decoded(dr_engine *e, const float *latents, dr_window part)
{
    dr_image out;
    if (dr_engine_decode_picture(e, latents, SIDE, SIDE, part, &out))
        fail_msg("%s", dr_error());
    return out;
}

static void parts_are_served_as_the_whole_is(void **state)
{
    const dr_window parts[] = {{101, 203, 40, 60}, {0, 0, 90, 512}, {333, 5, 179, 100}, {50, 60, 400, 300}};
    dr_source *source;
    dr_engine e;
    (void)state;
    if (dr_source_open(&source, DR_SOURCE_DIR "/tests/golden/nanot", NULL) ||
        dr_engine_open(&e, source, NULL, DR_PRECISION_EXACT, true, NULL))
        fail_msg("%s", dr_error());
    size_t side = (size_t)(SIDE / dr_vae_factor(&e.vae_config)), n = side * side * (size_t)e.vae_config.latent;
    float *latents = malloc(n * sizeof *latents);
    for (size_t i = 0; i < n; i++)
        latents[i] = (float)(i * 7919 % 1000) / 300 - 1.5f;
    dr_image whole = decoded(&e, latents, (dr_window){0});
    char *before = choices();
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        const dr_window p = parts[k];
        dr_image im = decoded(&e, latents, p);
        for (int64_t y = p.y; y < p.y + p.h; y++)
            assert_memory_equal(im.data + 3 * (y * SIDE + p.x), whole.data + 3 * (y * SIDE + p.x), (size_t)(3 * p.w));
        dr_image_clear(&im);
        char *after = choices();
        assert_string_equal(after, before);
        free(after);
    }
    assert_true(e.tape.whole_h == 0 && e.tape.whole_w == 0);
    dr_image_clear(&whole);
    free(before);
    free(latents);
    dr_engine_close(&e);
    dr_source_close(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parts_are_served_as_the_whole_is)};
    char dir[] = "/tmp/drape-part-XXXXXX";
    if (!mkdtemp(dir))
        return 1;
    setenv("DRAPE_CACHE_DIR", dir, 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dr_remove_tree(dir);
    return failed;
}
