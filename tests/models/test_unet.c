/* The UNet's input from its parts. */
#include "models/unet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void the_input_is_noisy_latents_mask_and_masked_latents_cell_by_cell(void **state)
{
    const float noisy[] = {1, 2, 3, 4}, mask[] = {0, 1}, masked[] = {-1, -2, -3, -4};
    const float want[] = {1, 2, 0, -1, -2, 3, 4, 1, -3, -4};
    float x[10];
    (void)state;
    dr_unet_join_input(noisy, mask, masked, 2, 2, x);
    assert_memory_equal(x, want, sizeof want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_input_is_noisy_latents_mask_and_masked_latents_cell_by_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
