#include "pipeline/lora.h"

#include "base/json.h"
#include "pipeline/lora_key.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_float(const dr_st_entry *e)
{
    return e->dtype == DR_F32 || e->dtype == DR_F16 || e->dtype == DR_BF16 || e->dtype == DR_F64;
}

/* --- alpha ------------------------------------------------------------------------------------------ */

/* One model's settings: diffusers puts "unet.lora_alpha" and so on into one flat object, peft "lora_alpha". */
static const json_t *setting(const json_t *config, const char *prefix, const char *key)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s", prefix, key);
    return json_object_get(config, name);
}

/* peft matches a pattern with the end of a layer's name, from a dot on. */
static const json_t *pattern(const json_t *patterns, const char *layer)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)patterns, key, v)
    {
        size_t n = strlen(layer), m = strlen(key);
        if (n >= m && strcmp(layer + n - m, key) == 0 && (n == m || layer[n - m - 1] == '.'))
            return v;
    }
    return NULL;
}

static dr_status find_scale(const dr_lora *l, dr_lora_module *m, const json_t *config, bool prefixed)
{
    const char *prefix = !prefixed ? "" : m->text ? "text_encoder." : "unet.";
    double rank = (double)m->down->dim[0], alpha = rank;
    const json_t *v = pattern(setting(config, prefix, "alpha_pattern"), m->layer);
    if (!json_is_number(v))
        v = setting(config, prefix, "lora_alpha");
    if (json_is_true(setting(config, prefix, "use_dora")))
        return dr_fail(DR_EUNSUPPORTED, "cannot load '%s': it is a DoRA, which is not supported", l->file.path);
    if (m->alpha) {
        float f = 0;
        if (m->alpha->size != dr_dtype_size(m->alpha->dtype))
            return dr_fail(DR_EINVAL, "cannot load '%s': '%s' is not one number", l->file.path, m->alpha->name);
        uint64_t bits = 0;
        memcpy(&bits, m->alpha->data, m->alpha->size);
        dr_to_f32(&bits, m->alpha->dtype, &f, 1);
        alpha = (double)f;
    } else if (json_is_number(v)) {
        alpha = json_number_value(v);
    }
    if (!isfinite(alpha))
        return dr_fail(DR_EINVAL, "cannot load '%s': the alpha of '%s' is not finite", l->file.path, m->key);
    m->scale = alpha / (json_is_true(setting(config, prefix, "use_rslora")) ? sqrt(rank) : rank);
    return DR_OK;
}

/* The settings in the file, or those beside it; `*config` NULL when there are none. */
static dr_status load_config(const dr_lora *l, json_t **config, bool *prefixed)
{
    const char *text = dr_st_metadata(&l->file, "lora_adapter_metadata");
    const char *slash = strrchr(l->file.path, '/');
    char beside[4096];
    *config = NULL;
    *prefixed = true;
    if (text)
        return dr_json_parse(text, strlen(text), l->file.path, config);
    *prefixed = false;
    if (strcmp(slash ? slash + 1 : l->file.path, "adapter_model.safetensors") != 0)
        return DR_OK;
    snprintf(beside, sizeof beside, "%.*sadapter_config.json", slash ? (int)(slash + 1 - l->file.path) : 0,
             l->file.path);
    return dr_exists(beside) ? dr_json_load(beside, config) : DR_OK;
}

/* --- pairing ---------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const dr_lora_module *x = a, *y = b;
    if (x->text != y->text)
        return x->text ? 1 : -1;
    if (x->kohya != y->kohya)
        return x->kohya ? 1 : -1;
    return strcmp(x->layer, y->layer);
}

/* One module per tensor at first. */
static dr_status parse_keys(dr_lora *l)
{
    const char *unknown = NULL;
    size_t n = 0;
    for (size_t i = 0; i < l->file.count; i++) {
        const dr_st_entry *e = &l->file.entry[i];
        dr_lora_key k;
        dr_lora_key_result r = dr_lora_key_parse(&l->names, e->name, &k);
        if (r == DR_LORA_KEY_NOMEM)
            return DR_ENOMEM;
        if (r == DR_LORA_KEY_UNKNOWN) {
            unknown = unknown ? unknown : e->name;
            n++;
            continue;
        }
        if (!is_float(e) && k.role != DR_LORA_ALPHA)
            return dr_fail(DR_EINVAL, "cannot load '%s': '%s' is %s, expected F32, F16 or BF16", l->file.path, e->name,
                           dr_dtype_name(e->dtype));
        dr_lora_module *m = &l->module[l->count++];
        *m = (dr_lora_module){.layer = k.layer, .key = e->name, .text = k.text, .kohya = k.kohya};
        *(k.role == DR_LORA_DOWN ? &m->down : k.role == DR_LORA_UP ? &m->up : &m->alpha) = e;
    }
    if (!unknown)
        return DR_OK;
    return dr_fail(DR_EINVAL,
                   "cannot load '%s': %zu of its %zu tensors are not of a LoRA for Stable Diffusion 1 or 2, the first "
                   "is '%s'",
                   l->file.path, n, l->file.count, unknown);
}

static dr_status merge_into(const dr_lora *l, dr_lora_module *m, const dr_lora_module *other)
{
    const dr_st_entry **to[] = {&m->down, &m->up, &m->alpha};
    const dr_st_entry *from[] = {other->down, other->up, other->alpha};
    for (int i = 0; i < 3; i++) {
        if (*to[i] && from[i])
            return dr_fail(DR_EINVAL, "cannot load '%s': '%s' and '%s' are of the same layer", l->file.path,
                           (*to[i])->name, from[i]->name);
        if (from[i])
            *to[i] = from[i];
    }
    return DR_OK;
}

/* Puts the two or three tensors of each layer together, and checks that ranks agree. */
static dr_status pair(dr_lora *l)
{
    size_t n = 0;
    qsort(l->module, l->count, sizeof *l->module, compare);
    for (size_t i = 0; i < l->count; i++) {
        if (n && compare(&l->module[n - 1], &l->module[i]) == 0) {
            dr_status st = merge_into(l, &l->module[n - 1], &l->module[i]);
            if (st)
                return st;
        } else {
            l->module[n++] = l->module[i];
        }
    }
    l->count = n;
    for (size_t i = 0; i < n; i++) {
        const dr_lora_module *m = &l->module[i];
        if (!m->down || !m->up)
            return dr_fail(DR_EINVAL, "cannot load '%s': '%s' is without its counterpart", l->file.path, m->key);
        if (m->down->rank < 2 || m->up->rank < 2 || m->down->dim[0] < 1 || m->down->dim[0] != m->up->dim[1])
            return dr_fail(DR_EINVAL, "cannot load '%s': '%s' and '%s' do not share a rank", l->file.path,
                           m->down->name, m->up->name);
        l->unet_count += !m->text;
        l->text_count += m->text;
    }
    return DR_OK;
}

static dr_status read_all(dr_lora *l)
{
    json_t *config = NULL;
    bool prefixed = true;
    size_t bytes = 4096;
    for (size_t i = 0; i < l->file.count; i++)
        bytes += 2 * strlen(l->file.entry[i].name) + 512; /* two copies and what the arena rounds up */
    l->module = calloc(l->file.count + 1, sizeof *l->module);
    if (!l->module)
        return dr_fail(DR_ENOMEM, "out of memory loading '%s'", l->file.path);
    dr_status st = (dr_status)dr_arena_init(&l->names, bytes);
    if (!st)
        st = parse_keys(l);
    if (!st && l->count == 0)
        st = dr_fail(DR_EINVAL, "cannot load '%s': there is no tensor in it", l->file.path);
    if (!st)
        st = pair(l);
    if (!st)
        st = load_config(l, &config, &prefixed);
    for (size_t i = 0; !st && i < l->count; i++)
        st = find_scale(l, &l->module[i], config, prefixed);
    json_decref(config);
    return st;
}

dr_status dr_lora_open(dr_lora *l, const char *path)
{
    *l = (dr_lora){0};
    dr_status st = dr_st_open(&l->file, path);
    if (!st)
        st = read_all(l);
    if (st)
        dr_lora_close(l);
    return st;
}

void dr_lora_close(dr_lora *l)
{
    dr_st_close(&l->file);
    dr_arena_clear(&l->names);
    free(l->module);
    *l = (dr_lora){0};
}
