#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/learned_words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/drape-test-XXXXXX";

static const char *at(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* Tensors of the values 0, 1, 2, ... */
static void write_file(const char *name, const dr_st_entry *e, size_t n)
{
    dr_st_writer w;
    static float values[4096];
    for (int i = 0; i < 4096; i++)
        values[i] = (float)i;
    assert_int_equal(dr_st_create(&w, at(name), e, n, NULL, 0), DR_OK);
    for (size_t i = 0; i < n; i++) {
        size_t count = 1;
        for (int k = 0; k < e[i].rank; k++)
            count *= (size_t)e[i].dim[k];
        assert_int_equal(dr_st_put(&w, values, count * dr_dtype_size(e[i].dtype)), DR_OK);
    }
    assert_int_equal(dr_st_commit(&w), DR_OK);
}

static void a_files_word_is_its_own_or_its_name_or_what_is_asked_for(void **state)
{
    (void)state;
    const dr_st_entry named = {.name = "<red-coat>", .rank = 1, .dim = {4}};
    const dr_st_entry unnamed = {.name = "emb_params", .rank = 2, .dim = {2, 4}};
    dr_learned_words w;
    dr_learned_words_init(&w, 4);
    write_file("a.b.safetensors", &named, 1);
    assert_int_equal(dr_learned_words_open(&w, at("a.b.safetensors"), NULL), DR_OK);
    write_file("a.b.safetensors", &unnamed, 1);
    assert_int_equal(dr_learned_words_open(&w, at("a.b.safetensors"), NULL), DR_OK);
    assert_int_equal(dr_learned_words_open(&w, at("a.b.safetensors"), "blue"), DR_OK);
    assert_int_equal(w.count, 3);
    assert_string_equal(w.word[0].word, "<red-coat>");
    assert_string_equal(w.word[1].word, "a.b");
    assert_string_equal(w.word[2].word, "blue");
    assert_int_equal(w.vectors, 5);
    assert_true(w.word[2].first == 3 && w.word[2].count == 2);
    for (int i = 0; i < 8; i++)
        assert_true(w.vector[12 + i] == (float)i);
    dr_learned_words_clear(&w);
    unlink(at("a.b.safetensors"));
}

static void refused(const dr_st_entry *e, size_t n, const char *why)
{
    dr_learned_words w;
    dr_learned_words_init(&w, 4);
    write_file("e.safetensors", e, n);
    if (!dr_learned_words_open(&w, at("e.safetensors"), "x"))
        fail_msg("taken, where '%s' was expected", why);
    if (!strstr(dr_error(), why) || !strstr(dr_error(), "e.safetensors"))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
    assert_true(w.count == 0 && w.vectors == 0);
    dr_learned_words_clear(&w);
    unlink(at("e.safetensors"));
}

static void other_files_are_called_what_they_are(void **state)
{
    (void)state;
    dr_st_entry e[2] = {{.name = "emb_params", .rank = 2, .dim = {2, 5}}};
    refused(e, 1, "its vectors have 5 values, the model's text encoder takes 4");
    e[0] = (dr_st_entry){.name = "emb_params", .rank = 2, .dim = {76, 4}};
    refused(e, 1, "has 76 vectors, at most 75 fit into a prompt");
    e[0] = (dr_st_entry){.name = "emb_params", .rank = 2, .dim = {1, 4}, .dtype = DR_I32};
    refused(e, 1, "is I32");
    e[0] = (dr_st_entry){.name = "<x>", .rank = 3, .dim = {1, 1, 4}};
    refused(e, 1, "it is no embedding");
    e[0] = (dr_st_entry){.name = "clip_g", .rank = 2, .dim = {1, 4}};
    e[1] = (dr_st_entry){.name = "clip_l", .rank = 2, .dim = {1, 4}};
    refused(e, 2, "it is an embedding for Stable Diffusion XL ('clip_g')");
    refused(e + 1, 1, "Stable Diffusion XL");
    e[0] = (dr_st_entry){.name = "unet.a.lora_A.weight", .rank = 2, .dim = {1, 4}};
    refused(e, 1, "it is no embedding");
    refused(e, 0, "there is no tensor in it");
    e[0] = (dr_st_entry){.name = "string_to_param.*", .rank = 2, .dim = {1, 4}};
    e[1] = (dr_st_entry){.name = "string_to_param.b", .rank = 2, .dim = {1, 4}};
    refused(e, 2, "it is no embedding");
}

static void a_value_that_is_no_number_is_refused(void **state)
{
    (void)state;
    dr_st_writer out;
    const dr_st_entry e = {.name = "emb_params", .rank = 2, .dim = {1, 4}};
    const float bad[4] = {1, 2, NAN, 4};
    dr_learned_words w;
    assert_int_equal(dr_st_create(&out, at("e.safetensors"), &e, 1, NULL, 0), DR_OK);
    assert_int_equal(dr_st_put(&out, bad, sizeof bad), DR_OK);
    assert_int_equal(dr_st_commit(&out), DR_OK);
    dr_learned_words_init(&w, 4);
    assert_int_equal(dr_learned_words_open(&w, at("e.safetensors"), NULL), DR_EINVAL);
    dr_learned_words_clear(&w);
    unlink(at("e.safetensors"));
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_files_word_is_its_own_or_its_name_or_what_is_asked_for),
        cmocka_unit_test(other_files_are_called_what_they_are),
        cmocka_unit_test(a_value_that_is_no_number_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
