#include "warp/agnostic.h"

#include <math.h>
#include <string.h>

static const uint8_t on[] = {255}, off[] = {0};

/* One arm: its label, shoulder, elbow and wrist, and the other shoulder. */
typedef struct arm {
    dr_human label;
    int point[3], other;
} arm;

static const arm arms[] = {
    {DR_HUMAN_LEFT_ARM, {DR_POSE_LEFT_SHOULDER, DR_POSE_LEFT_ELBOW, DR_POSE_LEFT_WRIST}, DR_POSE_RIGHT_SHOULDER},
    {DR_HUMAN_RIGHT_ARM, {DR_POSE_RIGHT_SHOULDER, DR_POSE_RIGHT_ELBOW, DR_POSE_RIGHT_WRIST}, DR_POSE_LEFT_SHOULDER},
};

static bool seen(const dr_pose *pose, int point)
{
    return !dr_pose_missing(&pose->point[point]);
}

/* An ellipse of these half axes. */
static void draw_round(dr_image *im, dr_point p, int a, int b, const uint8_t *ink)
{
    dr_draw_ellipse(im, (dr_point){p.x - a, p.y - b}, (dr_point){p.x + a, p.y + b}, ink);
}

static dr_status new_canvas(dr_image *out, const dr_image *like)
{
    dr_status st = dr_image_alloc(out, like->width, like->height, 1);
    if (!st)
        memset(out->data, 0, (size_t)out->width * (size_t)out->height);
    return st;
}

/* --- parse map ------------------------------------------------------------------------------------ */

int dr_agnostic_radius(int height)
{
    int r = (int)lround(10.0 * height / 1024);
    return r > 0 ? r : 1;
}

/* Where the arm and its sleeve may be: from shoulder to shoulder, then down; the hand's end stays free. */
static void draw_reach(dr_image *canvas, const arm *a, const dr_pose *pose, int r)
{
    int last = a->other;
    for (int i = 0; i < 3; i++) {
        int at = a->point[i];
        if (!seen(pose, at) || !seen(pose, last))
            continue;
        int around = i < 2 ? 15 * r : 4 * r;
        dr_draw_line(canvas, pose->point[last], pose->point[at], 10 * r, on);
        draw_round(canvas, pose->point[at], around, around, on);
        last = at;
    }
}

dr_status dr_agnostic_parse(dr_image *out, const dr_image *parse, const dr_pose *pose, int radius)
{
    dr_image canvas = {0}, map = {0};
    size_t n = (size_t)parse->width * (size_t)parse->height;
    dr_status st = dr_image_copy(&map, parse);
    for (size_t k = 0; !st && k < 2; k++) {
        st = new_canvas(&canvas, parse);
        if (st)
            break;
        draw_reach(&canvas, &arms[k], pose, radius);
        for (size_t i = 0; i < n; i++)
            if (canvas.data[i] && map.data[i] == arms[k].label)
                map.data[i] = DR_HUMAN_BACKGROUND;
        dr_image_clear(&canvas);
    }
    for (size_t i = 0; !st && i < n; i++) {
        uint8_t label = map.data[i];
        if (label == DR_HUMAN_UPPER || label == DR_HUMAN_DRESS || label == DR_HUMAN_COAT || label == DR_HUMAN_NECK)
            map.data[i] = DR_HUMAN_BACKGROUND;
    }
    if (st)
        dr_image_clear(&map);
    *out = map;
    return st;
}

/* --- picture -------------------------------------------------------------------------------------- */

static double distance(dr_point p, dr_point q)
{
    return sqrt((p.x - q.x) * (p.x - q.x) + (p.y - q.y) * (p.y - q.y));
}

/* Hips as far apart as the shoulders are, around their middle. Returns that distance. */
static double widen_hips(dr_pose *pose)
{
    dr_point *r = &pose->point[DR_POSE_RIGHT_HIP], *l = &pose->point[DR_POSE_LEFT_HIP];
    double a = distance(pose->point[DR_POSE_LEFT_SHOULDER], pose->point[DR_POSE_RIGHT_SHOULDER]), b = distance(*l, *r);
    dr_point middle = {(r->x + l->x) / 2, (r->y + l->y) / 2};
    *r = (dr_point){middle.x + (r->x - middle.x) / b * a, middle.y + (r->y - middle.y) / b * a};
    *l = (dr_point){middle.x + (l->x - middle.x) / b * a, middle.y + (l->y - middle.y) / b * a};
    return a;
}

static void hide_trunk(dr_image *hidden, const dr_point *p, int r)
{
    const dr_point right = p[DR_POSE_RIGHT_SHOULDER], left = p[DR_POSE_LEFT_SHOULDER], neck = p[DR_POSE_NECK];
    const dr_point right_hip = p[DR_POSE_RIGHT_HIP], left_hip = p[DR_POSE_LEFT_HIP];
    draw_round(hidden, right_hip, 3 * r, 6 * r, on);
    draw_round(hidden, left_hip, 3 * r, 6 * r, on);
    dr_draw_line(hidden, right, right_hip, 6 * r, on);
    dr_draw_line(hidden, left, left_hip, 6 * r, on);
    dr_draw_line(hidden, right_hip, left_hip, 12 * r, on);
    dr_draw_polygon(hidden, (const dr_point[]){right, left, left_hip, right_hip}, 4, on);
    dr_draw_rectangle(hidden, (dr_point){neck.x - 5 * r, neck.y - 9 * r}, (dr_point){neck.x + 5 * r, neck.y}, on);
    dr_draw_line(hidden, right, left, 12 * r, on);
    draw_round(hidden, right, 5 * r, 6 * r, on);
    draw_round(hidden, left, 5 * r, 6 * r, on);
}

static void hide_arms(dr_image *hidden, const dr_pose *pose, int r)
{
    static const int parts[] = {DR_POSE_RIGHT_ELBOW, DR_POSE_RIGHT_WRIST, DR_POSE_LEFT_ELBOW, DR_POSE_LEFT_WRIST};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        int at = parts[i];
        if (!seen(pose, at) || !seen(pose, at - 1))
            continue;
        dr_draw_line(hidden, pose->point[at - 1], pose->point[at], 10 * r, on);
        draw_round(hidden, pose->point[at], 5 * r, 5 * r, on);
    }
}

/* The arm as far as a sleeve may cover it. */
static void draw_sleeve(dr_image *canvas, const arm *a, const dr_pose *pose, int r)
{
    dr_point end = pose->point[a->point[0]];
    draw_round(canvas, end, 5 * r, 6 * r, on);
    for (int i = 1; i < 3; i++) {
        int at = a->point[i];
        if (!seen(pose, at - 1) || !seen(pose, at))
            continue;
        end = pose->point[at];
        dr_draw_line(canvas, pose->point[at - 1], end, 10 * r, on);
        if (i < 2)
            draw_round(canvas, end, 5 * r, 5 * r, on);
    }
    draw_round(canvas, end, 4 * r, 4 * r, on);
}

/* Hands, and what else of the arms' labels no sleeve covers. */
static dr_status show_hands(dr_image *hidden, const dr_image *parse, const dr_pose *pose, int r)
{
    dr_status st = DR_OK;
    for (size_t k = 0; !st && k < 2; k++) {
        dr_image canvas = {0};
        st = new_canvas(&canvas, parse);
        if (st)
            break;
        draw_sleeve(&canvas, &arms[k], pose, r);
        for (size_t i = 0; i < (size_t)parse->width * (size_t)parse->height; i++)
            if (parse->data[i] == arms[k].label && !canvas.data[i])
                hidden->data[i] = off[0];
        dr_image_clear(&canvas);
    }
    return st;
}

static bool always_shown(uint8_t label)
{
    return label == DR_HUMAN_SUNGLASSES || label == DR_HUMAN_FACE || label == DR_HUMAN_PANTS ||
           label == DR_HUMAN_SKIRT || (label >= DR_HUMAN_LEFT_LEG && label <= DR_HUMAN_RIGHT_SHOE);
}

static dr_status find_hidden(dr_image *hidden, const dr_image *parse, const dr_pose *given)
{
    dr_pose pose = *given;
    dr_status st = new_canvas(hidden, parse);
    if (st)
        return st;
    int r = (int)(widen_hips(&pose) / 16) + 1;
    hide_trunk(hidden, pose.point, r);
    hide_arms(hidden, &pose, r);
    st = show_hands(hidden, parse, &pose, r);
    for (size_t i = 0; !st && i < (size_t)parse->width * (size_t)parse->height; i++)
        if (always_shown(parse->data[i]))
            hidden->data[i] = off[0];
    return st;
}

dr_status dr_agnostic_picture(dr_image *out, const dr_image *photo, const dr_image *parse, const dr_pose *pose,
                              dr_image *hidden)
{
    dr_image picture = {0}, mask = {0};
    DR_ASSERT(photo->width == parse->width && photo->height == parse->height && photo->channels == 3,
              "a photo of %dx%d and a map of %dx%d", photo->width, photo->height, parse->width, parse->height);
    dr_status st = find_hidden(&mask, parse, pose);
    if (!st)
        st = dr_image_copy(&picture, photo);
    for (size_t i = 0; !st && i < (size_t)photo->width * (size_t)photo->height; i++)
        if (mask.data[i])
            memset(picture.data + 3 * i, 128, 3);
    if (!st && hidden)
        *hidden = mask;
    else
        dr_image_clear(&mask);
    *out = picture;
    return st;
}
