/* HR-VITON's networks from files, as they are found and as they should not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/path.h"
#include "pipeline/gan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GOLDEN DR_SOURCE_DIR "/tests/golden/hr-viton/"

static char folder[] = "/tmp/drape-test-XXXXXX";
static char file[256];

static void assert_same_values(const dr_params *a, const dr_params *b)
{
    assert_int_equal(a->count, b->count);
    for (const dr_param *q = a->first; q; q = q->next) {
        const dr_param *r = dr_param_find(b, q->t.name);
        assert_non_null(r);
        size_t n = (size_t)dr_numel(&q->t);
        float *x = malloc(2 * n * sizeof *x);
        assert_non_null(x);
        dr_param_get(q, 0, n, x);
        dr_param_get(r, 0, n, x + n);
        assert_memory_equal(x, x + n, n * sizeof *x);
        free(x);
    }
}

static void a_parallel_trainings_checkpoint_is_the_same_network(void **state)
{
    (void)state;
    static dr_condition_model a, b;
    assert_int_equal(dr_condition_load(&a, GOLDEN "mtviton.safetensors"), DR_OK);
    assert_int_equal(dr_condition_load(&b, GOLDEN "trained/mtviton.pth"), DR_OK);
    assert_same_values(&a.params, &b.params);
    dr_condition_unload(&a);
    dr_condition_unload(&b);
}

static void older_names_are_the_same_network(void **state)
{
    (void)state;
    static dr_spade_model a, b;
    assert_int_equal(dr_spade_load(&a, GOLDEN "gen.pth"), DR_OK);
    assert_int_equal(dr_spade_load(&b, GOLDEN "trained/gen.pth"), DR_OK);
    assert_same_values(&a.params, &b.params);
    for (int i = 0; i < a.net.config.blocks; i++)
        assert_true(a.net.block[i].conv_0.gain == b.net.block[i].conv_0.gain && a.net.block[i].conv_0.gain != 1);
    dr_spade_unload(&a);
    dr_spade_unload(&b);
}

static void a_file_tells_what_it_is(void **state)
{
    (void)state;
    dr_gan_info info;
    assert_int_equal(dr_gan_kind_of(GOLDEN "trained/mtviton.pth"), DR_GAN_CONDITION);
    assert_int_equal(dr_gan_kind_of(GOLDEN "trained/gen.pth"), DR_GAN_GENERATOR);
    assert_int_equal(dr_gan_kind_of(GOLDEN), DR_GAN_NONE);
    assert_int_equal(dr_gan_kind_of(GOLDEN "../nano/unet/diffusion_pytorch_model.safetensors"), DR_GAN_NONE);
    assert_int_equal(dr_gan_describe(&info, GOLDEN "gen.pth"), DR_OK);
    assert_int_equal(info.generator.blocks, 5);
    assert_int_equal(info.generator.width[2], 6);
    assert_true(info.parameters > 1000);
}

static void the_other_network_is_called_so(void **state)
{
    (void)state;
    static dr_condition_model c;
    static dr_spade_model s;
    assert_int_equal(dr_condition_load(&c, GOLDEN "gen.pth"), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "is HR-VITON's image generator, expected its condition generator"));
    assert_int_equal(dr_spade_load(&s, GOLDEN "mtviton.safetensors"), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "is HR-VITON's condition generator, expected its image generator"));
    assert_int_equal(dr_spade_load(&s, DR_SOURCE_DIR "/README.md"), DR_EINVAL);
    assert_int_equal(dr_spade_load(&s, GOLDEN "nothing.pth"), DR_ENOENT);
    assert_false(c.loaded || s.loaded);
}

/* --- files with a fault --------------------------------------------------------------------------- */

/* What becomes of the golden file's tensor `name`. */
typedef struct fault {
    const char *name, *renamed; /* renamed NULL: it is left out */
    int64_t rows;               /* of its first axis, unless 0 */
    float value;                /* of its first number, unless 0 */
} fault;

static void write_with(const char *from, const fault *f)
{
    dr_tensor_file in;
    dr_st_entry e[512];
    dr_st_writer w;
    static float changed[1 << 16];
    size_t n = 0;
    assert_int_equal(dr_tensor_file_open(&in, from), DR_OK);
    for (size_t i = 0; i < in.count; i++) {
        e[n] = in.entry[i];
        if (strcmp(e[n].name, f->name) == 0) {
            if (!f->renamed)
                continue;
            e[n].name = (char *)(uintptr_t)f->renamed;
            if (f->rows) {
                e[n].size = e[n].size / (size_t)e[n].dim[0] * (size_t)f->rows;
                e[n].dim[0] = f->rows;
            }
            assert_true(e[n].size <= sizeof changed);
            memcpy(changed, e[n].data, e[n].size);
            if (f->value != 0)
                changed[0] = f->value;
            e[n].data = (const void *)changed;
        }
        n++;
    }
    assert_int_equal(dr_st_create(&w, file, e, n, NULL, 0), DR_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(dr_st_put(&w, e[i].data, e[i].size), DR_OK);
    assert_int_equal(dr_st_commit(&w), DR_OK);
    dr_tensor_file_close(&in);
}

static void assert_says(const char *what)
{
    if (!strstr(dr_error(), what))
        fail_msg("'%s' does not say '%s'", dr_error(), what);
    assert_null(strstr(dr_error(), "config.json")); /* there is none */
}

static void check_condition(fault f, const char *what)
{
    static dr_condition_model m;
    write_with(GOLDEN "mtviton.safetensors", &f);
    assert_true(dr_condition_load(&m, file) < 0);
    assert_says(what);
    assert_says(file);
    assert_false(m.loaded);
}

static void check_generator(fault f, const char *what)
{
    static dr_spade_model m;
    write_with(GOLDEN "gen.pth", &f);
    assert_true(dr_spade_load(&m, file) < 0);
    assert_says(what);
    assert_says(file);
    assert_false(m.loaded);
}

static void a_tensor_that_is_missing_too_much_or_misshapen_is_named(void **state)
{
    (void)state;
    check_condition((fault){.name = "flow_conv.1.bias"}, "are missing, the first is 'flow_conv.1.bias'");
    check_condition((fault){.name = "conv1.0.bias", .renamed = "conv3.0.bias"}, "'conv1.0.bias'");
    check_condition((fault){.name = "flow_conv.0.weight", .renamed = "flow_conv.0.weight", .rows = 1},
                    "'flow_conv.0.weight' has shape [1,8,3,3], expected [2,8,3,3]");
    check_condition((fault){.name = "conv.scale.bias", .renamed = "conv.scale.bias", .value = (float)(0.0 / 0.0)},
                    "'conv.scale.bias' contains NaN");
    check_generator((fault){.name = "up_1.norm_1.conv_beta.bias"}, "'up_1.norm_1.conv_beta.bias'");
    check_generator((fault){.name = "up_0.conv_1.weight_u"}, "'up_0.conv_1.weight_u'");
    check_generator((fault){.name = "up_1.norm_1.noise_scale", .renamed = "up_1.norm_1.noise_scale", .rows = 1},
                    "'up_1.norm_1.noise_scale' has shape [1]");
}

static void tensors_in_excess_are_named_except_those_that_do_nothing(void **state)
{
    (void)state;
    static dr_condition_model m;
    check_condition((fault){.name = "conv2.0.bias", .renamed = "conv3.0.bias"},
                    "1 tensor that the condition generator has no place for, the first is 'conv3.0.bias'");
    write_with(GOLDEN "mtviton.safetensors", &(fault){.name = "conv2.0.bias"});
    assert_int_equal(dr_condition_load(&m, file), DR_OK);
    assert_string_equal(m.files.note, "");
    dr_condition_unload(&m);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && !dr_path(file, sizeof file, folder, "f.safetensors") ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_parallel_trainings_checkpoint_is_the_same_network),
        cmocka_unit_test(older_names_are_the_same_network),
        cmocka_unit_test(a_file_tells_what_it_is),
        cmocka_unit_test(the_other_network_is_called_so),
        cmocka_unit_test(a_tensor_that_is_missing_too_much_or_misshapen_is_named),
        cmocka_unit_test(tensors_in_excess_are_named_except_those_that_do_nothing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
