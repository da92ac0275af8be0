/* A part of a model learns, and the model stays whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "learn/subset.h"

#include <string.h>

static bool is_in(void *user, const dr_param *q)
{
    return strstr(q->t.name, user) != NULL;
}

static void make(dr_params *p)
{
    static const char *const names[] = {"a.learns", "b", "c.learns", "d.learns", "e"};
    assert_int_equal(dr_params_init(p), DR_OK);
    for (size_t i = 0; i < 5; i++)
        dr_param_add(p, names[i], "", DR_INIT_ZEROS, 0, 1, (int64_t)i + 1, 1, 1, 1);
}

static void assert_names(const dr_params *p, const char *want)
{
    char got[64] = "";
    size_t n = 0;
    for (const dr_param *q = p->first; q; q = q->next, n++)
        strncat(got, q->t.name, 1);
    assert_string_equal(got, want);
    assert_int_equal(p->count, n);
}

static void what_learns_has_a_table_of_its_own_and_comes_back_to_its_place(void **state)
{
    (void)state;
    dr_params p;
    dr_subset s;
    make(&p);
    const dr_tensor *c = &dr_param_find(&p, "c.learns")->t;
    assert_int_equal(dr_subset_take(&s, &p, is_in, (void *)(uintptr_t) "learns"), DR_OK);
    for (int i = 0; i < 2; i++) {
        assert_names(&s.learns, "acd");
        assert_names(&p, "be");
        assert_ptr_equal(&dr_param_find(&s.learns, "c.learns")->t, c);
        assert_int_equal(dr_params_numel(&s.learns), 1 + 3 + 4);
        dr_subset_join(&s);
        assert_names(&s.learns, "");
        assert_names(&p, "abcde");
        dr_subset_part(&s);
    }
    dr_subset_clear(&s);
    assert_names(&p, "abcde");
    dr_params_clear(&p);
}

static void all_or_nothing_may_learn(void **state)
{
    (void)state;
    dr_params p;
    dr_subset s;
    make(&p);
    assert_int_equal(dr_subset_take(&s, &p, is_in, (void *)(uintptr_t) ""), DR_OK);
    assert_names(&s.learns, "abcde");
    assert_names(&p, "");
    dr_subset_clear(&s);
    assert_int_equal(dr_subset_take(&s, &p, is_in, (void *)(uintptr_t) "nothing"), DR_OK);
    assert_names(&s.learns, "");
    assert_names(&p, "abcde");
    dr_subset_clear(&s);
    dr_subset_clear(&s);
    dr_params_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_learns_has_a_table_of_its_own_and_comes_back_to_its_place),
        cmocka_unit_test(all_or_nothing_may_learn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
