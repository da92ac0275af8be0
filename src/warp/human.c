#include "warp/human.h"

#include "io/label_map.h"
#include "io/labels.h"

#include <math.h>
#include <string.h>

/* Of each set, in the order of its numbers; LIP's are CIHP's but for one. */
static const char *const cihp[DR_HUMANS] = {"Background",    "Hat",      "Hair",      "Glove",     "Sunglasses",
                                            "Upper-clothes", "Dress",    "Coat",      "Socks",     "Pants",
                                            "Torso-skin",    "Scarf",    "Skirt",     "Face",      "Left-arm",
                                            "Right-arm",     "Left-leg", "Right-leg", "Left-shoe", "Right-shoe"};

/* Names that other sets have for these. A belt lies on the trousers; bags belong to nobody. */
static const struct {
    const char *name;
    dr_human label;
} others[] = {
    {"Jumpsuits", DR_HUMAN_DRESS},
    {"Belt", DR_HUMAN_PANTS},
    {"Bag", DR_HUMAN_BACKGROUND},
};

int dr_human_named(const char *name)
{
    for (int i = 0; i < DR_HUMANS; i++)
        if (strcmp(cihp[i], name) == 0)
            return i;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i].name, name) == 0)
            return (int)others[i].label;
    return -1;
}

static void fill_table(uint8_t *table, dr_label_set set)
{
    for (int i = 0; i < DR_HUMANS; i++)
        table[i] = (uint8_t)i;
    if (set == DR_SET_LIP)
        table[DR_HUMAN_NECK] = (uint8_t)dr_human_named("Jumpsuits");
    for (int i = 0; set == DR_SET_ATR && i < DR_LABELS; i++) {
        int label = dr_human_named(dr_label_name(i));
        DR_ASSERT(label >= 0, "no label for '%s'", dr_label_name(i));
        table[i] = (uint8_t)label;
    }
}

/* The row of the chin: half of the way from the nose to the neck, which OpenPose has between the shoulders. */
static double chin_row(const dr_pose *pose)
{
    const dr_point *nose = &pose->point[DR_POSE_NOSE], *neck = &pose->point[DR_POSE_NECK];
    if (dr_pose_missing(nose) || dr_pose_missing(neck) || neck->y <= nose->y)
        return -1;
    return (nose->y + neck->y) / 2;
}

static void part_neck_from_face(dr_image *map, const dr_pose *pose)
{
    double chin = chin_row(pose);
    for (int y = chin < 0 ? map->height : (int)chin + 1; y < map->height; y++)
        for (int x = 0; x < map->width; x++) {
            uint8_t *p = map->data + (size_t)y * (size_t)map->width + (size_t)x;
            *p = *p == DR_HUMAN_FACE ? DR_HUMAN_NECK : *p;
        }
}

/* --- left and right ------------------------------------------------------------------------------------ */

typedef struct limb {
    dr_human left, right;
    int left_joint[3], right_joint[3]; /* along the limb; of a shoe the ankle alone */
} limb;

static const limb limbs[] = {
    {DR_HUMAN_LEFT_ARM, DR_HUMAN_RIGHT_ARM, {5, 6, 7}, {2, 3, 4}},
    {DR_HUMAN_LEFT_LEG, DR_HUMAN_RIGHT_LEG, {12, 13, 14}, {9, 10, 11}},
    {DR_HUMAN_LEFT_SHOE, DR_HUMAN_RIGHT_SHOE, {14, 14, 14}, {11, 11, 11}},
};

static double distance_to_bone(dr_point p, dr_point a, dr_point b)
{
    double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
    double t = length > 0 ? fmin(fmax(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0), 1) : 0;
    return hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

/* From a place to the nearest bone whose ends are seen; infinite without one. */
static double distance_to_limb(dr_point p, const int joint[3], const dr_pose *pose)
{
    double nearest = INFINITY;
    for (int i = 0; i < 2; i++) {
        const dr_point *a = &pose->point[joint[i]], *b = &pose->point[joint[i + 1]];
        if (!dr_pose_missing(a) && !dr_pose_missing(b))
            nearest = fmin(nearest, distance_to_bone(p, *a, *b));
    }
    return nearest;
}

static bool has(const dr_image *map, uint8_t label)
{
    return memchr(map->data, label, (size_t)map->width * (size_t)map->height) != NULL;
}

void dr_human_part_sides(dr_image *map, const dr_pose *pose)
{
    for (size_t k = 0; k < sizeof limbs / sizeof *limbs; k++) {
        const limb *l = &limbs[k];
        if (!has(map, (uint8_t)l->left) || has(map, (uint8_t)l->right))
            continue;
        for (int y = 0; y < map->height; y++)
            for (int x = 0; x < map->width; x++) {
                uint8_t *p = map->data + (size_t)y * (size_t)map->width + (size_t)x;
                dr_point at = {x, y};
                if (*p == l->left &&
                    distance_to_limb(at, l->right_joint, pose) < distance_to_limb(at, l->left_joint, pose))
                    *p = (uint8_t)l->right;
            }
    }
}

dr_status dr_human_from_set(dr_image *map, dr_label_set set, const dr_pose *pose, const char *name)
{
    uint8_t table[DR_HUMANS];
    dr_status st = dr_label_map_check(map, set == DR_SET_ATR ? DR_LABELS : DR_HUMANS, name);
    if (st || set == DR_SET_CIHP)
        return st;
    fill_table(table, set);
    for (size_t i = 0; i < (size_t)map->width * (size_t)map->height; i++)
        map->data[i] = table[map->data[i]];
    if (set == DR_SET_ATR)
        part_neck_from_face(map, pose);
    return DR_OK;
}

uint8_t dr_human_class(uint8_t label)
{
    enum {
        BACKGROUND,
        HAIR,
        FACE,
        UPPER,
        BOTTOM,
        LEFT_ARM,
        RIGHT_ARM,
        LEFT_LEG,
        RIGHT_LEG,
        LEFT_SHOE,
        RIGHT_SHOE,
        SOCKS,
        NOISE
    };
    static const uint8_t table[DR_HUMANS] = {[DR_HUMAN_BACKGROUND] = BACKGROUND,
                                             [DR_HUMAN_NECK] = BACKGROUND,
                                             [DR_HUMAN_HAT] = HAIR,
                                             [DR_HUMAN_HAIR] = HAIR,
                                             [DR_HUMAN_SUNGLASSES] = FACE,
                                             [DR_HUMAN_FACE] = FACE,
                                             [DR_HUMAN_UPPER] = UPPER,
                                             [DR_HUMAN_DRESS] = UPPER,
                                             [DR_HUMAN_COAT] = UPPER,
                                             [DR_HUMAN_PANTS] = BOTTOM,
                                             [DR_HUMAN_SKIRT] = BOTTOM,
                                             [DR_HUMAN_LEFT_ARM] = LEFT_ARM,
                                             [DR_HUMAN_RIGHT_ARM] = RIGHT_ARM,
                                             [DR_HUMAN_LEFT_LEG] = LEFT_LEG,
                                             [DR_HUMAN_RIGHT_LEG] = RIGHT_LEG,
                                             [DR_HUMAN_LEFT_SHOE] = LEFT_SHOE,
                                             [DR_HUMAN_RIGHT_SHOE] = RIGHT_SHOE,
                                             [DR_HUMAN_SOCKS] = SOCKS,
                                             [DR_HUMAN_GLOVE] = NOISE,
                                             [DR_HUMAN_SCARF] = NOISE};
    DR_ASSERT(label < DR_HUMANS, "label %d", label);
    return table[label];
}
