/* Diffusion: a pipeline with whatever is added to it, by words or by a photo of the garment. */
#include "cli/compare/painter.h"

#include "base/choice.h"
#include "cli/compare/text_json.h"
#include "cli/embeddings.h"
#include "cli/loras.h"
#include "cli/preset.h"
#include "cli/unworn.h"

#include <stdlib.h>
#include <string.h>

typedef struct painting {
    const dr_method *m;
    const dr_scene *scene;
    const dr_listener *listener;
    drape_pipeline *pipeline;
    drape_tryon_options o;
    drape_parser *parser; /* for what nobody wears; loaded when it is needed first */
    drape_image labels;   /* of the person */
    double behind;        /* of the picture at hand */
} painting;

static void on_progress(void *user, drape_stage stage, int done, int total)
{
    static const char *const stages[] = {"reading prompt", "encoding", "denoising", "decoding"};
    painting *p = user;
    if (stage == DRAPE_STAGE_DENOISE) /* most of it; the stages around it are not counted */
        p->behind = total > 0 ? 0.97 * done / total : 0;
    p->listener->part(p->listener->user, stages[stage], p->behind);
}

static void on_note(void *user, const char *text)
{
    const painting *p = user;
    p->listener->note(p->listener->user, text);
}

static bool on_cancel(void *user)
{
    const painting *p = user;
    return p->listener->cancel(p->listener->user);
}

static drape_status load(painting *p)
{
    const dr_method *m = p->m;
    drape_lora *loras = NULL;
    drape_embedding *embeddings = NULL;
    drape_status st = dr_cli_loras(&m->loras, &loras);
    if (!st)
        st = dr_cli_embeddings(&m->embeddings, &embeddings);
    drape_load_options o = {.loras = loras,
                            .lora_count = m->loras.count,
                            .embeddings = embeddings,
                            .embedding_count = m->embeddings.count,
                            .precision = dr_cli_precision(m->precision, m->o.preset),
                            .keep_models = !p->scene->one,
                            .tokenizer = m->tokenizer,
                            .vae = m->vae,
                            .ema = m->ema,
                            .attention = m->attention,
                            .garment = m->kind->garment,
                            .note = on_note,
                            .user = p};
    if (!st)
        st = drape_pipeline_load(&p->pipeline, m->model, &o);
    free(loras);
    free(embeddings);
    return st;
}

static drape_status tell_doubts(painting *p)
{
    char text[2048], *rest = NULL;
    drape_status st = drape_tryon_doubts(p->pipeline, &p->o, text, sizeof text);
    for (char *line = st ? NULL : strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        on_note(p, line);
    return st;
}

static void close_tryon(void *self)
{
    painting *p = self;
    if (p) {
        drape_pipeline_free(p->pipeline);
        drape_parser_free(p->parser);
        drape_image_free(&p->labels);
    }
    free(p);
}

static drape_status open_tryon(void **self, const dr_method *m, const dr_scene *scene, const dr_listener *listener)
{
    char text[640];
    painting *p = calloc(1, sizeof *p);
    if (!p)
        return (drape_status)dr_fail(DR_ENOMEM, "out of memory");
    *p = (painting){.m = m, .scene = scene, .listener = listener, .o = m->o};
    p->o.callbacks = (drape_callbacks){.user = p, .progress = on_progress, .cancel = on_cancel, .warn = on_note};
    if (m->kind->garment)
        p->o.garment = &scene->garment;
    drape_status st = load(p);
    if (!st && dr_preset_doubt(p->pipeline, p->o.preset, text, sizeof text))
        on_note(p, text);
    if (!st)
        drape_pipeline_advise(p->pipeline, &p->o);
    if (!st)
        st = drape_tryon_check(p->pipeline, &p->o);
    if (!st)
        st = tell_doubts(p);
    if (st)
        close_tryon(p);
    *self = st ? NULL : p;
    return st;
}

/* --- what will be done --------------------------------------------------------------------------------- */

static json_t *value_of(const drape_option *row, const void *options)
{
    const void *at = (const char *)options + row->offset;
    const char *word;
    size_t n;
    json_int_t whole;
    switch (row->kind) {
    case DRAPE_OPTION_BOOL:
        return json_boolean(*(const bool *)at);
    case DRAPE_OPTION_INT:
        return json_integer(*(const int *)at);
    case DRAPE_OPTION_ENUM:
        word = dr_choice_word(row->choices, *(const int *)at, &n);
        return word ? json_stringn(word, n) : json_null();
    case DRAPE_OPTION_U64:
    case DRAPE_OPTION_BYTES:
        memcpy(&whole, at, sizeof whole);
        return json_integer(whole);
    case DRAPE_OPTION_NUMBER:
        return json_real(*(const double *)at);
    case DRAPE_OPTION_TEXT:
    case DRAPE_OPTION_CHOICE:
        return *(const char *const *)at ? dr_text_json(*(const char *const *)at) : json_null();
    }
    return json_null();
}

static void add_list(json_t *to, const char *key, const dr_opt_list *list)
{
    json_t *items = json_array();
    for (int i = 0; i < list->count; i++)
        json_array_append_new(items, dr_text_json(list->item[i]));
    if (list->count)
        json_object_set(to, key, items);
    json_decref(items);
}

/* Words are for those who read them, and published fits are not compared. */
static bool has_row(const dr_method *m, const char *name)
{
    if (dr_is_choice("prompt|negative_prompt|long_prompt|prompt_weights|clip_skip", name))
        return m->kind->worded;
    return !dr_is_choice("fit|repaint", name);
}

static json_t *settings_tryon(void *self)
{
    const painting *p = self;
    drape_model_info info;
    json_t *out = json_object();
    const drape_option *row;
    if (!out || drape_pipeline_info(p->pipeline, &info))
        return out;
    drape_tryon_options o = p->o;
    if (!o.scheduler || !*o.scheduler)
        o.scheduler = info.scheduler;
    if (!o.width || !o.height) {
        o.width = info.width;
        o.height = info.height;
    }
    json_object_set_new(out, "model", dr_text_json(info.dir));
    if (info.attention)
        json_object_set_new(out, "attention", dr_text_json(info.attention));
    add_list(out, "lora", &p->m->loras);
    add_list(out, "embedding", &p->m->embeddings);
    if (p->m->vae)
        json_object_set_new(out, "vae", dr_text_json(p->m->vae));
    if (p->m->tokenizer)
        json_object_set_new(out, "tokenizer", dr_text_json(p->m->tokenizer));
    if (p->m->ema)
        json_object_set_new(out, "ema", json_true());
    json_object_set_new(out, "precision",
                        json_string(dr_cli_precision_name(dr_cli_precision(p->m->precision, p->m->o.preset))));
    for (int i = 0; (row = drape_tryon_option(i)) != NULL; i++)
        if (!dr_is_choice("seed|preview_every", row->name) && has_row(p->m, row->name))
            json_object_set_new(out, row->name, value_of(row, &o));
    return out;
}

static drape_status paint_tryon(void *self, uint64_t seed, drape_image *out)
{
    painting *p = self;
    p->o.seed = seed;
    p->behind = 0;
    drape_image picture = {0};
    drape_status st = drape_tryon(p->pipeline, &p->scene->person, &p->scene->mask, &p->o, &picture);
    const drape_mask_options parsing = {.cancel = on_cancel, .user = p};
    const dr_unworn unworn = {&p->parser, p->scene->parser_dir, &parsing, &p->labels, on_note, p};
    if (!st)
        st = dr_cli_unworn(&unworn, p->pipeline, &p->scene->person, &p->scene->mask, &p->o, &picture);
    if (st)
        drape_image_free(&picture);
    else
        *out = picture;
    return st;
}

static char *text_tryon(void *self, const drape_image *out)
{
    const painting *p = self;
    return drape_tryon_parameters(p->pipeline, &p->o, out->width, out->height);
}

const dr_painter dr_painter_tryon = {open_tryon, settings_tryon, paint_tryon, text_tryon, close_tryon};
