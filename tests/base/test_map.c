#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 64 << 10 };

/* Memory that was asked for would be zeros afterwards. */
static void dropping_changes_no_value_of_memory_that_is_no_mapping(void **state)
{
    (void)state;
    unsigned char *p = aligned_alloc(4096, SIZE);
    assert_non_null(p);
    memset(p, 7, SIZE);
    dr_map_drop(p, SIZE);
    for (int i = 0; i < SIZE; i++)
        assert_int_equal(p[i], 7);
    free(p);
}

static void a_mapping_that_was_dropped_is_read_again(void **state)
{
    (void)state;
    char path[] = "/tmp/drape-test-XXXXXX", data[SIZE];
    memset(data, 7, SIZE);
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, data, SIZE) == SIZE);
    close(fd);
    dr_map a, b;
    assert_int_equal(dr_map_open(&a, path), DR_OK);
    assert_int_equal(dr_map_open(&b, path), DR_OK);
    assert_memory_equal(a.data, data, SIZE);
    dr_map_close(&b);
    dr_map_drop(a.data, SIZE);
    assert_memory_equal(a.data, data, SIZE);
    dr_map_close(&a);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropping_changes_no_value_of_memory_that_is_no_mapping),
        cmocka_unit_test(a_mapping_that_was_dropped_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
