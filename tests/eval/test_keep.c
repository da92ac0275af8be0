/* What was found is there again; what a crash cut off is not. */
#include "eval/keep.h"

#include "base/file.h"
#include "eval/summary.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], path[128];

static int begin(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/drape-keep-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/below/kept", dir);
    return 0;
}

static int end(void **state)
{
    (void)state;
    return dr_remove_tree(dir) ? -1 : 0;
}

static void key_of(char key[DR_KEEP_KEY], const char *settings)
{
    assert_int_equal(dr_keep_key(key, settings, NULL, 0), DR_OK);
}

static void put(const char *settings, double v)
{
    char key[DR_KEEP_KEY];
    dr_keep k;
    key_of(key, settings);
    assert_int_equal(dr_keep_open(&k, path), DR_OK);
    assert_int_equal(dr_keep_add(&k, key, &v, sizeof v), DR_OK);
    dr_keep_close(&k);
}

/* NaN when it is not there. */
static double get(const char *settings)
{
    char key[DR_KEEP_KEY];
    dr_keep k;
    double v = NAN;
    key_of(key, settings);
    assert_int_equal(dr_keep_open(&k, path), DR_OK);
    const void *found = dr_keep_find(&k, key, sizeof v);
    if (found)
        memcpy(&v, found, sizeof v);
    assert_null(dr_keep_find(&k, key, sizeof v + 1)); /* of another size it is something else */
    dr_keep_close(&k);
    return v;
}

static void what_was_added_is_found_by_the_next_run(void **state)
{
    (void)state;
    assert_true(isnan(get("a")));
    put("a", 1.5);
    put("b", 2.5);
    assert_true(get("a") == 1.5 && get("b") == 2.5 && isnan(get("c")));
}

static void a_cut_or_spoiled_end_is_dropped_and_the_rest_stays(void **state)
{
    char *bytes;
    size_t size, after;
    (void)state;
    put("a", 1.5);
    assert_int_equal(dr_file_read(path, 1 << 20, &bytes, &after), DR_OK);
    free(bytes);
    put("b", 2.5);
    for (int cut = 1; cut < 80; cut += 13) { /* in the bytes, in the head */
        assert_int_equal(dr_file_read(path, 1 << 20, &bytes, &size), DR_OK);
        assert_int_equal(truncate(path, (off_t)(size - (size_t)cut)), 0);
        assert_true(get("a") == 1.5 && isnan(get("b")));
        free(bytes);
        put("b", 2.5);
        assert_true(get("b") == 2.5);
    }
    FILE *f = fopen(path, "r+b"); /* one bit of the second record */
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)after + 75, SEEK_SET), 0);
    fputc(0x55, f);
    assert_int_equal(fclose(f), 0);
    assert_true(get("a") == 1.5 && isnan(get("b")));
}

static void another_file_is_not_written_to(void **state)
{
    dr_keep k;
    char *bytes;
    size_t size;
    (void)state;
    snprintf(path, sizeof path, "%s/letter", dir);
    assert_int_equal(dr_file_write(path, "dear diary", 10), DR_OK);
    assert_int_equal(dr_keep_open(&k, path), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "letter"));
    assert_int_equal(dr_file_read(path, 1000, &bytes, &size), DR_OK);
    assert_int_equal(size, 10);
    free(bytes);
}

static void a_key_is_of_contents_and_settings(void **state)
{
    char a[DR_KEEP_KEY], b[DR_KEEP_KEY], one[128], two[128];
    (void)state;
    snprintf(one, sizeof one, "%s/one", dir);
    snprintf(two, sizeof two, "%s/two", dir);
    const char *const files[] = {one, two}, *const turned[] = {two, one}, *const less[] = {one, NULL};
    assert_int_equal(dr_file_write(one, "1", 1), DR_OK);
    assert_int_equal(dr_file_write(two, "2", 1), DR_OK);
    assert_int_equal(dr_keep_key(a, "s", files, 2), DR_OK);
    assert_int_equal(dr_keep_key(b, "s", turned, 2), DR_OK);
    assert_string_not_equal(a, b);
    assert_int_equal(dr_keep_key(b, "s", less, 2), DR_OK);
    assert_string_not_equal(a, b);
    assert_int_equal(dr_keep_key(b, "t", files, 2), DR_OK);
    assert_string_not_equal(a, b);
    assert_int_equal(dr_file_write(two, "3", 1), DR_OK);
    assert_int_equal(dr_keep_key(b, "s", files, 2), DR_OK);
    assert_string_not_equal(a, b);
    assert_int_equal(dr_file_write(two, "2", 1), DR_OK);
    assert_int_equal(dr_keep_key(b, "s", files, 2), DR_OK);
    assert_string_equal(a, b);
}

static void a_summary_passes_over_what_is_no_number(void **state)
{
    double v[] = {NAN, 4, 1, INFINITY, 2, 9};
    (void)state;
    dr_summary s = dr_summary_of(v, 6);
    assert_int_equal(s.count, 4);
    assert_true(s.mean == 4 && s.median == 3 && s.least == 1 && s.most == 9);
    assert_true(fabs(s.deviation - sqrt(38.0 / 3)) < 1e-12);
    v[0] = 5;
    s = dr_summary_of(v, 1);
    assert_true(s.mean == 5 && s.median == 5 && isnan(s.deviation));
    assert_int_equal(dr_summary_of(v, 0).count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_added_is_found_by_the_next_run, begin, end),
        cmocka_unit_test_setup_teardown(a_cut_or_spoiled_end_is_dropped_and_the_rest_stays, begin, end),
        cmocka_unit_test_setup_teardown(another_file_is_not_written_to, begin, end),
        cmocka_unit_test_setup_teardown(a_key_is_of_contents_and_settings, begin, end),
        cmocka_unit_test(a_summary_passes_over_what_is_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
