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

/* scratch() has one buffer. */
static dr_status ask(char **got, dr_prompt_source *source, const char *photo, const char *caption, const char *given)
{
    char path[512];
    snprintf(path, sizeof path, "%s", scratch(photo));
    return dr_prompt_for(got, source, path, caption ? scratch(caption) : NULL, given);
}

static void expect(const char *photo, const char *caption, const char *given, const char *want, dr_prompt_source from)
{
    char *got;
    dr_prompt_source source;
    assert_int_equal(ask(&got, &source, photo, caption, given), DR_OK);
    assert_string_equal(got, want);
    assert_int_equal(source, from);
    free(got);
}

static void expect_fault(const char *photo, const char *caption, const char *given, const char *want)
{
    char *got;
    dr_prompt_source source;
    assert_int_equal(ask(&got, &source, photo, caption, given), DR_EINVAL);
    assert_null(got);
    assert_non_null(strstr(dr_error(), want));
}

static void a_caption_comes_before_the_given_prompt_and_the_name(void **state)
{
    (void)state;
    put_text("coat_1.txt", "\xEF\xBB\xBF  a photo of sks coat\r\n\n");
    expect("coat_1.jpg", "coat_1.txt", NULL, "a photo of sks coat", DR_PROMPT_FROM_CAPTION);
    expect("coat_1.jpg", "coat_1.txt", "sks", "a photo of sks coat", DR_PROMPT_FROM_CAPTION);
    expect("coat_2.jpg", NULL, "sks", "sks", DR_PROMPT_GIVEN);
    expect("coat_2.jpg", NULL, "\xEF\xBB\xBFsks", "sks", DR_PROMPT_GIVEN);
    expect("coat_2.jpg", NULL, NULL, "coat", DR_PROMPT_FROM_NAME);
}

static void bad_captions_and_names_are_told(void **state)
{
    (void)state;
    put_text("empty.txt", " \n");
    put_text("latin.txt", "robe d'\xE9t\xE9");
    put_text("page.txt", "<!DOCTYPE html><html>");
    expect_fault("page.jpg", "page.txt", NULL, "it is a web page");
    expect_fault("empty.jpg", "empty.txt", "sks", "empty.txt' is empty");
    expect_fault("latin.jpg", "latin.txt", NULL, "latin.txt' is not UTF-8 text (byte 7)");
    expect_fault("_1.jpg", NULL, NULL, "pass --instance_prompt");
    expect_fault("\xE9t\xE9.jpg", NULL, NULL, "is not UTF-8");
}

static void names_that_nobody_chose_are_known(void **state)
{
    (void)state;
    static const char *const nothing[] = {
        "IMG_0001.JPG",
        "DSC01234.jpg",
        "DSC_0042 (2).jpg",
        "20240501_101010.jpg",
        "PXL_20240501_101010123.MP.jpg",
        "IMG-20240501-WA0003.jpg",
        "P1010001.JPG",
        "_MG_4711.jpg",
        "DJI_0001.JPG",
        "1000012345.jpg",
        "12.png",
        "Screenshot_20240501-101010_Chrome.png",
        "Screen Shot 2024-05-01 at 10.10.10.png",
        "WhatsApp Image 2024-05-01 at 10.10.10.jpeg",
        "d41d8cd98f00b204e9800998ecf8427e.png",
        "123e4567-e89b-12d3-a456-426614174000.jpg",
        "9f86d081.png",
        "photo (3).jpg",
        "image.png",
        "a.png",
        "x9Kq2Lm4Tz7b.jpg",
        "in/IMG_2.jpg",
        "untitled.png",
        "FB_IMG_1714550000000.jpg",
    };
    static const char *const words[] = {
        "red coat.jpg",      "t-shirt (1).jpg", "coat_20240501.jpg", "dress-03.webp",    "facade.jpg", "IMG coat.jpg",
        "size 42 jeans.png", "caf\xC3\xA9.jpg", "501 jeans.jpg",     "H&M 2024 top.jpg", "decade.png", "imgdress.jpg",
    };
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        if (!dr_name_says_nothing(nothing[i]))
            fail_msg("'%s' passes for a garment", nothing[i]);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (dr_name_says_nothing(words[i]))
            fail_msg("'%s' passes for a number", words[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lose_extension_counter_and_underscores),
        cmocka_unit_test(a_name_is_cut_between_characters),
        cmocka_unit_test(names_that_nobody_chose_are_known),
        cmocka_unit_test_setup_teardown(a_caption_comes_before_the_given_prompt_and_the_name, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(bad_captions_and_names_are_told, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
