#include "eval/pairs.h"

#include "base/path.h"
#include "io/image.h"

#include <stdlib.h>
#include <string.h>

/* The folders of a run. Those that are not given have no dir. */
typedef struct folders {
    dr_listing results, reference, masks, garments;
} folders;

static dr_status list_pictures(dr_listing *l, const char *dir, const char *what)
{
    dr_status st = dir ? dr_listing_open(l, dir, dr_image_has_name) : DR_OK;
    if (!st && dir && l->count == 0)
        st = dr_fail(DR_ENOENT, "no %s in '%s': there is no picture in it", what, dir);
    return st;
}

static dr_status open_folders(folders *f, const drape_eval_options *o)
{
    if (!o->results || !o->reference)
        return dr_fail(DR_EINVAL, "%s is missing: a folder of pictures", o->results ? "reference" : "results");
    if (dr_same_folder(o->results, o->reference))
        return dr_fail(DR_EINVAL,
                       "results and references are both in '%s': every number would be that of equal pictures",
                       o->results);
    dr_status st = list_pictures(&f->results, o->results, "results");
    if (!st)
        st = list_pictures(&f->reference, o->reference, "references");
    if (!st)
        st = list_pictures(&f->masks, o->masks, "masks");
    return st ? st : list_pictures(&f->garments, o->garments, "garments");
}

static void clear_folders(folders *f)
{
    dr_listing_clear(&f->results);
    dr_listing_clear(&f->reference);
    dr_listing_clear(&f->masks);
    dr_listing_clear(&f->garments);
}

static json_t *file_name(const char *name)
{
    json_t *j = json_string(name);
    return j ? j : json_string("(a name that is no UTF-8)");
}

static void miss(dr_pairs *p, const char *name, const char *in, const char *what)
{
    json_t *j = json_object();
    json_object_set_new(j, "file", file_name(name));
    json_object_set_new(j, "in", json_string(in));
    json_object_set_new(j, "missing", json_string(what));
    json_array_append_new(p->missing, j);
}

static bool is_twin(const dr_listing *l, int i)
{
    return i > 0 && dr_compare_stems(l->name[i - 1], l->name[i]) == 0;
}

/* NULL where there is none, or out of memory, which *st says. */
static char *partner(const dr_listing *l, const char *name, dr_status *st)
{
    const char *found = l->dir ? dr_listing_find(l, name) : NULL;
    char *path = found ? dr_path_new(l->dir, found) : NULL;
    if (found && !path)
        *st = dr_fail(DR_ENOMEM, "out of memory");
    return path;
}

/* One garment for all is a folder with one picture. */
static char *garment_for(const dr_listing *l, const char *name, dr_status *st)
{
    return l->count == 1 ? partner(l, l->name[0], st) : partner(l, name, st);
}

static dr_status add_pair(dr_pairs *p, const folders *f, int i)
{
    const char *name = f->results.name[i];
    dr_status st = DR_OK;
    dr_pair *q = &p->item[p->count];
    *q = (dr_pair){.reference = partner(&f->reference, name, &st)};
    if (st || !q->reference) {
        miss(p, name, "results", "reference");
        return st;
    }
    p->count++;
    q->name = strndup(name, dr_path_stem(name));
    q->result = dr_path_new(f->results.dir, name);
    q->mask = partner(&f->masks, name, &st);
    q->garment = garment_for(&f->garments, name, &st);
    if (!q->name || !q->result)
        return dr_fail(DR_ENOMEM, "out of memory");
    if (!q->mask && f->masks.dir)
        miss(p, name, "results", "mask");
    if (!q->garment && f->garments.dir)
        miss(p, name, "results", "garment");
    return st;
}

static void report_others(dr_pairs *p, const dr_listing *l, const dr_listing *results, const char *what)
{
    for (int i = 0; i < l->count; i++)
        if (is_twin(l, i))
            miss(p, l->name[i], what, "another one of this name is taken");
        else if (!dr_listing_find(results, l->name[i]) && !(l->count == 1 && strcmp(what, "garments") == 0))
            miss(p, l->name[i], what, "result");
}

dr_status dr_pairs_open(dr_pairs *p, const drape_eval_options *o)
{
    folders f = {0};
    *p = (dr_pairs){.missing = json_array()};
    dr_status st = open_folders(&f, o);
    if (!st && !(p->item = calloc((size_t)f.results.count, sizeof *p->item)))
        st = dr_fail(DR_ENOMEM, "out of memory");
    for (int i = 0; !st && i < f.results.count; i++)
        if (is_twin(&f.results, i))
            miss(p, f.results.name[i], "results", "another one of this name is taken");
        else
            st = add_pair(p, &f, i);
    if (!st) {
        report_others(p, &f.reference, &f.results, "reference");
        report_others(p, &f.masks, &f.results, "masks");
        report_others(p, &f.garments, &f.results, "garments");
    }
    if (!st && p->count == 0)
        st = dr_fail(DR_EINVAL,
                     "no picture of '%s' has the name of one in '%s': a result and its reference are called "
                     "alike up to the ending, as 'a.png' and 'a.jpg'",
                     o->results, o->reference);
    clear_folders(&f);
    if (st)
        dr_pairs_close(p);
    return st;
}

void dr_pairs_close(dr_pairs *p)
{
    for (int i = 0; i < p->count; i++) {
        free(p->item[i].name);
        free(p->item[i].result);
        free(p->item[i].reference);
        free(p->item[i].mask);
        free(p->item[i].garment);
    }
    free(p->item);
    json_decref(p->missing);
    *p = (dr_pairs){0};
}
