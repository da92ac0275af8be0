/* compare.json: what was compared with what outcome. It is for programs, and for the next run. */
#include "cli/compare/compare.h"

#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "cli/compare/text_json.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RECORD "compare.json"
#define FORMAT "drape-compare-1"

/* --- reading ------------------------------------------------------------------------------------------- */

static void take_cell(dr_row *row, dr_cell *cell, const json_t *method, const json_t *old, const char *content)
{
    cell->done = cell->reused = true;
    cell->seconds = dr_json_number(old, "seconds");
    cell->first = dr_json_flag(old, "loading");
    cell->width = (int)dr_json_whole(old, "width");
    cell->height = (int)dr_json_whole(old, "height");
    memcpy(cell->content, content, DR_HASH);
    row->peak = (uint64_t)dr_json_whole(method, "peak_bytes");
    if (!row->settings)
        row->settings = json_deep_copy(json_object_get(method, "settings"));
    const json_t *notes = json_object_get(method, "notes"), *note;
    size_t i;
    if (json_array_size(row->notes) == 0)
        json_array_foreach(notes, i, note) json_array_append_new(row->notes, json_deep_copy(note));
}

/* The picture is there, and is what the record says. */
static bool still_there(const dr_comparison *c, const dr_cell *cell, const json_t *old, char content[DR_HASH])
{
    const char *hash = dr_json_text(old, "sha256");
    char *path = dr_comparison_path(c, cell->file);
    bool same = path && hash && dr_is_file(path) && !dr_hash_file(content, path) && strcmp(content, hash) == 0;
    free(path);
    return same;
}

static void look_up(dr_comparison *c, dr_row *row, const json_t *method)
{
    const json_t *results = json_object_get(method, "results"), *old;
    size_t i;
    char content[DR_HASH];
    json_array_foreach(results, i, old)
    {
        const char *made_of = dr_json_text(old, "made_of"), *file = dr_json_text(old, "file");
        for (int k = 0; made_of && file && k < c->seeds; k++) {
            dr_cell *cell = &row->cell[k];
            if (!cell->done && strcmp(made_of, cell->made_of) == 0 && strcmp(file, cell->file) == 0 &&
                still_there(c, cell, old, content))
                take_cell(row, cell, method, old, content);
        }
    }
}

dr_status dr_record_reuse(dr_comparison *c)
{
    char *path = dr_comparison_path(c, RECORD);
    json_t *file = NULL;
    if (!path)
        return DR_ENOMEM;
    dr_status st = DR_OK;
    if (dr_exists(path)) {
        st = dr_json_load(path, &file);
        const char *format = st ? NULL : dr_json_text(file, "format");
        if (!st && (!format || strcmp(format, FORMAT) != 0))
            st = dr_fail(DR_EINVAL, "'%s' is no record of a comparison; choose another folder with --output", path);
        else if (st == DR_EINVAL)
            dr_fail_prefix(st, "cannot go on in this folder; remove the file or choose another --output");
    }
    const json_t *methods = st ? NULL : json_object_get(file, "methods"), *method;
    size_t i;
    for (int r = 0; !st && r < c->rows; r++)
        json_array_foreach(methods, i, method) look_up(c, &c->row[r], method);
    json_decref(file);
    free(path);
    return st;
}

/* --- writing ------------------------------------------------------------------------------------------- */

static json_t *cell_json(const dr_cell *cell)
{
    json_t *j = json_pack("{s:I, s:s, s:s, s:s, s:i, s:i, s:f, s:b, s:b}", "seed", (json_int_t)cell->seed, "file",
                          cell->file, "sha256", cell->content, "made_of", cell->made_of, "width", cell->width, "height",
                          cell->height, "seconds", cell->seconds, "loading", cell->first, "reused", cell->reused);
    if (j && cell->metrics)
        json_object_set(j, "metrics", cell->metrics);
    return j;
}

static json_t *row_json(const dr_comparison *c, const dr_row *row)
{
    json_t *results = json_array(), *j = json_object();
    for (int k = 0; k < c->seeds; k++)
        if (row->cell[k].done)
            json_array_append_new(results, cell_json(&row->cell[k]));
    json_object_set_new(j, "name", json_string(row->method->name));
    json_object_set_new(j, "kind", json_string(row->method->kind->name));
    json_object_set_new(j, "title", json_string(row->method->kind->title));
    json_object_set_new(j, "error", row->error ? dr_text_json(row->error) : json_null());
    json_object_set_new(j, "peak_bytes", json_integer((json_int_t)row->peak));
    json_object_set_new(j, "settings", row->settings ? json_incref(row->settings) : json_null());
    json_object_set(j, "notes", row->notes);
    json_object_set_new(j, "results", results);
    return j;
}

static json_t *now_json(void)
{
    char text[32] = "";
    time_t now = time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return json_string(text);
}

static json_t *machine_json(void)
{
    drape_machine m;
    drape_machine_info(&m);
    return json_pack("{s:o, s:s, s:i}", "cpu", dr_text_json(m.cpu), "isa", m.isa, "threads", m.threads);
}

json_t *dr_record_json(const dr_comparison *c)
{
    json_t *methods = json_array(), *garments = json_array(), *seeds = json_array(), *j = json_object();
    for (int i = 0; i < c->rows; i++)
        json_array_append_new(methods, row_json(c, &c->row[i]));
    for (int i = 0; i < c->garment_paths.count; i++)
        json_array_append_new(garments, dr_text_json(c->garment_paths.item[i]));
    for (int k = 0; k < c->seeds; k++)
        json_array_append_new(seeds, json_integer((json_int_t)(c->seed + (uint64_t)k)));
    json_object_set_new(j, "format", json_string(FORMAT));
    json_object_set_new(j, "drape", json_string(drape_version()));
    json_object_set_new(j, "written", now_json());
    json_object_set_new(j, "machine", machine_json());
    json_object_set_new(j, "title", c->title ? dr_text_json(c->title) : json_null());
    json_object_set_new(j, "image", dr_text_json(c->image));
    json_object_set_new(j, "mask", json_string("mask.png"));
    json_object_set_new(j, "width", json_integer(c->scene.person.width));
    json_object_set_new(j, "height", json_integer(c->scene.person.height));
    json_object_set_new(j, "garments", garments);
    json_object_set_new(j, "reference", c->reference_path ? dr_text_json(c->reference_path) : json_null());
    json_object_set_new(j, "seeds", seeds);
    json_object_set_new(j, "metrics", dr_metrics_json(c));
    json_object_set_new(j, "methods", methods);
    return j;
}

dr_status dr_record_save(const dr_comparison *c)
{
    char *path = dr_comparison_path(c, RECORD);
    json_t *j = path ? dr_record_json(c) : NULL;
    dr_status st = j ? dr_json_save(path, j) : DR_ENOMEM;
    json_decref(j);
    free(path);
    return st;
}
