/* Loading the networks that measures of pictures stand on: what is wrong with a file is one sentence that names the
 * tensor. That their numbers are right is in tests/golden/backbones-nano-cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/path.h"
#include "io/safetensors.h"
#include "io/tensor_file.h"
#include "pipeline/backbone.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NANO DR_SOURCE_DIR "/tests/golden/backbones-nano"

static char dir[64];

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/drape-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return dr_remove_tree(dir) == DR_OK ? 0 : -1;
}

/* What to change in a copy of a network's tensors. */
typedef struct change {
    const char *without; /* this one is left out */
    const char *also;    /* one more, of this name */
    const char *wide;    /* this one's first axis is one longer */
    const char *set;     /* this one's first value becomes `value` */
    float value;
} change;

/* The nano network `kind` as safetensors, changed, at `out`. */
static void copy(dr_backbone_kind kind, const change *c, char out[PATH_MAX])
{
    char from[PATH_MAX];
    dr_tensor_file f;
    dr_st_writer w;
    size_t n = 0;
    assert_int_equal(dr_backbone_find(kind, NANO, from), DR_OK);
    assert_int_equal(dr_tensor_file_open(&f, from), DR_OK);
    dr_st_entry *e = calloc(f.count + 1, sizeof *e);
    void **own = calloc(f.count + 1, sizeof *own);
    for (size_t i = 0; i < f.count; i++) {
        const char *name = f.entry[i].name;
        if (c->without && strcmp(name, c->without) == 0)
            continue;
        e[n] = f.entry[i];
        own[n] = calloc(2, e[n].size + 64);
        memcpy(own[n], e[n].data, e[n].size);
        if (c->set && strcmp(name, c->set) == 0)
            dr_from_f32(&c->value, own[n], e[n].dtype, 1);
        if (c->wide && strcmp(name, c->wide) == 0) {
            e[n].size += e[n].size / (size_t)e[n].dim[0];
            e[n].dim[0]++;
        }
        n++;
    }
    if (c->also) {
        own[n] = calloc(1, 4);
        e[n++] = (dr_st_entry){.name = c->also, .dtype = DR_F32, .rank = 1, .dim = {1}, .size = 4};
    }
    assert_int_equal(dr_path(out, PATH_MAX, dir, "copy.safetensors"), DR_OK);
    assert_int_equal(dr_st_create(&w, out, e, n, NULL, 0), DR_OK);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(dr_st_put(&w, own[i], e[i].size), DR_OK);
        free(own[i]);
    }
    assert_int_equal(dr_st_commit(&w), DR_OK);
    free(own);
    free(e);
    dr_tensor_file_close(&f);
}

static void assert_refused(dr_backbone_kind kind, change c, const char *said)
{
    char path[PATH_MAX];
    dr_backbone m = {0};
    copy(kind, &c, path);
    dr_status st = dr_backbone_load(&m, kind, path);
    if (st != DR_EINVAL || !strstr(dr_error(), said) || !strstr(dr_error(), "copy.safetensors"))
        print_error("status %d: %s\n", (int)st, st ? dr_error() : "loaded");
    assert_int_equal(st, DR_EINVAL);
    assert_non_null(strstr(dr_error(), said));
    assert_false(m.loaded);
}

static void every_network_loads_from_safetensors_as_well(void **state)
{
    (void)state;
    for (int kind = 0; kind < DR_BACKBONE_CLIP; kind++) {
        char path[PATH_MAX], published[PATH_MAX];
        dr_backbone a = {0}, b = {0};
        copy((dr_backbone_kind)kind, &(change){0}, path);
        assert_int_equal(dr_backbone_load(&a, (dr_backbone_kind)kind, path), DR_OK);
        assert_int_equal(dr_backbone_find((dr_backbone_kind)kind, NANO, published), DR_OK);
        assert_int_equal(dr_backbone_load(&b, (dr_backbone_kind)kind, published), DR_OK);
        assert_int_equal(dr_backbone_sum(&a), dr_backbone_sum(&b));
        dr_backbone_unload(&a);
        dr_backbone_unload(&b);
    }
}

static void a_missing_tensor_is_named(void **state)
{
    (void)state;
    assert_refused(DR_BACKBONE_ALEXNET, (change){.without = "features.6.weight"}, "'features.6.weight' is missing");
    assert_refused(DR_BACKBONE_VGG16, (change){.without = "features.7.bias"}, "the first is 'features.7.bias'");
    assert_refused(DR_BACKBONE_SQUEEZENET, (change){.without = "features.9.expand3x3.weight"},
                   "'features.9.expand3x3.weight' is missing");
    assert_refused(DR_BACKBONE_LPIPS_VGG, (change){.without = "lin4.model.1.weight"},
                   "'lin4.model.1.weight' is missing");
    assert_refused(DR_BACKBONE_INCEPTION, (change){.without = "Mixed_6c.branch7x7_2.conv.weight"},
                   "'Mixed_6c.branch7x7_2.conv.weight' is missing");
    assert_refused(DR_BACKBONE_INCEPTION, (change){.without = "Mixed_5b.branch1x1.bn.running_var"},
                   "the first is 'Mixed_5b.branch1x1.bn.running_var'");
}

static void a_misshapen_tensor_is_named(void **state)
{
    (void)state;
    assert_refused(DR_BACKBONE_ALEXNET, (change){.wide = "features.3.weight"}, "'features.6.weight' has shape");
    assert_refused(DR_BACKBONE_VGG16, (change){.wide = "features.0.bias"},
                   "'features.0.bias' has shape [3], expected [2]");
    assert_refused(DR_BACKBONE_INCEPTION, (change){.wide = "Mixed_7a.branch3x3_2.conv.weight"},
                   "'Mixed_7b.branch1x1.conv.weight' has shape");
    assert_refused(DR_BACKBONE_LPIPS_ALEX, (change){.wide = "lin2.model.1.weight"},
                   "'lin2.model.1.weight' has another shape than [1,C,1,1]");
}

static void a_foreign_tensor_is_named(void **state)
{
    (void)state;
    assert_refused(DR_BACKBONE_SQUEEZENET, (change){.also = "features.13.weight"}, "the first is 'features.13.weight'");
    assert_refused(DR_BACKBONE_INCEPTION, (change){.also = "Mixed_7d.x"}, "the first is 'Mixed_7d.x'");
}

static void values_that_are_no_numbers_are_refused(void **state)
{
    (void)state;
    assert_refused(DR_BACKBONE_VGG16, (change){.set = "features.10.weight", .value = NAN}, "'features.10.weight'");
    assert_refused(DR_BACKBONE_INCEPTION, (change){.set = "Mixed_6a.branch3x3.bn.running_var", .value = -1},
                   "'Mixed_6a.branch3x3.bn.running_var' has the negative value -1");
}

static void another_network_is_called_what_it_is(void **state)
{
    char path[PATH_MAX];
    dr_backbone m = {0};
    (void)state;
    assert_int_equal(dr_backbone_find(DR_BACKBONE_ALEXNET, NANO, path), DR_OK);
    assert_int_equal(dr_backbone_load(&m, DR_BACKBONE_VGG16, path), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "it is AlexNet, expected VGG16"));
    assert_int_equal(dr_backbone_find(DR_BACKBONE_LPIPS_VGG, NANO, path), DR_OK);
    assert_int_equal(dr_backbone_load(&m, DR_BACKBONE_LPIPS_ALEX, path), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "it is LPIPS's weights for VGG16, expected LPIPS's weights for AlexNet"));
    assert_int_equal(dr_backbone_load(&m, DR_BACKBONE_INCEPTION, DR_SOURCE_DIR "/README.md"), DR_EINVAL);
    assert_int_equal(dr_backbone_load(&m, DR_BACKBONE_CLIP, NANO), DR_ENOENT);
}

static void what_is_not_there_says_how_to_get_it(void **state)
{
    char path[PATH_MAX];
    (void)state;
    assert_int_equal(dr_backbone_find(DR_BACKBONE_INCEPTION, dir, path), DR_ENOENT);
    assert_non_null(strstr(dr_error(), "has no Inception v3 in its FID form (a file 'pt_inception...')"));
    assert_non_null(strstr(dr_error(), "drape pull --backbones"));
    assert_int_equal(dr_backbone_find(DR_BACKBONE_CLIP, "/absent-folder", path), DR_ENOENT);
}

static void published_places_are_found(void **state)
{
    char path[PATH_MAX], want[PATH_MAX];
    (void)state;
    dr_path(want, sizeof want, dir, "lpips/weights/v0.1");
    assert_int_equal(dr_mkdirs(want), DR_OK);
    dr_path(want, sizeof want, dir, "lpips/weights/v0.1/alex.pth");
    assert_int_equal(dr_file_write(want, "x", 1), DR_OK);
    assert_int_equal(dr_backbone_find(DR_BACKBONE_LPIPS_ALEX, dir, path), DR_OK);
    assert_string_equal(path, want);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_network_loads_from_safetensors_as_well),
        TEST(a_missing_tensor_is_named),
        TEST(a_misshapen_tensor_is_named),
        TEST(a_foreign_tensor_is_named),
        TEST(values_that_are_no_numbers_are_refused),
        TEST(another_network_is_called_what_it_is),
        TEST(what_is_not_there_says_how_to_get_it),
        TEST(published_places_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
