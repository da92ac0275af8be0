#include "pipeline/weights.h"

#include "base/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const diffusers_stems[] = {"diffusion_pytorch_model", "model", NULL};
static const char *const transformers_stems[] = {"model", "pytorch_model", NULL};
/* position_ids is a constant that transformers saved until 4.30 */
static const char *const text_ignored[] = {"embeddings.position_ids", NULL};
static const char *const parser_ignored[] = {"decode_head.batch_norm.num_batches_tracked", NULL};
/* the rest of a whole CLIP; averages and the discriminator of a training */
static const char *const text_unused[] = {"logit_scale", "vision_model.", "visual_projection.", "text_projection.",
                                          NULL};
static const char *const trained_unused[] = {"model_ema.", "loss.", NULL};

static const char *const old_attention[][2] = {
    {".query.", ".to_q."}, {".key.", ".to_k."}, {".value.", ".to_v."}, {".proj_attn.", ".to_out.0."}, {NULL, NULL}};

const dr_weights_rules dr_weights_unet = {.what = "UNet", .stems = diffusers_stems, .unused = trained_unused};
const dr_weights_rules dr_weights_vae = {
    .what = "VAE", .stems = diffusers_stems, .unused = trained_unused, .renames = old_attention};
const dr_weights_rules dr_weights_text = {.what = "text encoder",
                                          .stems = transformers_stems,
                                          .ignored = text_ignored,
                                          .unused = text_unused,
                                          .optional_prefix = "text_model."};
const dr_weights_rules dr_weights_parser = {
    .what = "clothes parser", .stems = transformers_stems, .ignored = parser_ignored};

const dr_weights_rules *dr_weights_rules_of(const char *part)
{
    static const struct {
        const char *part;
        const dr_weights_rules *rules;
    } all[] = {{"unet", &dr_weights_unet},
               {"unet_base", &dr_weights_unet},
               {"vae", &dr_weights_vae},
               {"text_encoder", &dr_weights_text},
               {"parser", &dr_weights_parser}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].part, part) == 0)
            return all[i].rules;
    return NULL;
}

/* A tensor of a file under the name that the table uses. */
typedef struct slot {
    char *name;
    const dr_st_entry *e;
    const dr_tensors *f;
    bool used;
} slot;

typedef struct slots {
    slot *s;
    size_t n;
    dr_arena names;
} slots;

/* --- names --------------------------------------------------------------------------------------- */

#define RENAMED_MORE 64 /* a name grows by less than this */

/* The table's name for a file's, in `out` of n bytes: without the optional prefix, with what is renamed. */
static char *table_name(char *out, size_t n, const char *name, const dr_weights_rules *r)
{
    size_t skip = r->optional_prefix ? strlen(r->optional_prefix) : 0;
    if (skip && strncmp(name, r->optional_prefix, skip) == 0)
        name += skip;
    snprintf(out, n, "%s", name);
    for (size_t i = 0; r->renames && r->renames[i][0]; i++) {
        char *at = strstr(out, r->renames[i][0]);
        size_t from = strlen(r->renames[i][0]), to = strlen(r->renames[i][1]);
        if (!at || strlen(out) + to - from >= n)
            continue;
        memmove(at + to, at + from, strlen(at + from) + 1);
        memcpy(at, r->renames[i][1], to);
    }
    return out;
}

static char *table_name_kept(dr_arena *a, const char *name, const dr_weights_rules *r)
{
    size_t n = strlen(name) + RENAMED_MORE;
    char *out = dr_arena_alloc(a, n);
    return out ? table_name(out, n, name, r) : NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const slot *)a)->name, ((const slot *)b)->name);
}

/* All tensors of all files, sorted by the table's names. */
static dr_status list_tensors(slots *all, const dr_weights *w, const dr_weights_rules *r)
{
    size_t n = 0, bytes = 4096;
    for (size_t i = 0; i < w->count; i++)
        for (size_t k = 0; k < w->list[i].count; k++, n++)
            bytes += strlen(w->list[i].entry[k].name) + RENAMED_MORE + 192; /* and what the arena rounds up */
    all->s = calloc(n + 1, sizeof *all->s);
    if (!all->s)
        return dr_fail(DR_ENOMEM, "out of memory loading the %s", r->what);
    dr_status st = (dr_status)dr_arena_init(&all->names, bytes);
    for (size_t i = 0; !st && i < w->count; i++)
        for (size_t k = 0; k < w->list[i].count; k++) {
            slot *s = &all->s[all->n];
            *s = (slot){.e = &w->list[i].entry[k], .f = &w->list[i]};
            if (!(s->name = table_name_kept(&all->names, s->e->name, r)))
                return DR_ENOMEM;
            all->n++;
        }
    if (st)
        return st;
    qsort(all->s, all->n, sizeof *all->s, by_name);
    for (size_t i = 1; i < all->n; i++)
        if (strcmp(all->s[i - 1].name, all->s[i].name) == 0)
            return dr_fail(DR_EINVAL, "cannot load '%s': '%s' is there twice, also as '%s' in '%s'", all->s[i].f->path,
                           all->s[i].e->name, all->s[i - 1].e->name, all->s[i - 1].f->path);
    return DR_OK;
}

/* --- binding one tensor --------------------------------------------------------------------------- */

char *dr_entry_shape(const dr_st_entry *e, char *buf, size_t n)
{
    size_t at = 0;
    buf[0] = 0;
    for (int i = 0; i < e->rank && at < n; i++)
        at += (size_t)snprintf(buf + at, n - at, "%s%lld", i ? "," : "[", (long long)e->dim[i]);
    if (at < n)
        snprintf(buf + at, n - at, e->rank ? "]" : "[]");
    return buf;
}

/* Equal but for axes of 1 at the end: a 1x1 convolution is a matrix. */
static bool shape_fits(const dr_tensor *t, const dr_st_entry *e)
{
    for (int i = 0; i < (e->rank > 4 ? e->rank : 4); i++)
        if ((i < 4 ? t->dim[i] : 1) != (i < e->rank ? e->dim[i] : 1))
            return false;
    return true;
}

static dr_status wrong_shape(const dr_tensor *t, const slot *s, const dr_weights_rules *r)
{
    char have[128], want[128];
    if (strcmp(t->name, "conv_in.weight") == 0 && s->e->rank == 4 && s->e->dim[1] != t->dim[1]) {
        bool text_to_image = s->e->dim[1] == 4 && t->dim[1] == 9;
        return dr_fail(DR_EINVAL, "cannot load '%s': 'conv_in.weight' takes %lld channels, expected %lld%s", s->f->path,
                       (long long)s->e->dim[1], (long long)t->dim[1],
                       text_to_image ? "; this is a text-to-image UNet beside an inpainting UNet's config.json" : "");
    }
    return dr_fail(DR_EINVAL, "cannot load '%s': '%s' has shape %s, expected %s%s%s", s->f->path, s->e->name,
                   dr_entry_shape(s->e, have, sizeof have), dr_shape_str(t, want, sizeof want),
                   r->no_config ? ", as the other tensors of this " : "; config.json belongs to another ", r->what);
}

/* Of an entry that has another dtype, into storage of the parameter's own. */
static dr_status bind_converted(dr_param *q, const dr_st_entry *e)
{
    size_t n = (size_t)dr_numel(&q->t);
    float *f32 = malloc(n * sizeof *f32);
    if (!f32)
        return dr_fail(DR_ENOMEM, "out of memory loading '%s'", e->name);
    dr_st_values(e, f32);
    dr_param_set(q, 0, n, f32);
    free(f32);
    return DR_OK;
}

static dr_status bind_entry(dr_param *q, const dr_st_entry *e, const char *path)
{
    bool computes = dr_dtype_is_float(e->dtype) && e->dtype != DR_F64;
    if (!computes && e->dtype != DR_F64)
        return dr_fail(DR_EINVAL, "cannot load '%s': '%s' is %s, expected F32, F16 or BF16", path, e->name,
                       dr_dtype_name(e->dtype));
    if (computes && q->t.rank > 1 && dr_st_aligned(e)) {
        q->t.data = (void *)(uintptr_t)e->data; /* read only: the mapping is */
        q->t.dtype = e->dtype;
        q->t.mapped = true;
        return DR_OK;
    }
    dr_status st = dr_param_own(q, computes && q->t.rank > 1 ? e->dtype : DR_F32);
    if (st)
        return st;
    if (q->t.dtype == e->dtype) {
        dr_param_set(q, 0, (size_t)dr_numel(&q->t), e->data);
        return DR_OK;
    }
    return bind_converted(q, e);
}

static dr_status bind(dr_param *q, slot *s, const dr_weights_rules *r)
{
    if (!shape_fits(&q->t, s->e))
        return wrong_shape(&q->t, s, r);
    s->used = true;
    return bind_entry(q, s->e, s->f->path);
}

dr_status dr_weights_replace(dr_param *q, const dr_st_entry *e, const char *path)
{
    DR_ASSERT(shape_fits(&q->t, e), "'%s' for '%s'", e->name, q->t.name);
    DR_ASSERT(!q->t.pack, "'%s' is packed", q->t.name);
    dr_param_disown(q);
    q->t.data = NULL;
    q->t.mapped = false;
    dr_status st = bind_entry(q, e, path);
    if (!st)
        st = dr_check_finite(q->t.data, q->t.dtype, (size_t)dr_numel(&q->t), e->name, path);
    if (!st && q->t.mapped)
        dr_map_drop(q->t.data, dr_nbytes(&q->t));
    return st;
}

static bool is_listed(const char *const *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *const *s = list; s && *s; s++) {
        size_t n = strlen(*s);
        bool start = (*s)[n - 1] == '.', end = **s == '.';
        if (start ? strncmp(*s, name, n) == 0
            : end ? length >= n && strcmp(*s, name + length - n) == 0
                  : strcmp(*s, name) == 0)
            return true;
    }
    return false;
}

/* Foreign tensors are a fault: the config or the file is another model's. Those that are known to have no part in a
 * picture go into `note`. */
static dr_status check_all_used(const slots *all, const dr_weights_rules *r, char *note, size_t size)
{
    const slot *first = NULL, *passed = NULL;
    size_t n = 0, unused = 0;
    for (size_t i = 0; i < all->n; i++) {
        const slot *s = &all->s[i];
        if (s->used || is_listed(r->ignored, s->name))
            continue;
        if (is_listed(r->unused, s->name)) {
            passed = passed ? passed : s;
            unused++;
        } else {
            first = first ? first : s;
            n++;
        }
    }
    if (passed)
        snprintf(note, size, "'%s' has %zu tensor%s that the %s does not need, '%s' for one: passed over",
                 passed->f->path, unused, unused > 1 ? "s" : "", r->what, passed->e->name);
    if (!first)
        return DR_OK;
    return dr_fail(DR_EINVAL, "cannot load '%s': it has %zu tensor%s that %s%s has no place for, the first is '%s'",
                   first->f->path, n, n > 1 ? "s" : "", r->no_config ? "the " : "its config.json",
                   r->no_config ? r->what : "", first->e->name);
}

static dr_status bind_all(slots *all, dr_params *p, const char *where, const dr_weights_rules *r, char *note,
                          size_t size)
{
    const char *missing = NULL;
    size_t n = 0;
    for (dr_param *q = p->first; q; q = q->next) {
        slot key = {.name = (char *)(uintptr_t)q->t.name};
        slot *s = all->n ? bsearch(&key, all->s, all->n, sizeof key, by_name) : NULL;
        if (!s && r->optional && strstr(q->t.name, r->optional))
            continue;
        if (!s) {
            missing = missing ? missing : q->t.name;
            n++;
            continue;
        }
        dr_status st = bind(q, s, r);
        if (!st && !r->trusted)
            st = dr_check_finite(q->t.data, q->t.dtype, (size_t)dr_numel(&q->t), s->e->name, s->f->path);
        if (st)
            return st;
        if (q->t.mapped && !r->trusted)
            dr_map_drop(q->t.data, dr_nbytes(&q->t));
    }
    if (missing)
        return dr_fail(DR_EINVAL, "cannot load the %s in '%s': %zu of its %zu tensors are missing, the first is '%s'",
                       r->what, where, n, p->count, missing);
    return check_all_used(all, r, note, size);
}

bool dr_weights_shape(const dr_weights *w, const dr_weights_rules *rules, const char *name, int64_t dim[4])
{
    char table[512];
    for (size_t i = 0; i < w->count; i++)
        for (size_t k = 0; k < w->list[i].count; k++) {
            const dr_st_entry *e = &w->list[i].entry[k];
            if (e->rank > 4 || strcmp(table_name(table, sizeof table, e->name, rules), name) != 0)
                continue;
            for (int d = 0; d < 4; d++)
                dim[d] = d < e->rank ? e->dim[d] : 1;
            return true;
        }
    return false;
}

dr_status dr_weights_bind(dr_weights *w, dr_params *p, const char *where, const dr_weights_rules *rules)
{
    slots all = {0};
    if (p->status)
        return p->status;
    dr_status st = list_tensors(&all, w, rules);
    if (!st)
        st = bind_all(&all, p, where, rules, w->note, sizeof w->note);
    dr_arena_clear(&all.names);
    free(all.s);
    return st;
}

dr_status dr_weights_load(dr_weights *out, dr_params *p, const char *dir, const dr_weights_rules *rules)
{
    *out = (dr_weights){0};
    if (p->status)
        return p->status;
    dr_status st = dr_weights_open(out, dir, rules);
    if (!st)
        st = dr_weights_bind(out, p, dir, rules);
    if (st)
        dr_weights_close(out);
    return st;
}
