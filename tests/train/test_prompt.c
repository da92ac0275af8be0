#include "train/prompt.h"

#include "scratch.h"
#include "train/dataset.h"

static void names_lose_extension_counter_and_underscores(void **state)
{
    static const char *const cases[][2] = {
        {"t-shirt (1).jpg", "t-shirt"},
        {"red_dress_2.png", "red dress"},
        {"coat-03.webp", "coat"},
        {"coat.JPG", "coat"},
        {"red-dress.png", "red-dress"},
        {"dress (12) (3).jpg", "dress (12)"}, /* one counter only */
        {"dress_1-2.jpg", "dress 1"},
        {"v1.5 coat_7.tar.png", "v1.5 coat 7.tar"},
        {"t-shirt(1).jpg", "t-shirt(1)"}, /* a counter stands apart */
        {"dress ().jpg", "dress ()"},
        {"size 42.jpg", "size 42"},
        {"_12.jpg", ""},
        {"__.jpg", ""},
        {"coat", "coat"},
        {"in/a_folder/blue_coat (2).jpg", "blue coat"},
        {"\xC3\xA4rmel_2.jpg", "\xC3\xA4rmel"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[64];
        dr_prompt_from_name(cases[i][0], out, sizeof out);
        assert_string_equal(out, cases[i][1]);
    }
}

static void a_name_is_cut_between_characters(void **state)
{
    char out[5];
    (void)state;
    dr_prompt_from_name("abc\xC3\xA4x.jpg", out, sizeof out);
    assert_string_equal(out, "abc");
    dr_prompt_from_name("ab\xC3\xA4x.jpg", out, sizeof out);
    assert_string_equal(out, "ab\xC3\xA4");
    dr_prompt_from_name("abcd.jpg", out, 1);
    assert_string_equal(out, "");
}

static void expect(const char *photo, const char *given, const char *want)
{
    char *got;
    assert_int_equal(dr_prompt_for(&got, scratch(photo), given), DR_OK);
    assert_string_equal(got, want);
    free(got);
}

static void expect_fault(const char *photo, const char *given, const char *want)
{
    char *got;
    assert_int_equal(dr_prompt_for(&got, scratch(photo), given), DR_EINVAL);
    assert_null(got);
    assert_non_null(strstr(dr_error(), want));
}

static void a_caption_comes_before_the_given_prompt_and_the_name(void **state)
{
    (void)state;
    put_text("coat_1.txt", "\xEF\xBB\xBF  a photo of sks coat\r\n\n");
    expect("coat_1.jpg", NULL, "a photo of sks coat");
    expect("coat_1.jpg", "sks", "a photo of sks coat");
    expect("coat_2.jpg", "sks", "sks");
    expect("coat_2.jpg", NULL, "coat");
}

static void bad_captions_and_names_are_told(void **state)
{
    (void)state;
    put_text("empty.txt", " \n");
    put_text("latin.txt", "robe d'\xE9t\xE9");
    expect_fault("empty.jpg", "sks", "empty.txt' is empty");
    expect_fault("latin.jpg", NULL, "latin.txt' is not UTF-8 text (byte 7)");
    expect_fault("_1.jpg", NULL, "pass --instance_prompt");
    expect_fault("\xE9t\xE9.jpg", NULL, "is not UTF-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lose_extension_counter_and_underscores),
        cmocka_unit_test(a_name_is_cut_between_characters),
        cmocka_unit_test_setup_teardown(a_caption_comes_before_the_given_prompt_and_the_name, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(bad_captions_and_names_are_told, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
