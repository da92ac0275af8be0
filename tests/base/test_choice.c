/* Words in one string, and what stands in JSON objects that have been checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/choice.h"
#include "base/json.h"

#include <string.h>

static void a_word_has_its_place_among_the_choices(void **state)
{
    (void)state;
    assert_int_equal(dr_choice_index("upper|lower|dress", "upper"), 0);
    assert_int_equal(dr_choice_index("upper|lower|dress", "dress"), 2);
    assert_int_equal(dr_choice_index("one", "one"), 0);
    assert_true(dr_is_choice("upper|lower|dress", "lower"));
}

static void part_of_a_word_several_words_and_nothing_are_no_choice(void **state)
{
    static const char *const wrong[] = {"", "up", "upperr", "Upper", "upper|lower", "|", " upper"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(dr_choice_index("upper|lower", wrong[i]), -1);
    assert_int_equal(dr_choice_index("upper|lower", NULL), -1);
    assert_int_equal(dr_choice_index("", ""), -1);
    assert_false(dr_is_choice(NULL, "upper"));
}

static void words_come_one_after_another(void **state)
{
    static const char *const words[] = {"a", "bc", "def"};
    const char *at = "a|bc|def", *word;
    size_t n, count = 0;
    (void)state;
    for (; dr_choice_next(&at, &word, &n); count++) {
        assert_true(count < 3);
        assert_int_equal(n, strlen(words[count]));
        assert_memory_equal(word, words[count], n);
    }
    assert_int_equal(count, 3);
    at = NULL;
    assert_false(dr_choice_next(&at, &word, &n));
    assert_memory_equal(dr_choice_word("up|down", 1, &n), "down", 4);
    assert_int_equal(n, 4);
    assert_null(dr_choice_word("up|down", 2, &n));
    assert_null(dr_choice_word("up|down", -1, &n));
    assert_null(dr_choice_word(NULL, 0, &n));
}

static void what_is_absent_or_of_another_type_reads_as_nothing(void **state)
{
    (void)state;
    json_t *o = json_pack("{s:s, s:i, s:f, s:b, s:n}", "text", "words", "whole", 7, "number", 0.5, "flag", 1, "null");
    static const char *const others[] = {"flag", "null", "absent"};
    assert_string_equal(dr_json_text(o, "text"), "words");
    assert_int_equal(dr_json_whole(o, "whole"), 7);
    assert_true(dr_json_number(o, "whole") == 7 && dr_json_number(o, "number") == 0.5);
    assert_true(dr_json_flag(o, "flag"));
    for (size_t i = 0; i < 3; i++) {
        assert_null(dr_json_text(o, others[i]));
        assert_int_equal(dr_json_whole(o, others[i]), 0);
        assert_true(dr_json_number(o, others[i]) == 0);
    }
    assert_false(dr_json_flag(o, "whole"));
    assert_null(dr_json_text(NULL, "text"));
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_has_its_place_among_the_choices),
        cmocka_unit_test(part_of_a_word_several_words_and_nothing_are_no_choice),
        cmocka_unit_test(words_come_one_after_another),
        cmocka_unit_test(what_is_absent_or_of_another_type_reads_as_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
