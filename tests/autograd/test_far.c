/* DRAPE_BACKEND=far: values are out of the host's reach. What runs under it is in tests/cli/test_far.sh; here is that
 * it would be seen if it did not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "autograd/functions.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REACHED = 7 };

static void rows_and_get_reach_values(void **state)
{
    (void)state;
    dr_tape g;
    float x[] = {3, -1}, y[2];
    assert_int_equal(dr_tape_init(&g), DR_OK);
    dr_tensor *t = dr_input(&g, x, 1, (int64_t[]){2});
    dr_tensor_get(&g, dr_scale(&g, t, 2), y);
    assert_true(y[0] == 6 && y[1] == -2);
    assert_int_equal(dr_tape_status(&g), DR_OK);
    dr_tape_clear(&g);
}

static void look_at_a_value(dr_tape *g, const dr_tensor *t)
{
    (void)g;
    if (*(volatile const float *)t->data == 3)
        _exit(REACHED);
}

static void write_a_value(dr_tape *g, const dr_tensor *t)
{
    (void)g;
    *(volatile float *)t->data = 4;
    _exit(REACHED);
}

static void add_up_a_gradient(dr_tape *g, const dr_tensor *t)
{
    dr_tensor *x = (dr_tensor *)(uintptr_t)t;
    x->needs_grad = true;
    *(volatile float *)dr_grad(g, x) += 1;
    _exit(REACHED);
}

/* The child must not come back: it is killed, or a sanitizer ends it. */
static void the_host_reaches_neither_values_nor_gradients(void **state)
{
    (void)state;
    void (*const tries[])(dr_tape *, const dr_tensor *) = {look_at_a_value, write_a_value, add_up_a_gradient};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            dr_tape g;
            signal(SIGSEGV, SIG_DFL);
            close(STDERR_FILENO);
            if (dr_tape_init(&g) == DR_OK)
                tries[i](&g, dr_input(&g, &(float){3}, 1, (int64_t[]){1}));
            _exit(REACHED);
        }
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_false(WIFEXITED(status) && WEXITSTATUS(status) == REACHED);
    }
}

static void expect_all_rows(const dr_ops *ops)
{
    void (*row[sizeof *ops / sizeof(void (*)(void))])(void);
    memcpy(row, ops, sizeof row);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (!row[i])
            fail_msg("the table '%s' has no row %zu", ops->name, i);
}

static void no_row_is_left_out(void **state)
{
    (void)state;
    expect_all_rows(dr_ops_get());
    expect_all_rows(dr_ops_dry());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_row_is_left_out),
        cmocka_unit_test(rows_and_get_reach_values),
        cmocka_unit_test(the_host_reaches_neither_values_nor_gradients),
    };
    setenv("DRAPE_BACKEND", "far", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
