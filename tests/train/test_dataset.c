#include "train/dataset.h"

#include "scratch.h"
#include "train/prompt_tell.h"

static char warnings[8192];

static dr_status open_set(dr_dataset *d)
{
    return dr_dataset_open(d, scratch("images"), scratch("masks"), NULL, warnings, sizeof warnings);
}

static int make_folders(void **state)
{
    return scratch_make(state) || dr_mkdirs(scratch("images")) || dr_mkdirs(scratch("masks"));
}

static void pairs_by_stem_whatever_the_extension(void **state)
{
    dr_dataset d;
    (void)state;
    put_photo("images/coat (2).JPG.png", 40, 30);
    put_photo("images/coat (1).jpg", 40, 30);
    put_mask("masks/coat (1).png", 40, 30, 10, 5, 10, 20);
    put_mask("masks/coat (2).JPG.tif", 40, 30, 10, 5, 10, 20);
    assert_int_equal(rename(scratch("images/coat (2).JPG.png"), scratch("images/coat (2).JPG.PNG")), 0);
    put_text("images/notes.md", "not a picture");
    put_text("images/._coat (1).jpg", "left by macOS");
    put_text("images/coat (2).JPG.txt", "a sks coat\n");
    assert_int_equal(open_set(&d), DR_OK);
    assert_int_equal(d.count, 2);
    assert_string_equal(d.example[0].image, scratch("images/coat (1).jpg"));
    assert_string_equal(d.example[0].mask, scratch("masks/coat (1).png"));
    assert_string_equal(d.example[0].prompt, "coat");
    assert_string_equal(d.example[1].mask, scratch("masks/coat (2).JPG.tif"));
    assert_string_equal(d.example[1].prompt, "a sks coat");
    assert_true(d.example[0].width == 40 && d.example[0].height == 30);
    assert_string_equal(warnings, "");
    dr_dataset_close(&d);
}

static void lists_all_faults_by_name_at_once(void **state)
{
    static const char *const want[] = {
        "10 faults",
        "photos 'twin.jpg' and 'twin.png' have one name",
        "photo 'alone.png' has no mask: there is no picture 'alone.*' in",
        "mask 'lost.png' has no photo",
        "mask 'black.png' is all black",
        "mask 'white.png' is all white",
        "mask 'inverted.png' is white on 97 % of the photo and along its edges: probably inverted",
        "mask 'turned.png' is 30x40, but photo 'turned.png' is 40x30 (the mask looks turned by 90 degrees)",
        "damaged.png'",
        "caption '",
        "photo 'strip.png' is 700x20",
    };
    dr_dataset d;
    (void)state;
    static const char *const photos[] = {"alone", "black", "white", "inverted", "turned", "twin", "words", "good"};
    for (size_t i = 0; i < sizeof photos / sizeof *photos; i++) {
        char name[64];
        snprintf(name, sizeof name, "images/%s.png", photos[i]);
        put_photo(name, 40, 30);
    }
    put_photo("images/twin.jpg", 40, 30);
    put_photo("images/strip.png", 700, 20);
    put_text("images/damaged.png", "\x89PNG\r\n\x1a\nno more");
    put_text("images/words.txt", "\xFF");
    put_mask("masks/lost.png", 40, 30, 5, 5, 20, 20);
    put_mask("masks/black.png", 40, 30, 0, 0, 0, 0);
    put_mask("masks/white.png", 40, 30, 0, 0, 40, 30);
    put_mask("masks/turned.png", 30, 40, 5, 5, 20, 20);
    put_mask("masks/twin.png", 40, 30, 5, 5, 20, 20);
    put_mask("masks/words.png", 40, 30, 5, 5, 20, 20);
    put_mask("masks/good.png", 40, 30, 5, 5, 20, 20);
    put_mask("masks/damaged.png", 40, 30, 5, 5, 20, 20);
    put_mask("masks/strip.png", 700, 20, 5, 5, 200, 20);
    dr_image inverted;
    assert_int_equal(dr_image_alloc(&inverted, 40, 30, 1), DR_OK);
    for (int i = 0; i < 40 * 30; i++)
        inverted.data[i] = i % 40 >= 10 && i % 40 < 16 && i / 40 >= 10 && i / 40 < 16 ? 0 : 255;
    assert_int_equal(dr_image_write(&inverted, scratch("masks/inverted.png"), NULL), DR_OK);
    dr_image_clear(&inverted);
    assert_int_equal(open_set(&d), DR_EINVAL);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        if (!strstr(dr_error(), want[i]))
            fail_msg("'%s' is not in: %s", want[i], dr_error());
    assert_null(strstr(dr_error(), "good"));
    assert_null(d.example);
}

static void doubts_do_not_stop(void **state)
{
    static const char *const want[] = {
        "mask 'full.png' covers 95 % of the photo",    "mask 'half.png' is 20x15, its photo 'half.png' 40x30",
        "mask 'tiny.png' covers 0.083 % of the photo", "caption 'nobody.txt' has no photo",
        "the prompt of photo '0223.png' is '0223'",    "photo 'tiny.png' is 40x30, smaller than the resolution of 32",
    };
    dr_dataset d;
    (void)state;
    put_photo("images/full.png", 40, 30);
    put_photo("images/half.png", 40, 30);
    put_photo("images/tiny.png", 40, 30);
    put_photo("images/0223.png", 40, 40);
    put_text("images/nobody.txt", "x");
    put_mask("masks/full.png", 40, 30, 1, 0, 38, 30);
    put_mask("masks/half.png", 20, 15, 5, 5, 10, 5);
    put_mask("masks/tiny.png", 40, 30, 20, 20, 1, 1);
    put_mask("masks/0223.png", 40, 40, 5, 5, 20, 10);
    dr_status st = open_set(&d);
    if (st)
        fail_msg("%s", dr_error());
    dr_dataset_check_resolution(&d, 32, warnings, sizeof warnings);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        if (!strstr(warnings, want[i]))
            fail_msg("'%s' is not in: %s", want[i], warnings);
    assert_null(strstr(warnings, "0223.png' is 40x40"));
    dr_dataset_close(&d);
}

static void captions_of_other_tools_are_read_or_told(void **state)
{
    dr_dataset d;
    char told[2048];
    (void)state;
    put_photo("images/a.png", 40, 30);
    put_photo("images/b.png", 40, 30);
    put_photo("images/c.png", 40, 30);
    put_photo("images/IMG_0001.JPG", 40, 30);
    put_text("images/a.caption", "red coat");
    put_text("images/b.TXT", "blue coat");
    put_text("images/c.json", "{}");
    put_text("images/c.Caption", "red coat\n");
    put_text("images/metadata.jsonl", "");
    assert_int_equal(dr_dataset_open(&d, scratch("images"), NULL, NULL, warnings, sizeof warnings), DR_OK);
    assert_int_equal(d.count, 4);
    assert_string_equal(d.example[0].prompt, "IMG");
    assert_string_equal(d.example[1].prompt, "red coat");
    assert_string_equal(d.example[2].prompt, "blue coat");
    assert_non_null(strstr(warnings, "the prompt of photo 'IMG_0001.JPG' is 'IMG', which says nothing of the garment: "
                                     "write it into 'IMG_0001.txt'"));
    assert_non_null(strstr(warnings, "'c.json' is not read: captions are"));
    assert_non_null(strstr(warnings, "'metadata.jsonl' is not read"));
    dr_prompts_tell(&d, told, sizeof told);
    assert_string_equal(told, "the prompts that are taught:\n"
                              "  'IMG' of 'IMG_0001.JPG', from file name\n"
                              "  'red coat' of 2 photos, from their captions\n"
                              "  'blue coat' of 'b.png', from caption");
    dr_dataset_close(&d);
    put_text("images/a.txt", "green coat");
    assert_int_equal(dr_dataset_open(&d, scratch("images"), NULL, NULL, warnings, sizeof warnings), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "captions 'a.caption' and 'a.txt' have one name"));
}

static void accents_pair_however_they_are_stored(void **state)
{
    dr_dataset d;
    (void)state;
    put_photo("images/cafe\xCC\x81 coat.png", 40, 30); /* as macOS stores it */
    put_mask("masks/caf\xC3\xA9 coat.png", 40, 30, 10, 5, 10, 20);
    put_text("images/caf\xC3\xA9 coat.txt", "a sks coat");
    if (open_set(&d))
        fail_msg("%s", dr_error());
    assert_int_equal(d.count, 1);
    assert_non_null(d.example[0].mask);
    assert_string_equal(d.example[0].prompt, "a sks coat");
    dr_dataset_close(&d);
}

static void a_large_set_shows_a_few_of_its_prompts(void **state)
{
    dr_example e[40];
    char prompt[40][32], told[2048], image[] = "photos/a.png";
    (void)state;
    for (int i = 0; i < 40; i++) {
        snprintf(prompt[i], sizeof prompt[i], "coat %d", i);
        e[i] = (dr_example){.image = image, .prompt = prompt[i], .source = DR_PROMPT_FROM_NAME};
    }
    dr_prompts_tell(&(dr_dataset){e, 40}, told, sizeof told);
    assert_non_null(strstr(told, "\n  'coat 7' of 'a.png', from file name\n  and those of 32 photos more"));
    assert_null(strstr(told, "coat 8"));
}

static void says_how_many_doubts_there_was_no_room_for(void **state)
{
    dr_dataset d;
    char few[200];
    (void)state;
    for (int i = 0; i < 9; i++) {
        char name[32];
        snprintf(name, sizeof name, "images/coat_%d.png", i);
        put_photo(name, 20, 20);
    }
    assert_int_equal(dr_dataset_open(&d, scratch("images"), NULL, NULL, few, sizeof few), DR_OK);
    assert_int_equal(d.count, 9);
    assert_null(d.example[0].mask);
    dr_dataset_check_resolution(&d, 64, few, sizeof few);
    assert_non_null(strstr(few, "coat_0.png"));
    assert_non_null(strstr(few, "\nand 8 more"));
    dr_dataset_close(&d);
}

static void folders_that_cannot_be_are_told(void **state)
{
    dr_dataset d;
    (void)state;
    assert_int_equal(dr_dataset_open(&d, scratch("nowhere"), NULL, NULL, NULL, 0), DR_ENOENT);
    assert_int_equal(dr_dataset_open(&d, scratch("images"), NULL, NULL, NULL, 0), DR_ENOENT);
    assert_non_null(strstr(dr_error(), "no photos in"));
    put_photo("images/a.png", 20, 20);
    assert_int_equal(dr_dataset_open(&d, scratch("images"), scratch("masks/../images"), NULL, NULL, 0), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "a folder of their own"));
}

/* torchvision.transforms.functional._compute_resized_output_size */
static void the_short_side_gets_the_resolution(void **state)
{
    static const int cases[][6] = {
        {640, 480, 512, 512, 682, 512}, {480, 640, 512, 512, 512, 682},  {512, 512, 512, 512, 512, 512},
        {333, 1000, 64, 64, 64, 192},   {1000, 999, 512, 512, 512, 512}, {3024, 4032, 768, 768, 768, 1024},
        {640, 480, 576, 448, 597, 448}, {480, 640, 576, 448, 576, 768},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int *c = cases[i];
        int w, h;
        dr_resized_size(c[0], c[1], c[2], c[3], &w, &h);
        assert_true(w == c[4] && h == c[5]);
    }
}

static void buckets_hold_the_area_and_follow_the_aspect(void **state)
{
    static const int cases[][5] = {
        {1000, 1000, 512, 512, 512}, {3000, 2000, 512, 640, 384}, {1333, 1000, 512, 576, 448},
        {1600, 900, 512, 640, 384},  {100, 1000, 512, 256, 1024}, {10, 10, 40, 64, 64},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int *c = cases[i];
        int w, h, rw, rh;
        dr_bucket_size(c[0], c[1], c[2], 64, &w, &h);
        if (w != c[3] || h != c[4])
            fail_msg("%dx%d gives %dx%d", c[0], c[1], w, h);
        dr_resized_size(c[0], c[1], w, h, &rw, &rh);
        assert_true(rw >= w && rh >= h);
    }
}

static void photo_and_mask_are_cut_alike(void **state)
{
    enum { W = 60, H = 40, R = 32 };
    dr_crop crop = {.width = R, .height = R, .x = 9, .y = 0};
    dr_dataset d;
    dr_image photo, mask, flipped, flipped_mask, source = ramp(W, H), resized;
    (void)state;
    put_photo("images/a.png", W, H);
    put_mask("masks/a.png", W, H, 20, 10, 21, 20);
    assert_int_equal(open_set(&d), DR_OK);
    assert_int_equal(dr_example_load(&d.example[0], &crop, false, &photo, &mask), DR_OK);
    assert_int_equal(dr_image_resize(&resized, &source, 48, R, DR_BILINEAR), DR_OK);
    assert_true(photo.width == R && photo.height == R && photo.channels == 3 && mask.channels == 1);
    for (int y = 0; y < R; y++)
        assert_memory_equal(photo.data + 3 * R * y, resized.data + 3 * (48 * y + 9), 3 * R);
    /* columns 20..40 of 60 become 16..32.8 of 48, which begin at 9 */
    for (int i = 0; i < R * R; i++) {
        int x = i % R + 9, y = i / R;
        assert_int_equal(mask.data[i], x >= 16 && x <= 32 && y >= 8 && y < 24 ? 255 : 0);
    }
    crop.flip = true;
    assert_int_equal(dr_example_load(&d.example[0], &crop, false, &flipped, &flipped_mask), DR_OK);
    for (int i = 0; i < R * R; i++) {
        int j = i / R * R + R - 1 - i % R;
        assert_memory_equal(flipped.data + 3 * i, photo.data + 3 * j, 3);
        assert_int_equal(flipped_mask.data[i], mask.data[j]);
    }
    dr_image_clear(&photo);
    dr_image_clear(&mask);
    dr_image_clear(&flipped);
    dr_image_clear(&flipped_mask);
    dr_image_clear(&resized);
    dr_image_clear(&source);
    put_photo("images/a.png", W, H + 1);
    assert_int_equal(dr_example_load(&d.example[0], &crop, false, &photo, &mask), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "is 60x41, but was 60x40 when training began"));
    dr_dataset_close(&d);
}

static void what_is_called_like_a_picture_but_is_a_folder_is_passed_over(void **state)
{
    dr_dataset d;
    (void)state;
    put_photo("images/coat.png", 40, 30);
    put_mask("masks/coat.png", 40, 30, 5, 5, 20, 20);
    assert_int_equal(dr_mkdirs(scratch("images/old.jpg")), DR_OK);
    assert_int_equal(dr_mkdirs(scratch("masks/coat.jpg")), DR_OK);
    if (open_set(&d))
        fail_msg("%s", dr_error());
    assert_int_equal(d.count, 1);
    assert_string_equal(warnings, "");
    dr_dataset_close(&d);
}

/* Three pixels of 300 are a third of a pixel of 38, which is black when resized as the photo is. */
static void with_any_white_a_thin_mask_outlives_the_resizing(void **state)
{
    enum { W = 300, H = 300, R = 38 };
    dr_crop crop = {.width = R, .height = R};
    dr_dataset d;
    (void)state;
    put_photo("images/a.png", W, H);
    put_mask("masks/a.png", W, H, 0, 96, W, 3);
    assert_int_equal(open_set(&d), DR_OK);
    for (int any = 0; any < 2; any++) {
        dr_image photo, mask;
        int white = 0;
        assert_int_equal(dr_example_load(&d.example[0], &crop, any, &photo, &mask), DR_OK);
        for (int i = 0; i < R * R; i++)
            white += mask.data[i] == 255;
        assert_int_equal(white, any ? R : 0);
        dr_image_clear(&photo);
        dr_image_clear(&mask);
    }
    dr_dataset_close(&d);
}

#define IN_FOLDERS(f) cmocka_unit_test_setup_teardown(f, make_folders, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDERS(pairs_by_stem_whatever_the_extension),
        IN_FOLDERS(captions_of_other_tools_are_read_or_told),
        IN_FOLDERS(accents_pair_however_they_are_stored),
        cmocka_unit_test(a_large_set_shows_a_few_of_its_prompts),
        IN_FOLDERS(lists_all_faults_by_name_at_once),
        IN_FOLDERS(doubts_do_not_stop),
        IN_FOLDERS(says_how_many_doubts_there_was_no_room_for),
        IN_FOLDERS(folders_that_cannot_be_are_told),
        IN_FOLDERS(what_is_called_like_a_picture_but_is_a_folder_is_passed_over),
        IN_FOLDERS(with_any_white_a_thin_mask_outlives_the_resizing),
        cmocka_unit_test(the_short_side_gets_the_resolution),
        cmocka_unit_test(buckets_hold_the_area_and_follow_the_aspect),
        IN_FOLDERS(photo_and_mask_are_cut_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
