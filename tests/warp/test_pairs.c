#include "warp/pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static dr_status parse(dr_pairs *p, const char *text)
{
    return dr_pairs_parse(p, text, strlen(text), "pairs.txt");
}

static void refused(const char *text, const char *why)
{
    dr_pairs p;
    assert_int_equal(parse(&p, text), DR_EINVAL);
    assert_null(p.pair);
    assert_non_null(strstr(dr_error(), "'pairs.txt'"));
    if (!strstr(dr_error(), why))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
}

static void reads_lines_however_they_end(void **state)
{
    dr_pairs p;
    (void)state;
    assert_int_equal(parse(&p, "\xEF\xBB\xBFp0.jpg c0.jpg\r\n\n  p1.jpg\tc1.png  \np2.x c2"), DR_OK);
    assert_int_equal(p.count, 3);
    assert_string_equal(p.pair[0].person, "p0.jpg");
    assert_string_equal(p.pair[0].cloth, "c0.jpg");
    assert_string_equal(p.pair[1].cloth, "c1.png");
    assert_int_equal(p.pair[1].line, 3);
    assert_string_equal(p.pair[2].cloth, "c2");
    dr_pairs_clear(&p);
}

static void passes_over_a_pair_that_was_there(void **state)
{
    dr_pairs p;
    (void)state;
    assert_int_equal(parse(&p, "b.jpg c.jpg\na.jpg c.jpg\nb.jpg c.jpg\nb.png c.jpg\na.jpg d.jpg\n"), DR_OK);
    assert_int_equal(p.count, 3);
    assert_string_equal(p.pair[0].person, "b.jpg"); /* in the file's order */
    assert_string_equal(p.pair[1].person, "a.jpg");
    assert_string_equal(p.pair[2].cloth, "d.jpg");
    dr_pairs_clear(&p);
}

static void refuses_names_that_lead_out_of_the_folder(void **state)
{
    (void)state;
    refused("p.jpg ../c.jpg", "line 1: '../c.jpg' is no plain file name");
    refused("p.jpg c.jpg\n/etc/passwd c.jpg", "line 2");
    refused("p.jpg a/b.jpg", "no plain file name");
    refused("p.jpg a\\b.jpg", "no plain file name");
    refused(".. c.jpg", "no plain file name");
    refused("p.jpg c\x01.jpg", "no plain file name");
}

static void refuses_lines_that_are_no_pairs(void **state)
{
    char name[512];
    (void)state;
    refused("p.jpg", "line 1: 1 name, expected 2");
    refused("p.jpg c.jpg\np.jpg c.jpg d.jpg e.jpg", "line 2: 4 names, expected 2");
    refused("", "no pairs");
    refused("\n \r\n", "no pairs");
    snprintf(name, sizeof name, "p.jpg %0300d", 0);
    refused(name, "300 bytes");
    dr_pairs p;
    assert_int_equal(dr_pairs_parse(&p, "p.jpg c\0.jpg", 12, "pairs.txt"), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "no text"));
}

static void refuses_two_results_of_one_name(void **state)
{
    (void)state;
    refused("a_b.jpg c.jpg\nx.jpg y.jpg\na.jpg b_c.jpg", "lines 1 and 3 would both be called 'a_b_c.png'");
}

static void names_results_by_person_and_cloth(void **state)
{
    char *name = dr_pair_name("00891_00.jpg", "01430_00.png");
    (void)state;
    assert_string_equal(name, "00891_00_01430_00");
    free(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lines_however_they_end),
        cmocka_unit_test(passes_over_a_pair_that_was_there),
        cmocka_unit_test(refuses_names_that_lead_out_of_the_folder),
        cmocka_unit_test(refuses_lines_that_are_no_pairs),
        cmocka_unit_test(refuses_two_results_of_one_name),
        cmocka_unit_test(names_results_by_person_and_cloth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
