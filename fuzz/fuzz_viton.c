/* libFuzzer: what a VITON-HD folder has besides photos. Byte 0 picks: 'k' the key points' JSON, 'p' the list of pairs,
 * 'l' a label map; the rest is the file. Accepted points must be fit to draw with, names must stay in their folder, and
 * a map has a value for each pixel. */
#include "io/label_map.h"
#include "warp/agnostic.h"
#include "warp/pairs.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void draw_with(const dr_pose *pose)
{
    enum { W = 48, H = 64 };
    static uint8_t photo[3 * W * H], parse[W * H];
    dr_image im = {W, H, 3, photo}, map = {W, H, 1, parse}, out, bare;
    for (int i = 0; i < W * H; i++)
        parse[i] = (uint8_t)(i * 7 % DR_HUMANS);
    if (dr_pose_check(pose, W, H, "fuzz"))
        return;
    DR_ASSERT(dr_agnostic_parse(&bare, &map, pose, dr_agnostic_radius(H)) == DR_OK, "no map");
    DR_ASSERT(dr_agnostic_picture(&out, &im, &map, pose, NULL) == DR_OK, "no picture");
    for (int i = 0; i < W * H; i++)
        DR_ASSERT(bare.data[i] == 0 || bare.data[i] == parse[i], "label %d of %d", bare.data[i], parse[i]);
    dr_image_clear(&out);
    dr_image_clear(&bare);
}

static void check_name(const char *name)
{
    DR_ASSERT(name[0] && name[0] != '.' && !strpbrk(name, "/\\\n\r") && strlen(name) <= 200, "'%s' is not safe", name);
}

static void check_pairs(const dr_pairs *p)
{
    DR_ASSERT(p->count > 0, "no pairs");
    for (int i = 0; i < p->count; i++) {
        check_name(p->pair[i].person);
        check_name(p->pair[i].cloth);
        for (int j = 0; i < 64 && j < i; j++) {
            char *a = dr_pair_name(p->pair[i].person, p->pair[i].cloth);
            char *b = dr_pair_name(p->pair[j].person, p->pair[j].cloth);
            DR_ASSERT(a && b && strcmp(a, b) != 0, "two results are called '%s'", a);
            free(a);
            free(b);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    const char *text = (const char *)data + 1;
    dr_pose pose;
    dr_pairs pairs;
    dr_image map;
    switch (data[0]) {
    case 'k':
        if (dr_pose_parse(&pose, text, size - 1, "fuzz") == DR_OK)
            draw_with(&pose);
        break;
    case 'p':
        if (dr_pairs_parse(&pairs, text, size - 1, "fuzz") == DR_OK) {
            check_pairs(&pairs);
            dr_pairs_clear(&pairs);
        }
        break;
    case 'l':
        if (dr_label_map_read_memory(&map, text, size - 1, "fuzz") == DR_OK) {
            DR_ASSERT(map.channels == 1 && map.data, "a map of %d channels", map.channels);
            dr_image_clear(&map);
        }
        break;
    default:
        break;
    }
    return 0;
}
