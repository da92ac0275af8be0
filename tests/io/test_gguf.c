/* Files as ggml writes them: what the Python package gguf finds in one, and what hostile ones may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "io/tensor_file.h"
#include "io/tensor_write.h"
#include "io/torch_bytes.h"
#include "tensor/blocks.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define GOLDEN DR_SOURCE_DIR "/tests/golden/gguf/"

static const char *const block_types[] = {"Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1",
                                          "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"};

/* --- values --------------------------------------------------------------------------------------------------- */

static void assert_values(const dr_st_entry *have, const dr_st_entry *want)
{
    size_t n = dr_st_count(want);
    float *v = malloc(n * sizeof *v);
    assert_non_null(v);
    assert_int_equal(dr_st_count(have), n);
    assert_int_equal(have->rank, want->rank);
    assert_memory_equal(have->dim, want->dim, sizeof have->dim);
    dr_st_values(have, v);
    if (memcmp(v, want->data, n * sizeof *v) != 0)
        fail_msg("'%s' has other values", have->name);
    free(v);
}

static void every_type_has_the_values_of_the_python_package(void **state)
{
    dr_tensor_file f, want;
    (void)state;
    assert_int_equal(dr_tensor_file_open(&f, GOLDEN "types.gguf"), DR_OK);
    assert_int_equal(dr_tensor_file_open(&want, GOLDEN "values.safetensors"), DR_OK);
    assert_int_equal(f.count, want.count);
    for (size_t i = 0; i < f.count; i++)
        if (strcmp(f.entry[i].name, "rounded") != 0)
            assert_values(&f.entry[i], dr_tensor_file_find(&want, f.entry[i].name));
    for (size_t i = 0; i < sizeof block_types / sizeof *block_types; i++)
        assert_string_equal(dr_dtype_name(dr_tensor_file_find(&f, block_types[i])->dtype), block_types[i]);
    dr_tensor_file_close(&f);
    dr_tensor_file_close(&want);
}

static void values_are_rounded_to_8_bits_as_by_the_python_package(void **state)
{
    dr_tensor_file f, values;
    dr_q8_0 made[6];
    (void)state;
    assert_int_equal(dr_tensor_file_open(&f, GOLDEN "types.gguf"), DR_OK);
    assert_int_equal(dr_tensor_file_open(&values, GOLDEN "values.safetensors"), DR_OK);
    const dr_st_entry *e = dr_tensor_file_find(&f, "rounded");
    assert_int_equal(e->size, sizeof made);
    dr_f32_to_q8_0(dr_tensor_file_find(&values, "rounded")->data, made, 192);
    assert_memory_equal(made, e->data, sizeof made);
    dr_tensor_file_close(&f);
    dr_tensor_file_close(&values);
}

static void values_at_the_ends_of_f32_have_codes(void **state)
{
    float x[32] = {0}, back[32];
    dr_q8_0 b;
    (void)state;
    x[0] = -0x1p-149F; /* its inverse is infinite */
    x[1] = 0x1p-149F;
    dr_f32_to_q8_0(x, &b, 32);
    dr_blocks_to_f32(&b, DR_Q8_0, back, 32);
    for (int i = 0; i < 32; i++)
        assert_true(fabsf(back[i]) < 1e-6F);
    x[0] = INFINITY;
    dr_f32_to_q8_0(x, &b, 32);
    assert_int_equal(b.scale, 0x7c00); /* whoever writes it sees that it is too large */
}

static void keys_are_metadata_and_lists_are_passed_over(void **state)
{
    dr_tensor_file f;
    (void)state;
    assert_int_equal(dr_tensor_file_open(&f, GOLDEN "types.gguf"), DR_OK);
    assert_int_equal(f.meta_count, 4);
    assert_string_equal(f.meta[0].key, "answer");
    assert_string_equal(f.meta[0].value, "42");
    assert_string_equal(f.meta[1].value, "sd1");
    assert_string_equal(f.meta[2].value, "0.5");
    assert_string_equal(f.meta[3].value, "a small one");
    dr_tensor_file_close(&f);
}

/* --- writing ------------------------------------------------------------------------------------------------- */

static void what_is_written_is_read_again(void **state)
{
    dr_tensor_file f, back;
    dr_tensor_writer w;
    const dr_st_meta meta[] = {{"title", "a \xc3\xa9t\xc3\xa9"}, {"empty", ""}};
    (void)state;
    assert_int_equal(dr_tensor_file_open(&f, GOLDEN "types.gguf"), DR_OK);
    dr_st_entry all[20];
    size_t n = f.count;
    memcpy(all, f.entry, n * sizeof *all);
    all[n++] = (dr_st_entry){.name = "scalar", .dtype = DR_F32, .data = "\0\0\0@", .size = 4};
    all[n++] = (dr_st_entry){.name = "nothing", .dtype = DR_F32, .rank = 2, .dim = {0, 3}};
    assert_int_equal(dr_tensor_create(&w, "written.gguf", all, n, meta, 2), DR_OK);
    for (size_t i = 0; i < n; i++)
        for (size_t at = 0; at < all[i].size; at += 100)
            assert_int_equal(
                dr_tensor_put_part(&w, (const char *)all[i].data + at, all[i].size - at < 100 ? all[i].size - at : 100),
                DR_OK);
    assert_int_equal(dr_tensor_commit(&w), DR_OK);
    if (dr_tensor_file_open(&back, "written.gguf"))
        fail_msg("%s", dr_error());
    assert_int_equal(back.count, n);
    for (size_t i = 0; i < n; i++) {
        const dr_st_entry *e = dr_tensor_file_find(&back, all[i].name);
        assert_int_equal(e->dtype, all[i].dtype);
        assert_int_equal(e->size, all[i].size);
        assert_true(!e->size || (uintptr_t)e->data % 32 == 0);
        assert_memory_equal(e->data, all[i].data, e->size);
    }
    assert_int_equal(dr_tensor_file_find(&back, "scalar")->dim[0], 1);
    assert_string_equal(back.meta[0].value, "");
    assert_string_equal(back.meta[2].value, "a \xc3\xa9t\xc3\xa9");
    dr_tensor_file_close(&back);
    dr_tensor_file_close(&f);
    unlink("written.gguf");
}

static void names_that_are_there_twice_are_not_written(void **state)
{
    dr_tensor_writer w;
    const dr_st_entry two[] = {{.name = "a", .dtype = DR_F32}, {.name = "a", .dtype = DR_F32}};
    (void)state;
    assert_int_equal(dr_tensor_create(&w, "twice.gguf", two, 2, NULL, 0), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "two tensors are named 'a'"));
    assert_int_equal(access("twice.gguf", F_OK), -1);
}

/* --- hostile files --------------------------------------------------------------------------------------------- */

typedef struct listed {
    const char *name;
    uint64_t dim[5], offset;
    uint32_t axes, type;
} listed;

static void put_text(bytes *b, const char *s)
{
    add_le(b, strlen(s), 8);
    add(b, s, strlen(s));
}

static void begin(bytes *b, uint64_t tensors, uint64_t keys)
{
    ADD(b, "GGUF");
    add_le(b, 3, 4);
    add_le(b, tensors, 8);
    add_le(b, keys, 8);
}

static void put_tensor(bytes *b, const listed *t)
{
    put_text(b, t->name);
    add_le(b, t->axes, 4);
    for (uint32_t i = 0; i < t->axes; i++)
        add_le(b, t->dim[i], 8);
    add_le(b, t->type, 4);
    add_le(b, t->offset, 8);
}

static void add_data(bytes *b, size_t n)
{
    while (b->n % 32)
        ADD(b, "\0");
    for (size_t i = 0; i < n; i++)
        ADD(b, "\1");
}

static void says(const bytes *b, dr_status code, const char *what)
{
    dr_tensor_file f;
    assert_int_equal(dr_tensor_file_parse(&f, b->p, b->n, "x.gguf"), code);
    if (!strstr(dr_error(), what) || !strstr(dr_error(), "x.gguf"))
        fail_msg("'%s' is not in: %s", what, dr_error());
}

/* Tensors alone, with 64 bytes behind them. */
static void tensors_say(const listed *t, size_t n, dr_status code, const char *what)
{
    bytes b = {0};
    begin(&b, n, 0);
    for (size_t i = 0; i < n; i++)
        put_tensor(&b, &t[i]);
    add_data(&b, 64);
    says(&b, code, what);
    drop(&b);
}
#define TENSORS_SAY(code, what, ...)                                                                                   \
    tensors_say((const listed[]){__VA_ARGS__}, sizeof((const listed[]){__VA_ARGS__}) / sizeof(listed), code, what)

static void tensors_that_cannot_be_are_refused(void **state)
{
    char large[1100];
    (void)state;
    memset(large, 'a', sizeof large - 1);
    large[sizeof large - 1] = 0;
    TENSORS_SAY(DR_EINVAL, "two tensors are named 'a'", {"a", {4}, 0, 1, 0}, {"a", {4}, 32, 1, 0});
    TENSORS_SAY(DR_EINVAL, "overlaps another by 16 bytes", {"a", {4}, 0, 1, 0}, {"b", {4}, 0, 1, 0});
    TENSORS_SAY(DR_EINVAL, "32 unused bytes in front of tensor 'a'", {"a", {4}, 32, 1, 0});
    TENSORS_SAY(DR_EINVAL, "lies at byte 16, which is no multiple of 32", {"a", {4}, 16, 1, 0});
    TENSORS_SAY(DR_EINVAL, "lies at bytes 32 to 96, but the file has 64", {"a", {8}, 0, 1, 0}, {"b", {16}, 32, 1, 0});
    TENSORS_SAY(DR_EINVAL, "more values than the file has room for", {"a", {1 << 20, 1 << 20}, 0, 2, 0});
    TENSORS_SAY(DR_EINVAL, "the shape of tensor 'a' is too large",
                {"a", {UINT64_C(1) << 32, UINT64_C(1) << 32, 4}, 0, 3, 0});
    TENSORS_SAY(DR_EINVAL, "the shape of tensor 'a' is too large", {"a", {UINT64_MAX}, 0, 1, 0});
    TENSORS_SAY(DR_EINVAL, "has 5 axes, at most 4", {"a", {1, 1, 1, 1, 1}, 0, 5, 0});
    TENSORS_SAY(DR_EINVAL, "rows of tensor 'a' have 48 values, which are no whole blocks of 32",
                {"a", {48, 2}, 0, 2, 8});
    TENSORS_SAY(DR_EINVAL, "no whole blocks of 256, as Q4_K", {"a", {32, 8}, 0, 2, 12});
    TENSORS_SAY(DR_EINVAL, "has the unknown type 1000", {"a", {4}, 0, 1, 1000});
    TENSORS_SAY(DR_EUNSUPPORTED, "is IQ4_XS, which is not supported", {"a", {256}, 0, 1, 23});
    TENSORS_SAY(DR_EUNSUPPORTED, "is Q8_1, which", {"a", {32}, 0, 1, 9});
    TENSORS_SAY(DR_EINVAL, "has an empty name", {"", {4}, 0, 1, 0});
    TENSORS_SAY(DR_EINVAL, "control characters", {"a\x1b[31m", {4}, 0, 1, 0});
    TENSORS_SAY(DR_EINVAL, "is not UTF-8", {"a\xff", {4}, 0, 1, 0});
    TENSORS_SAY(DR_EINVAL, "has 1099 bytes, at most 1024", {large, {4}, 0, 1, 0});
}

static void empty_tensors_and_files_are_taken(void **state)
{
    dr_tensor_file f;
    bytes b = {0};
    (void)state;
    begin(&b, 2, 0);
    put_tensor(&b, &(listed){"none", {0, 7}, 0, 2, 0});
    put_tensor(&b, &(listed){"one", {1}, 0, 1, 0});
    add_data(&b, 4);
    assert_int_equal(dr_tensor_file_parse(&f, b.p, b.n, "x.gguf"), DR_OK);
    assert_int_equal(f.count, 2);
    dr_tensor_file_close(&f);
    drop(&b);
    begin(&b, 0, 0);
    assert_int_equal(dr_tensor_file_parse(&f, b.p, b.n, "x.gguf"), DR_OK);
    assert_int_equal(f.count, 0);
    dr_tensor_file_close(&f);
    drop(&b);
}

static void heads_that_cannot_be_are_refused(void **state)
{
    bytes b = {0};
    (void)state;
    ADD(&b, "GGUF\1\0\0\0\0\0\0\0\0\0\0\0");
    says(&b, DR_EUNSUPPORTED, "of version 1");
    memcpy(b.p + 4, "\0\0\0\3", 4);
    says(&b, DR_EUNSUPPORTED, "big-endian");
    memcpy(b.p + 4, "\x9\0\0\0", 4);
    says(&b, DR_EINVAL, "of version 9");
    drop(&b);
    begin(&b, UINT64_MAX, 0);
    says(&b, DR_EINVAL, "at most 65536 of each");
    drop(&b);
    begin(&b, 0, UINT64_C(1) << 40);
    says(&b, DR_EINVAL, "at most 65536 of each");
    drop(&b);
    begin(&b, 60000, 60000);
    says(&b, DR_EINVAL, "cut short");
    drop(&b);
}

static void key_says(uint32_t kind, const char *value, size_t n, const char *what)
{
    bytes b = {0};
    begin(&b, 0, 1);
    put_text(&b, "k");
    add_le(&b, kind, 4);
    add(&b, value, n);
    says(&b, DR_EINVAL, what);
    drop(&b);
}
#define KEY_SAYS(kind, value, what) key_says(kind, value, sizeof(value) - 1, what)

static void keys_that_cannot_be_are_refused(void **state)
{
    bytes b = {0};
    (void)state;
    KEY_SAYS(13, "\0", "of kind 13, which there is not");
    KEY_SAYS(8, "\xff\xff\xff\xff\xff\xff\xff\xff", "cut short");
    KEY_SAYS(8, "\1\0\0\0\0\0\0\0\xff", "is not UTF-8");
    KEY_SAYS(9, "\4\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f", "cut short");                  /* numbers */
    KEY_SAYS(9, "\x8\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f\0\0\0\0\0\0\0\0", "cut short"); /* texts */
    KEY_SAYS(9, "\x63\0\0\0\1\0\0\0\0\0\0\0", "a kind of values that there is not");
    for (int i = 0; i < 10; i++) /* a list of one list of one list ... */
        ADD(&b, "\x9\0\0\0\1\0\0\0\0\0\0\0");
    key_says(9, (const char *)b.p, b.n, "nested too deeply");
    drop(&b);
    begin(&b, 0, 2);
    for (int i = 0; i < 2; i++) {
        put_text(&b, "k");
        ADD(&b, "\4\0\0\0\0\0\0\0");
    }
    says(&b, DR_EINVAL, "the key 'k' is in it twice");
    drop(&b);
    begin(&b, 0, 1);
    put_text(&b, "general.alignment");
    ADD(&b, "\4\0\0\0\x30\0\0\0");
    says(&b, DR_EINVAL, "its alignment is 48");
    drop(&b);
}

static void another_alignment_is_kept_to(void **state)
{
    dr_tensor_file f;
    bytes b = {0};
    (void)state;
    begin(&b, 2, 1);
    put_text(&b, "general.alignment");
    ADD(&b, "\4\0\0\0\x8\0\0\0");
    put_tensor(&b, &(listed){"a", {1}, 0, 1, 0});
    put_tensor(&b, &(listed){"b", {1}, 8, 1, 0});
    while (b.n % 8)
        ADD(&b, "\0");
    ADD(&b, "\0\0\x80?\0\0\0\0\0\0\0@");
    assert_int_equal(dr_tensor_file_parse(&f, b.p, b.n, "x.gguf"), DR_OK);
    assert_memory_equal(dr_tensor_file_find(&f, "b")->data, "\0\0\0@", 4);
    dr_tensor_file_close(&f);
    drop(&b);
}

static void a_file_that_was_cut_short_is_refused_wherever(void **state)
{
    char *data;
    size_t n;
    (void)state;
    assert_int_equal(dr_file_read(GOLDEN "types.gguf", 1 << 20, &data, &n), DR_OK);
    for (size_t size = 1; size < n - 32; size++) {
        dr_tensor_file f;
        char *copy = malloc(size); /* so that AddressSanitizer sees what is read behind it */
        assert_non_null(copy);
        memcpy(copy, data, size);
        if (!dr_tensor_file_parse(&f, copy, size, "x.gguf"))
            fail_msg("%zu of %zu bytes are taken", size, n);
        free(copy);
    }
    free(data);
}

int main(void)
{
    char folder[] = "/tmp/drape-test-XXXXXX";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_the_values_of_the_python_package),
        cmocka_unit_test(values_are_rounded_to_8_bits_as_by_the_python_package),
        cmocka_unit_test(values_at_the_ends_of_f32_have_codes),
        cmocka_unit_test(keys_are_metadata_and_lists_are_passed_over),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(names_that_are_there_twice_are_not_written),
        cmocka_unit_test(tensors_that_cannot_be_are_refused),
        cmocka_unit_test(empty_tensors_and_files_are_taken),
        cmocka_unit_test(heads_that_cannot_be_are_refused),
        cmocka_unit_test(keys_that_cannot_be_are_refused),
        cmocka_unit_test(another_alignment_is_kept_to),
        cmocka_unit_test(a_file_that_was_cut_short_is_refused_wherever),
    };
    if (!mkdtemp(folder) || chdir(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return rmdir(folder) || failed;
}
