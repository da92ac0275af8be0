/* Cases of CatVTON's pictures on their way in (crop, pad, stretch, threshold) and out (repaint): exact, to the bit. */
#include "verify/case.h"

#include "io/prepare.h"

#include <string.h>

dr_status dr_verify_fit(dr_verifier *v, dr_fit *out)
{
    static const char *const names[] = {"region", "crop-pad", "stretch", "app"};
    const char *name;
    dr_status st = dr_json_string(v->args, v->path, "fit", "crop-pad", &name);
    for (int i = DR_FIT_CROP_PAD; !st && i <= DR_FIT_APP; i++)
        if (strcmp(names[i], name) == 0) {
            *out = (dr_fit)i;
            return DR_OK;
        }
    return st ? st : dr_fail(DR_EINVAL, "'%s': \"fit\" is '%s', expected crop-pad, stretch or app", v->path, name);
}

/* in/NAME [1,C,H,W] of whole numbers 0..255 as a picture. */
static dr_status picture(dr_verifier *v, const char *name, dr_image *out)
{
    int64_t d[4];
    const int32_t *values = dr_case_ints(v, name, 4, d);
    if (!values)
        return DR_EINVAL;
    int64_t pixels = d[2] * d[3];
    if (d[0] != 1 || (d[1] != 1 && d[1] != 3) || d[2] > 4096 || d[3] > 4096)
        return dr_fail(DR_EINVAL, "'%s': 'in/%s' is no picture", v->path, name);
    dr_status st = dr_image_alloc(out, (int)d[3], (int)d[2], (int)d[1]);
    for (int64_t i = 0; !st && i < d[1] * pixels; i++) {
        int32_t value = values[i % d[1] * pixels + i / d[1]];
        if (value < 0 || value > 255)
            return dr_fail(DR_EINVAL, "'%s': 'in/%s' has the value %d, expected 0 to 255", v->path, name, value);
        out->data[i] = (uint8_t)value;
    }
    return st;
}

/* Channels last [H,W,C] against want/NAME [1,C,H,W]. */
static dr_status judge(dr_verifier *v, const char *name, const float *hwc, int C, int H, int W)
{
    float *chw = dr_arena_alloc(&v->tape.arena, (size_t)C * (size_t)H * (size_t)W * sizeof *chw);
    if (!chw)
        return DR_ENOMEM;
    dr_nhwc_to_nchw(hwc, chw, 1, C, H, W);
    return dr_case_output(v, name, chw, (int64_t)C * H * W, DR_TOL_EXACT);
}

static dr_status judge_picture(dr_verifier *v, const char *name, const dr_image *im, bool binary)
{
    size_t n = (size_t)im->width * (size_t)im->height * (size_t)im->channels;
    float *values = dr_arena_alloc(&v->tape.arena, n * sizeof *values);
    for (size_t i = 0; values && i < n; i++)
        values[i] = binary ? (float)(im->data[i] / 255) : (float)im->data[i];
    return values ? judge(v, name, values, im->channels, im->height, im->width) : DR_ENOMEM;
}

static dr_status judge_mask(dr_verifier *v, const dr_image *photo, const dr_image *mask)
{
    int h = mask->height / 8, w = mask->width / 8;
    size_t n = (size_t)photo->width * (size_t)photo->height * 3;
    float *cells = dr_arena_alloc(&v->tape.arena, (size_t)(h * w) * sizeof *cells);
    float *masked = dr_arena_alloc(&v->tape.arena, n * sizeof *masked);
    if (!cells || !masked)
        return DR_ENOMEM;
    dr_status st = judge_picture(v, "mask", mask, true);
    dr_mask_to_latent(mask, w, h, cells);
    if (!st)
        st = judge(v, "mask_latent", cells, 1, h, w);
    if (st || !dr_st_find(&v->file, "want/masked_person"))
        return st;
    dr_image_to_f32(photo, masked);
    dr_masked_f32(masked, mask, masked);
    float *chw = dr_arena_alloc(&v->tape.arena, n * sizeof *chw);
    if (!chw)
        return DR_ENOMEM;
    dr_nhwc_to_nchw(masked, chw, 1, 3, photo->height, photo->width);
    return dr_case_output(v, "masked_person", chw, (int64_t)n, DR_TOL_RANDOM);
}

dr_status dr_verify_catvton_prepare(dr_verifier *v)
{
    dr_image person = {0}, mask = {0}, garment = {0}, person_out = {0}, mask_out = {0}, garment_out = {0};
    int64_t W, H;
    dr_fit fit = DR_FIT_CROP_PAD;
    dr_status st = dr_verify_fit(v, &fit);
    if (!st)
        st = dr_json_int(v->args, v->path, "width", 0, 8, 4096, &W);
    if (!st)
        st = dr_json_int(v->args, v->path, "height", 0, 8, 4096, &H);
    if (!st)
        st = picture(v, "person", &person);
    if (!st)
        st = picture(v, "mask", &mask);
    if (!st)
        st = picture(v, "garment", &garment);
    if (!st && (person.channels != 3 || garment.channels != 3))
        st = dr_fail(DR_EINVAL, "'%s': person and garment must have 3 channels", v->path);
    if (!st)
        st = dr_fit_person(fit, &person, &(dr_raw_mask){&mask, false}, (int)W, (int)H, &person_out, &mask_out);
    if (!st)
        st = dr_fit_garment(fit, &garment, (int)W, (int)H, &garment_out);
    if (!st)
        st = judge_picture(v, "person", &person_out, false);
    if (!st)
        st = judge_picture(v, "garment", &garment_out, false);
    if (!st)
        st = judge_mask(v, &person_out, &mask_out);
    dr_image *all[] = {&person, &mask, &garment, &person_out, &mask_out, &garment_out};
    for (size_t i = 0; i < 6; i++)
        dr_image_clear(all[i]);
    return st;
}

dr_status dr_verify_catvton_repaint(dr_verifier *v)
{
    dr_image person = {0}, mask = {0}, result = {0};
    dr_status st = picture(v, "person", &person);
    if (!st)
        st = picture(v, "mask", &mask);
    if (!st)
        st = picture(v, "result", &result);
    if (!st && (person.channels != 3 || result.channels != 3))
        st = dr_fail(DR_EINVAL, "'%s': person and result must have 3 channels", v->path);
    if (!st)
        st = dr_fit_repaint(&result, &person, &mask);
    if (!st)
        st = judge_picture(v, "image", &result, false);
    dr_image_clear(&person);
    dr_image_clear(&mask);
    dr_image_clear(&result);
    return st;
}
