#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/torch_bytes.h"
#include "io/zip.h"

static const item two[] = {{"box/b", "second", 6}, {"box/a/c", "first", 5}};

static void opens(const bytes *b, dr_zip *z)
{
    dr_status st = dr_zip_open(z, b->p, b->n, "x.zip");
    if (st)
        fail_msg("%s", dr_error());
}

static void refused(bytes *b, const char *why)
{
    dr_zip z;
    dr_status st = dr_zip_open(&z, b->p, b->n, "x.zip");
    if (!st)
        fail_msg("is taken, though '%s'", why);
    assert_null(z.entry);
    if (!strstr(dr_error(), why) || !strstr(dr_error(), "x.zip"))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
    drop(b);
}

static void entries_are_read_where_they_lie(void **state)
{
    (void)state;
    bytes b = {0};
    dr_zip z;
    zip(&b, two, 2);
    opens(&b, &z);
    assert_int_equal(z.count, 2);
    const dr_zip_entry *e = dr_zip_find(&z, "a/", "cxx", 1);
    assert_non_null(e);
    assert_int_equal(e->size, 5);
    assert_memory_equal(e->data, "first", 5);
    assert_true(e->data > b.p && e->data < b.p + b.n);
    assert_non_null(dr_zip_find(&z, "", "b", 1));
    assert_null(dr_zip_find(&z, "", "a", 1));
    assert_null(dr_zip_find(&z, "a/", "", 0));
    assert_null(dr_zip_find(&z, "a/c/", "d", 1));
    dr_zip_close(&z);
    drop(&b);
}

static void a_comment_at_the_end_does_no_harm(void **state)
{
    (void)state;
    bytes b = {0};
    dr_zip z;
    places w = zip(&b, two, 2);
    set_le(&b, w.end + 20, 30, 2);
    ADD(&b, "PK\5\6 as text, in a comment....");
    opens(&b, &z);
    assert_int_equal(z.count, 2);
    dr_zip_close(&z);
    drop(&b);
}

/* One entry with its sizes and place in 64 bits, and the two records of zip64. */
static bytes zip64(uint64_t size, uint64_t said)
{
    bytes b = {0};
    ADD(&b, "PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\5\0\0\0box/bsecond");
    size_t from = b.n;
    ADD(&b, "PK\1\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\5\0\x20\0\0\0\0\0\0\0\0\0\0\0\xff"
            "\xff\xff\xff"
            "box/b\7\0\0\0\1\0\x18\0");
    add_le(&b, size, 8);
    add_le(&b, size, 8);
    add_le(&b, 0, 8);
    size_t end = b.n;
    ADD(&b, "PK\6\6\x2c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    add_le(&b, said, 8);
    add_le(&b, said, 8);
    add_le(&b, end - from, 8);
    add_le(&b, from, 8);
    ADD(&b, "PK\6\7\0\0\0\0");
    add_le(&b, end, 8);
    add_le(&b, 1, 4);
    ADD(&b, "PK\5\6\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0");
    return b;
}

static void fields_of_64_bits_count(void **state)
{
    (void)state;
    bytes b = zip64(6, 1);
    dr_zip z;
    opens(&b, &z);
    assert_memory_equal(dr_zip_find(&z, "", "b", 1)->data, "second", 6);
    dr_zip_close(&z);
    drop(&b);
    b = zip64((uint64_t)1 << 63, 1);
    refused(&b, "is said to have 9223372036854775808 bytes");
    b = zip64(7, 1); /* runs into the directory */
    refused(&b, "is said to have 7 bytes, more than the file has there");
    b = zip64(6, (uint64_t)1 << 60);
    refused(&b, "no room for them");
    b = zip64(6, 1);
    set_le(&b, b.n - 22 + 10, 2, 2);
    refused(&b, "two end records do not agree");
    b = zip64(6, 1);
    set_le(&b, b.n - 22 - 20 + 8, ~0ull, 8);
    refused(&b, "zip64 end record is not where");
}

static void names_that_lead_out_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *why;
    } bad[] = {
        {"box/../../etc/passwd", "leads out of the archive by '..'"},
        {"../x", "leads out of the archive by '..'"},
        {"box/..", "leads out of the archive by '..'"},
        {"/etc/passwd", "absolute name"},
        {"C:/x", "absolute name"},
        {"box\\x", "a backslash"},
        {"crate/x", "outside the one folder"},
        {"x", "outside the one folder"},
        {"", "no name"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bytes b = {0};
        const item items[] = {{"box/a", "1", 1}, {bad[i].name, "2", 1}};
        zip(&b, items, 2);
        refused(&b, bad[i].why);
    }
    bytes b = {0}, name = {0};
    ADD(&name, "box/");
    for (int i = 0; i < 2000; i++)
        ADD(&name, "x");
    ADD(&name, "\0");
    zip(&b, &(item){(const char *)name.p, "", 0}, 1);
    drop(&name);
    refused(&b, "more than 1024 bytes");
}

static void names_are_shown_cleaned(void **state)
{
    (void)state;
    bytes b = {0};
    const item items[] = {
        {"/\x1b[2J\xff\xc2\x9b...............................................................", "1", 1}};
    zip(&b, items, 1);
    refused(&b, "'/?[2J??....");
    assert_null(strchr(dr_error(), 0x1b));
}

static void what_two_readers_could_read_differently_is_refused(void **state)
{
    (void)state;
    const item twice[] = {{"box/a", "1", 1}, {"box/b", "2", 1}, {"box/a", "3", 1}};
    bytes b = {0};
    zip(&b, twice, 3);
    refused(&b, "'a' is there twice");
    places w = zip(&b, two, 2);
    b.p[w.local[0] + 30 + 4] = 'x';
    refused(&b, "has another name in the archive");
    w = zip(&b, two, 2);
    set_le(&b, w.local[0] + 18, 3, 4);
    refused(&b, "has another size in the archive");
    w = zip(&b, two, 2);
    set_le(&b, w.central[0] + 42, w.local[1], 4);
    memcpy(b.p + w.local[1] + 30, "box/b", 5);
    set_le(&b, w.local[1] + 26, 5, 2);
    refused(&b, "");
    /* the second entry inside the first one's bytes */
    bytes inner = {0}, outer = {0};
    zip(&inner, &(item){"box/in", "x", 1}, 1);
    const item nested[] = {{"box/out", inner.p, inner.n}, {"box/in", "x", 1}};
    w = zip(&outer, nested, 2);
    set_le(&outer, w.central[1] + 42, w.local[0] + 30 + 7, 4);
    refused(&outer, "shares bytes with another");
    drop(&inner);
}

static void a_directory_that_lies_is_refused(void **state)
{
    (void)state;
    bytes b = {0};
    places w = zip(&b, two, 2);
    set_le(&b, w.end + 8, 3, 2);
    set_le(&b, w.end + 10, 3, 2);
    refused(&b, "");
    w = zip(&b, two, 2);
    set_le(&b, w.end + 8, 1, 2);
    set_le(&b, w.end + 10, 1, 2);
    refused(&b, "more entries than it says");
    w = zip(&b, two, 2);
    set_le(&b, w.end + 8, 65535, 2);
    set_le(&b, w.end + 10, 65535, 2);
    refused(&b, "no room for them");
    w = zip(&b, two, 2);
    set_le(&b, w.end + 4, 1, 2);
    refused(&b, "in several parts");
    w = zip(&b, two, 2);
    set_le(&b, w.end + 16, 7, 4);
    refused(&b, "does not lie where");
    w = zip(&b, two, 2);
    set_le(&b, w.central[1] + 28, 60000, 2);
    refused(&b, "reaches beyond it");
    w = zip(&b, two, 2);
    set_le(&b, w.central[1] + 42, 1000000, 4);
    refused(&b, "from byte 1000000 on");
    w = zip(&b, two, 2);
    set_le(&b, w.central[1] + 42, 1, 4);
    refused(&b, "is not where the archive's directory says");
    w = zip(&b, two, 2);
    set_le(&b, w.local[0] + 28, 65535, 2);
    refused(&b, "more than the file has there");
}

static void what_is_compressed_is_told_and_what_is_encrypted_refused(void **state)
{
    (void)state;
    bytes b = {0};
    dr_zip z;
    places w = zip(&b, two, 2);
    set_le(&b, w.central[0] + 10, 8, 2);
    set_le(&b, w.local[0] + 8, 8, 2);
    set_le(&b, w.central[0] + 24, 1 << 30, 4);
    opens(&b, &z);
    assert_true(dr_zip_find(&z, "", "b", 1)->compressed);
    assert_false(dr_zip_find(&z, "", "a/c", 3)->compressed);
    dr_zip_close(&z);
    set_le(&b, w.local[0] + 8, 0, 2);
    refused(&b, "in another way than the archive's directory");
    w = zip(&b, two, 2);
    set_le(&b, w.central[0] + 8, 1, 2);
    refused(&b, "is encrypted");
}

static void no_part_of_an_archive_is_one(void **state)
{
    (void)state;
    bytes b = {0};
    zip(&b, two, 2);
    for (size_t n = 0; n < b.n; n++) {
        unsigned char *copy = malloc(n + 1);
        dr_zip z;
        assert_non_null(copy);
        memcpy(copy, b.p, n);
        assert_int_not_equal(dr_zip_open(&z, copy, n, "x.zip"), DR_OK);
        assert_non_null(strstr(dr_error(), "cut short"));
        free(copy);
    }
    drop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_read_where_they_lie),
        cmocka_unit_test(a_comment_at_the_end_does_no_harm),
        cmocka_unit_test(fields_of_64_bits_count),
        cmocka_unit_test(names_that_lead_out_are_refused),
        cmocka_unit_test(names_are_shown_cleaned),
        cmocka_unit_test(what_two_readers_could_read_differently_is_refused),
        cmocka_unit_test(a_directory_that_lies_is_refused),
        cmocka_unit_test(what_is_compressed_is_told_and_what_is_encrypted_refused),
        cmocka_unit_test(no_part_of_an_archive_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
