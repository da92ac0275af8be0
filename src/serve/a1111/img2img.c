/* img2img: the request becomes a job like any other, and the answer waits for it. */
#include "base/file.h"
#include "base/json.h"
#include "serve/a1111/a1111.h"
#include "serve/jobs/kinds.h"
#include "serve/jobs/models.h"
#include "serve/jobs/pictures.h"
#include "serve/jobs/submit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- from the request to a job ------------------------------------------------------------------- */

static dr_status fault(char *field, const char *name, dr_status st)
{
    if (st)
        snprintf(field, DR_FIELD_PATH, "%s", name);
    return st;
}

static dr_status decode_photo(const dr_img2img *q, drape_image *photo)
{
    void *data;
    size_t size;
    dr_status st = dr_a1111_base64(q->image, &data, &size);
    if (!st)
        st = (dr_status)drape_image_read_memory(photo, data, size, "init_images[0]");
    free(data);
    return st;
}

static bool all_black(const drape_image *mask)
{
    for (size_t i = 0; i < (size_t)mask->width * (size_t)mask->height; i++)
        if (mask->data[i])
            return false;
    return true;
}

static dr_status white_mask(const drape_image *photo, drape_image *mask)
{
    size_t n = (size_t)photo->width * (size_t)photo->height;
    *mask = (drape_image){photo->width, photo->height, 1, malloc(n)};
    if (!mask->data)
        return dr_fail(DR_ENOMEM, "out of memory");
    memset(mask->data, 255, n);
    return DR_OK;
}

/* The mask at the photo's size. Without one, all is painted anew. */
static dr_status decode_mask(const dr_img2img *q, const drape_image *photo, drape_image *mask)
{
    char doubts[1024] = "", *rest = NULL;
    void *data;
    size_t size;
    if (!q->mask)
        return white_mask(photo, mask);
    dr_status st = dr_a1111_base64(q->mask, &data, &size);
    if (!st)
        st = (dr_status)drape_mask_read_memory(mask, data, size, "mask", photo, doubts, sizeof doubts);
    free(data);
    for (char *line = strtok_r(doubts, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        json_array_append_new(q->comments, json_string(line));
    if (st || !dr_json_whole(q->o, "inpainting_mask_invert"))
        return st;
    for (size_t i = 0; i < (size_t)mask->width * (size_t)mask->height; i++)
        mask->data[i] = (uint8_t)(255 - mask->data[i]);
    return all_black(mask) ? dr_fail(DR_EINVAL, "the mask is all black after inpainting_mask_invert") : DR_OK;
}

static bool works_on_region(const dr_img2img *q)
{
    return (q->mask || q->worn) && dr_json_flag(q->o, "inpaint_full_res");
}

/* Without a mask one is made for the garment. */
static bool makes_mask(const dr_img2img *q)
{
    return q->worn && !q->mask;
}

/* Photo and mask as the job takes them. */
static dr_status prepare(const dr_img2img *q, drape_image *photo, drape_image *mask, char *field)
{
    int mode = (int)dr_json_whole(q->o, "resize_mode");
    dr_status st = fault(field, "init_images[0]", decode_photo(q, photo));
    if (!st && !makes_mask(q))
        st = fault(field, "mask", decode_mask(q, photo, mask));
    if (!st && !works_on_region(q))
        st = dr_a1111_resize(photo, mode, q->width, q->height, false);
    if (!st && !works_on_region(q) && !makes_mask(q))
        st = dr_a1111_resize(mask, mode, q->width, q->height, true);
    if (!st && q->mask && dr_json_whole(q->o, "inpainting_fill") == 0 && q->strength < 1)
        st = dr_a1111_fill(photo, mask);
    return st;
}

/* The garment's photo among the pictures that are kept; nothing where there is none. */
static dr_status keep_garment(dr_studio *s, const dr_img2img *q, char *field, dr_blob *b)
{
    drape_image im = {0};
    void *data = NULL;
    size_t size;
    if (!q->worn)
        return DR_OK;
    dr_status st = dr_a1111_base64(q->worn, &data, &size);
    if (!st)
        st = (dr_status)drape_image_read_memory(&im, data, size, "the garment's photo");
    free(data);
    st = fault(field, "alwayson_scripts." DR_A1111_GARMENT, st);
    if (!st)
        st = dr_studio_keep_image(s, &im, NULL, b);
    drape_image_free(&im);
    return st;
}

static void set_garment(json_t *s, const dr_img2img *q, const dr_blob *garment)
{
    if (!q->worn)
        return;
    json_object_set_new(s, "garment_photo", json_string(garment->id));
    if (q->worn_category)
        json_object_set_new(s, "garment_category", json_string(q->worn_category));
    if (q->worn_cut)
        json_object_set_new(s, "garment_cut", json_string(q->worn_cut));
    if (q->eta_open)
        json_object_set_new(s, "eta", json_null());
    json_object_set_new(s, "clip_skip", json_integer(0)); /* there is no text */
    json_object_set_new(s, "long_prompt", json_false());
    json_object_set_new(s, "prompt_weights", json_false());
}

static json_t *settings_of(const dr_img2img *q, const dr_blob *photo, const dr_blob *mask)
{
    const json_t *o = q->o;
    char garment[24];
    bool region = works_on_region(q);
    int64_t blur = json_is_integer(json_object_get(o, "mask_blur")) ? dr_json_whole(o, "mask_blur")
                   : dr_json_whole(o, "mask_blur_x") >= 0           ? dr_json_whole(o, "mask_blur_x")
                                                                    : 4;
    json_t *s = json_pack("{s:s, s:s, s:s, s:s?, s:s, s:O, s:O, s:O, s:f, s:s?, s:b, s:f}", "type",
                          dr_kinds[DR_KIND_TRYON].name, "model", q->model->id, "photo", photo->id, "mask",
                          makes_mask(q) ? NULL : mask->id, "prompt", q->prompt, "negative_prompt",
                          json_object_get(o, "negative_prompt"), "steps", json_object_get(o, "steps"), "guidance_scale",
                          json_object_get(o, "cfg_scale"), "strength", q->strength, "scheduler", q->scheduler, "karras",
                          q->karras, "eta", q->eta);
    if (!s)
        return NULL;
    static const char *const same[] = {"priority",        "preset",         "guidance_start",
                                       "guidance_end",    "cache_interval", "cache_branch",
                                       "cache_threshold", "cache_start",    "cache_end"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        json_object_set(s, same[i], json_object_get(o, same[i]));
    if (q->sampler_open) {
        json_object_set_new(s, "scheduler", json_null());
        json_object_set_new(s, "karras", json_null());
    }
    snprintf(garment, sizeof garment, "%lld", (long long)q->garment);
    json_object_set_new(s, "garment", q->garment ? json_string(garment) : json_null());
    json_object_set_new(s, "garment_scale", json_real(q->garment_scale));
    json_object_set_new(s, "lora", q->lora ? json_string(q->lora->id) : json_null());
    json_object_set_new(s, "lora_scale", json_real(q->garment_scale));
    json_object_set_new(s, "seed",
                        dr_json_whole(o, "seed") >= 0 ? json_integer(dr_json_whole(o, "seed")) : json_null());
    json_object_set_new(s, "count", json_integer(dr_json_whole(o, "batch_size") * dr_json_whole(o, "n_iter")));
    json_object_set_new(s, "width", json_integer(q->width));
    json_object_set_new(s, "height", json_integer(q->height));
    json_object_set_new(s, "whole", json_boolean(!region));
    json_object_set_new(s, "padding", json_integer(region ? dr_json_whole(o, "inpaint_full_res_padding") : -1));
    json_object_set_new(s, "mask_blur", json_integer(blur));
    json_object_set_new(s, "paste", json_boolean(q->mask || q->worn));
    json_object_set_new(s, "clip_skip", json_integer(q->clip_skip));
    json_object_set_new(s, "long_prompt", json_true()); /* chunk by chunk, as there */
    json_object_set_new(s, "prompt_weights", json_true());
    return s;
}

/* Keeps the pictures and queues the job. */
static dr_status submit(dr_studio *s, const dr_request *r, const dr_img2img *q, char *field, int64_t *id)
{
    drape_image photo = {0}, mask = {0};
    dr_blob photo_blob, mask_blob, garment_blob;
    json_t *settings = NULL, *all = NULL;
    pthread_mutex_lock(&s->decode);
    dr_status st = prepare(q, &photo, &mask, field);
    if (!st)
        st = dr_studio_keep_image(s, &photo, NULL, &photo_blob);
    if (!st && !makes_mask(q))
        st = dr_studio_keep_image(s, &mask, NULL, &mask_blob);
    if (!st)
        st = keep_garment(s, q, field, &garment_blob);
    pthread_mutex_unlock(&s->decode);
    drape_image_free(&photo);
    drape_image_free(&mask);
    if (!st)
        settings = settings_of(q, &photo_blob, &mask_blob);
    if (settings)
        set_garment(settings, q, &garment_blob);
    if (!st)
        st = settings ? dr_fields_read(dr_kinds[DR_KIND_TRYON].fields, settings, &all, field)
                      : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_studio_submit(s, r, all, field, id);
    json_decref(settings);
    json_decref(all);
    return st;
}

/* --- the answer --------------------------------------------------------------------------------- */

static char *read_png(dr_studio *s, const char *id, size_t *size)
{
    char path[4096], *data;
    return dr_store_file(s->store, id, path, sizeof path) || dr_file_read(path, (size_t)1 << 30, &data, size) ? NULL
                                                                                                              : data;
}

/* Pictures as base64, their seeds and texts. */
static void add_pictures(dr_studio *s, const json_t *results, bool send, json_t *images, json_t *seeds, json_t *texts)
{
    size_t i, size;
    json_t *v;
    json_array_foreach(results, i, v)
    {
        char *png = read_png(s, dr_json_text(v, "image"), &size), *text = NULL;
        if (!png)
            continue;
        (void)drape_image_parameters(png, size, "the picture", &text);
        if (send)
            json_array_append_new(images, dr_a1111_to_base64(png, size));
        json_array_append(seeds, json_object_get(v, "seed"));
        json_array_append_new(texts, json_string(text ? text : ""));
        free(text);
        free(png);
    }
}

static json_t *repeat(const json_t *v, size_t n)
{
    json_t *list = json_array();
    while (n-- > 0)
        json_array_append(list, (json_t *)(uintptr_t)v);
    return list;
}

/* `info`: a JSON object as a string. */
static char *info_text(dr_studio *studio, const json_t *o, const dr_job *j, const json_t *comments, const json_t *seeds,
                       const json_t *texts)
{
    size_t n = json_array_size(seeds);
    char stamp[32], hash[65];
    time_t t = (time_t)j->created;
    struct tm tm;
    strftime(stamp, sizeof stamp, "%Y%m%d%H%M%S", localtime_r(&t, &tm));
    const json_t *s = j->settings, *prompt = json_object_get(o, "prompt"),
                 *negative = json_object_get(o, "negative_prompt");
    const dr_model *m = dr_studio_model(studio, dr_json_text(s, "model"));
    bool hashed = m && dr_model_hash(studio, m, hash);
    hash[10] = 0;
    json_t *info = json_pack(
        "{s:O, s:o, s:O, s:o, s:O, s:O, s:O, s:O, s:i, s:O, s:O, s:s, s:O, s:O, s:O, s:O, s:s}", "prompt", prompt,
        "all_prompts", repeat(prompt, n), "negative_prompt", negative, "all_negative_prompts", repeat(negative, n),
        "seed", json_object_get(s, "seed"), "all_seeds", seeds, "subseed", json_object_get(s, "seed"), "all_subseeds",
        seeds, "subseed_strength", 0, "width", json_object_get(s, "width"), "height", json_object_get(s, "height"),
        "sampler_name", dr_a1111_sampler_name(dr_json_text(s, "scheduler")), "cfg_scale",
        json_object_get(o, "cfg_scale"), "steps", json_object_get(s, "steps"), "batch_size",
        json_object_get(o, "batch_size"), "denoising_strength", json_object_get(o, "denoising_strength"),
        "sd_model_name", dr_json_text(s, "model"));
    json_t *more =
        json_pack("{s:b, s:n, s:s?, s:i, s:i, s:{}, s:i, s:O, s:[], s:s, s:i, s:b, s:s, s:O}", "restore_faces", 0,
                  "face_restoration_model", "sd_model_hash", hashed ? hash : NULL, "seed_resize_from_w", -1,
                  "seed_resize_from_h", -1, "extra_generation_params", "index_of_first_image", 0, "infotexts", texts,
                  "styles", "job_timestamp", stamp, "clip_skip", 1 + (int)dr_json_whole(s, "clip_skip"),
                  "is_using_inpainting_conditioning", 1, "version", drape_version(), "comments", comments);
    if (info && more)
        json_object_update(info, more);
    char *text = info ? json_dumps(info, JSON_COMPACT) : NULL;
    json_decref(info);
    json_decref(more);
    return text;
}

static void answer_done(dr_studio *s, dr_request *r, const dr_job *j)
{
    const json_t *o = json_object_get(r->kept, "fields");
    json_t *images = json_array(), *seeds = json_array(), *texts = json_array();
    json_t *comments = json_copy(json_object_get(r->kept, "comments"));
    json_array_extend(comments, j->warnings);
    add_pictures(s, j->results, dr_json_flag(o, "send_images"), images, seeds, texts);
    char *info = info_text(s, o, j, comments, seeds, texts);
    dr_answer_json(&r->answer, 200,
                   json_pack("{s:o, s:O, s:s}", "images", images, "parameters", json_object_get(r->kept, "parameters"),
                             "info", info ? info : ""));
    free(info);
    json_decref(comments);
    json_decref(seeds);
    json_decref(texts);
}

static void finish(dr_studio *s, dr_request *r)
{
    dr_job j;
    dr_status st = dr_store_get(s->store, dr_json_whole(r->kept, "job"), &j);
    if (st)
        dr_answer_error(&r->answer, 500, "gone", NULL, "the job was deleted before it was done");
    else if (strcmp(j.state, "failed") == 0)
        dr_answer_error(&r->answer, j.status == DR_EINVAL ? 422 : 500, "failed", NULL, "%s",
                        j.error ? j.error : "the job failed");
    else if (strcmp(j.state, "done") == 0 || strcmp(j.state, "cancelled") == 0)
        answer_done(s, r, &j);
    else
        dr_answer_error(&r->answer, 503, "stopping", NULL, "the server is stopping; the job goes on at its next start");
    dr_job_clear(&j);
}

void dr_a1111_img2img(dr_studio *s, dr_request *r)
{
    char field[DR_FIELD_PATH] = "";
    json_t *body;
    dr_img2img q;
    int64_t id = 0;
    if (dr_request_json(r, &body))
        return;
    dr_status st = dr_img2img_read(s, body, &q, field);
    if (!st)
        st = submit(s, r, &q, field, &id);
    if (st) {
        dr_answer_failure(&r->answer, st, field);
        if (st == DR_EINVAL)
            r->answer.status = 422; /* what these clients expect */
    } else {
        if (!dr_json_flag(q.o, "include_init_images")) {
            json_object_set_new(body, "init_images", json_null());
            json_object_set_new(body, "mask", json_null());
        }
        r->kept = json_pack("{s:I, s:O, s:O, s:O}", "job", (json_int_t)id, "fields", q.o, "parameters", body,
                            "comments", q.comments);
        r->wait_for = id;
        r->finish = finish;
    }
    json_decref(body);
    dr_img2img_clear(&q);
}
