/* The fields of img2img: which are taken, which change nothing, which must be off. */
#include "serve/a1111/a1111.h"

#include "base/choice.h"
#include "base/json.h"
#include "serve/jobs/models.h"
#include "serve/jobs/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const dr_field fields[] = {
    {"prompt", DR_FIELD_STRING, "\"\"", 0, 4000},
    {"negative_prompt", DR_FIELD_STRING, "\"\"", 0, 4000},
    {"seed", DR_FIELD_INT, "-1", -1, 9007199254740991.0},
    {"preset", DR_FIELD_OPTION, .job = &dr_tryon_job},
    {"steps", DR_FIELD_OPTION, "null", .job = &dr_tryon_job},
    {"cfg_scale", DR_FIELD_OPTION, "7", .job = &dr_tryon_job, .option = "guidance_scale"},
    {"guidance_start", DR_FIELD_OPTION, "null", .job = &dr_tryon_job},
    {"guidance_end", DR_FIELD_OPTION, "null", .job = &dr_tryon_job},
    {"cache_interval", DR_FIELD_OPTION, "null", .job = &dr_tryon_job},
    {"cache_branch", DR_FIELD_OPTION, .job = &dr_tryon_job},
    {"cache_threshold", DR_FIELD_OPTION, .job = &dr_tryon_job},
    {"cache_start", DR_FIELD_OPTION, "null", .job = &dr_tryon_job},
    {"cache_end", DR_FIELD_OPTION, "null", .job = &dr_tryon_job},
    {"denoising_strength", DR_FIELD_NUMBER, "0.75", 0, 1},
    {"width", DR_FIELD_INT, "512", 1, 4096},
    {"height", DR_FIELD_INT, "512", 1, 4096},
    {"batch_size", DR_FIELD_INT, "1", 1, DR_MAX_COUNT},
    {"n_iter", DR_FIELD_INT, "1", 1, DR_MAX_COUNT},
    {"resize_mode", DR_FIELD_INT, "0", 0, 3},
    {"mask_blur", DR_FIELD_INT, "null", 0, 4096},
    {"mask_blur_x", DR_FIELD_INT, "-1", -1, 4096},
    {"mask_blur_y", DR_FIELD_INT, "-1", -1, 4096},
    {"mask_round", DR_FIELD_BOOL, "true"},
    {"inpainting_fill", DR_FIELD_INT, "0", 0, 3},
    {"inpaint_full_res", DR_FIELD_BOOL, "true"},
    {"inpaint_full_res_padding", DR_FIELD_INT, "0", 0, 4096},
    {"inpainting_mask_invert", DR_FIELD_INT, "0", 0, 1},
    {"sampler_name", DR_FIELD_STRING, "null", 0, 80},
    {"sampler_index", DR_FIELD_STRING, "null", 0, 80},
    {"scheduler", DR_FIELD_STRING, "null", 0, 80},
    {"eta", DR_FIELD_OPTION, "null", .job = &dr_tryon_job},
    {"disable_extra_networks", DR_FIELD_BOOL, "false"},
    {"send_images", DR_FIELD_BOOL, "true"},
    {"include_init_images", DR_FIELD_BOOL, "false"},
    {"priority", DR_FIELD_INT, "0", -DR_MAX_PRIORITY, DR_MAX_PRIORITY},
    {NULL},
};

/* Fields with rules of their own, below. */
static const char own[] = "init_images|mask|override_settings|alwayson_scripts|seed_resize_from_w|seed_resize_from_h";

/* These change nothing in the picture, whatever they say: about files and tasks; or of use only with one of `resting`
 * that is on; or for other kinds of models; or, the last line, of programs that came after. */
static const char ignored[] =
    "do_not_save_samples|do_not_save_grid|save_images|force_task_id|override_settings_restore_afterwards|"
    "subseed|refiner_switch_at|script_args|comments|s_tmin|s_tmax|image_cfg_scale|"
    "firstphase_width|firstphase_height|hr_scale|hr_upscaler|hr_second_pass_steps|hr_resize_x|hr_resize_y|"
    "hr_checkpoint_name|hr_sampler_name|hr_scheduler|hr_prompt|hr_negative_prompt|"
    "distilled_cfg_scale|hr_cfg|hr_distilled_cfg|hr_additional_modules";

/* These must be at rest. Fields that nobody knows must be so, too: they are refused in other words. */
static const char resting[] =
    "restore_faces|tiling|subseed_strength|styles|script_name|s_churn|s_min_uncond|refiner_checkpoint|firstpass_image|"
    "infotext|latent_mask|enable_hr|s_noise|initial_noise_multiplier";

static dr_status refuse(char *field, const char *name, const char *why)
{
    snprintf(field, DR_FIELD_PATH, "%.80s", name);
    return dr_fail(DR_EINVAL, "%.80s: %s", name, why);
}

static dr_status cannot(char *field, const char *name)
{
    return refuse(field, name, "drape cannot do this; leave it out");
}

/* A field that is none of ours. An unknown one that asks for something is most likely a slip of the pen. */
static dr_status check_other(const char *name, const json_t *value, char *field)
{
    if (dr_is_choice(ignored, name) || dr_a1111_at_rest(value))
        return DR_OK;
    json_t *one = json_integer(1);
    bool neutral = dr_is_choice("s_noise|initial_noise_multiplier", name) && dr_a1111_same(value, one);
    json_decref(one);
    if (neutral)
        return DR_OK;
    if (dr_is_choice(resting, name))
        return cannot(field, name);
    snprintf(field, DR_FIELD_PATH, "%.80s", name);
    return dr_fail(DR_EINVAL, "there is no field '%.80s' here", name);
}

static dr_status check_scripts(const json_t *body, char *field)
{
    const char *name;
    char path[DR_FIELD_PATH];
    const json_t *scripts = json_object_get(body, "alwayson_scripts");
    json_t *script;
    if (!json_is_object(scripts))
        return dr_a1111_at_rest(scripts) ? DR_OK : refuse(field, "alwayson_scripts", "must be an object");
    json_object_foreach((json_t *)(uintptr_t)scripts, name, script)
    {
        if (strcmp(name, DR_A1111_GARMENT) == 0) /* ours */
            continue;
        snprintf(path, sizeof path, "alwayson_scripts.%.60s", name);
        if (!dr_a1111_script_is_off(script))
            return refuse(field, path, "drape does not have this extension; leave it out or switch it off");
    }
    return DR_OK;
}

/* Noise of another size counts when both sides are given. */
static dr_status check_seed_resize(const json_t *body, char *field)
{
    double w = dr_json_number(body, "seed_resize_from_w");
    double h = dr_json_number(body, "seed_resize_from_h");
    return w > 0 && h > 0 ? cannot(field, "seed_resize_from_w") : DR_OK;
}

static const dr_field *find(const char *name)
{
    for (const dr_field *f = fields; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

/* The body's fields that are in the table, of the table's types; others are judged. */
static dr_status sort_out(const json_t *body, json_t *rest, char *field)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)body, key, value)
    {
        const dr_field *f = find(key);
        dr_status st = DR_OK;
        if (f && json_object_set_new(rest, key, dr_a1111_coerced(f, value)))
            st = dr_fail(DR_ENOMEM, "out of memory");
        else if (!f && !dr_is_choice(own, key))
            st = check_other(key, value, field);
        if (st)
            return st;
    }
    dr_status st = check_scripts(body, field);
    return st ? st : check_seed_resize(body, field);
}

/* --- pictures ----------------------------------------------------------------------------------- */

static dr_status take_pictures(const json_t *body, dr_img2img *q, char *field)
{
    const json_t *images = json_object_get(body, "init_images"), *mask = json_object_get(body, "mask");
    if (json_array_size(images) != 1)
        return refuse(field, "init_images", "send one picture in a list");
    q->image = json_string_value(json_array_get(images, 0));
    if (!q->image)
        return refuse(field, "init_images[0]", "must be a picture as base64");
    if (dr_a1111_at_rest(mask))
        return DR_OK;
    q->mask = json_string_value(mask);
    return q->mask ? DR_OK : refuse(field, "mask", "must be a picture as base64");
}

/* --- settings ----------------------------------------------------------------------------------- */

/* "Clip skip": 1 is the whole text encoder there. */
static dr_status take_clip_skip(const json_t *value, dr_img2img *q, char *field, const char *path)
{
    double n = json_is_number(value) ? json_number_value(value) : 0;
    if (!(n >= 1 && n <= 12 && n == (int)n))
        return refuse(field, path, "must be a whole number from 1 to 12");
    q->clip_skip = (int)n - 1;
    return DR_OK;
}

/* One of override_settings. *model gets the name of one, new. */
static dr_status take_setting(const char *key, const json_t *value, const json_t *options, dr_img2img *q, char **model,
                              char *field)
{
    char path[DR_FIELD_PATH];
    snprintf(path, sizeof path, "override_settings.%.60s", key);
    if (dr_a1111_at_rest(value) || dr_a1111_same(value, json_object_get(options, key)))
        return DR_OK;
    if (strcmp(key, "CLIP_stop_at_last_layers") == 0)
        return take_clip_skip(value, q, field, path);
    if (strcmp(key, "sd_model_checkpoint") != 0 || !json_is_string(value))
        return refuse(field, path,
                      json_object_get(options, key) ? "drape has this one way only, see GET /sdapi/v1/options"
                                                    : "drape has no such setting");
    free(*model);
    *model = strdup(json_string_value(value));
    return *model ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
}

static dr_status take_override(dr_studio *s, const json_t *body, dr_img2img *q, char *field)
{
    const char *key;
    json_t *value, *options = dr_a1111_options_json(s), *o = json_object_get(body, "override_settings");
    char *model = dr_a1111_chosen_model(s);
    dr_status st = model && options ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    if (!st && !json_is_object(o) && !dr_a1111_at_rest(o))
        st = refuse(field, "override_settings", "must be an object");
    json_object_foreach(o, key, value)
    {
        if (st)
            break;
        st = take_setting(key, value, options, q, &model, field);
    }
    if (!st && (st = dr_a1111_find_model(s, model, &q->model, &q->garment)) != DR_OK)
        snprintf(field, DR_FIELD_PATH, "override_settings.sd_model_checkpoint");
    free(model);
    json_decref(options);
    return st;
}

/* The other program's latents have an eighth of the picture's side, whatever is left over. */
static dr_status take_size(dr_img2img *q, char *field)
{
    int64_t w = dr_json_whole(q->o, "width"), h = dr_json_whole(q->o, "height"),
            m = q->model->multiple > 8 ? q->model->multiple : 8;
    char text[160];
    q->width = (int)(w / m * m);
    q->height = (int)(h / m * m);
    if (q->width < 1 || q->height < 1) {
        snprintf(text, sizeof text, "is %lld, must be at least %lld", (long long)(q->width < 1 ? w : h), (long long)m);
        return refuse(field, q->width < 1 ? "width" : "height", text);
    }
    if (w != q->width || h != q->height) {
        snprintf(text, sizeof text, "the size %lldx%lld was rounded down to %dx%d: sides are multiples of %lld",
                 (long long)w, (long long)h, q->width, q->height, (long long)m);
        json_array_append_new(q->comments, json_string(text));
    }
    return DR_OK;
}

/* A strength that leaves no step is one step, the last, there. */
static void take_strength(dr_img2img *q)
{
    double steps = (double)dr_json_whole(q->o, "steps"); /* 0: the preset's, known later */
    q->strength = dr_json_number(q->o, "denoising_strength");
    if (steps > 0 && q->strength * steps < 1) {
        q->strength = (1 + 1e-6) / steps;
        q->strength = q->strength > 1 ? 1 : q->strength;
    }
}

static dr_status check_rest(const dr_img2img *q, char *field)
{
    int64_t x = dr_json_whole(q->o, "mask_blur_x"), y = dr_json_whole(q->o, "mask_blur_y"),
            fill = dr_json_whole(q->o, "inpainting_fill");
    bool blur = json_is_integer(json_object_get(q->o, "mask_blur")); /* it outdoes the other two */
    if (!blur && (x < 0 ? 4 : x) != (y < 0 ? 4 : y))
        return refuse(field, "mask_blur_x", "must be the same as mask_blur_y");
    if (q->mask && !dr_json_flag(q->o, "mask_round"))
        return cannot(field, "mask_round");
    if (dr_json_whole(q->o, "resize_mode") == 3)
        return refuse(field, "resize_mode", "resizing latents (3) is not possible; 0, 1 and 2 are");
    if (q->strength < 1 && fill >= 2 && q->mask)
        return refuse(field, "inpainting_fill", "noise and nothing (2, 3) go only with a denoising_strength of 1");
    if (dr_json_whole(q->o, "batch_size") * dr_json_whole(q->o, "n_iter") > DR_MAX_COUNT)
        return refuse(field, "n_iter", "at most 16 pictures at once");
    return DR_OK;
}

/* "<lora:NAME:0.8>" out of the prompt. */
static dr_status take_lora(dr_studio *s, dr_img2img *q, char *field)
{
    char name[160], *open;
    bool off = dr_json_flag(q->o, "disable_extra_networks"); /* read, and not put on */
    q->prompt = strdup(dr_json_text(q->o, "prompt"));
    q->garment_scale = 1;
    if (!q->prompt)
        return dr_fail(DR_ENOMEM, "out of memory");
    while ((open = strstr(q->prompt, "<lora:")) != NULL) {
        char *close = strchr(open, '>'), *colon = close ? memchr(open + 6, ':', (size_t)(close - open - 6)) : NULL,
             *end;
        if (!close)
            return refuse(field, "prompt", "'<lora:' is not closed by '>'");
        if (!off && (q->garment || q->lora))
            return refuse(field, "prompt", "one adapter or taught model at once is possible");
        snprintf(name, sizeof name, "%.*s", (int)((colon ? colon : close) - open - 6), open + 6);
        q->garment_scale = colon ? strtod(colon + 1, &end) : 1;
        if (colon && (end != close || !(q->garment_scale >= -4 && q->garment_scale <= 4)))
            return refuse(field, "prompt", "the weight of an adapter must be a number, -4 to 4");
        if (!off && !(q->lora = dr_studio_lora(s, name)) && !(q->garment = dr_a1111_find_lora(s, name)))
            return refuse(field, "prompt", "it names an adapter that is not here; GET /sdapi/v1/loras lists them");
        memmove(open, close + 1, strlen(close + 1) + 1);
    }
    return DR_OK;
}

/* Without a preset 50 steps, as there; with one that says something what is not sent is the preset's. */
static void take_pace(dr_img2img *q)
{
    q->preset = q->o && strcmp(dr_json_text(q->o, "preset"), "exact") != 0;
    if (q->o && !q->preset && json_is_null(json_object_get(q->o, "steps")))
        json_object_set_new(q->o, "steps", json_integer(50));
}

dr_status dr_img2img_read(dr_studio *s, const json_t *body, dr_img2img *q, char *field)
{
    json_t *rest = json_object();
    *q = (dr_img2img){.comments = json_array()};
    field[0] = 0;
    dr_status st = rest && q->comments ? take_pictures(body, q, field) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = sort_out(body, rest, field);
    if (!st)
        st = dr_fields_read(fields, rest, &q->o, field);
    json_decref(rest);
    take_pace(q);
    if (!st)
        st = take_override(s, body, q, field);
    if (!st)
        st = dr_a1111_take_sampler(q, field);
    if (!st)
        st = take_size(q, field);
    if (st)
        return st;
    take_strength(q);
    st = check_rest(q, field);
    if (!st)
        st = take_lora(s, q, field);
    return st ? st : dr_a1111_take_garment(body, q, field);
}

void dr_img2img_clear(dr_img2img *q)
{
    json_decref(q->o);
    json_decref(q->comments);
    free(q->prompt);
    *q = (dr_img2img){0};
}
