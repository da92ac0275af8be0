#include "pipeline/lora.h"

#include "base/file.h"
#include "pipeline/lora_folder.h"
#include "pipeline/lora_key.h"
#include "pipeline/lora_kind.h"
#include "pipeline/lora_pair.h"
#include "pipeline/lora_settings.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_float(const dr_st_entry *e)
{
    return e->dtype == DR_F32 || e->dtype == DR_F16 || e->dtype == DR_BF16 || e->dtype == DR_F64;
}

/* --- alpha ------------------------------------------------------------------------------------------ */

static dr_status find_scale(const dr_lora *l, dr_lora_module *m, const dr_lora_settings *settings)
{
    const dr_st_entry *alpha = m->part[DR_LORA_ALPHA];
    float f = 0;
    uint64_t bits = 0;
    if (!alpha)
        return dr_lora_settings_scale(settings, l, m, NULL);
    if (alpha->size != dr_dtype_size(alpha->dtype))
        return dr_fail(DR_EINVAL, "cannot load '%s': '%s' is not one number", l->file.path, alpha->name);
    memcpy(&bits, alpha->data, alpha->size);
    dr_to_f32(&bits, alpha->dtype, &f, 1);
    return dr_lora_settings_scale(settings, l, m, &(double){(double)f});
}

/* --- keys ------------------------------------------------------------------------------------------- */

/* Tensors that are no part of an adapter that is read: how many, the first, and the first whose name tells what the
 * file is. */
typedef struct strangers {
    size_t n;
    const char *first, *telling, *kind;
} strangers;

static void strangers_add(strangers *s, const char *name)
{
    s->first = s->first ? s->first : name;
    s->n++;
    if (!s->kind && (s->kind = dr_lora_kind(name)))
        s->telling = name;
}

static dr_status refuse(const dr_lora *l, const strangers *s)
{
    if (s->kind && strncmp(s->kind, "an embedding", 12) == 0)
        return dr_fail(DR_EUNSUPPORTED, "cannot load '%s' as an adapter: it is %s ('%s'); pass it with --embedding",
                       l->file.path, s->kind, s->telling);
    if (s->kind)
        return dr_fail(DR_EUNSUPPORTED,
                       "cannot load '%s': it is %s ('%s'), which drape does not read; ask for a LoRA for Stable "
                       "Diffusion 1 or 2",
                       l->file.path, s->kind, s->telling);
    return dr_fail(DR_EINVAL,
                   "cannot load '%s': %zu of its %zu tensors are not of a LoRA for Stable Diffusion 1 or 2, the first "
                   "is '%s'",
                   l->file.path, s->n, l->file.count, s->first);
}

/* An embedding that a LoRA was trained with and that lies in the same file: "bundle_emb.NAME.string_to_param.*". Who
 * opens the adapter reads it with dr_learned_words_bundled(). */
static bool is_bundled(const char *name)
{
    return strncmp(name, "bundle_emb.", 11) == 0;
}

/* One module per tensor at first; three for OpenCLIP's in_proj. */
static dr_status add_modules(dr_lora *l, const dr_lora_key *k, const dr_st_entry *e)
{
    static const char *const thirds[] = {"q_proj", "k_proj", "v_proj"};
    for (int i = 0; i < (k->in_proj ? 3 : 1); i++) {
        dr_lora_module *m = &l->module[l->count++];
        *m = (dr_lora_module){.layer = k->layer,
                              .module = k->module,
                              .key = e->name,
                              .text = k->text,
                              .kohya = k->kohya,
                              .open_clip = k->open_clip,
                              .third = k->in_proj ? i : -1};
        m->part[k->role] = e;
        if (k->in_proj && !(m->layer = dr_arena_printf(&l->names, "%s%s", k->layer, thirds[i])))
            return DR_ENOMEM;
    }
    return DR_OK;
}

static dr_status parse_keys(dr_lora *l)
{
    strangers unknown = {0};
    for (size_t i = 0; i < l->file.count; i++) {
        const dr_st_entry *e = &l->file.entry[i];
        dr_lora_key k;
        if (is_bundled(e->name)) {
            l->has_words = true;
            continue;
        }
        dr_lora_key_result r = dr_lora_key_parse(&l->names, e->name, &k);
        if (r == DR_LORA_KEY_NOMEM)
            return DR_ENOMEM;
        if (r == DR_LORA_KEY_UNKNOWN || dr_lora_model_kind(e->name)) {
            strangers_add(&unknown, e->name);
            continue;
        }
        if (!is_float(e) && k.role != DR_LORA_ALPHA)
            return dr_fail(DR_EINVAL, "cannot load '%s': '%s' is %s, expected F32, F16 or BF16", l->file.path, e->name,
                           dr_dtype_name(e->dtype));
        if (add_modules(l, &k, e))
            return DR_ENOMEM;
    }
    return unknown.n ? refuse(l, &unknown) : DR_OK;
}

/* peft keeps alpha in adapter_config.json alone. */
static void note_peft(dr_lora *l)
{
    for (size_t i = 0; !l->note[0] && i < l->count; i++)
        if (strncmp(l->module[i].key, "base_model.model.", 17) == 0 && !l->module[i].part[DR_LORA_ALPHA])
            snprintf(
                l->note, sizeof l->note,
                "'%s' is of peft, but the adapter_config.json that belongs to it is not beside it: its alpha is taken "
                "for its rank; put both into one folder under their own names",
                l->file.path);
}

static dr_status read_all(dr_lora *l)
{
    dr_lora_settings settings = {0};
    size_t bytes = 4096;
    for (size_t i = 0; i < l->file.count; i++)
        bytes += 6 * strlen(l->file.entry[i].name) + 1536; /* six copies and what the arena rounds up */
    l->module = calloc(3 * l->file.count + 1, sizeof *l->module);
    if (!l->module)
        return dr_fail(DR_ENOMEM, "out of memory loading '%s'", l->file.path);
    dr_status st = (dr_status)dr_arena_init(&l->names, bytes);
    if (!st)
        st = parse_keys(l);
    if (!st && l->count == 0)
        st = dr_fail(DR_EINVAL, "cannot load '%s': there is no LoRA in it", l->file.path);
    if (!st)
        st = dr_lora_pair(l);
    if (!st)
        st = dr_lora_settings_load(&settings, l);
    for (size_t i = 0; !st && i < l->count; i++)
        st = find_scale(l, &l->module[i], &settings);
    if (!st && !settings.root)
        note_peft(l);
    dr_lora_settings_clear(&settings);
    return st;
}

dr_status dr_lora_open(dr_lora *l, const char *path)
{
    char found[PATH_MAX];
    *l = (dr_lora){0};
    dr_status st = dr_is_dir(path) ? dr_lora_in_folder(found, sizeof found, path) : DR_OK;
    if (!st)
        st = dr_tensor_file_open(&l->file, dr_is_dir(path) ? found : path);
    if (!st)
        st = read_all(l);
    if (st)
        dr_lora_close(l);
    return st;
}

void dr_lora_close(dr_lora *l)
{
    dr_tensor_file_close(&l->file);
    dr_arena_clear(&l->names);
    free(l->module);
    *l = (dr_lora){0};
}
