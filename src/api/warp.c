/* The public functions of the try-on by a GAN: checks of what a caller may get wrong; the work is in src/warp. */
#define _GNU_SOURCE /* asprintf */
#include "drape.h"

#include "api/parser.h"
#include "base/choice.h"
#include "base/path.h"
#include "io/label_map.h"
#include "mask/cloth.h"
#include "options/options.h"
#include "warp/result.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct drape_warper {
    dr_condition_model condition;
    dr_spade_model generator;
    dr_tape tape;
    char *condition_path, *generator_path; /* as given */
};

drape_status drape_warper_load(drape_warper **out, const char *condition, const char *generator,
                               const drape_load_options *options)
{
    *out = NULL;
    drape_warper *w = calloc(1, sizeof *w);
    if (!w)
        return (drape_status)dr_fail(DR_ENOMEM, "out of memory");
    w->condition_path = strdup(condition);
    w->generator_path = strdup(generator);
    dr_status st =
        w->condition_path && w->generator_path ? dr_tape_init(&w->tape) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_condition_load(&w->condition, w->condition_path);
    if (!st)
        st = dr_spade_load(&w->generator, w->generator_path);
    if (st) {
        drape_warper_free(w);
        return (drape_status)st;
    }
    if (options && options->note)
        options->note(options->user, DR_GAN_LICENCE);
    *out = w;
    return DRAPE_OK;
}

void drape_warper_free(drape_warper *w)
{
    if (!w)
        return;
    dr_tape_clear(&w->tape);
    dr_condition_unload(&w->condition);
    dr_spade_unload(&w->generator);
    free(w->condition_path);
    free(w->generator_path);
    free(w);
}

/* --- options ---------------------------------------------------------------------------------------- */

static const char *word(const char *given, const char *otherwise)
{
    return given ? given : otherwise;
}

static dr_warp_size size_of(const drape_warp_options *o)
{
    dr_warp_size s = {o->width, o->height, o->condition_width, o->condition_height};
    dr_warp_complete_size(&s);
    return s;
}

static drape_warp_options options_or_defaults(const drape_warp_options *options)
{
    drape_warp_options o = DRAPE_WARP_DEFAULTS;
    if (options)
        o = *options;
    o.composition = word(o.composition, "warp_grad");
    o.labels = word(o.labels, "cihp");
    return o;
}

static dr_status check(const drape_warper *w, const drape_warp_options *o)
{
    dr_warp_size s = size_of(o);
    dr_status st = dr_options_check(dr_warp_table, o, "");
    return st ? st : dr_warp_check_size(&w->condition.net.config, &w->generator.net.config, &s);
}

drape_status drape_warp_check(const drape_warper *w, const drape_warp_options *options)
{
    drape_warp_options o = options_or_defaults(options);
    return (drape_status)check(w, &o);
}

/* --- one picture ------------------------------------------------------------------------------------ */

_Static_assert(sizeof(drape_warp_files) == sizeof(dr_warp_files) &&
                   offsetof(drape_warp_files, parse) == offsetof(dr_warp_files, parse) &&
                   offsetof(drape_warp_files, cloth_mask) == offsetof(dr_warp_files, cloth_mask),
               "the public struct is ours");

static dr_status read_inputs(dr_warp_inputs *in, const drape_warp_files *f, const drape_warp_options *o)
{
    const dr_warp_files *files = (const dr_warp_files *)f;
    dr_inputs_options io = {.size = size_of(o),
                            .labels = (dr_label_set)dr_choice_index(DR_LABEL_SETS, o->labels),
                            .parser = o->parser ? &o->parser->parser : NULL,
                            .cancelled = o->callbacks.cancel,
                            .user = o->callbacks.user};
    dr_status st = dr_warp_files_check(files, word(f->image, "the photo"));
    return st ? st : dr_inputs_read(in, files, &io);
}

static dr_status run(drape_warper *w, const dr_warp_inputs *in, const drape_warp_options *o, dr_warp_values *v)
{
    dr_warp_options wo = {.size = size_of(o),
                          .occlusion = o->occlusion,
                          .no_noise = o->no_noise,
                          .seed = o->seed,
                          .progress = o->callbacks.progress,
                          .cancelled = o->callbacks.cancel,
                          .user = o->callbacks.user};
    dr_warp_nets nets = {&w->condition, &w->generator, &w->tape};
    dr_composition_parse(o->composition, &wo.composition);
    return dr_warp_run(&nets, in, &wo, v);
}

_Static_assert(sizeof(drape_warp_result) == sizeof(dr_warp_result) &&
                   offsetof(drape_warp_result, flow) == offsetof(dr_warp_result, flow) &&
                   offsetof(drape_warp_result, cloth_mask) == offsetof(dr_warp_result, cloth_mask),
               "the public struct is ours");

drape_status drape_warp(drape_warper *w, const drape_warp_files *files, const drape_warp_options *options,
                        drape_warp_result *out)
{
    drape_warp_options o = options_or_defaults(options);
    dr_warp_inputs in = {0};
    dr_warp_values v = {0};
    dr_warp_result result;
    dr_status st = check(w, &o);
    if (!st)
        st = read_inputs(&in, files, &o);
    if (!st && o.callbacks.cancel && o.callbacks.cancel(o.callbacks.user))
        st = dr_fail(DR_ECANCELLED, "cancelled");
    if (!st)
        st = run(w, &in, &o, &v);
    if (!st)
        st = dr_warp_result_make(&result, &in, &v, o.composite);
    if (!st)
        memcpy(out, &result, sizeof *out);
    dr_inputs_clear(&in);
    dr_warp_values_clear(&v);
    return (drape_status)st;
}

void drape_warp_result_free(drape_warp_result *r)
{
    dr_warp_result_clear((dr_warp_result *)r);
}

char *drape_warp_parameters(const drape_warper *w, const drape_warp_files *files, const drape_warp_options *options)
{
    drape_warp_options o = options_or_defaults(options);
    dr_warp_size s = size_of(&o);
    char noise[64] = "off", *text = NULL;
    if (!o.no_noise)
        snprintf(noise, sizeof noise, "seed %llu", (unsigned long long)o.seed);
    if (asprintf(&text,
                 "HR-VITON: %s onto %s\nSize: %dx%d, Condition size: %dx%d, Noise: %s, Composition: %s, Occlusion: %s, "
                 "Condition generator: %s, Image generator: %s",
                 dr_path_name(word(files->cloth, "")), dr_path_name(word(files->image, "")), s.width, s.height,
                 s.cond_width, s.cond_height, noise, o.composition, o.occlusion ? "on" : "off",
                 dr_path_name(w->condition_path), dr_path_name(w->generator_path)) < 0)
        return NULL;
    return text;
}

/* --- pairs ------------------------------------------------------------------------------------------ */

struct drape_warp_pairs {
    char *dir;
    dr_pairs pairs;
    char **name;         /* [count] */
    dr_warp_files files; /* of the pair asked for last */
};

drape_status drape_warp_pairs_read(drape_warp_pairs **out, const char *dir, const char *list)
{
    char path[PATH_MAX];
    *out = NULL;
    drape_warp_pairs *p = calloc(1, sizeof *p);
    dr_status st = p ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    if (!st && !list)
        st = dr_path(path, sizeof path, dir, "test_pairs.txt");
    if (!st)
        st = dr_pairs_read(&p->pairs, list ? list : path);
    if (!st) {
        p->dir = strdup(dir);
        p->name = calloc((size_t)p->pairs.count, sizeof *p->name);
        bool ok = p->dir && p->name;
        for (int i = 0; ok && i < p->pairs.count; i++)
            ok = (p->name[i] = dr_pair_name(p->pairs.pair[i].person, p->pairs.pair[i].cloth)) != NULL;
        st = ok ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    }
    if (st)
        drape_warp_pairs_free(p);
    else
        *out = p;
    return (drape_status)st;
}

void drape_warp_pairs_free(drape_warp_pairs *p)
{
    if (!p)
        return;
    for (int i = 0; p->name && i < p->pairs.count; i++)
        free(p->name[i]);
    free(p->name);
    free(p->dir);
    dr_pairs_clear(&p->pairs);
    dr_warp_files_clear(&p->files);
    free(p);
}

int drape_warp_pairs_count(const drape_warp_pairs *p)
{
    return p->pairs.count;
}

const char *drape_warp_pairs_name(const drape_warp_pairs *p, int i)
{
    return i >= 0 && i < p->pairs.count ? p->name[i] : NULL;
}

drape_status drape_warp_pairs_files(drape_warp_pairs *p, int i, drape_warp_files *out)
{
    if (i < 0 || i >= p->pairs.count)
        return (drape_status)dr_fail(DR_EINVAL, "there is no pair %d, there are %d", i, p->pairs.count);
    dr_warp_files_clear(&p->files);
    dr_status st = dr_viton_files(&p->files, p->dir, p->pairs.pair[i].person, p->pairs.pair[i].cloth);
    memcpy(out, &p->files, sizeof *out);
    return (drape_status)st;
}

/* --- pictures --------------------------------------------------------------------------------------- */

drape_status drape_labels_write(const drape_image *labels, const char *path)
{
    if (!labels->data || labels->width < 1 || labels->height < 1 || labels->channels != 1)
        return (drape_status)dr_fail(DR_EINVAL, "cannot write '%s': a label map has 1 channel, not %d", path,
                                     labels->channels);
    return (drape_status)dr_label_map_write((const dr_image *)labels, path);
}

drape_status drape_cloth_mask(const drape_image *photo, const char *name, drape_image *out)
{
    dr_image mask = {0};
    if (!photo->data || photo->width < 1 || photo->height < 1 || photo->channels != 3)
        return (drape_status)dr_fail(DR_EINVAL, "'%s' has %d channels, must have 3", word(name, "the cloth"),
                                     photo->channels);
    dr_status st = dr_cloth_mask(&mask, (const dr_image *)photo, word(name, "the cloth"));
    if (!st)
        *out = (drape_image){mask.width, mask.height, mask.channels, mask.data};
    return (drape_status)st;
}
