#include "warp/pose.h"

#include "base/file.h"
#include "base/json.h"

#include <math.h>
#include <stdlib.h>

enum { COCO_POINTS = 18, MAX_FILE = 16 << 20 };

bool dr_pose_missing(const dr_point *p)
{
    return p->x == 0 && p->y == 0;
}

/* Up to the left wrist COCO's points are BODY_25's; behind it BODY_25 has the middle of the hips first. */
static int body_25_of_coco(int i)
{
    return i < 8 ? i : i + 1;
}

static dr_status read_points(dr_pose *out, const json_t *list, const char *name)
{
    size_t n = json_array_size(list);
    bool coco = n == 3 * COCO_POINTS;
    if (!json_is_array(list))
        return dr_fail(DR_EINVAL, "'%s': the first of \"people\" has no list \"pose_keypoints_2d\"", name);
    if (n != 3 * DR_POSE_POINTS && !coco)
        return dr_fail(DR_EINVAL,
                       "'%s': \"pose_keypoints_2d\" has %zu numbers, expected 75 (x, y, confidence of the 25 points of "
                       "OpenPose's model BODY_25) or 54 (of COCO's 18)",
                       name, n);
    for (size_t i = 0; i < n; i++)
        if (!json_is_number(json_array_get(list, i)) || !isfinite(json_number_value(json_array_get(list, i))))
            return dr_fail(DR_EINVAL, "'%s': number %zu of \"pose_keypoints_2d\" is none", name, i + 1);
    for (size_t i = 0; i < n / 3; i++)
        out->point[coco ? body_25_of_coco((int)i) : (int)i] = (dr_point){
            json_number_value(json_array_get(list, 3 * i)), json_number_value(json_array_get(list, 3 * i + 1))};
    return DR_OK;
}

dr_status dr_pose_parse(dr_pose *out, const char *text, size_t size, const char *name)
{
    json_t *j;
    *out = (dr_pose){0};
    dr_status st = dr_json_parse(text, size, name, &j);
    if (st)
        return st;
    const json_t *people = json_object_get(j, "people");
    if (!json_is_array(people))
        st = dr_fail(DR_EINVAL,
                     "'%s' has no list \"people\": key points as OpenPose's --write_json has them are needed", name);
    else if (json_array_size(people) == 0)
        st = dr_fail(DR_EINVAL, "'%s': there is nobody in it, \"people\" is empty", name);
    else
        st = read_points(out, json_object_get(json_array_get(people, 0), "pose_keypoints_2d"), name);
    json_decref(j);
    return st;
}

dr_status dr_pose_read(dr_pose *out, const char *path)
{
    char *text;
    size_t n;
    *out = (dr_pose){0};
    dr_status st = dr_file_read(path, MAX_FILE, &text, &n);
    if (st)
        return st;
    st = dr_pose_parse(out, text, n, path);
    free(text);
    return st;
}

/* --- can they be of this photo? ----------------------------------------------------------------------- */

static dr_status check_seen(const dr_pose *pose, const char *name)
{
    static const struct {
        int point;
        const char *name;
    } needed[] = {{DR_POSE_RIGHT_SHOULDER, "right shoulder"},
                  {DR_POSE_LEFT_SHOULDER, "left shoulder"},
                  {DR_POSE_RIGHT_HIP, "right hip"},
                  {DR_POSE_LEFT_HIP, "left hip"}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (dr_pose_missing(&pose->point[needed[i].point]))
            return dr_fail(DR_EINVAL,
                           "'%s': the %s (point %d) is missing; shoulders and hips are needed, take a photo that shows "
                           "them",
                           name, needed[i].name, needed[i].point);
    const dr_point *r = &pose->point[DR_POSE_RIGHT_HIP], *l = &pose->point[DR_POSE_LEFT_HIP];
    if (r->x == l->x && r->y == l->y)
        return dr_fail(DR_EINVAL, "'%s': both hips are at (%g, %g)", name, r->x, r->y);
    return DR_OK;
}

dr_status dr_pose_check(const dr_pose *pose, int width, int height, const char *name)
{
    double farthest = 0;
    dr_status st = check_seen(pose, name);
    for (int i = 0; !st && i < DR_POSE_POINTS; i++) {
        const dr_point *p = &pose->point[i];
        farthest = fmax(farthest, fmax(fabs(p->x), fabs(p->y)));
        if (p->x < -0.1 * width || p->y < -0.1 * height || p->x > 1.1 * width || p->y > 1.1 * height)
            st = dr_fail(DR_EINVAL,
                         "'%s': point %d is at (%g, %g), outside the photo of %dx%d: they are of another photo or size",
                         name, i, p->x, p->y, width, height);
    }
    if (!st && farthest <= 1)
        st = dr_fail(DR_EINVAL,
                     "'%s': the points lie between 0 and 1; pixels are needed (OpenPose's --keypoint_scale 0)", name);
    return st;
}
