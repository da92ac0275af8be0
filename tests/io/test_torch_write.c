#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/tensor_file.h"
#include "io/tensor_write.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/test_torch_write.XXXXXX";

static int into_own_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int out_again(void **state)
{
    (void)state;
    return rmdir(folder); /* fails if a test left a file behind */
}

/* Writes the entries' bytes in pieces of 5, and reads the file; it is gone when it is closed. */
static void there_and_back(const dr_st_entry *want, size_t count, const dr_st_meta *meta, size_t meta_count,
                           dr_tensor_file *f)
{
    dr_torch_writer w;
    if (dr_torch_create(&w, "x.ckpt", want, count, meta, meta_count))
        fail_msg("%s", dr_error());
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < want[i].size; at += 5)
            assert_int_equal(
                dr_torch_put_part(&w, (const char *)want[i].data + at, want[i].size - at < 5 ? want[i].size - at : 5),
                DR_OK);
    assert_false(dr_exists("x.ckpt")); /* not before it is complete */
    assert_int_equal(dr_torch_commit(&w), DR_OK);
    if (dr_tensor_file_open(f, "x.ckpt"))
        fail_msg("%s", dr_error());
    unlink("x.ckpt");
    assert_int_equal(f->kind, DR_TF_TORCH_ZIP);
    assert_int_equal(f->count, count);
}

static void same(const dr_tensor_file *f, const dr_st_entry *want)
{
    const dr_st_entry *e = dr_tensor_file_find(f, want->name);
    assert_non_null(e);
    assert_int_equal(e->dtype, want->dtype);
    assert_int_equal(e->rank, want->rank);
    assert_memory_equal(e->dim, want->dim, (size_t)want->rank * sizeof *e->dim);
    assert_int_equal(e->size, want->size);
    assert_memory_equal(e->data, want->data, want->size);
    if (want->size) /* where it lies in the file, as torch.load(mmap=True) wants it */
        assert_int_equal((uintptr_t)e->data % 64, 0);
}

static void every_type_comes_back(void **state)
{
    (void)state;
    dr_tensor_file f;
    unsigned char bytes[6 * 8];
    enum { TYPES = DR_Q8_0 }; /* blocks are GGUF's alone */
    dr_st_entry want[TYPES];
    char name[TYPES][8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 37 + 1);
    for (int t = 0; t < TYPES; t++) {
        snprintf(name[t], sizeof name[t], "%s", dr_dtype_name(t));
        want[t] = (dr_st_entry){
            .name = name[t], .dtype = t, .rank = 2, .dim = {2, 3}, .data = bytes, .size = 6 * dr_dtype_size(t)};
    }
    there_and_back(want, TYPES, NULL, 0, &f);
    for (int t = 0; t < TYPES; t++)
        same(&f, &want[t]);
    assert_int_equal(f.meta_count, 0);
    dr_tensor_file_close(&f);
}

static void odd_shapes_and_names_come_back(void **state)
{
    (void)state;
    static char longest[1025];
    static unsigned char many[70000];
    memset(longest, 'n', 1024);
    memset(many, 7, sizeof many);
    const dr_st_entry want[] = {
        {.name = "none first", .dtype = DR_F16, .rank = 2, .dim = {0, 7}, .data = many},
        {.name = "none \"at\" 'all'", .dtype = DR_F32, .rank = 1, .dim = {0}, .data = many},
        {.name = "scalar", .dtype = DR_I64, .rank = 0, .data = "12345678", .size = 8},
        {.name = "héllo.重み/../\\%s{}", .dtype = DR_U8, .rank = 1, .dim = {3}, .data = "abc", .size = 3},
        {.name = "state_dict", .dtype = DR_U8, .rank = 8, .dim = {1, 1, 1, 2, 1, 1, 1, 1}, .data = "xy", .size = 2},
        {.name = "__metadata__", .dtype = DR_BOOL, .rank = 1, .dim = {1}, .data = "\1", .size = 1},
        {.name = longest, .dtype = DR_U8, .rank = 1, .dim = {70000}, .data = many, .size = 70000},
        {.name = "300", .dtype = DR_F16, .rank = 2, .dim = {300, 2}, .data = many, .size = 1200},
        {.name = "none last", .dtype = DR_BF16, .rank = 3, .dim = {3, 0, 2}, .data = many},
    };
    dr_tensor_file f;
    there_and_back(want, sizeof want / sizeof *want, NULL, 0, &f);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        same(&f, &want[i]);
    dr_tensor_file_close(&f);
}

static void metadata_comes_back(void **state)
{
    (void)state;
    dr_tensor_file f;
    const dr_st_entry one = {.name = "x", .dtype = DR_U8, .rank = 1, .dim = {1}, .data = "x", .size = 1};
    const dr_st_meta meta[] = {{"format", "pt"}, {"note", "two wörds"}, {"empty", ""}};
    there_and_back(&one, 1, meta, 3, &f);
    same(&f, &one);
    assert_int_equal(f.meta_count, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(f.meta[i].key, meta[i].key);
        assert_string_equal(f.meta[i].value, meta[i].value);
    }
    dr_tensor_file_close(&f);
}

/* Of a dictionary under that name that others made: texts count, whatever else there is does no harm. */
static void metadata_of_others_is_passed_over(void **state)
{
    (void)state;
    static const char odd[] = "\x80\x02}(X\x0c\0\0\0__metadata__}(K\1X\1\0\0\0aX\1\0\0\0bK\2X\1\0\0\0cX\2\0\0\0d\0"
                              "X\1\0\0\0eX\1\0\0\0fuX\1\0\0\0w";
    static const char tensor[] = "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nByteStorage\n"
                                 "X\1\0\0\0"
                                 "0X\3\0\0\0cpuK\1tQK\0(K\1t(K\1t\x89"
                                 "ccollections\nOrderedDict\n)RtRu.";
    dr_zip_writer w;
    dr_tensor_file f;
    size_t n = sizeof odd - 1, m = sizeof tensor - 1;
    assert_int_equal(dr_zip_create(&w, "x.pt", 2), DR_OK);
    assert_int_equal(dr_zip_begin(&w, "archive/data.pkl", n + m), DR_OK);
    assert_int_equal(dr_zip_put(&w, odd, n), DR_OK);
    assert_int_equal(dr_zip_put(&w, tensor, m), DR_OK);
    assert_int_equal(dr_zip_begin(&w, "archive/data/0", 1), DR_OK);
    assert_int_equal(dr_zip_put(&w, "x", 1), DR_OK);
    assert_int_equal(dr_zip_commit(&w), DR_OK);
    if (dr_tensor_file_open(&f, "x.pt"))
        fail_msg("%s", dr_error());
    unlink("x.pt");
    assert_int_equal(f.count, 1);
    assert_int_equal(f.meta_count, 1);
    assert_string_equal(f.meta[0].key, "e");
    assert_string_equal(f.meta[0].value, "f");
    dr_tensor_file_close(&f);
}

static void refused(const dr_st_entry *e, size_t count, const dr_st_meta *meta, size_t meta_count, const char *why)
{
    dr_torch_writer w;
    assert_int_equal(dr_torch_create(&w, "x.ckpt", e, count, meta, meta_count), DR_EINVAL);
    if (!strstr(dr_error(), why))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
    assert_false(dr_exists("x.ckpt"));
}

static void an_aborted_or_refused_file_leaves_nothing(void **state)
{
    (void)state;
    const dr_st_entry e = {.name = "x", .dtype = DR_F32, .rank = 1, .dim = {1000}};
    dr_torch_writer w;
    assert_int_equal(dr_torch_create(&w, "x.ckpt", &e, 1, NULL, 0), DR_OK);
    assert_int_equal(dr_torch_put_part(&w, "abcd", 4), DR_OK);
    dr_torch_abort(&w);
    dr_torch_abort(&w);
    assert_false(dr_exists("x.ckpt"));
    assert_int_equal(dr_torch_create(&w, "no/such/folder/x.ckpt", &e, 1, NULL, 0), DR_EIO);
    refused((dr_st_entry[]){e, {.name = "y"}, e}, 3, NULL, 0, "two tensors are named 'x'");
    refused(&(dr_st_entry){.name = "a\xff"}, 1, NULL, 0, "is not UTF-8");
    refused(&(dr_st_entry){.name = "a", .rank = 2, .dim = {INT64_MAX, 9}}, 1, NULL, 0, "its shape is too large");
    refused(&e, 1, &(dr_st_meta){"key", "\xff"}, 1, "the metadata 'key' is not UTF-8");
}

static void the_name_says_which_form_is_written(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        dr_tensor_file_kind kind;
    } all[] = {{"x.ckpt", DR_TF_TORCH_ZIP},
               {"x.pt", DR_TF_TORCH_ZIP},
               {"x.pth", DR_TF_TORCH_ZIP},
               {"x.safetensors", DR_TF_SAFETENSORS},
               {"x.ckpt.safetensors", DR_TF_SAFETENSORS}};
    const dr_st_entry e = {.name = "x", .dtype = DR_U8, .rank = 1, .dim = {3}, .data = "abc", .size = 3};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        dr_tensor_writer w;
        dr_tensor_file f;
        assert_int_equal(dr_tensor_create(&w, all[i].name, &e, 1, NULL, 0), DR_OK);
        assert_int_equal(dr_tensor_put_part(&w, "abc", 3), DR_OK);
        assert_int_equal(dr_tensor_commit(&w), DR_OK);
        assert_int_equal(dr_tensor_file_open(&f, all[i].name), DR_OK);
        unlink(all[i].name);
        assert_int_equal(f.kind, all[i].kind);
        assert_memory_equal(dr_tensor_file_find(&f, "x")->data, "abc", 3);
        dr_tensor_file_close(&f);
    }
    assert_false(dr_named_torch(".ckpt") || dr_named_torch("ckpt") || dr_named_torch("x.ckpt/") ||
                 dr_named_torch("x.bin") || dr_named_safetensors("x.ckpt"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_comes_back),
        cmocka_unit_test(odd_shapes_and_names_come_back),
        cmocka_unit_test(metadata_comes_back),
        cmocka_unit_test(metadata_of_others_is_passed_over),
        cmocka_unit_test(an_aborted_or_refused_file_leaves_nothing),
        cmocka_unit_test(the_name_says_which_form_is_written),
    };
    return cmocka_run_group_tests(tests, into_own_folder, out_again);
}
