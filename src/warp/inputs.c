#include "warp/inputs.h"

#include "io/label_map.h"
#include "mask/cloth.h"
#include "warp/agnostic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void dr_inputs_clear(dr_warp_inputs *in)
{
    dr_image *all[] = {&in->photo,      &in->densepose,      &in->cloth, &in->agnostic,
                       &in->cloth_mask, &in->parse_agnostic, &in->hidden};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        dr_image_clear(all[i]);
}

/* --- sizes ---------------------------------------------------------------------------------------- */

/* Pictures are scaled, not cut: their shape must be that of the result, but for a rounded pixel. */
static dr_status check_shape(const dr_image *im, const dr_warp_size *s, const char *path)
{
    double width = (double)im->height * s->width / s->height, off = fabs(im->width - width);
    if (im->width > DR_AGNOSTIC_MAX_SIDE || im->height > DR_AGNOSTIC_MAX_SIDE)
        return dr_fail(DR_EINVAL, "'%s' is %dx%d, at most %d pixels a side are supported; make it smaller", path,
                       im->width, im->height, DR_AGNOSTIC_MAX_SIDE);
    if (off <= 2 || off <= 0.01 * width)
        return DR_OK;
    return dr_fail(DR_EINVAL, "'%s' is %dx%d, its shape must be that of the result, %dx%d; cut or pad it", path,
                   im->width, im->height, s->width, s->height);
}

static dr_status check_same_size(const dr_image *im, const char *path, const dr_image *photo, const char *photo_path)
{
    if (im->width == photo->width && im->height == photo->height)
        return DR_OK;
    return dr_fail(DR_EINVAL, "'%s' is %dx%d, must have the size of the photo '%s', %dx%d", path, im->width, im->height,
                   photo_path, photo->width, photo->height);
}

/* To the working size, in place. */
static dr_status fit(dr_image *im, const dr_warp_size *s, dr_resample how)
{
    dr_image out;
    dr_status st = dr_image_resize(&out, im, s->width, s->height, how);
    if (st)
        return st;
    dr_image_clear(im);
    *im = out;
    return DR_OK;
}

/* A picture whose place in the photo does not matter. */
static dr_status read_fitted(dr_image *out, const char *path, const dr_warp_size *s, int channels, dr_resample how)
{
    dr_status st = dr_image_read(out, path, channels);
    if (!st)
        st = check_shape(out, s, path);
    return st ? st : fit(out, s, how);
}

/* --- the person ------------------------------------------------------------------------------------- */

static dr_status read_labels(dr_image *out, const char *path, const dr_image *photo, const char *photo_path,
                             const dr_pose *pose, dr_label_set set)
{
    dr_status st = dr_label_map_read(out, path);
    if (!st)
        st = check_same_size(out, path, photo, photo_path);
    return st ? st : dr_human_from_set(out, set, pose, path);
}

/* The label map: from its file, or else from the parser. */
static dr_status get_parse(dr_image *out, const dr_image *photo, const dr_pose *pose, const dr_warp_files *f,
                           const dr_inputs_options *o)
{
    if (f->parse)
        return read_labels(out, f->parse, photo, f->image, pose, o->labels);
    if (!o->parser)
        return dr_fail(DR_ENOENT,
                       "'%s' has no label map (image-parse-v3, a PNG of CIHP's 20 labels); name a clothes parser that "
                       "makes it",
                       f->image);
    dr_status st = dr_parser_run(o->parser, photo, o->cancelled, o->user, out);
    if (!st)
        st = dr_human_from_set(out, DR_SET_ATR, pose, f->image);
    if (!st)
        dr_human_part_sides(out, pose);
    return st;
}

static dr_status get_agnostic(dr_warp_inputs *in, const dr_image *parse, const dr_pose *pose, const dr_warp_files *f,
                              const dr_inputs_options *o)
{
    dr_status st = dr_agnostic_picture(&in->agnostic, &in->photo, parse, pose, &in->hidden);
    if (!st && f->parse_agnostic)
        st = read_labels(&in->parse_agnostic, f->parse_agnostic, &in->photo, f->image, pose, o->labels);
    else if (!st)
        st = dr_agnostic_parse(&in->parse_agnostic, parse, pose, dr_agnostic_radius(in->photo.height));
    return st;
}

/* What somebody else made; grey is what it hides. */
static dr_status read_prepared(dr_warp_inputs *in, const dr_warp_files *f, const dr_inputs_options *o)
{
    dr_status st = dr_image_read(&in->agnostic, f->agnostic, 3);
    if (!st)
        st = check_same_size(&in->agnostic, f->agnostic, &in->photo, f->image);
    if (!st)
        st = read_labels(&in->parse_agnostic, f->parse_agnostic, &in->photo, f->image, &(dr_pose){0}, o->labels);
    if (!st)
        st = dr_image_alloc(&in->hidden, in->photo.width, in->photo.height, 1);
    static const uint8_t grey[] = {128, 128, 128};
    for (size_t i = 0; !st && i < (size_t)in->photo.width * (size_t)in->photo.height; i++)
        in->hidden.data[i] = memcmp(in->agnostic.data + 3 * i, grey, 3) == 0 ? 255 : 0;
    return st;
}

static dr_status make_agnostic(dr_warp_inputs *in, const dr_warp_files *f, const dr_inputs_options *o)
{
    dr_image parse = {0};
    dr_pose pose;
    dr_status st = dr_pose_read(&pose, f->keypoints);
    if (!st)
        st = dr_pose_check(&pose, in->photo.width, in->photo.height, f->keypoints);
    if (!st)
        st = get_parse(&parse, &in->photo, &pose, f, o);
    if (!st)
        st = get_agnostic(in, &parse, &pose, f, o);
    dr_image_clear(&parse);
    return st;
}

static dr_status read_person(dr_warp_inputs *in, const dr_warp_files *f, const dr_inputs_options *o)
{
    dr_status st = dr_image_read(&in->photo, f->image, 3);
    if (!st)
        st = check_shape(&in->photo, &o->size, f->image);
    if (!st)
        st = read_fitted(&in->densepose, f->densepose, &o->size, 3, DR_BILINEAR);
    if (!st)
        st = f->keypoints ? make_agnostic(in, f, o) : read_prepared(in, f, o);
    if (!st)
        st = fit(&in->agnostic, &o->size, DR_BILINEAR);
    if (!st)
        st = fit(&in->parse_agnostic, &o->size, DR_NEAREST);
    return st;
}

/* --- the cloth -------------------------------------------------------------------------------------- */

static dr_status binarize(dr_image *mask, const char *path)
{
    int64_t n = (int64_t)mask->width * mask->height, white = 0;
    for (int64_t i = 0; i < n; i++) {
        mask->data[i] = mask->data[i] >= 128 ? 255 : 0;
        white += mask->data[i] != 0;
    }
    if (white == 0 || white == n)
        return dr_fail(DR_EINVAL, "'%s' is %s throughout, must be white on the cloth and black around it", path,
                       white ? "white" : "black");
    return DR_OK;
}

static dr_status read_cloth(dr_warp_inputs *in, const dr_warp_files *f, const dr_inputs_options *o)
{
    dr_image cloth = {0};
    dr_status st = dr_image_read(&cloth, f->cloth, 3);
    if (!st)
        st = check_shape(&cloth, &o->size, f->cloth);
    if (!st && f->cloth_mask)
        st = read_fitted(&in->cloth_mask, f->cloth_mask, &o->size, 1, DR_NEAREST);
    else if (!st) {
        st = dr_cloth_mask(&in->cloth_mask, &cloth, f->cloth);
        if (!st)
            st = fit(&in->cloth_mask, &o->size, DR_NEAREST);
    }
    if (!st)
        st = binarize(&in->cloth_mask, f->cloth_mask ? f->cloth_mask : f->cloth);
    if (!st)
        st = fit(&cloth, &o->size, DR_BILINEAR);
    in->cloth = cloth;
    return st;
}

dr_status dr_inputs_read(dr_warp_inputs *out, const dr_warp_files *f, const dr_inputs_options *o)
{
    *out = (dr_warp_inputs){0};
    dr_status st = read_person(out, f, o);
    if (!st)
        st = read_cloth(out, f, o);
    if (st)
        dr_inputs_clear(out);
    return st;
}

/* --- numbers ---------------------------------------------------------------------------------------- */

dr_status dr_inputs_classes(const dr_warp_inputs *in, const dr_warp_size *s, float *out)
{
    enum { CLASSES = 13 };
    dr_image small;
    dr_status st = dr_image_resize(&small, &in->parse_agnostic, s->cond_width, s->cond_height, DR_TOP_LEFT);
    if (st)
        return st;
    size_t n = (size_t)s->cond_width * (size_t)s->cond_height;
    memset(out, 0, n * CLASSES * sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i * CLASSES + dr_human_class(small.data[i])] = 1;
    dr_image_clear(&small);
    return DR_OK;
}

dr_status dr_inputs_cloth_mask(const dr_warp_inputs *in, const dr_warp_size *s, float *out)
{
    dr_image small;
    dr_status st = dr_image_resize(&small, &in->cloth_mask, s->cond_width, s->cond_height, DR_TOP_LEFT);
    if (st)
        return st;
    for (size_t i = 0; i < (size_t)s->cond_width * (size_t)s->cond_height; i++)
        out[i] = small.data[i] ? 1 : 0;
    dr_image_clear(&small);
    return DR_OK;
}
