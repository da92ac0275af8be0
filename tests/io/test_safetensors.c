#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/safetensors.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file in memory: header text, then `data_size` zero bytes. The caller frees it. */
static unsigned char *make_file(const char *header, size_t data_size, size_t *size)
{
    size_t n = strlen(header);
    *size = 8 + n + data_size;
    unsigned char *p = calloc(1, *size);
    assert_non_null(p);
    for (int i = 0; i < 8; i++)
        p[i] = (unsigned char)((uint64_t)n >> (8 * i));
    memcpy(p + 8, header, n);
    return p;
}

static dr_status parse(const char *header, size_t data_size)
{
    dr_safetensors f;
    size_t size;
    unsigned char *p = make_file(header, data_size, &size);
    dr_status st = dr_st_parse(&f, p, size, "x.safetensors");
    if (!st)
        dr_st_close(&f);
    free(p);
    return st;
}

static void refused(const char *header, size_t data_size, const char *why)
{
    dr_error_clear();
    assert_int_equal(parse(header, data_size), DR_EINVAL);
    if (!strstr(dr_error(), why))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
    assert_non_null(strstr(dr_error(), "x.safetensors"));
}

static void reads_what_it_wrote(void **state)
{
    (void)state;
    const char *path = "test_safetensors.tmp.safetensors";
    const dr_st_entry want[] = {
        {.name = "b.weight", .dtype = DR_F32, .rank = 2, .dim = {2, 3}},
        {.name = "empty", .dtype = DR_F16, .rank = 2, .dim = {0, 7}},
        {.name = "a\"é", .dtype = DR_BF16, .rank = 1, .dim = {3}},
        {.name = "scalar", .dtype = DR_I64, .rank = 0},
    };
    const dr_st_meta meta[] = {{"format", "pt"}, {"note", "two words"}};
    const float b[6] = {1, 2, 3, 4, 5, 6};
    const uint16_t a[3] = {7, 8, 9};
    const int64_t scalar = -5;
    dr_st_writer w;
    assert_int_equal(dr_st_create(&w, path, want, 4, meta, 2), DR_OK);
    assert_int_equal(dr_st_put_part(&w, b, 10), DR_OK);
    assert_int_equal(dr_st_put_part(&w, (const char *)b + 10, 14), DR_OK);
    assert_int_equal(dr_st_put(&w, a, 6), DR_OK); /* the empty tensor needs no call */
    assert_int_equal(dr_st_put(&w, &scalar, 8), DR_OK);
    assert_false(dr_exists(path)); /* not before it is complete */
    assert_int_equal(dr_st_commit(&w), DR_OK);

    dr_safetensors f;
    assert_int_equal(dr_st_open(&f, path), DR_OK);
    unlink(path);
    assert_int_equal(f.count, 4);
    const dr_st_entry *e = dr_st_find(&f, "b.weight");
    assert_non_null(e);
    assert_int_equal(e->dtype, DR_F32);
    assert_int_equal(e->rank, 2);
    assert_int_equal(e->dim[1], 3);
    assert_memory_equal(e->data, b, sizeof b);
    assert_int_equal((uintptr_t)e->data % 8, 0);
    assert_memory_equal(dr_st_find(&f, "a\"é")->data, a, sizeof a);
    assert_memory_equal(dr_st_find(&f, "scalar")->data, &scalar, 8);
    assert_int_equal(dr_st_find(&f, "empty")->size, 0);
    assert_null(dr_st_find(&f, "c"));
    assert_string_equal(dr_st_metadata(&f, "format"), "pt");
    assert_string_equal(dr_st_metadata(&f, "note"), "two words");
    assert_null(dr_st_metadata(&f, "other"));
    for (size_t i = 1; i < f.count; i++)
        assert_true(strcmp(f.entry[i - 1].name, f.entry[i].name) < 0);
    dr_st_close(&f);
}

static void an_aborted_file_leaves_nothing(void **state)
{
    (void)state;
    const char *path = "test_safetensors.abort.safetensors";
    const dr_st_entry e = {.name = "x", .dtype = DR_F32, .rank = 1, .dim = {1000}};
    dr_st_writer w;
    assert_int_equal(dr_st_create(&w, path, &e, 1, NULL, 0), DR_OK);
    dr_st_abort(&w);
    dr_st_abort(&w);
    assert_false(dr_exists(path));
    assert_int_equal(dr_st_create(&w, "no/such/folder/x.safetensors", &e, 1, NULL, 0), DR_EIO);
    const dr_st_entry twice[] = {e, e};
    assert_int_equal(dr_st_create(&w, path, twice, 2, NULL, 0), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "two tensors are named 'x'"));
}

static void accepts_odd_but_valid_files(void **state)
{
    (void)state;
    assert_int_equal(parse("{}", 0), DR_OK);
    assert_int_equal(parse("{\"__metadata__\":{}}   ", 0), DR_OK);
    /* data not in the header's order, with an empty tensor at the seam, and unaligned */
    assert_int_equal(parse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[3,7]},"
                           "\"e\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[3,3]},"
                           "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}",
                           7),
                     DR_OK);
    assert_int_equal(parse("{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,2],\"data_offsets\":[0,2]}}", 2), DR_OK);
}

static void refuses_broken_headers(void **state)
{
    (void)state;
    dr_safetensors f;
    unsigned char huge[16] = {0, 0, 0, 0, 0, 0, 0, 0x80, '{', '}'};
    assert_int_equal(dr_st_parse(&f, "{}", 2, "x"), DR_EINVAL);
    assert_int_equal(dr_st_parse(&f, huge, sizeof huge, "x"), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "cut short"));
    refused("{\"a\":", 0, "not valid JSON");
    refused("[]", 0, "not an object");
    refused("{\"a\":{},\"a\":{}}", 0, "duplicate");
    refused("{\"a\":5}", 0, "no dtype");
    refused("{\"__metadata__\":{\"a\":1}}", 0, "not a string");
    refused("{\"__metadata__\":[]}", 0, "not an object");
    refused("{\"a\\u001b[2J\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "control");
}

static void refuses_broken_tensors(void **state)
{
    (void)state;
    refused("{\"a\":{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown dtype 'F99'");
    refused("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "no shape");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "axis 0");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, "axis 0");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "too large");
    refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1, "9 axes");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "no data_offsets");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "no data_offsets");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "lies at bytes -4");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "lies at bytes 4 to 0");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "4 bytes of tensors");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
            "has 4 bytes, its shape and dtype need 8");
}

static void refuses_overlaps_and_gaps(void **state)
{
    (void)state;
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}",
            6, "'b' overlaps another by 2 bytes");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[5,9]}}",
            9, "1 unused bytes in front of tensor 'b'");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 6, "2 unused bytes behind");
}

static void names_dtypes_it_does_not_support(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1), DR_EUNSUPPORTED);
    assert_non_null(strstr(dr_error(), "'a' is F8_E4M3"));
}

static void refuses_what_is_no_file(void **state)
{
    (void)state;
    dr_safetensors f;
    assert_int_equal(dr_st_open(&f, "no-such-file.safetensors"), DR_ENOENT);
    dr_st_close(&f);
    assert_int_equal(dr_st_open(&f, "/"), DR_EINVAL);
    dr_st_close(&f);
}

static char folder[] = "/tmp/drape-test-XXXXXX";

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

static void bytes_refused(const void *data, size_t n, const char *why)
{
    dr_safetensors f;
    assert_int_not_equal(dr_st_parse(&f, data, n, "x.safetensors"), DR_OK);
    if (!strstr(dr_error(), why))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
}

static void what_is_saved_as_safetensors_is_called_what_it_is(void **state)
{
    (void)state;
#define SAYS(text, why) bytes_refused(text, sizeof(text) - 1, why)
    SAYS("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "a git-lfs pointer");
    SAYS("<!doctype html><html><head>", "a web page");
    SAYS("PK\3\4\0\0\10\10\0\0\0\0", "a PyTorch checkpoint");
    SAYS("\x80\2}q\0X\0\0\0\0\0\0", "a PyTorch checkpoint");
    SAYS("Access to model someone/something is restricted. Log in.",
         "it is text and no file of weights, 'Access to model");
    SAYS("\x1f\x8b\0\0\0\0\0\0{\"a\":", "cut short");
    SAYS("\xff\xff\xff\xff\xff\xff\xff\xff\0\0", "not a safetensors file, or cut short");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(an_aborted_file_leaves_nothing),
        cmocka_unit_test(accepts_odd_but_valid_files),
        cmocka_unit_test(refuses_broken_headers),
        cmocka_unit_test(refuses_broken_tensors),
        cmocka_unit_test(refuses_overlaps_and_gaps),
        cmocka_unit_test(names_dtypes_it_does_not_support),
        cmocka_unit_test(refuses_what_is_no_file),
        cmocka_unit_test(what_is_saved_as_safetensors_is_called_what_it_is),
    };
    return cmocka_run_group_tests(tests, into_own_folder, out_again);
}
