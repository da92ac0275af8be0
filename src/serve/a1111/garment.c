/* A photo of the garment in img2img: {"alwayson_scripts": {"garment": {"args": [{"image": BASE64}]}}}, as extensions
 * get their pictures there. */
#include "serve/a1111/a1111.h"

#include "base/choice.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRIPT "alwayson_scripts." DR_A1111_GARMENT

static dr_status refuse(char *field, const char *why)
{
    snprintf(field, DR_FIELD_PATH, "%s", SCRIPT);
    return dr_fail(DR_EINVAL, SCRIPT ": %s", why);
}

/* One of the words that the library's option has; NULL: not said. */
static dr_status take_word(const json_t *unit, const char *name, const char **out, char *field)
{
    const json_t *v = json_object_get(unit, name);
    char why[160];
    const char *choices = dr_job_option(&dr_garment_job, name)->choices;
    *out = json_string_value(v);
    if (!v || json_is_null(v) || (*out && dr_is_choice(choices, *out)))
        return DR_OK;
    snprintf(why, sizeof why, "%s must be one of %s", name, choices);
    return refuse(field, why);
}

static void comment(dr_img2img *q, const char *text)
{
    json_array_append_new(q->comments, json_string(text));
}

/* What the other program's defaults are is not what this model likes; what was sent counts. */
static dr_status settle(const json_t *body, dr_img2img *q)
{
    bool text = q->prompt[0] || dr_json_text(q->o, "negative_prompt")[0];
    if (text)
        comment(q, "the photo of the garment takes the place of the prompts");
    if (json_object_get(body, "denoising_strength") && q->strength < 1)
        comment(q, "dressing from a photo of the garment starts from noise alone: denoising_strength counts as 1");
    q->strength = 1;
    if (!dr_json_text(body, "sampler_name") && !dr_json_text(body, "sampler_index"))
        q->scheduler = "ddim";
    if (!json_object_get(body, "width") && !json_object_get(body, "height")) {
        q->width = q->model->garment_width;
        q->height = q->model->garment_height;
    }
    if (!json_object_get(body, "cfg_scale"))
        json_object_set_new(q->o, "cfg_scale", json_null());
    json_object_set_new(q->o, "negative_prompt", json_string(""));
    q->prompt[0] = 0;
    q->eta_open = !json_is_number(json_object_get(body, "eta"));
    return DR_OK;
}

dr_status dr_a1111_take_garment(const json_t *body, dr_img2img *q, char *field)
{
    const json_t *script = json_object_get(json_object_get(body, "alwayson_scripts"), DR_A1111_GARMENT);
    const json_t *args = json_object_get(script, "args"), *unit = json_array_get(args, 0);
    if (!script || dr_a1111_script_is_off(script))
        return DR_OK;
    q->worn = json_string_value(json_object_get(unit, "image"));
    if (!q->worn || json_array_size(args) != 1)
        return refuse(field, "args must be one object with an image as base64");
    dr_status st = take_word(unit, "category", &q->worn_category, field);
    if (!st)
        st = take_word(unit, "cut", &q->worn_cut, field);
    if (!st && !q->model->garments)
        st = refuse(field,
                    "this model does not dress from a photo of the garment, see \"garments\" in GET /api/v1/info");
    if (!st && (q->garment || q->lora))
        st = refuse(field, "what was taught and a photo of a garment do not go together");
    return st ? st : settle(body, q);
}
