#include "pipeline/wardrobe.h"

#include "base/file.h"
#include "base/path.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST ((size_t)64 << 20) /* bytes of a photo that is copied */

/* A list of texts, or nothing. */
static bool is_words(const json_t *j)
{
    for (size_t i = 0; i < json_array_size(j); i++)
        if (!json_is_string(json_array_get(j, i)))
            return false;
    return !j || json_is_array(j);
}

static dr_status read_garment(dr_wardrobe_garment *g, json_t *about, const char *where, const char *dir)
{
    char path[PATH_MAX];
    const char *photo = dr_json_text(about, "photo");
    const json_t *called = json_object_get(about, "called"), *described = json_object_get(about, "described");
    if (!photo || !photo[0] || strchr(photo, '/') || !is_words(called) || !is_words(described) ||
        !(dr_json_text(about, "prompt") || called || described))
        return dr_fail(DR_EINVAL,
                       "'%s': expected of each garment a \"photo\", a file beside it, and a \"prompt\", or lists of "
                       "words in \"called\" or \"described\"",
                       where);
    dr_status st = dr_path(path, sizeof path, dir, photo);
    g->about = json_incref(about);
    if (!st && !dr_is_file(path))
        st = dr_fail(DR_ENOENT, "'%s' names the photo '%s', which is not there", where, photo);
    if (!st && !(g->file = strdup(path)))
        st = dr_fail(DR_ENOMEM, "out of memory");
    return st;
}

dr_status dr_wardrobe_photo(const dr_wardrobe_garment *g, dr_image *out)
{
    return g->photo.data ? dr_image_copy(out, &g->photo) : dr_image_read(out, g->file, 3);
}

dr_status dr_wardrobe_open(dr_wardrobe *w, const char *model)
{
    char dir[PATH_MAX], list[PATH_MAX];
    json_t *j = NULL;
    *w = (dr_wardrobe){0};
    if (dr_path(dir, sizeof dir, model, DR_WARDROBE) || dr_path(list, sizeof list, dir, "wardrobe.json") ||
        !dr_exists(list))
        return DR_OK;
    dr_status st = dr_json_load(list, &j);
    const json_t *all = json_object_get(j, "garments");
    size_t n = json_array_size(all);
    if (!st && (!json_is_array(all) || n > DR_WARDROBE_MAX))
        st = dr_fail(DR_EINVAL, "'%s': expected \"garments\", a list of at most %d", list, DR_WARDROBE_MAX);
    if (!st && n && !(w->garment = calloc(n, sizeof *w->garment)))
        st = dr_fail(DR_ENOMEM, "out of memory");
    while (!st && (size_t)w->count < n) {
        json_t *about = json_array_get(all, (size_t)w->count);
        st = read_garment(&w->garment[w->count++], about, list, dir);
    }
    json_decref(j);
    if (st)
        dr_wardrobe_clear(w);
    return st;
}

static void clear_garment(dr_wardrobe_garment *g)
{
    json_decref(g->about);
    dr_image_clear(&g->photo);
    free(g->file);
    *g = (dr_wardrobe_garment){0};
}

void dr_wardrobe_clear(dr_wardrobe *w)
{
    for (int i = 0; i < w->count; i++)
        clear_garment(&w->garment[i]);
    free(w->garment);
    *w = (dr_wardrobe){0};
}

static void drop(dr_wardrobe *w, const char *prompt)
{
    for (int i = w->count - 1; i >= 0; i--) {
        const char *own = dr_json_text(w->garment[i].about, "prompt");
        if (!own || strcmp(own, prompt) != 0)
            continue;
        clear_garment(&w->garment[i]);
        w->count--;
        memmove(&w->garment[i], &w->garment[i + 1], (size_t)(w->count - i) * sizeof *w->garment);
    }
}

dr_status dr_wardrobe_add(dr_wardrobe *w, const char *prompt, dr_image *photo)
{
    drop(w, prompt);
    dr_wardrobe_garment *more = realloc(w->garment, (size_t)(w->count + 1) * sizeof *more);
    json_t *about = json_pack("{s:s}", "prompt", prompt);
    if (more)
        w->garment = more;
    if (!more || !about) {
        json_decref(about);
        return dr_fail(DR_ENOMEM, "out of memory");
    }
    memmove(more + 1, more, (size_t)w->count++ * sizeof *more);
    more[0] = (dr_wardrobe_garment){about, *photo, NULL};
    *photo = (dr_image){0};
    return DR_OK;
}

static dr_status copy_file(const char *from, const char *to)
{
    char *bytes = NULL;
    size_t n = 0;
    dr_status st = dr_file_read(from, LARGEST, &bytes, &n);
    if (!st)
        st = dr_file_write(to, bytes, n);
    free(bytes);
    return st;
}

/* A name of its own: those of taught garments count on, and may be taken. */
static dr_status write_garment(const dr_wardrobe_garment *g, int i, const char *dir, json_t *list)
{
    char path[PATH_MAX], name[NAME_MAX];
    json_t *about = json_deep_copy(g->about);
    snprintf(name, sizeof name, "%03d%s", i + 1, g->file ? dr_path_extension(g->file) : ".png");
    if (!about || json_object_set_new(about, "photo", json_string(name)) || json_array_append_new(list, about))
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = dr_path(path, sizeof path, dir, name);
    if (!st)
        st = g->file ? copy_file(g->file, path) : dr_image_write(&g->photo, path, NULL);
    return st;
}

dr_status dr_wardrobe_write(const dr_wardrobe *w, const char *model)
{
    char dir[PATH_MAX], path[PATH_MAX];
    json_t *list = json_array(), *j = json_pack("{s:o}", "garments", list);
    dr_status st = j ? dr_path(dir, sizeof dir, model, DR_WARDROBE) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_mkdirs(dir);
    for (int i = 0; !st && i < w->count; i++)
        st = write_garment(&w->garment[i], i, dir, list);
    if (!st)
        st = dr_path(path, sizeof path, dir, "wardrobe.json");
    if (!st)
        st = dr_json_save(path, j);
    json_decref(j);
    return st;
}
