/* A GAN: the cloth of a product photo warped onto the person. */
#include "cli/compare/painter.h"

#include "cli/compare/text_json.h"

#include <stdlib.h>
#include <string.h>

typedef struct painting {
    const dr_method *m;
    const dr_listener *listener;
    drape_warper *warper;
    drape_parser *parser; /* where no parse map is given */
    drape_warp_files files;
    drape_warp_options o;
} painting;

static void on_progress(void *user, double part)
{
    const painting *p = user;
    p->listener->part(p->listener->user, "warping", part);
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

static void close_warp(void *self)
{
    painting *p = self;
    if (!p)
        return;
    drape_warper_free(p->warper);
    drape_parser_free(p->parser);
    free(p);
}

static drape_warp_files files_of(const dr_method *m, const dr_scene *scene)
{
    return (drape_warp_files){.image = scene->image,
                              .densepose = m->densepose,
                              .keypoints = m->keypoints,
                              .parse = m->parse,
                              .cloth = m->cloth ? m->cloth : scene->garment_path,
                              .cloth_mask = m->cloth_mask};
}

static drape_status open_warp(void **self, const dr_method *m, const dr_scene *scene, const dr_listener *listener)
{
    painting *p = calloc(1, sizeof *p);
    if (!p)
        return (drape_status)dr_fail(DR_ENOMEM, "out of memory");
    *p = (painting){.m = m, .listener = listener, .files = files_of(m, scene), .o = m->warp};
    p->o.width = m->size[0];
    p->o.height = m->size[1];
    p->o.callbacks = (drape_warp_callbacks){.user = p, .progress = on_progress, .cancel = on_cancel};
    drape_load_options load = {.note = on_note, .user = p};
    drape_status st = drape_warper_load(&p->warper, m->condition, m->generator, &load);
    if (!st && !m->parse)
        st = drape_parser_load(&p->parser, scene->parser_dir);
    p->o.parser = p->parser;
    if (!st)
        st = drape_warp_check(p->warper, &p->o);
    if (st)
        close_warp(p);
    *self = st ? NULL : p;
    return st;
}

static json_t *settings_warp(void *self)
{
    const painting *p = self;
    const struct {
        const char *key, *value;
    } files[] = {{"condition", p->m->condition},     {"generator", p->m->generator}, {"densepose", p->files.densepose},
                 {"keypoints", p->files.keypoints},  {"parse", p->files.parse},      {"cloth", p->files.cloth},
                 {"cloth_mask", p->files.cloth_mask}};
    json_t *out = json_object();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i].value)
            json_object_set_new(out, files[i].key, dr_text_json(files[i].value));
    json_object_set_new(out, "width", json_integer(p->o.width ? p->o.width : 768));
    json_object_set_new(out, "height", json_integer(p->o.height ? p->o.height : 1024));
    json_object_set_new(out, "paste", json_boolean(p->o.composite));
    json_object_set_new(out, "occlusion", json_boolean(p->o.occlusion));
    return out;
}

static drape_status paint_warp(void *self, uint64_t seed, drape_image *out)
{
    painting *p = self;
    drape_warp_result result = {0};
    p->o.seed = seed;
    drape_status st = drape_warp(p->warper, &p->files, &p->o, &result);
    if (st)
        return st;
    *out = result.picture;
    result.picture = (drape_image){0};
    drape_warp_result_free(&result);
    return DRAPE_OK;
}

static char *text_warp(void *self, const drape_image *out)
{
    const painting *p = self;
    (void)out;
    return drape_warp_parameters(p->warper, &p->files, &p->o);
}

const dr_painter dr_painter_warp = {open_warp, settings_warp, paint_warp, text_warp, close_warp};
