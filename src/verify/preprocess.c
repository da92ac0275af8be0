/* Preprocessing of HR-VITON against pictures: a case is a case.json in a folder of pictures, "in" names photo, parse
 * map and key points, "want" the agnostic parse map and picture. They are to be equal pixel for pixel. */
#include "base/path.h"
#include "io/label_map.h"
#include "verify/case.h"
#include "warp/agnostic.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct preprocess {
    const char *path; /* of the case */
    char dir[PATH_MAX];
    dr_image photo, parse, agnostic, parse_agnostic;
    dr_pose pose;
    dr_verify_result *result;
} preprocess;

/* A file named in the case, in its folder. */
static dr_status file_of(const preprocess *p, const char *name, char *out)
{
    if (!name || !name[0] || name[0] == '/' || strstr(name, ".."))
        return dr_fail(DR_EINVAL, "'%s' names no file of its folder where one is needed", p->path);
    return dr_path(out, PATH_MAX, p->dir, name);
}

static dr_status read_inputs(preprocess *p, const json_t *in)
{
    char path[3][PATH_MAX];
    dr_status st = DR_OK;
    for (size_t i = 0; !st && i < 3; i++)
        st = file_of(p, json_string_value(json_array_get(in, i)), path[i]);
    if (!st)
        st = dr_image_read(&p->photo, path[0], 3);
    if (!st)
        st = dr_label_map_read(&p->parse, path[1]);
    if (!st)
        st = dr_label_map_check(&p->parse, DR_HUMANS, path[1]);
    if (!st && (p->parse.width != p->photo.width || p->parse.height != p->photo.height))
        st = dr_fail(DR_EINVAL, "'%s' is %dx%d, must have the photo's size, %dx%d", path[1], p->parse.width,
                     p->parse.height, p->photo.width, p->photo.height);
    if (!st)
        st = dr_pose_read(&p->pose, path[2]);
    return st ? st : dr_pose_check(&p->pose, p->photo.width, p->photo.height, path[2]);
}

/* Counts pixels that differ from those of the wanted picture. */
static dr_status judge(preprocess *p, const char *name, const dr_image *got, const dr_image *want, const char *path)
{
    size_t n = (size_t)got->width * (size_t)got->height, channels = (size_t)got->channels, different = 0;
    int most = 0;
    if (got->width != want->width || got->height != want->height)
        return dr_fail(DR_EINVAL, "'%s' is %dx%d, the photo is %dx%d", path, want->width, want->height, got->width,
                       got->height);
    for (size_t i = 0; i < n; i++) {
        int off = 0;
        for (size_t k = 0; k < channels; k++) {
            int d = abs(got->data[i * channels + k] - want->data[i * channels + k]);
            off = d > off ? d : off;
        }
        different += off > 0;
        most = off > most ? off : most;
    }
    dr_verify_result *r = p->result;
    double share = (double)different / (double)n;
    r->ok = r->ok && different == 0;
    if (r->outputs++ == 0 || share > r->rel) {
        r->abs = most;
        r->rel = share;
        snprintf(r->worst, sizeof r->worst, "%s", name);
    }
    return DR_OK;
}

static dr_status judge_all(preprocess *p, const json_t *want)
{
    char path[PATH_MAX];
    dr_image map = {0}, picture = {0};
    dr_status st = file_of(p, dr_json_text(want, "parse_agnostic"), path);
    if (!st)
        st = dr_label_map_read(&map, path);
    if (!st)
        st = judge(p, "parse_agnostic", &p->parse_agnostic, &map, path);
    if (!st)
        st = file_of(p, dr_json_text(want, "agnostic"), path);
    if (!st)
        st = dr_image_read(&picture, path, 3);
    if (!st)
        st = judge(p, "agnostic", &p->agnostic, &picture, path);
    dr_image_clear(&map);
    dr_image_clear(&picture);
    return st;
}

static dr_status run(preprocess *p, const json_t *j)
{
    int64_t radius;
    const json_t *args = json_object_get(j, "args");
    dr_status st = read_inputs(p, json_object_get(j, "in"));
    if (!st)
        st = dr_json_int(args, p->path, "parse_agnostic_radius", dr_agnostic_radius(p->photo.height), 1, 1000, &radius);
    if (!st)
        st = dr_agnostic_parse(&p->parse_agnostic, &p->parse, &p->pose, (int)radius);
    if (!st)
        st = dr_agnostic_picture(&p->agnostic, &p->photo, &p->parse, &p->pose, NULL);
    return st ? st : judge_all(p, json_object_get(j, "want"));
}

dr_status dr_verify_preprocess(const char *path, dr_verify_result *r)
{
    json_t *j;
    preprocess p = {.path = path, .result = r};
    dr_status st = dr_json_load(path, &j);
    if (st)
        return st;
    const char *kind = dr_json_text(j, "kind");
    snprintf(r->kind, sizeof r->kind, "%s", kind ? kind : "");
    if (!kind || strcmp(kind, "hrviton_preprocess") != 0)
        st = dr_fail(DR_EINVAL, "'%s' is not a golden case of pictures: its \"kind\" is not \"hrviton_preprocess\"",
                     path);
    if (!st)
        st = dr_path_folder(p.dir, sizeof p.dir, path);
    r->ok = true;
    if (!st)
        st = run(&p, j);
    r->ok = !st && r->ok && r->outputs > 0;
    json_decref(j);
    dr_image_clear(&p.photo);
    dr_image_clear(&p.parse);
    dr_image_clear(&p.agnostic);
    dr_image_clear(&p.parse_agnostic);
    return st;
}
