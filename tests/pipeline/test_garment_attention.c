/* Attention weights of tests/golden/catvton, whole and spoilt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "io/safetensors.h"
#include "pipeline/garment_attention.h"
#include "pipeline/models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SET DR_SOURCE_DIR "/tests/golden/catvton"
#define VERSION SET "/CatVTON/tiny-4k-32"
#define WEIGHTS VERSION "/attention/model.safetensors"

static char copy[64] = "/tmp/drape-test-attention-XXXXXX";
static dr_source *source;
static dr_params params;
static dr_unet unet;

/* A copy with the tensors of layer `from[i]` under the number `to[i]`; -1 leaves the layer out. */
static void write_renumbered(const int to[4], const dr_st_meta *meta)
{
    static char names[32][64];
    dr_st_entry entry[32];
    dr_tensor_file f;
    dr_st_writer w;
    size_t n = 0;
    assert_int_equal(dr_tensor_file_open(&f, WEIGHTS), DR_OK);
    assert_int_equal(f.count, 20);
    for (size_t i = 0; i < f.count; i++) {
        int number = atoi(f.entry[i].name);
        if (to[number / 8] < 0)
            continue;
        snprintf(names[n], sizeof names[n], "%d%s", to[number / 8], strchr(f.entry[i].name, '.'));
        entry[n] = f.entry[i];
        entry[n].name = names[n];
        n++;
    }
    assert_int_equal(dr_st_create(&w, copy, entry, n, meta, meta ? 2 : 0), DR_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(dr_st_put(&w, entry[i].data, entry[i].size), DR_OK);
    assert_int_equal(dr_st_commit(&w), DR_OK);
    dr_tensor_file_close(&f);
}

/* What is said of the copy. */
static void assert_refused(const char *words)
{
    dr_garment_attention a;
    dr_status st = dr_garment_attention_open(&a, copy);
    bool opened = !st;
    if (opened)
        st = dr_garment_attention_check(&a, &unet, "base");
    assert_int_equal(st, DR_EINVAL);
    if (!strstr(dr_error(), words) || !strstr(dr_error(), copy))
        fail_msg("'%s' does not say '%s'", dr_error(), words);
    if (opened)
        dr_garment_attention_close(&a);
}

static void file_and_folders_are_found(void **state)
{
    static const char *const paths[] = {VERSION, VERSION "/attention", WEIGHTS};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        dr_garment_attention a;
        assert_int_equal(dr_garment_attention_open(&a, paths[i]), DR_OK);
        assert_string_equal(a.path, WEIGHTS);
        assert_string_equal(a.version, "tiny-4k-32");
        assert_int_equal(dr_garment_attention_check(&a, &unet, "base"), DR_OK);
        dr_garment_attention_close(&a);
    }
    dr_garment_attention a;
    assert_int_equal(dr_garment_attention_open(&a, SET "/CatVTON"), DR_ENOENT);
    assert_int_equal(dr_garment_attention_open(&a, SET "/nothing"), DR_ENOENT);
    char path[PATH_MAX];
    assert_int_equal(dr_garment_attention_find(VERSION, path), DR_OK);
    assert_string_equal(path, WEIGHTS);
    assert_int_equal(dr_garment_attention_find(SET, path), DR_EINVAL); /* of two versions */
    assert_int_equal(dr_garment_attention_find(SET "/base", path), DR_ENOENT);
}

static void the_size_is_the_names_or_the_files(void **state)
{
    const dr_st_meta size[] = {{"width", "48"}, {"height", "64"}};
    dr_garment_attention a;
    (void)state;
    assert_int_equal(dr_garment_attention_open(&a, WEIGHTS), DR_OK); /* 32 is no height that anybody trains at */
    assert_int_equal(a.height, 0);
    dr_garment_attention_close(&a);
    write_renumbered((int[]){0, 8, 16, 24}, size);
    assert_int_equal(dr_garment_attention_open(&a, copy), DR_OK);
    assert_int_equal(a.width, 48);
    assert_int_equal(a.height, 64);
    dr_garment_attention_close(&a);
    char dir[128], weights[512];
    snprintf(dir, sizeof dir, "%s.d/mix-48k-1024/attention", copy);
    snprintf(weights, sizeof weights, "%s/model.safetensors", dir);
    assert_int_equal(dr_mkdirs(dir), DR_OK);
    write_renumbered((int[]){0, 8, 16, 24}, NULL);
    assert_int_equal(rename(copy, weights), 0);
    assert_int_equal(dr_garment_attention_open(&a, weights), DR_OK);
    assert_string_equal(a.version, "mix-48k-1024");
    assert_int_equal(a.width, 768);
    assert_int_equal(a.height, 1024);
    dr_garment_attention_close(&a);
    snprintf(dir, sizeof dir, "%s.d", copy);
    dr_remove_tree(dir);
}

static void what_does_not_fit_is_refused_by_name(void **state)
{
    (void)state;
    write_renumbered((int[]){0, 8, -1, 24}, NULL);
    assert_refused("5 of 20 tensors are missing, the first is '16.to_q.weight'");
    write_renumbered((int[]){0, 8, 16, 32}, NULL);
    assert_refused("5 of 20 tensors are missing, the first is '24.to_q.weight'");
    write_renumbered((int[]){0, 1, 2, 3}, NULL); /* counted by attention layers */
    assert_refused("the first is '8.to_q.weight'");
}

static void another_order_is_refused_and_named(void **state)
{
    (void)state;
    /* down 0, up 8 and 16, mid 24 in the file; with mid in front of up the middle's 8 x 8 lie where 4 x 4 belong */
    write_renumbered((int[]){0, 16, 24, 8}, NULL);
    assert_refused("its layers are in the order down, mid, up, expected down, up, mid");
    assert_refused("'8.to_q.weight' has shape [8,8], expected [4,4]");
}

static void excess_and_strangers_are_refused(void **state)
{
    dr_tensor_file f;
    dr_st_writer w;
    (void)state;
    write_renumbered((int[]){0, 8, 16, 24}, NULL);
    assert_int_equal(dr_tensor_file_open(&f, WEIGHTS), DR_OK);
    dr_st_entry entry[21];
    memcpy(entry, f.entry, f.count * sizeof *entry);
    entry[20] = f.entry[0];
    entry[20].name = "0.to_q.bias";
    assert_int_equal(dr_st_create(&w, copy, entry, 21, NULL, 0), DR_OK);
    for (size_t i = 0; i < 21; i++)
        assert_int_equal(dr_st_put(&w, entry[i].data, entry[i].size), DR_OK);
    assert_int_equal(dr_st_commit(&w), DR_OK);
    dr_tensor_file_close(&f);
    assert_refused("1 tensor that the UNet of 'base' has no place for, the first is '0.to_q.bias'");
    dr_garment_attention a;
    assert_int_equal(dr_garment_attention_open(&a, SET "/base/unet/diffusion_pytorch_model.fp16.safetensors"),
                     DR_EINVAL);
    assert_non_null(strstr(dr_error(), "expected '0.to_q.weight' and its like"));
}

/* The same file with a value that is not a number. */
static void values_that_are_no_numbers_are_refused(void **state)
{
    dr_garment_attention a;
    dr_unet_model m = {0};
    char *bytes;
    size_t size;
    float nan = NAN;
    (void)state;
    assert_int_equal(dr_file_read(WEIGHTS, 1 << 20, &bytes, &size), DR_OK);
    memcpy(bytes + size - sizeof nan, &nan, sizeof nan);
    assert_int_equal(dr_file_write(copy, bytes, size), DR_OK);
    free(bytes);
    assert_int_equal(dr_garment_attention_open(&a, copy), DR_OK);
    assert_int_equal(dr_unet_load_textless(&m, source), DR_OK);
    assert_int_equal(dr_garment_attention_apply(&a, &m.net, &m.params), DR_EINVAL);
    assert_non_null(strstr(dr_error(), copy));
    dr_unet_unload(&m);
    dr_garment_attention_close(&a);
}

/* A file may leave cross-attention out, but nothing else. */
static void a_textless_unet_needs_no_cross_attention(void **state)
{
    dr_tensor_file f;
    dr_st_writer w;
    dr_st_entry entry[512];
    dr_unet_model m = {0};
    char dir[128], path[256];
    size_t n = 0;
    (void)state;
    assert_int_equal(dr_tensor_file_open(&f, SET "/base/unet/diffusion_pytorch_model.fp16.safetensors"), DR_OK);
    for (size_t i = 0; i < f.count; i++)
        if (!strstr(f.entry[i].name, ".attn2.to_"))
            entry[n++] = f.entry[i];
    assert_true(n < f.count);
    snprintf(dir, sizeof dir, "%s.d", copy);
    snprintf(path, sizeof path, "%s/unet", dir);
    assert_int_equal(dr_mkdirs(path), DR_OK);
    snprintf(path, sizeof path, "cp %s/base/unet/config.json %s/unet/", SET, dir);
    assert_int_equal(system(path), 0);
    snprintf(path, sizeof path, "%s/unet/diffusion_pytorch_model.safetensors", dir);
    assert_int_equal(dr_st_create(&w, path, entry, n, NULL, 0), DR_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(dr_st_put(&w, entry[i].data, entry[i].size), DR_OK);
    assert_int_equal(dr_st_commit(&w), DR_OK);
    dr_tensor_file_close(&f);
    dr_source *s;
    assert_int_equal(dr_source_open(&s, dir, &(dr_source_options){.unchecked = true}), DR_OK);
    assert_int_equal(dr_unet_load_textless(&m, s), DR_OK);
    assert_int_equal(dr_params_check(&m.params, path), DR_OK);
    dr_unet_unload(&m);
    assert_int_equal(dr_unet_load(&m, s), DR_EINVAL);
    dr_source_close(s);
    dr_remove_tree(dir);
}

static int open_unet(void **state)
{
    (void)state;
    int fd = mkstemp(copy);
    return fd < 0 || close(fd) || dr_source_open(&source, SET "/base", &(dr_source_options){.unchecked = true}) ||
           dr_model_open(&dr_unet_row, source, "unet", &unet, &params);
}

static int close_unet(void **state)
{
    (void)state;
    dr_params_clear(&params);
    dr_source_close(source);
    return unlink(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_and_folders_are_found),
        cmocka_unit_test(the_size_is_the_names_or_the_files),
        cmocka_unit_test(what_does_not_fit_is_refused_by_name),
        cmocka_unit_test(another_order_is_refused_and_named),
        cmocka_unit_test(excess_and_strangers_are_refused),
        cmocka_unit_test(values_that_are_no_numbers_are_refused),
        cmocka_unit_test(a_textless_unet_needs_no_cross_attention),
    };
    return cmocka_run_group_tests(tests, open_unet, close_unet);
}
