/* Every committed golden case with the backend at hand; ctest runs this again for each of them. */
#define _GNU_SOURCE /* memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/path.h"
#include "io/safetensors.h"
#include "verify/verify.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GOLDEN DR_SOURCE_DIR "/tests/golden/"

static int is_case(const struct dirent *f)
{
    size_t n = strlen(f->d_name);
    return n > 12 && strcmp(f->d_name + n - 12, ".safetensors") == 0;
}

/* All cases in a folder, of one model, at least `least` of them. */
static void check_cases(const char *name, const char *cases, int least)
{
    char dir[512], model[512], path[1024];
    struct dirent **files;
    dr_verifier *v;
    int wrong = 0;
    snprintf(model, sizeof model, GOLDEN "%s", name);
    snprintf(dir, sizeof dir, GOLDEN "%s", cases);
    int n = scandir(dir, &files, is_case, alphasort);
    assert_true(n >= least);
    assert_int_equal(dr_verifier_new(&v, model, NULL), DR_OK);
    for (int i = 0; i < n; i++) {
        dr_verify_result r;
        dr_path(path, sizeof path, dir, files[i]->d_name);
        dr_status st = dr_verify_case(v, path, &r);
        if (st || !r.ok) {
            wrong++;
            print_error("%s/%s: %s, worst %s: abs %g, rel %g\n", name, files[i]->d_name, st ? dr_error() : "wrong",
                        r.worst, r.abs, r.rel);
        }
        free(files[i]);
    }
    free(files);
    dr_verifier_free(v);
    assert_int_equal(wrong, 0);
}

static void check_folder(const char *name, int least)
{
    char cases[64];
    snprintf(cases, sizeof cases, "%s-cases", name);
    check_cases(name, cases, least);
}

static void every_case_of_catvton_passes(void **state)
{
    (void)state;
    check_cases("catvton", "catvton/cases", 9);
    check_cases("catvton", "catvton/runs", 5);
}

static void every_case_of_a_tiny_vae_passes(void **state)
{
    (void)state;
    check_folder("nanot", 2);
}

static void every_case_of_nano_passes(void **state)
{
    (void)state;
    check_folder("nano", 24);
}

static void every_case_of_nano1_passes(void **state)
{
    (void)state;
    check_folder("nano1", 24);
}

static void every_case_of_segformer_nano_passes(void **state)
{
    (void)state;
    check_folder("segformer-nano", 4);
}

static void every_case_of_clothes_nano_passes(void **state)
{
    (void)state;
    check_folder("clothes-nano", 2);
}

static void every_case_of_hr_viton_passes(void **state)
{
    (void)state;
    check_folder("hr-viton", 14);
}

static void cases_of_pictures_are_judged_pixel_for_pixel(void **state)
{
    dr_verifier *v;
    dr_verify_result r;
    (void)state;
    assert_int_equal(dr_verifier_new(&v, GOLDEN "hr-viton", NULL), DR_OK);
    assert_int_equal(dr_verify_case(v, GOLDEN "viton/case-p0.json", &r), DR_OK);
    assert_true(r.ok && r.outputs == 2 && r.rel == 0);
    assert_int_equal(dr_verify_case(v, GOLDEN "viton/case-p1.json", &r), DR_OK);
    assert_true(r.ok);
    assert_int_equal(dr_verify_case(v, GOLDEN "viton/openpose_json/p0_keypoints.json", &r), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "is not a golden case of pictures"));
    dr_verifier_free(v);
}

static void every_case_of_backbones_nano_passes(void **state)
{
    (void)state;
    check_folder("backbones-nano", 14);
}

/* --- wrong expectations ---------------------------------------------------------------------------- */

static char copy[] = "/tmp/drape-test-XXXXXX";

/* A copy of nano's case `name`, with `by` added to the first value of its tensor `key`. */
static void tamper(const char *name, const char *key, float by)
{
    char path[512], *bytes;
    size_t size;
    dr_safetensors f;
    snprintf(path, sizeof path, GOLDEN "nano-cases/%s.safetensors", name);
    assert_int_equal(dr_file_read(path, 1 << 24, &bytes, &size), DR_OK);
    assert_int_equal(dr_st_parse(&f, bytes, size, path), DR_OK);
    const dr_st_entry *e = dr_st_find(&f, key);
    assert_non_null(e);
    char *at = bytes + ((const char *)e->data - bytes);
    float x;
    memcpy(&x, at, sizeof x);
    x += by;
    memcpy(at, &x, sizeof x);
    dr_st_close(&f);
    assert_int_equal(dr_file_write(copy, bytes, size), DR_OK);
    free(bytes);
}

static dr_verify_result verify_copy(void)
{
    dr_verifier *v;
    dr_verify_result r;
    assert_int_equal(dr_verifier_new(&v, GOLDEN "nano", NULL), DR_OK);
    assert_int_equal(dr_verify_case(v, copy, &r), DR_OK);
    dr_verifier_free(v);
    return r;
}

static void one_wrong_value_fails_a_case(void **state)
{
    (void)state;
    tamper("unet-9x7", "want/sample", 1e-3F); /* of a deviation of about 0.3: 30 times what is allowed */
    dr_verify_result r = verify_copy();
    assert_false(r.ok);
    assert_string_equal(r.worst, "sample");
    assert_true(fabs(r.abs - 1e-3) < 1e-4);
    tamper("unet-9x7", "want/sample", 0);
    assert_true(verify_copy().ok);
}

static void one_wrong_block_fails_a_case_and_is_named(void **state)
{
    (void)state;
    tamper("unet-blocks", "want/block/up_blocks.0.resnets.1", 0.5F);
    dr_verify_result r = verify_copy();
    assert_false(r.ok);
    assert_string_equal(r.worst, "block/up_blocks.0.resnets.1");
    tamper("vae_decode-blocks", "want/block/decoder.mid_block", 0.5F);
    r = verify_copy();
    assert_false(r.ok);
    assert_string_equal(r.worst, "block/decoder.mid_block");
}

static void a_block_that_the_model_does_not_have_is_a_fault(void **state)
{
    (void)state;
    char *bytes, *at;
    size_t size;
    dr_verifier *v;
    dr_verify_result r;
    assert_int_equal(dr_file_read(GOLDEN "nano-cases/unet-blocks.safetensors", 1 << 24, &bytes, &size), DR_OK);
    at = memmem(bytes, size, "want/block/mid_block\"", 21);
    assert_non_null(at);
    memcpy(at, "want/block/mad_block\"", 21);
    assert_int_equal(dr_file_write(copy, bytes, size), DR_OK);
    free(bytes);
    assert_int_equal(dr_verifier_new(&v, GOLDEN "nano", NULL), DR_OK);
    assert_int_equal(dr_verify_case(v, copy, &r), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "has 25 blocks, of which this model gives 24"));
    dr_verifier_free(v);
}

static void one_wrong_gradient_fails_a_case_and_is_named(void **state)
{
    (void)state;
    tamper("train_gradients", "want/grad/unet/conv_in.bias", 1.0F);
    dr_verify_result r = verify_copy();
    assert_false(r.ok);
    assert_string_equal(r.worst, "grad/unet/conv_in.bias");
}

static void one_wrong_gradient_of_a_pair_fails_a_case_and_is_named(void **state)
{
    (void)state;
    const char *key = "want/2/grad/mid_block.attentions.0.transformer_blocks.0.attn1.to_k.weight";
    tamper("catvton_train", key, 1e-3F);
    dr_verify_result r = verify_copy();
    assert_false(r.ok);
    assert_string_equal(r.worst, key + strlen("want/"));
}

static void a_value_that_is_not_a_number_fails_a_case(void **state)
{
    (void)state;
    tamper("vae_decode", "want/image", NAN);
    assert_false(verify_copy().ok);
}

static void a_case_of_another_model_is_a_fault_that_is_named(void **state)
{
    (void)state;
    dr_verifier *v;
    dr_verify_result r;
    assert_int_equal(dr_verifier_new(&v, GOLDEN "nano", NULL), DR_OK);
    assert_int_equal(dr_verify_case(v, GOLDEN "nano1-cases/unet.safetensors", &r), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "nano1-cases/unet.safetensors"));
    assert_int_equal(dr_verify_case(v, GOLDEN "nano/unet/diffusion_pytorch_model.safetensors", &r), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "is not a golden case"));
    assert_int_equal(dr_verify_case(v, GOLDEN "nano-cases/unet.safetensors", &r), DR_OK); /* and it goes on */
    assert_true(r.ok);
    dr_verifier_free(v);
}

static int make_copy(void **state)
{
    (void)state;
    int fd = mkstemp(copy);
    return fd < 0 ? -1 : close(fd);
}

static int remove_copy(void **state)
{
    (void)state;
    return unlink(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_of_nano_passes),
        cmocka_unit_test(every_case_of_a_tiny_vae_passes),
        cmocka_unit_test(every_case_of_nano1_passes),
        cmocka_unit_test(every_case_of_segformer_nano_passes),
        cmocka_unit_test(every_case_of_clothes_nano_passes),
        cmocka_unit_test(every_case_of_backbones_nano_passes),
        cmocka_unit_test(every_case_of_hr_viton_passes),
        cmocka_unit_test(every_case_of_catvton_passes),
        cmocka_unit_test(cases_of_pictures_are_judged_pixel_for_pixel),
        cmocka_unit_test(one_wrong_value_fails_a_case),
        cmocka_unit_test(one_wrong_block_fails_a_case_and_is_named),
        cmocka_unit_test(a_block_that_the_model_does_not_have_is_a_fault),
        cmocka_unit_test(one_wrong_gradient_fails_a_case_and_is_named),
        cmocka_unit_test(one_wrong_gradient_of_a_pair_fails_a_case_and_is_named),
        cmocka_unit_test(a_value_that_is_not_a_number_fails_a_case),
        cmocka_unit_test(a_case_of_another_model_is_a_fault_that_is_named),
    };
    return cmocka_run_group_tests(tests, make_copy, remove_copy);
}
