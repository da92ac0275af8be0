/* Every row of the table of ops:
 *
 *   test_ops                    the active backend against plain C, and gradients against finite differences
 *   test_ops --bench [filter]   times at real sizes
 *   test_ops --support          which implementation serves each row
 *
 * DRAPE_BACKEND chooses the backend. */
#include "ops/cases_attention.h"
#include "ops/cases_elementwise.h"
#include "ops/cases_linear.h"
#include "ops/cases_loss.h"
#include "ops/cases_norm.h"
#include "ops/cases_optimizer.h"
#include "ops/cases_pool.h"
#include "ops/cases_resize.h"
#include "ops/cases_spade.h"
#include "ops/check_run.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const check_op *const all_ops[] = {
    &op_linear,
    &op_conv2d,
    &op_groupnorm,
    &op_layernorm,
    &op_attention,
    &op_act,
    &op_add,
    &op_mul,
    &op_axpy,
    &op_scale,
    &op_geglu,
    &op_add_rows,
    &op_resize_nearest,
    &op_resize_bilinear,
    &op_pool2d,
    &op_sumsq,
    &op_adamw,
    &op_adamw8,
    &op_copy2d,
    &op_batchnorm,
    &op_flow_sample,
    &op_spade,
    &op_label_conv,
    &op_region_norm,
    &op_softmax,
    &op_embedding,
    &op_transpose,
    &op_add_product,
    &op_loss,
    &op_edge_loss,
    &op_cross_entropy,
    &op_gaussian_sample,
    &op_gaussian_kl,
    &op_average,
    &op_exchange,
    &op_fill,
    &op_move,
    &op_convert,
    &op_finite,
};
#define OPS (sizeof all_ops / sizeof all_ops[0])

static void backend_matches_plain_c(void **state)
{
    const check_op *op = *state;
    int bad = 0;
    for (int i = 0; i < op->n_cases; i++)
        bad += check_backend(op, &op->cases[i]);
    assert_int_equal(bad, 0);
}

static void backend_matches_with_bf16(void **state)
{
    if (!dr_ops_has_bf16())
        skip();
    check_precision = DR_PRECISION_AUTO;
    const check_op *op = *state;
    int bad = 0;
    for (int i = 0; i < op->n_cases; i++)
        bad += check_backend(op, &op->cases[i]);
    check_precision = DR_PRECISION_EXACT;
    assert_int_equal(bad, 0);
}

static void gradient_matches_differences(void **state)
{
    const check_op *op = *state;
    int bad = 0;
    for (int i = 0; i < op->n_cases; i++)
        bad += check_gradient(op, &op->cases[i]);
    assert_int_equal(bad, 0);
}

static void add_test(struct CMUnitTest *tests, size_t *n, const check_op *op, const char *claim, CMUnitTestFunction run)
{
    static char names[3 * OPS][80];
    snprintf(names[*n], sizeof names[*n], "%s: %s", op->name, claim);
    tests[*n] = (struct CMUnitTest){.name = names[*n], .test_func = run, .initial_state = (void *)op};
    (*n)++;
}

static int test_all(void)
{
    static struct CMUnitTest tests[3 * OPS];
    size_t n = 0;
    for (size_t i = 0; i < OPS; i++) {
        add_test(tests, &n, all_ops[i], "the backend matches plain C", backend_matches_plain_c);
        if (!all_ops[i]->bytes) /* the rows that multiply matrices */
            add_test(tests, &n, all_ops[i], "bf16 products match within their rounding", backend_matches_with_bf16);
        if (all_ops[i]->backward)
            add_test(tests, &n, all_ops[i], "gradients match finite differences", gradient_matches_differences);
    }
    return _cmocka_run_group_tests("ops", tests, n, NULL, NULL);
}

int main(int argc, char **argv)
{
    /* the tests are small; sanitizer builds write a shadow of all that is reserved */
    size_t reserve = argc == 1 ? (size_t)64 << 20 : 0;
    if (dr_arena_init(&check_arena, reserve) != DR_OK || dr_arena_init(&check_scratch, reserve) != DR_OK) {
        fprintf(stderr, "%s\n", dr_error());
        return 1;
    }
    int rc = 0;
    if (argc == 1) {
        rc = test_all();
    } else if (strcmp(argv[1], "--bench") == 0) {
        bench(all_ops, OPS, argc > 2 ? argv[2] : NULL);
    } else if (strcmp(argv[1], "--support") == 0) {
        char text[8192];
        dr_ops_describe(text, sizeof text);
        fputs(text, stdout);
    } else {
        fprintf(stderr, "usage: %s [--bench [filter] | --support]\n", argv[0]);
        rc = 2;
    }
    dr_arena_clear(&check_arena);
    dr_arena_clear(&check_scratch);
    return rc;
}
