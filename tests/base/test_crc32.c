#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crc32.h"

/* zlib.crc32 of the same bytes */
static void equals_zlib_at_every_length(void **state)
{
    (void)state;
    assert_int_equal(dr_crc32(0, "", 0), 0);
    assert_int_equal(dr_crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(dr_crc32(0, "The quick brown fox jumps over the lazy dog", 43), 0x414fa339);
    unsigned char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (unsigned char)i;
    assert_int_equal(dr_crc32(0, all, sizeof all), 0x29058c73);
}

static void pieces_give_the_same_as_the_whole(void **state)
{
    (void)state;
    const char *text = "a text of some length, cut in two at every place";
    for (size_t cut = 0; cut <= 48; cut++)
        assert_int_equal(dr_crc32(dr_crc32(0, text, cut), text + cut, 48 - cut), dr_crc32(0, text, 48));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_zlib_at_every_length),
        cmocka_unit_test(pieces_give_the_same_as_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
