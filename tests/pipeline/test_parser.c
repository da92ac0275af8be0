/* Clothes parsers from their folders: what is refused, and what a photo becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/path.h"
#include "pipeline/parser.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NANO DR_SOURCE_DIR "/tests/golden/segformer-nano"

static char folder[] = "/tmp/drape-test-XXXXXX";

static const char *at(const char *name)
{
    static char path[2][256];
    static int turn;
    turn = 1 - turn;
    dr_path(path[turn], sizeof path[turn], folder, name);
    return path[turn];
}

static void shell(const char *format, const char *what)
{
    char command[600];
    snprintf(command, sizeof command, format, what, folder);
    assert_int_equal(system(command), 0);
}

static void fresh_nano(void)
{
    shell("rm -rf %2$s/* && cp %1$s/* %2$s/", NANO);
}

/* Sets one key of one JSON file of the folder; value NULL removes it. */
static void set(const char *file, const char *key, const char *value)
{
    json_t *j;
    assert_int_equal(dr_json_load(at(file), &j), DR_OK);
    if (value) {
        json_t *v = json_loads(value, JSON_DECODE_ANY, NULL);
        assert_non_null(v);
        json_object_set_new(j, key, v);
    } else {
        json_object_del(j, key);
    }
    assert_int_equal(dr_json_save(at(file), j), DR_OK);
    json_decref(j);
}

static void assert_refused(const char *says)
{
    dr_parser m = {0};
    dr_status st = dr_parser_load(&m, folder);
    if (st == DR_OK || !strstr(dr_error(), says))
        fail_msg("status %d: '%s' does not say '%s'", st, dr_error(), says);
    assert_false(m.loaded);
    assert_null(m.params.first);
    assert_null(m.files.file);
}

static dr_image photo_of(int width, int height)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, width, height, 3), DR_OK);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint8_t *p = im.data + 3 * ((size_t)y * (size_t)width + (size_t)x);
            p[0] = (uint8_t)(128 + 120 * sin(x / 6.0 + y / 15.0));
            p[1] = (uint8_t)(255 * y / height);
            p[2] = (uint8_t)(128 + 120 * cos((x - 2 * y) / 9.0));
        }
    return im;
}

static dr_image labels_of(const dr_image *photo)
{
    dr_parser m = {0};
    dr_image labels;
    dr_status st = dr_parser_load(&m, folder);
    if (!st)
        st = dr_parser_run(&m, photo, NULL, NULL, &labels);
    if (st)
        fail_msg("%s", dr_error());
    assert_int_equal(labels.width, photo->width);
    assert_int_equal(labels.height, photo->height);
    assert_int_equal(labels.channels, 1);
    for (int i = 0; i < labels.width * labels.height; i++)
        assert_true(labels.data[i] < DR_LABELS);
    dr_parser_unload(&m);
    return labels;
}

static int differing(const dr_image *a, const dr_image *b)
{
    int n = 0;
    for (int i = 0; i < a->width * a->height; i++)
        n += a->data[i] != b->data[i];
    return n;
}

/* --- folders ----------------------------------------------------------------------------------------- */

static void a_folder_as_published_loads_with_all_that_lies_in_it(void **state)
{
    (void)state;
    dr_parser m = {0};
    fresh_nano();
    shell("cd %2$s && mkdir onnx && touch onnx/model.onnx pytorch_model.bin optimizer.pt training_args.bin %1$s",
          "handler.py scheduler.pt trainer_state.json README.md");
    assert_true(dr_is_parser_folder(folder));
    if (dr_parser_load(&m, folder))
        fail_msg("%s", dr_error());
    assert_true(m.is_segformer);
    assert_int_equal(m.width, 43);
    assert_int_equal(m.height, 57);
    dr_parser_unload(&m);
    dr_parser_unload(&m);
    assert_false(dr_is_parser_folder(DR_SOURCE_DIR "/tests/golden/nano"));
}

static void faults_of_the_config_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *says;
    } faults[] = {
        {"model_type", "\"clip\"", "\"model_type\" is \"clip\""},
        {"model_type", NULL, "\"model_type\""},
        {"id2label", NULL, "names 0 labels"},
        {"id2label", "{\"0\": \"wall\", \"1\": \"floor\"}", "no background that drape knows"},
        {"id2label", "[1, 2, 3]", "names 0 labels"},
        {"hidden_act", "\"relu\"", "\"hidden_act\" is \"relu\""},
        {"depths", "[1, 2, 1, 1000000]", "\"depths\""},
        {"depths", "[1, 2]", "\"depths\" has 2 values"},
        {"depths", "[1, 2, 1, 2]", "are missing"},
        {"depths", "[1, 1, 1, 1]", "no place for"},
        {"hidden_sizes", "[6, 10, 9, 15]", "\"num_attention_heads\""},
        {"hidden_sizes", "[6, 10, 9, 16]", "has shape"},
        {"hidden_sizes", "[6, 10, 9, -14]", "\"hidden_sizes\""},
        {"sr_ratios", "[0, 3, 2, 1]", "\"sr_ratios\""},
        {"sr_ratios", "[64, 3, 2, 1]", "too small for stage 1"},
        {"strides", "[3, 2, 2, \"2\"]", "\"strides\""},
        {"num_channels", "4", "\"num_channels\""},
        {"num_encoder_blocks", "5", "\"num_encoder_blocks\""},
        {"decoder_hidden_size", "12", "has shape"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        fresh_nano();
        set("config.json", faults[i].key, faults[i].value);
        assert_refused(faults[i].says);
    }
}

/* One class under another name. */
static void rename_class(const char *key, const char *name)
{
    json_t *j;
    assert_int_equal(dr_json_load(at("config.json"), &j), DR_OK);
    json_t *names = json_object_get(j, "id2label");
    if (name)
        json_object_set_new(names, key, json_string(name));
    else
        json_object_del(names, key);
    assert_int_equal(dr_json_save(at("config.json"), j), DR_OK);
    json_decref(j);
}

static void classes_need_names_and_a_garment_and_a_background_among_them(void **state)
{
    (void)state;
    fresh_nano();
    rename_class("17", NULL);
    rename_class("0017", "Scarf");
    assert_refused("no name for class 17 of 18");
    fresh_nano();
    rename_class("0", "wall");
    assert_refused("no background that drape knows by its name; unknown to it: 'wall'");
    fresh_nano();
    for (int i = 4; i <= 7; i++) {
        char key[8];
        snprintf(key, sizeof key, "%d", i);
        rename_class(key, "LABEL_X");
    }
    assert_refused(
        "no garment that drape knows by its name; unknown to it: 'LABEL_X', 'LABEL_X', 'LABEL_X', 'LABEL_X'");
}

static void faults_of_the_preprocessor_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *says;
    } faults[] = {
        {"size", "{\"height\": 57}", "\"height\" and \"width\""},
        {"size", "{\"height\": 57, \"width\": 0}", "\"width\" is 0"},
        {"size", "100000", "\"size\" is 100000"},
        {"size", "\"large\"", "\"size\" must be a whole number"},
        {"size", "{\"longest_edge\": 64}", "a SegFormer needs"},
        {"size", "3", "too small for stage 1"},
        {"image_mean", "[0.5, 0.5]", "\"image_mean\""},
        {"image_mean", "\"imagenet\"", "\"image_mean\""},
        {"image_std", "[0.5, 0, 0.5]", "\"image_std\""},
        {"image_std", "1e-300", "\"image_std\""},
        {"resample", "3", "\"resample\" is 3"},
        {"do_resize", "false", "\"do_resize\""},
        {"rescale_factor", "1e300", "\"rescale_factor\""},
        {"flip_average", "1", "\"flip_average\""},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        fresh_nano();
        set("preprocessor_config.json", faults[i].key, faults[i].value);
        assert_refused(faults[i].says);
    }
    fresh_nano();
    remove(at("preprocessor_config.json"));
    assert_refused("preprocessor_config.json");
    fresh_nano();
    remove(at("model.safetensors"));
    assert_refused("has no model.safetensors");
    shell("rm -rf %2$s/*%1$s", "");
    assert_refused("config.json");
}

/* Writes `value` over the first number of tensor `name`. */
static void spoil(const char *name, float value)
{
    char *bytes;
    size_t size;
    dr_safetensors f;
    assert_int_equal(dr_file_read(at("model.safetensors"), 1 << 24, &bytes, &size), DR_OK);
    assert_int_equal(dr_st_parse(&f, bytes, size, "model"), DR_OK);
    const dr_st_entry *e = dr_st_find(&f, name);
    assert_non_null(e);
    memcpy(bytes + ((const char *)e->data - bytes), &value, sizeof value);
    dr_st_close(&f);
    assert_int_equal(dr_file_write(at("model.safetensors"), bytes, size), DR_OK);
    free(bytes);
}

static void spoiled_weights_are_named(void **state)
{
    (void)state;
    fresh_nano();
    spoil("segformer.encoder.block.1.0.mlp.dwconv.dwconv.weight", NAN);
    assert_refused("block.1.0.mlp.dwconv.dwconv.weight' contains NaN");
    fresh_nano();
    spoil("decode_head.batch_norm.running_var", -1);
    assert_refused("'decode_head.batch_norm.running_var' has the negative value -1");
}

static void weights_too_large_for_sums_are_a_fault_of_the_run(void **state)
{
    (void)state;
    dr_parser m = {0};
    dr_image photo = photo_of(30, 40), labels = {0};
    fresh_nano();
    spoil("decode_head.classifier.bias", 3e38F);
    spoil("decode_head.batch_norm.weight", 3e38F);
    assert_int_equal(dr_parser_load(&m, folder), DR_OK);
    assert_int_equal(dr_parser_run(&m, &photo, NULL, NULL, &labels), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "not a number"));
    assert_null(labels.data);
    dr_parser_unload(&m);
    dr_image_clear(&photo);
}

/* --- photos ------------------------------------------------------------------------------------------- */

static void a_photo_of_any_size_gets_a_map_of_its_size(void **state)
{
    (void)state;
    static const int sizes[][2] = {{301, 97}, {1, 1}, {1, 400}, {43, 57}, {1003, 7}};
    fresh_nano();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        dr_image photo = photo_of(sizes[i][0], sizes[i][1]), labels = labels_of(&photo);
        dr_image_clear(&photo);
        dr_image_clear(&labels);
    }
}

/* The classifier's rows in another order, under names spelt in other ways: the same map. */
static void the_order_of_labels_in_the_file_does_not_matter(void **state)
{
    (void)state;
    fresh_nano();
    dr_image photo = photo_of(87, 130), before = labels_of(&photo);
    dr_parser m = {0};
    assert_int_equal(dr_parser_load(&m, folder), DR_OK);
    const dr_lin *l = &m.net.segformer.classifier;
    int64_t D = l->w->dim[1];
    char *bytes;
    size_t size;
    dr_safetensors f;
    assert_int_equal(dr_file_read(at("model.safetensors"), 1 << 24, &bytes, &size), DR_OK);
    assert_int_equal(dr_st_parse(&f, bytes, size, "model"), DR_OK);
    char *w = (char *)(uintptr_t)dr_st_find(&f, "decode_head.classifier.weight")->data;
    char *b = (char *)(uintptr_t)dr_st_find(&f, "decode_head.classifier.bias")->data;
    json_t *names = json_object();
    for (int i = 0; i < DR_LABELS; i++) {
        int to = (5 * i + 3) % DR_LABELS;
        char key[16], name[32];
        size_t row = (size_t)D * sizeof(float);
        memcpy(w + (size_t)to * row, (const char *)l->w->data + (size_t)i * row, row);
        memcpy(b + (size_t)to * sizeof(float), dr_f32(l->b) + i, sizeof(float));
        snprintf(key, sizeof key, "%d", to);
        snprintf(name, sizeof name, "%s", dr_label_name(i));
        for (char *p = name; *p; p++)
            *p = *p == '-' ? (i % 2 ? '_' : ' ') : *p >= 'a' && *p <= 'z' && i % 3 ? (char)(*p - 32) : *p;
        json_object_set_new(names, key, json_string(name));
    }
    dr_st_close(&f);
    dr_parser_unload(&m);
    assert_int_equal(dr_file_write(at("model.safetensors"), bytes, size), DR_OK);
    free(bytes);
    char *text = json_dumps(names, 0);
    set("config.json", "id2label", text);
    free(text);
    json_decref(names);
    dr_image after = labels_of(&photo);
    assert_int_equal(differing(&before, &after), 0);
    dr_image_clear(&photo);
    dr_image_clear(&before);
    dr_image_clear(&after);
}

static dr_parser_cells named_cells(const dr_image *photo, char *unknown, size_t n)
{
    dr_parser m = {0};
    dr_parser_cells cells = {0};
    if (dr_parser_load(&m, folder) || dr_parser_logits(&m, photo, &cells))
        fail_msg("%s", dr_error());
    snprintf(unknown, n, "%s", m.unknown ? m.unknown : "");
    dr_parser_unload(&m);
    return cells;
}

static float most(float a, float b)
{
    return a > b ? a : b;
}

/* Two classes of one label, details of garments, a class that nobody knows: per place the likeliest of a label's. */
static void another_sets_classes_become_our_labels(void **state)
{
    enum { TOP = DR_LABEL_UPPER, SKIRT = DR_LABEL_SKIRT, PANTS = DR_LABEL_PANTS, DRESS = DR_LABEL_DRESS };
    char unknown[200];
    (void)state;
    fresh_nano();
    dr_image photo = photo_of(87, 130);
    dr_parser_cells was = named_cells(&photo, unknown, sizeof unknown);
    assert_string_equal(unknown, "");
    rename_class("1", "jacket");
    rename_class("8", "sleeve");
    rename_class("16", "pocket");
    rename_class("17", "gadget");
    rename_class("3", "torso region");
    dr_parser_cells now = named_cells(&photo, unknown, sizeof unknown);
    assert_string_equal(unknown, "'gadget'");
    assert_true(now.width == was.width && now.height == was.height);
    int details = 0;
    for (int p = 0; p < was.width * was.height; p++) {
        const float *x = was.logit + p * DR_LABELS, *y = now.logit + p * DR_LABELS;
        float want[DR_LABELS];
        memcpy(want, x, sizeof want);
        want[TOP] = most(x[TOP], x[1]);
        want[DR_LABEL_FACE] = most(x[DR_LABEL_FACE], x[3]);
        want[DR_LABEL_BACKGROUND] = most(x[DR_LABEL_BACKGROUND], x[17]);
        int upper = want[DRESS] > want[TOP] ? DRESS : TOP, any = upper;
        any = want[SKIRT] > want[any] ? SKIRT : any;
        any = want[PANTS] > want[any] ? PANTS : any;
        details += x[8] > want[upper] || x[16] > want[any];
        want[upper] = most(want[upper], x[8]);
        want[any] = most(want[any], x[16]);
        for (int i = 0; i < DR_LABELS; i++) {
            bool gone = i == 1 || i == 3 || i == 8 || i == 16 || i == 17;
            if (gone ? y[i] > -9999 : fabsf(y[i] - want[i]) > 1e-5f)
                fail_msg("place %d, label %d: %g, expected %g", p, i, (double)y[i], (double)want[i]);
        }
    }
    assert_true(details > 0); /* else nothing was tried */
    free(was.logit);
    free(now.logit);
    dr_image_clear(&photo);
}

static bool at_once(void *user)
{
    (void)user;
    return true;
}

static void a_cancelled_run_gives_no_map(void **state)
{
    (void)state;
    dr_parser m = {0};
    dr_image photo = photo_of(20, 20), labels = {0};
    fresh_nano();
    assert_int_equal(dr_parser_load(&m, folder), DR_OK);
    assert_int_equal(dr_parser_run(&m, &photo, at_once, NULL, &labels), DR_ECANCELLED);
    assert_null(labels.data);
    dr_parser_unload(&m);
    dr_image_clear(&photo);
}

/* --- the net that keeps the photo's shape ---------------------------------------------------------------- */

static const char clothes_config[] =
    "{\"model_type\": \"drape_clothes_net\", \"hidden_sizes\": [6, 8, 10], \"depths\": [1, 1, 1],"
    " \"decoder_depths\": [1, 1, 0], \"norm_groups\": 2, \"expansion\": 2, \"id2label\":"
    " {\"0\": \"Background\", \"1\": \"Hat\", \"2\": \"Hair\", \"3\": \"Sunglasses\", \"4\": \"Upper-clothes\","
    " \"5\": \"Skirt\", \"6\": \"Pants\", \"7\": \"Dress\", \"8\": \"Belt\", \"9\": \"Left-shoe\","
    " \"10\": \"Right-shoe\", \"11\": \"Face\", \"12\": \"Left-leg\", \"13\": \"Right-leg\", \"14\": \"Left-arm\","
    " \"15\": \"Right-arm\", \"16\": \"Bag\", \"17\": \"Scarf\"}}";

/* A clothes net with random weights. */
static void fresh_clothes_net(const char *preprocessor)
{
    dr_clothes_net_config c;
    static dr_clothes_net net;
    dr_params p;
    json_t *j;
    shell("rm -rf %2$s/*%1$s", "");
    assert_int_equal(dr_file_write(at("config.json"), clothes_config, strlen(clothes_config)), DR_OK);
    assert_int_equal(dr_file_write(at("preprocessor_config.json"), preprocessor, strlen(preprocessor)), DR_OK);
    assert_int_equal(dr_json_load(at("config.json"), &j), DR_OK);
    assert_int_equal(dr_clothes_net_config_parse(&c, j, "config"), DR_OK);
    json_decref(j);
    assert_int_equal(dr_params_init(&p), DR_OK);
    assert_int_equal(dr_clothes_net_init(&net, &c, &p), DR_OK);
    assert_int_equal(dr_weights_random(&p, DR_F32, 4), DR_OK);
    memset(dr_f32(net.head.b), 0, dr_nbytes(net.head.b)); /* or one label would have most of the picture */
    assert_int_equal(dr_weights_save(&p, at("model.safetensors"), DR_F32, "", 0), DR_OK);
    dr_params_clear(&p);
}

static void a_clothes_net_keeps_the_shape_of_the_photo(void **state)
{
    (void)state;
    static const int sizes[][2] = {{90, 61}, {61, 90}, {1, 300}, {5, 5}};
    fresh_clothes_net("{\"size\": {\"longest_edge\": 50}}");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        dr_image photo = photo_of(sizes[i][0], sizes[i][1]), labels = labels_of(&photo);
        dr_image_clear(&photo);
        dr_image_clear(&labels);
    }
    fresh_clothes_net("{\"size\": {\"height\": 48, \"width\": 50}}");
    assert_refused("not a multiple of 8");
}

/* Padding is beside the photo: a photo that needs some is labelled nearly as the same photo with more of it. */
static void what_is_padded_is_not_part_of_the_map(void **state)
{
    (void)state;
    fresh_clothes_net("{\"size\": {\"longest_edge\": 64}}");
    dr_image narrow = photo_of(41, 64), wide, a = labels_of(&narrow);
    assert_int_equal(dr_image_alloc(&wide, 48, 64, 3), DR_OK);
    for (int y = 0; y < 64; y++)
        for (int x = 0; x < 48; x++)
            memcpy(wide.data + 3 * (y * 48 + x), narrow.data + 3 * (y * 41 + (x < 41 ? x : 40)), 3);
    dr_image b = labels_of(&wide);
    int wrong = 0;
    for (int y = 0; y < 64; y++)
        for (int x = 0; x < 41; x++)
            wrong += a.data[y * 41 + x] != b.data[y * 48 + x];
    assert_int_equal(wrong, 0);
    dr_image_clear(&narrow);
    dr_image_clear(&wide);
    dr_image_clear(&a);
    dr_image_clear(&b);
}

static int other_side(int label)
{
    static const int swap[DR_LABELS] = {
        [DR_LABEL_LEFT_SHOE] = 1,  [DR_LABEL_RIGHT_SHOE] = -1, [DR_LABEL_LEFT_LEG] = 1,
        [DR_LABEL_RIGHT_LEG] = -1, [DR_LABEL_LEFT_ARM] = 1,    [DR_LABEL_RIGHT_ARM] = -1};
    return label + swap[label];
}

/* With the average, the map of the mirrored photo is the mirrored map, left and right exchanged. */
static void an_average_with_the_mirror_picture_has_no_favourite_side(void **state)
{
    (void)state;
    for (int average = 0; average < 2; average++) {
        fresh_clothes_net(average ? "{\"size\": {\"longest_edge\": 64}, \"flip_average\": true}"
                                  : "{\"size\": {\"longest_edge\": 64}}");
        dr_image photo = photo_of(64, 48), flipped;
        assert_int_equal(dr_image_copy(&flipped, &photo), DR_OK);
        for (int y = 0; y < 48; y++)
            for (int x = 0; x < 64; x++)
                memcpy(flipped.data + 3 * (y * 64 + x), photo.data + 3 * (y * 64 + 63 - x), 3);
        dr_image a = labels_of(&photo), b = labels_of(&flipped);
        int wrong = 0, sided = 0;
        for (int y = 0; y < 48; y++)
            for (int x = 0; x < 64; x++) {
                int label = a.data[y * 64 + x];
                wrong += b.data[y * 64 + 63 - x] != other_side(label);
                sided += other_side(label) != label;
            }
        if (average)
            assert_true(wrong < 10); /* near ties may fall either way */
        else
            assert_true(wrong > 500);
        assert_true(sided > 50);
        dr_image_clear(&photo);
        dr_image_clear(&flipped);
        dr_image_clear(&a);
        dr_image_clear(&b);
    }
}

static dr_parser_cells cells_of(const char *preprocessor, const dr_image *photo)
{
    dr_parser m = {0};
    dr_parser_cells c;
    fresh_clothes_net(preprocessor);
    assert_int_equal(dr_parser_load(&m, folder), DR_OK);
    assert_int_equal(dr_parser_logits(&m, photo, &c), DR_OK);
    dr_parser_unload(&m);
    return c;
}

/* Logit `i` between the cells of another size, as that size's own cells would be enlarged. */
static float between(const dr_parser_cells *c, double x, double y, int i)
{
    float sum = 0;
    for (int k = 0; k < 4; k++) {
        double fx = floor(fmax(x, 0)) + k % 2, fy = floor(fmax(y, 0)) + k / 2;
        double weight = fmax(0, 1 - fabs(fmax(x, 0) - fx)) * fmax(0, 1 - fabs(fmax(y, 0) - fy));
        int cx = (int)fmin(fx, c->width - 1), cy = (int)fmin(fy, c->height - 1);
        sum += (float)weight * c->logit[(cy * c->width + cx) * DR_LABELS + i];
    }
    return sum;
}

/* Sizes that need padding and sizes that need none, on each other. */
static void several_sizes_give_the_mean_of_their_logits(void **state)
{
    (void)state;
    dr_image photo = photo_of(41, 64);
    dr_parser_cells small = cells_of("{\"size\": {\"longest_edge\": 40}}", &photo),
                    large = cells_of("{\"size\": {\"longest_edge\": 64}}", &photo),
                    both = cells_of("{\"size\": {\"longest_edge\": [40, 64]}}", &photo);
    assert_int_equal(both.width, large.width);
    assert_int_equal(both.height, large.height);
    assert_true(small.width < large.width);
    for (int y = 0; y < (int)large.used_h; y++)
        for (int x = 0; x < (int)large.used_w; x++)
            for (int i = 0; i < DR_LABELS; i++) {
                float own = large.logit[(y * large.width + x) * DR_LABELS + i];
                float other = between(&small, (x + 0.5) * small.used_w / large.used_w - 0.5,
                                      (y + 0.5) * small.used_h / large.used_h - 0.5, i);
                assert_true(fabsf(both.logit[(y * large.width + x) * DR_LABELS + i] - (own + other) / 2) < 1e-4f);
            }
    free(small.logit);
    free(large.logit);
    free(both.logit);
    dr_image_clear(&photo);
    fresh_clothes_net("{\"size\": {\"longest_edge\": [64, 40]}}");
    assert_refused("must rise");
    fresh_clothes_net("{\"size\": {\"longest_edge\": [1, 2, 3, 4, 5]}}");
    assert_refused("longest_edge");
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    shell("rm -rf %2$s%1$s", "");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_as_published_loads_with_all_that_lies_in_it),
        cmocka_unit_test(faults_of_the_config_are_named),
        cmocka_unit_test(classes_need_names_and_a_garment_and_a_background_among_them),
        cmocka_unit_test(faults_of_the_preprocessor_are_named),
        cmocka_unit_test(spoiled_weights_are_named),
        cmocka_unit_test(weights_too_large_for_sums_are_a_fault_of_the_run),
        cmocka_unit_test(a_photo_of_any_size_gets_a_map_of_its_size),
        cmocka_unit_test(the_order_of_labels_in_the_file_does_not_matter),
        cmocka_unit_test(another_sets_classes_become_our_labels),
        cmocka_unit_test(a_cancelled_run_gives_no_map),
        cmocka_unit_test(a_clothes_net_keeps_the_shape_of_the_photo),
        cmocka_unit_test(what_is_padded_is_not_part_of_the_map),
        cmocka_unit_test(an_average_with_the_mirror_picture_has_no_favourite_side),
        cmocka_unit_test(several_sizes_give_the_mean_of_their_logits),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
