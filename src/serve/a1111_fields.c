/* The fields of img2img: which are taken, which change nothing, which must be off. */
#include "serve/a1111.h"
#include "serve/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const dr_field fields[] = {
    {"prompt", DR_FIELD_STRING, "\"\"", 0, 4000},
    {"negative_prompt", DR_FIELD_STRING, "\"\"", 0, 4000},
    {"seed", DR_FIELD_INT, "-1", -1, 9007199254740991.0},
    {"steps", DR_FIELD_INT, "50", 1, DR_MAX_STEPS},
    {"cfg_scale", DR_FIELD_NUMBER, "7", 0, 100},
    {"denoising_strength", DR_FIELD_NUMBER, "0.75", 0, 1, .above = true},
    {"width", DR_FIELD_INT, "512", 8, 4096},
    {"height", DR_FIELD_INT, "512", 8, 4096},
    {"batch_size", DR_FIELD_INT, "1", 1, DR_MAX_COUNT},
    {"n_iter", DR_FIELD_INT, "1", 1, DR_MAX_COUNT},
    {"resize_mode", DR_FIELD_INT, "0", 0, 3},
    {"mask_blur", DR_FIELD_INT, "4", 0, 4096},
    {"mask_blur_x", DR_FIELD_INT, "-1", -1, 4096},
    {"mask_blur_y", DR_FIELD_INT, "-1", -1, 4096},
    {"inpainting_fill", DR_FIELD_INT, "0", 0, 3},
    {"inpaint_full_res", DR_FIELD_BOOL, "true"},
    {"inpaint_full_res_padding", DR_FIELD_INT, "0", 0, 4096},
    {"inpainting_mask_invert", DR_FIELD_INT, "0", 0, 1},
    {"sampler_name", DR_FIELD_STRING, "null", 0, 80},
    {"sampler_index", DR_FIELD_STRING, "null", 0, 80},
    {"scheduler", DR_FIELD_STRING, "null", 0, 80},
    {"eta", DR_FIELD_NUMBER, "null", 0, 1},
    {"send_images", DR_FIELD_BOOL, "true"},
    {"include_init_images", DR_FIELD_BOOL, "false"},
    {NULL},
};

/* These change nothing in the picture as long as those below are off. */
static const char *const ignored[] = {"do_not_save_samples",
                                      "do_not_save_grid",
                                      "save_images",
                                      "force_task_id",
                                      "override_settings_restore_afterwards",
                                      "image_cfg_scale",
                                      "subseed",
                                      "refiner_switch_at"};

/* These must have one of the values, a JSON list, which mean "off". */
static const struct {
    const char *name, *off;
} fixed[] = {
    {"restore_faces", "[null,false]"},
    {"tiling", "[null,false]"},
    {"subseed_strength", "[null,0]"},
    {"seed_resize_from_h", "[null,0,-1]"},
    {"styles", "[null,[]]"},
    {"seed_resize_from_w", "[null,0,-1]"},
    {"script_name", "[null,\"\"]"},
    {"script_args", "[null,[]]"},
    {"alwayson_scripts", "[null,{}]"},
    {"s_churn", "[null,0]"},
    {"s_tmin", "[null,0]"},
    {"s_tmax", "[null,0]"},
    {"s_noise", "[null,1]"},
    {"s_min_uncond", "[null,0]"},
    {"initial_noise_multiplier", "[null,1]"},
    {"refiner_checkpoint", "[null,\"\"]"},
    {"disable_extra_networks", "[null,false]"},
    {"firstpass_image", "[null]"},
    {"infotext", "[null,\"\"]"},
    {"comments", "[null,{}]"},
    {"latent_mask", "[null]"},
};

static dr_status refuse(char *field, const char *name, const char *why)
{
    snprintf(field, DR_FIELD_PATH, "%.80s", name);
    return dr_fail(DR_EINVAL, "%.80s: %s", name, why);
}

static bool same(const json_t *a, const json_t *b)
{
    return json_equal(a, b) || (json_is_number(a) && json_is_number(b) && json_number_value(a) == json_number_value(b));
}

static bool is_ignored(const char *name)
{
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        if (strcmp(ignored[i], name) == 0)
            return true;
    return false;
}

/* 1: a field that must be off and is; 0: no such field; -1: refused. */
static int check_fixed(const char *name, const json_t *value, char *field)
{
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        if (strcmp(fixed[i].name, name) != 0)
            continue;
        json_t *off = json_loads(fixed[i].off, 0, NULL), *v;
        size_t k;
        bool ok = false;
        json_array_foreach(off, k, v)
        {
            ok = ok || same(v, value);
        }
        json_decref(off);
        if (!ok)
            refuse(field, name, "drape cannot do this; leave it out");
        return ok ? 1 : -1;
    }
    return 0;
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
    if (mask && !json_is_null(mask) && !(q->mask = json_string_value(mask)))
        return refuse(field, "mask", "must be a picture as base64");
    return DR_OK;
}

/* --- settings ----------------------------------------------------------------------------------- */

static dr_status take_override(dr_studio *s, const json_t *body, dr_img2img *q, char *field)
{
    const char *key;
    json_t *value, *o = json_object_get(body, "override_settings");
    char *model = dr_a1111_chosen_model(s), path[DR_FIELD_PATH];
    dr_status st = model ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    if (o && !json_is_null(o) && !json_is_object(o))
        st = refuse(field, "override_settings", "must be an object");
    json_object_foreach(o, key, value)
    {
        snprintf(path, sizeof path, "override_settings.%.60s", key);
        if (st)
            break;
        if (strcmp(key, "sd_model_checkpoint") == 0 && json_is_string(value)) {
            free(model);
            model = strdup(json_string_value(value));
        } else if (strcmp(key, "CLIP_stop_at_last_layers") != 0 || json_number_value(value) != 1) {
            st = refuse(field, path, "drape has no such setting");
        }
    }
    if (!st && !model)
        st = dr_fail(DR_ENOMEM, "out of memory");
    if (!st && (st = dr_a1111_find_model(s, model, &q->model, &q->garment)) != DR_OK)
        snprintf(field, DR_FIELD_PATH, "override_settings.sd_model_checkpoint");
    free(model);
    return st;
}

static bool has_karras(const char *scheduler)
{
    return dr_is_choice("euler|heun|lms|dpm++2m|dpm++2m-sde|unipc", scheduler);
}

static dr_status take_sampler(dr_img2img *q, char *field)
{
    const char *name = json_string_value(json_object_get(q->o, "sampler_name"));
    const char *noise = json_string_value(json_object_get(q->o, "scheduler"));
    name = name && name[0] ? name : json_string_value(json_object_get(q->o, "sampler_index"));
    q->scheduler = name && name[0] ? dr_a1111_scheduler(name, &q->karras) : q->model->scheduler;
    if (!q->scheduler)
        return refuse(field, "sampler_name", "there is no such sampler; GET /sdapi/v1/samplers lists them");
    bool automatic = !noise || !noise[0] || strcasecmp(noise, "automatic") == 0;
    if (automatic && name) /* as the other program chooses */
        q->karras = q->karras || dr_is_choice("dpm++2m|dpm++2m-sde", q->scheduler);
    else if (!automatic && strcasecmp(noise, "karras") == 0)
        q->karras = true;
    else if (!automatic && strcasecmp(noise, "uniform") != 0)
        return refuse(field, "scheduler", "there is no such schedule; GET /sdapi/v1/schedulers lists them");
    if (q->karras && !has_karras(q->scheduler))
        return refuse(field, "scheduler", "this sampler has no Karras schedule");
    const json_t *eta = json_object_get(q->o, "eta");
    bool given = json_is_number(eta);
    if (given && strcmp(q->scheduler, "ddim") == 0)
        q->eta = json_number_value(eta);
    else if (given && strcmp(q->scheduler, "euler-a") == 0 && json_number_value(eta) != 1)
        return refuse(field, "eta", "must be 1 for Euler a");
    return DR_OK; /* others have no use for it */
}

static dr_status check_rest(const dr_img2img *q, char *field)
{
    const json_t *o = q->o;
    int64_t blur = json_integer_value(json_object_get(o, "mask_blur"));
    int64_t x = json_integer_value(json_object_get(o, "mask_blur_x")),
            y = json_integer_value(json_object_get(o, "mask_blur_y"));
    int64_t fill = json_integer_value(json_object_get(o, "inpainting_fill"));
    bool some = json_number_value(json_object_get(o, "denoising_strength")) < 1;
    if ((x < 0 ? blur : x) != (y < 0 ? blur : y))
        return refuse(field, "mask_blur_x", "must be the same as mask_blur_y");
    if (json_integer_value(json_object_get(o, "resize_mode")) == 3)
        return refuse(field, "resize_mode", "resizing latents (3) is not possible; 0, 1 and 2 are");
    if (some && fill >= 2 && q->mask)
        return refuse(field, "inpainting_fill", "noise and nothing (2, 3) go only with a denoising_strength of 1");
    if (json_integer_value(json_object_get(o, "batch_size")) * json_integer_value(json_object_get(o, "n_iter")) >
        DR_MAX_COUNT)
        return refuse(field, "n_iter", "at most 16 pictures at once");
    return DR_OK;
}

/* "<lora:NAME:0.8>" out of the prompt. */
static dr_status take_lora(dr_studio *s, dr_img2img *q, char *field)
{
    char name[160], *open;
    q->prompt = strdup(json_string_value(json_object_get(q->o, "prompt")));
    q->garment_scale = 1;
    if (!q->prompt)
        return dr_fail(DR_ENOMEM, "out of memory");
    while ((open = strstr(q->prompt, "<lora:")) != NULL) {
        char *close = strchr(open, '>'), *colon = close ? memchr(open + 6, ':', (size_t)(close - open - 6)) : NULL,
             *end;
        if (!close)
            return refuse(field, "prompt", "'<lora:' is not closed by '>'");
        if (q->garment || q->lora)
            return refuse(field, "prompt", "one adapter or taught model at once is possible");
        snprintf(name, sizeof name, "%.*s", (int)((colon ? colon : close) - open - 6), open + 6);
        q->garment_scale = colon ? strtod(colon + 1, &end) : 1;
        if (colon && (end != close || !(q->garment_scale >= -4 && q->garment_scale <= 4)))
            return refuse(field, "prompt", "the weight of an adapter must be a number, -4 to 4");
        q->lora = dr_studio_lora(s, name);
        q->garment = q->lora ? 0 : dr_a1111_find_lora(s, name);
        if (!q->lora && !q->garment)
            return refuse(field, "prompt", "it names an adapter that is not here; GET /sdapi/v1/loras lists them");
        memmove(open, close + 1, strlen(close + 1) + 1);
    }
    return DR_OK;
}

dr_status dr_img2img_read(dr_studio *s, const json_t *body, dr_img2img *q, char *field)
{
    const char *key;
    json_t *value, *rest = json_object();
    *q = (dr_img2img){0};
    field[0] = 0;
    dr_status st = rest ? take_pictures(body, q, field) : dr_fail(DR_ENOMEM, "out of memory");
    json_object_foreach((json_t *)(uintptr_t)body, key, value)
    {
        if (st)
            break;
        if (strcmp(key, "init_images") == 0 || strcmp(key, "mask") == 0 || strcmp(key, "override_settings") == 0 ||
            is_ignored(key))
            continue;
        int known = check_fixed(key, value, field);
        if (known < 0)
            st = DR_EINVAL;
        else if (!known && strcmp(key, "inpaint_full_res") == 0 && json_is_integer(value))
            json_object_set_new(rest, key, json_boolean(json_integer_value(value) != 0));
        else if (!known)
            json_object_set(rest, key, value);
    }
    if (!st)
        st = dr_fields_read(fields, rest, &q->o, field);
    json_decref(rest);
    if (!st)
        st = take_override(s, body, q, field);
    if (!st)
        st = take_sampler(q, field);
    if (!st)
        st = check_rest(q, field);
    return st ? st : take_lora(s, q, field);
}

void dr_img2img_clear(dr_img2img *q)
{
    json_decref(q->o);
    free(q->prompt);
    *q = (dr_img2img){0};
}
