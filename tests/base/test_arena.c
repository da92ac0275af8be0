/* Memory by lifetime. */
#include "base/arena.h"

#include "base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void all_is_aligned_and_apart(void **state)
{
    dr_arena a;
    unsigned char *last = NULL;
    (void)state;
    assert_int_equal(dr_arena_init(&a, 1 << 20), DR_OK);
    for (size_t n = 0; n < 200; n += 7) {
        unsigned char *p = dr_arena_alloc(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        assert_true(!last || p >= last);
        memset(p, 1, n);
        last = p + n;
    }
    dr_arena_clear(&a);
}

static void zeroed_is_zero_also_where_something_was(void **state)
{
    dr_arena a;
    (void)state;
    assert_int_equal(dr_arena_init(&a, 1 << 20), DR_OK);
    size_t mark = dr_arena_mark(&a);
    memset(dr_arena_alloc(&a, 5000), 255, 5000);
    dr_arena_rewind(&a, mark);
    const unsigned char *p = dr_arena_zalloc(&a, 5000);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(p[i], 0);
    dr_arena_clear(&a);
}

static void a_rewind_takes_back_and_keeps_the_peak(void **state)
{
    dr_arena a;
    (void)state;
    assert_int_equal(dr_arena_init(&a, 1 << 20), DR_OK);
    char *kept = dr_arena_strdup(&a, "kept");
    size_t mark = dr_arena_mark(&a);
    void *first = dr_arena_alloc(&a, 100000);
    size_t peak = a.peak;
    dr_arena_rewind(&a, mark);
    dr_arena_trim(&a);
    assert_ptr_equal(dr_arena_alloc(&a, 10), first);
    assert_int_equal(a.peak, peak);
    assert_string_equal(kept, "kept");
    assert_string_equal(dr_arena_printf(&a, "%s-%d", "block", 7), "block-7");
    dr_arena_clear(&a);
}

static void down(void *to, const void *from, size_t size)
{
    memmove(to, from, size);
}

static void what_is_kept_moves_down_to_the_mark(void **state)
{
    dr_arena a;
    (void)state;
    assert_int_equal(dr_arena_init(&a, 1 << 20), DR_OK);
    size_t mark = dr_arena_mark(&a);
    void *start = dr_arena_alloc(&a, 1000);
    unsigned char *result = dr_arena_alloc(&a, 3000); /* longer than the way down: it overlaps itself */
    for (int i = 0; i < 3000; i++)
        result[i] = (unsigned char)(i % 251);
    unsigned char *kept = dr_arena_keep(&a, mark, result, 3000, down);
    assert_ptr_equal(kept, start);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(kept[i], i % 251);
    dr_arena_clear(&a);
}

static void an_end_of_memory_is_told_and_leaves_the_arena_whole(void **state)
{
    dr_arena a;
    (void)state;
    assert_int_equal(dr_arena_init(&a, 1 << 16), DR_OK);
    assert_non_null(dr_arena_alloc(&a, 1000));
    size_t used = a.used;
    assert_null(dr_arena_alloc(&a, (size_t)1 << 30));
    assert_non_null(strstr(dr_error(), "memory"));
    assert_null(dr_arena_alloc(&a, SIZE_MAX)); /* no sum wraps round */
    assert_int_equal(a.used, used);
    assert_non_null(dr_arena_alloc(&a, 1000));
    dr_arena_clear(&a);
    dr_arena_clear(&a); /* safe twice */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_aligned_and_apart),
        cmocka_unit_test(zeroed_is_zero_also_where_something_was),
        cmocka_unit_test(a_rewind_takes_back_and_keeps_the_peak),
        cmocka_unit_test(what_is_kept_moves_down_to_the_mark),
        cmocka_unit_test(an_end_of_memory_is_told_and_leaves_the_arena_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
