/* What a comparison consists of, and how a picture is known that was made before. */
#include "cli/compare/compare.h"

#include "base/file.h"
#include "base/path.h"
#include "cli/compare/text_json.h"
#include "cli/loras.h"
#include "cli/preset.h"

#include <dirent.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH 4 /* folders below a model's that are looked into */

/* --- hashes ------------------------------------------------------------------------------------------ */

static void finish(char out[DR_HASH], GChecksum *sum)
{
    snprintf(out, DR_HASH, "%s", g_checksum_get_string(sum));
    g_checksum_free(sum);
}

void dr_hash_image(char out[DR_HASH], const drape_image *im)
{
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    int head[3] = {im->width, im->height, im->channels};
    g_checksum_update(sum, (const guchar *)head, sizeof head);
    g_checksum_update(sum, im->data, (gssize)im->width * im->height * im->channels);
    finish(out, sum);
}

dr_status dr_hash_file(char out[DR_HASH], const char *path)
{
    dr_map map;
    dr_status st = dr_map_open(&map, path);
    if (st)
        return st;
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(sum, map.data, (gssize)map.size);
    finish(out, sum);
    dr_map_close(&map);
    return DR_OK;
}

/* --- what a file is told from its later self by --------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_state(GChecksum *sum, const char *path, const char *name, int depth);

static void add_folder(GChecksum *sum, const char *path, int depth)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    DIR *d = opendir(path);
    const struct dirent *f;
    while (d && (f = readdir(d)))
        if (f->d_name[0] != '.')
            g_ptr_array_add(names, g_strdup(f->d_name));
    if (d)
        closedir(d);
    qsort(names->pdata, names->len, sizeof *names->pdata, by_name);
    for (guint i = 0; i < names->len; i++) {
        char *inner = dr_path_new(path, names->pdata[i]);
        if (inner)
            add_state(sum, inner, names->pdata[i], depth);
        free(inner);
    }
    g_ptr_array_free(names, TRUE);
}

/* Names, sizes and times of all that is in it: weights of gigabytes are not read for this. */
static void add_state(GChecksum *sum, const char *path, const char *name, int depth)
{
    struct stat st;
    char line[96];
    if (stat(path, &st) != 0)
        return;
    g_checksum_update(sum, (const guchar *)name, (gssize)strlen(name) + 1);
    if (S_ISDIR(st.st_mode)) {
        if (depth > 0)
            add_folder(sum, path, depth - 1);
        return;
    }
    snprintf(line, sizeof line, "%lld %lld.%09ld", (long long)st.st_size, (long long)st.st_mtim.tv_sec,
             st.st_mtim.tv_nsec);
    g_checksum_update(sum, (const guchar *)line, (gssize)strlen(line) + 1);
}

static void add_path(GChecksum *sum, const char *path)
{
    add_state(sum, path ? path : "", path ? path : "", DEPTH);
}

/* The files that a method reads. */
static void add_files(GChecksum *sum, const dr_method *m)
{
    char model[PATH_MAX] = "";
    drape_lora *loras = NULL;
    if (!m->model)
        (void)drape_model_find(model, sizeof model);
    add_path(sum, m->model ? m->model : model);
    add_path(sum, m->vae);
    add_path(sum, m->tokenizer);
    add_path(sum, m->attention);
    const char *const gan[] = {m->condition, m->generator, m->densepose, m->keypoints,
                               m->parse,     m->cloth,     m->cloth_mask};
    for (size_t i = 0; i < sizeof gan / sizeof *gan; i++)
        add_path(sum, gan[i]);
    if (!dr_cli_loras(&m->loras, &loras))
        for (int i = 0; i < m->loras.count; i++)
            add_path(sum, loras[i].path);
    for (int i = 0; i < m->embeddings.count; i++)
        add_path(sum, m->embeddings.item[i]);
    free(loras);
}

/* --- settings as text ------------------------------------------------------------------------------------ */

static void add_text(GChecksum *sum, const char *text)
{
    const char *t = text ? text : "\1"; /* nothing is not the same as "" */
    g_checksum_update(sum, (const guchar *)t, (gssize)strlen(t) + 1);
}

static void add_value(GChecksum *sum, const drape_option *row, const void *options)
{
    const void *at = (const char *)options + row->offset;
    switch (row->kind) {
    case DRAPE_OPTION_TEXT:
    case DRAPE_OPTION_CHOICE:
        add_text(sum, *(const char *const *)at);
        return;
    case DRAPE_OPTION_BOOL:
        g_checksum_update(sum, at, sizeof(bool));
        return;
    case DRAPE_OPTION_INT:
    case DRAPE_OPTION_ENUM:
        g_checksum_update(sum, at, sizeof(int));
        return;
    case DRAPE_OPTION_U64:
    case DRAPE_OPTION_BYTES:
    case DRAPE_OPTION_NUMBER:
        g_checksum_update(sum, at, 8);
        return;
    }
}

static void add_settings(GChecksum *sum, const dr_method *m)
{
    const drape_option *row;
    add_text(sum, m->kind->name);
    add_text(sum, dr_cli_precision_name(dr_cli_precision(m->precision, m->o.preset)));
    add_text(sum, m->ema ? "ema" : "");
    for (int i = 0; i < m->loras.count; i++)
        add_text(sum, m->loras.item[i]);
    for (int i = 0; i < m->embeddings.count; i++)
        add_text(sum, m->embeddings.item[i]);
    for (int i = 0; (row = drape_tryon_option(i)) != NULL; i++)
        if (strcmp(row->name, "seed") != 0)
            add_value(sum, row, &m->o);
    for (int i = 0; m->condition && (row = drape_warp_option(i)) != NULL; i++)
        add_value(sum, row, &m->warp);
}

static void made_of(dr_cell *cell, const dr_comparison *c, const dr_method *m, const char *scene)
{
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    char garment[DR_HASH] = "";
    if (m->kind->garment && c->scene.garment.data)
        dr_hash_image(garment, &c->scene.garment);
    else if (m->condition && !m->cloth && c->garment_paths.count)
        dr_hash_image(garment, &c->garments[0]);
    add_text(sum, drape_version());
    add_text(sum, scene);
    add_text(sum, garment);
    add_settings(sum, m);
    add_files(sum, m);
    g_checksum_update(sum, (const guchar *)&cell->seed, sizeof cell->seed);
    finish(cell->made_of, sum);
}

/* --- the plan ---------------------------------------------------------------------------------------------- */

static dr_status plan_row(dr_comparison *c, dr_row *row, const dr_method *m, const char *scene)
{
    row->method = m;
    row->notes = json_array();
    row->cell = calloc((size_t)c->seeds, sizeof *row->cell);
    if (!row->cell || !row->notes)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (int k = 0; k < c->seeds; k++) {
        dr_cell *cell = &row->cell[k];
        cell->seed = c->seed + (uint64_t)k;
        cell->file = g_strdup_printf("pictures/%s-%llu.png", m->file, (unsigned long long)cell->seed);
        made_of(cell, c, m, scene);
    }
    return DR_OK;
}

dr_status dr_comparison_plan(dr_comparison *c, const dr_methods *methods)
{
    char person[DR_HASH], mask[DR_HASH], scene[2 * DR_HASH];
    dr_hash_image(person, &c->scene.person);
    dr_hash_image(mask, &c->scene.mask);
    snprintf(scene, sizeof scene, "%s%s", person, mask);
    c->row = calloc((size_t)methods->count, sizeof *c->row);
    if (!c->row)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = DR_OK;
    for (c->rows = 0; !st && c->rows < methods->count; c->rows++)
        st = plan_row(c, &c->row[c->rows], &methods->item[c->rows], scene);
    return st;
}

void dr_comparison_free(dr_comparison *c)
{
    for (int i = 0; i < c->rows; i++) {
        dr_row *row = &c->row[i];
        for (int k = 0; row->cell && k < c->seeds; k++) {
            g_free(row->cell[k].file);
            json_decref(row->cell[k].metrics);
        }
        free(row->cell);
        g_free(row->error);
        json_decref(row->settings);
        json_decref(row->notes);
    }
    free(c->row);
    for (int i = 0; c->garments && i < c->garment_paths.count; i++)
        drape_image_free(&c->garments[i]);
    free(c->garments);
    drape_image_free(&c->reference);
    drape_image_free(&c->scene.person);
    drape_image_free(&c->scene.mask);
    drape_image_free(&c->scene.garment);
    dr_opt_list_free(&c->garment_paths);
}

char *dr_comparison_path(const dr_comparison *c, const char *file)
{
    char *path = dr_path_new(c->dir, file);
    if (!path)
        dr_fail(DR_ENOMEM, "out of memory");
    return path;
}
