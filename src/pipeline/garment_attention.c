#include "pipeline/garment_attention.h"

#include "base/file.h"
#include "base/path.h"
#include "pipeline/weights.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STRIDE = 8, /* modules of a layer in the list */
    MOST = (2 * DR_UNET_MAX_LEVELS * (DR_UNET_MAX_LAYERS + 1) + 1) * DR_TRANSFORMER_MAX_DEPTH
};

static const char *const suffixes[] = {"to_q.weight", "to_k.weight", "to_v.weight", "to_out.0.weight", "to_out.0.bias"};
enum { TENSORS = sizeof suffixes / sizeof *suffixes };

/* --- where it is ---------------------------------------------------------------------------------- */

static bool file_at(char out[PATH_MAX], const char *dir, const char *below)
{
    return !dr_path(out, PATH_MAX, dir, below, "model.safetensors") && dr_exists(out) && !dr_is_dir(out);
}

bool dr_garment_attention_in(const char *dir, char out[PATH_MAX])
{
    return file_at(out, dir, "attention");
}

/* How many versions lie in a folder; `out` is the file of one. */
static int versions_in(const char *dir, char out[PATH_MAX])
{
    char version[PATH_MAX], file[PATH_MAX];
    int found = 0;
    DIR *d = opendir(dir);
    for (const struct dirent *e; d && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.' && !dr_path(version, sizeof version, dir, e->d_name) &&
            dr_garment_attention_in(version, file)) {
            memcpy(out, file, sizeof file);
            found++;
        }
    if (d)
        closedir(d);
    return found;
}

dr_status dr_garment_attention_find(const char *model, char out[PATH_MAX])
{
    char set[PATH_MAX];
    if (dr_garment_attention_in(model, out))
        return DR_OK;
    int found = versions_in(model, out);
    if (!found && !dr_path(set, sizeof set, model, "CatVTON")) /* as 'drape pull catvton' lays it out */
        found = versions_in(set, out);
    if (found == 1)
        return DR_OK;
    if (found)
        return dr_fail(DR_EINVAL, "'%s' has attention weights of %d versions; name one of their folders", model, found);
    return dr_fail(DR_ENOENT,
                   "'%s' has no attention weights to dress from a photo of the garment with (attention/"
                   "model.safetensors); name their file or folder, 'drape pull catvton' brings published ones",
                   model);
}

dr_status dr_garment_model_find(const char *model, char dir[PATH_MAX], char attention[PATH_MAX])
{
    if (!dr_path(dir, PATH_MAX, model, "garment") && dr_garment_attention_in(dir, attention))
        return DR_OK;
    dr_status st = dr_path(dir, PATH_MAX, model);
    return st ? st : dr_garment_attention_find(dir, attention);
}

static dr_status vae_of(const char *model, const char *dir, char out[PATH_MAX], const char **vae)
{
    char own[PATH_MAX];
    dr_status st = dr_path(own, sizeof own, dir, "vae");
    if (!st && strcmp(model, dir) != 0 && !dr_is_dir(own)) {
        st = dr_path(out, PATH_MAX, model);
        *vae = out;
    }
    return st;
}

dr_status dr_garment_model_take(dr_garment_model *m, const char **path, const char **vae)
{
    m->dir[0] = m->attention[0] = m->parent[0] = 0;
    dr_status st = dr_garment_model_find(*path, m->dir, m->attention);
    if (st) {
        m->attention[0] = 0;
        return st;
    }
    if (!*vae)
        st = vae_of(*path, m->dir, m->parent, vae);
    *path = m->dir;
    return st;
}

static dr_status find(dr_garment_attention *a, const char *path)
{
    if (!dr_exists(path))
        return dr_fail(DR_ENOENT, "cannot load the attention weights '%s': there is no such file or folder", path);
    if (!dr_is_dir(path))
        return dr_path(a->path, sizeof a->path, path);
    if (dr_garment_attention_in(path, a->path) || file_at(a->path, path, ""))
        return DR_OK;
    return dr_fail(DR_ENOENT,
                   "cannot load the attention weights: '%s' has no attention/model.safetensors; pass the folder of one "
                   "version",
                   path);
}

/* "mix-48k-1024" of ".../mix-48k-1024/attention/model.safetensors". */
static void name_version(dr_garment_attention *a)
{
    char dir[PATH_MAX];
    if (dr_path_folder(dir, sizeof dir, a->path))
        return;
    if (strcmp(dr_path_name(dir), "attention") == 0 && dr_path_folder(dir, sizeof dir, dir))
        return;
    if (strcmp(dir, ".") != 0 && strcmp(dir, "/") != 0)
        snprintf(a->version, sizeof a->version, "%.*s", (int)sizeof a->version - 1, dr_path_name(dir));
}

static int side(const dr_garment_attention *a, const char *key)
{
    for (size_t i = 0; i < a->file.meta_count; i++)
        if (strcmp(a->file.meta[i].key, key) == 0) {
            long v = strtol(a->file.meta[i].value, NULL, 10);
            return v >= 8 && v <= 4096 && v % 8 == 0 ? (int)v : 0;
        }
    return 0;
}

/* The file's own word, or that of a published version's name, which ends with the height; the shape is 3:4. */
static void find_size(dr_garment_attention *a)
{
    const char *last = strrchr(a->version, '-');
    char *end;
    a->width = side(a, "width");
    a->height = side(a, "height");
    if (a->width && a->height)
        return;
    long height = last && last[1] >= '1' && last[1] <= '9' ? strtol(last + 1, &end, 10) : 0;
    bool usable = height >= 64 && height <= 4096 && height % 32 == 0 && !*end;
    a->height = usable ? (int)height : 0;
    a->width = a->height / 4 * 3;
}

/* --- opening -------------------------------------------------------------------------------------- */

static bool is_number(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] < '0' || s[i] > '9')
            return false;
    return n > 0;
}

bool dr_garment_attention_is(const dr_tensor_file *f)
{
    size_t known = 0;
    for (size_t i = 0; i < f->count; i++) {
        const char *name = f->entry[i].name, *dot = strchr(name, '.');
        for (size_t k = 0; dot && k < TENSORS; k++)
            known += is_number(name, (size_t)(dot - name)) && strcmp(dot + 1, suffixes[k]) == 0;
    }
    return known > 0 && 2 * known > f->count;
}

dr_status dr_garment_attention_open(dr_garment_attention *a, const char *path)
{
    *a = (dr_garment_attention){0};
    dr_status st = find(a, path);
    if (!st)
        st = dr_tensor_file_open(&a->file, a->path);
    if (st)
        return st;
    if (!dr_garment_attention_is(&a->file)) {
        st = dr_fail(DR_EINVAL,
                     "cannot load the attention weights '%s': it has %zu tensors, the first is '%s', expected "
                     "'0.to_q.weight' and its like",
                     a->path, a->file.count, a->file.count ? a->file.entry[0].name : "");
        dr_garment_attention_close(a);
        return st;
    }
    name_version(a);
    find_size(a);
    return DR_OK;
}

void dr_garment_attention_close(dr_garment_attention *a)
{
    dr_tensor_file_close(&a->file);
    *a = (dr_garment_attention){0};
}

/* --- the UNet's layers ------------------------------------------------------------------------------ */

typedef enum group { DOWN, UP, MID, GROUPS } group;
static const char *const group_names[GROUPS] = {"down", "up", "mid"};
static const group published[GROUPS] = {DOWN, UP, MID};

typedef struct layers {
    const dr_attn *layer[MOST];
    int count;
} layers;

static void add_transformer(layers *l, const dr_transformer2d *t)
{
    for (int i = 0; i < t->depth; i++)
        l->layer[l->count++] = &t->layer[i].self;
}

static void add_levels(layers *l, const dr_unet_level *level, int levels)
{
    for (int i = 0; i < levels; i++)
        for (int k = 0; k < level[i].layers; k++)
            if (level[i].layer[k].cross)
                add_transformer(l, &level[i].layer[k].attention);
}

static void list_layers(layers *l, const dr_unet *u, const group order[GROUPS])
{
    l->count = 0;
    for (int i = 0; i < GROUPS; i++) {
        if (order[i] == MID)
            add_transformer(l, &u->mid.attention);
        else
            add_levels(l, order[i] == DOWN ? u->down : u->up, u->config.levels);
    }
}

static dr_tensor *tensor_of(const dr_attn *a, int k)
{
    dr_tensor *const all[TENSORS] = {a->q.w, a->k.w, a->v.w, a->out.w, a->out.b};
    return all[k];
}

static const dr_st_entry *entry_of(const dr_garment_attention *a, int layer, int k)
{
    char name[64];
    snprintf(name, sizeof name, "%d.%s", STRIDE * layer, suffixes[k]);
    return dr_tensor_file_find(&a->file, name);
}

/* --- checks --------------------------------------------------------------------------------------- */

static bool fits(const dr_st_entry *e, const dr_tensor *t)
{
    bool same = e->rank == t->rank;
    for (int i = 0; same && i < t->rank; i++)
        same = e->dim[i] == t->dim[i];
    return same;
}

static dr_status check_missing(const dr_garment_attention *a, const layers *l)
{
    int missing = 0, first = 0;
    for (int i = 0; i < l->count * TENSORS; i++)
        if (!entry_of(a, i / TENSORS, i % TENSORS)) {
            first = missing ? first : i;
            missing++;
        }
    if (!missing)
        return DR_OK;
    return dr_fail(
        DR_EINVAL,
        "cannot load the attention weights '%s': %d of %d tensors are missing, the first is '%d.%s', that is "
        "'%s'",
        a->path, missing, l->count * TENSORS, first / TENSORS * STRIDE, suffixes[first % TENSORS],
        tensor_of(l->layer[first / TENSORS], first % TENSORS)->name);
}

/* None is missing. */
static dr_status check_excess(const dr_garment_attention *a, const layers *l, const char *base)
{
    size_t excess = a->file.count - (size_t)(l->count * TENSORS);
    const char *first = NULL;
    if (!excess)
        return DR_OK;
    for (size_t i = 0; !first && i < a->file.count; i++) {
        bool known = false;
        for (int k = 0; !known && k < l->count * TENSORS; k++)
            known = entry_of(a, k / TENSORS, k % TENSORS) == &a->file.entry[i];
        first = known ? NULL : a->file.entry[i].name;
    }
    return dr_fail(
        DR_EINVAL,
        "cannot load the attention weights '%s': it has %zu tensor%s that the UNet of '%s' has no place for, "
        "the first is '%s'; its list has %d layers",
        a->path, excess, excess > 1 ? "s" : "", base, first, l->count);
}

/* The first tensor of another shape than the layers', as layer * TENSORS + k; -1 when all fit. */
static int misfit(const dr_garment_attention *a, const layers *l)
{
    for (int i = 0; i < l->count * TENSORS; i++)
        if (!fits(entry_of(a, i / TENSORS, i % TENSORS), tensor_of(l->layer[i / TENSORS], i % TENSORS)))
            return i;
    return -1;
}

/* Why the shapes may be others: those of another order of the layers, or another UNet's. */
static void guess(const dr_garment_attention *a, const dr_unet *u, const char *base, char *out, size_t n)
{
    static const group orders[][GROUPS] = {
        {DOWN, MID, UP}, {MID, DOWN, UP}, {MID, UP, DOWN}, {UP, MID, DOWN}, {UP, DOWN, MID}};
    layers *l = malloc(sizeof *l);
    bool found = false;
    snprintf(out, n, "it belongs to another UNet than that of '%s'", base);
    for (size_t i = 0; l && !found && i < sizeof orders / sizeof *orders; i++) {
        list_layers(l, u, orders[i]);
        found = misfit(a, l) < 0;
        if (found)
            snprintf(out, n, "its layers are in the order %s, %s, %s, expected down, up, mid",
                     group_names[orders[i][0]], group_names[orders[i][1]], group_names[orders[i][2]]);
    }
    free(l);
}

static dr_status check_shapes(const dr_garment_attention *a, const dr_unet *u, const layers *l, const char *base)
{
    char want[64], have[64], why[PATH_MAX + 64];
    int at = misfit(a, l), k = at % TENSORS;
    if (at < 0)
        return DR_OK;
    const dr_st_entry *e = entry_of(a, at / TENSORS, k);
    const dr_tensor *t = tensor_of(l->layer[at / TENSORS], k);
    guess(a, u, base, why, sizeof why);
    return dr_fail(DR_EINVAL, "cannot load the attention weights '%s': '%s' has shape %s, expected %s of '%s'; %s",
                   a->path, e->name, dr_entry_shape(e, have, sizeof have), dr_shape_str(t, want, sizeof want), t->name,
                   why);
}

dr_status dr_garment_attention_check(const dr_garment_attention *a, const dr_unet *u, const char *base)
{
    layers *l = malloc(sizeof *l);
    if (!l)
        return dr_fail(DR_ENOMEM, "out of memory");
    list_layers(l, u, published);
    dr_status st = check_missing(a, l);
    if (!st)
        st = check_excess(a, l, base);
    if (!st)
        st = check_shapes(a, u, l, base);
    free(l);
    return st;
}

dr_status dr_garment_attention_apply(const dr_garment_attention *a, const dr_unet *u, dr_params *p)
{
    layers *l = malloc(sizeof *l);
    dr_status st = l ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        list_layers(l, u, published);
    for (int i = 0; !st && i < l->count * TENSORS; i++) {
        const char *name = tensor_of(l->layer[i / TENSORS], i % TENSORS)->name;
        st = dr_weights_replace(dr_param_find(p, name), entry_of(a, i / TENSORS, i % TENSORS), a->path);
    }
    free(l);
    return st;
}
