#include "pipeline/lora_settings.h"

#include "base/file.h"
#include "base/path.h"

#include <glib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PATTERNS = 4096, MAX_KEY = 512 };

static const char *const prefixes[2] = {"unet.", "text_encoder."};

/* --- patterns ---------------------------------------------------------------------------------------- */

/* Python's and PCRE's regular expressions agree on this much; what goes beyond might mean another thing here. */
static bool is_common(const char *key)
{
    for (const char *s = key; *s; s++) {
        if (*s < ' ' || *s > '~')
            return false;
        if (*s == '\\') {
            s++;
            if (!*s || (g_ascii_isalnum(*s) && !strchr("dDwWsSbB", *s)))
                return false;
        } else if (*s == '(' && s[1] == '?') {
            const char *t = s + 2;
            if (*t == '<')
                t++;
            if (!(*t == '=' || *t == '!' || (*t == ':' && t == s + 2)))
                return false;
        } else if ((*s == '(' && s[1] == '*') || (*s == '[' && (s[1] == '[' || s[1] == ':')) ||
                   (*s == '{' && s[1] == ',')) {
            return false;
        }
    }
    return strlen(key) <= MAX_KEY;
}

static dr_status bad_pattern(const dr_lora_settings *s, const char *what, const char *key, const char *why)
{
    return dr_fail(DR_EINVAL, "cannot load '%s': the pattern '%.200s' in its %s cannot be read: %s", s->where, key,
                   what, why);
}

static dr_status compile(const dr_lora_settings *s, const char *what, const char *key, dr_lora_pattern *out)
{
    GError *error = NULL;
    if (!is_common(key))
        return bad_pattern(s, what, key, "it is no regular expression that Python and drape read alike");
    char *full = g_strdup_printf("(*LIMIT_MATCH=100000)(.*\\.)?(%s)$", key);
    out->regex = g_regex_new(full, G_REGEX_ANCHORED, 0, &error);
    out->key = key;
    g_free(full);
    if (out->regex)
        return DR_OK;
    dr_status st = bad_pattern(s, what, key, error ? error->message : "it is no regular expression");
    g_clear_error(&error);
    return st;
}

static dr_status read_patterns(const dr_lora_settings *s, const char *what, const json_t *from, dr_lora_patterns *out)
{
    const char *key;
    json_t *v;
    if (!from || json_is_null(from))
        return DR_OK;
    if (!json_is_object(from) || json_object_size(from) > MAX_PATTERNS)
        return dr_fail(DR_EINVAL, "cannot load '%s': its %s must be an object of at most %d names and numbers",
                       s->where, what, MAX_PATTERNS);
    out->item = calloc(json_object_size(from) + 1, sizeof *out->item);
    if (!out->item)
        return dr_fail(DR_ENOMEM, "out of memory loading '%s'", s->where);
    json_object_foreach((json_t *)(uintptr_t)from, key, v)
    {
        dr_lora_pattern *p = &out->item[out->count];
        if (!json_is_number(v) || !isfinite(json_number_value(v)))
            return bad_pattern(s, what, key, "its value is no number");
        dr_status st = compile(s, what, key, p);
        if (st)
            return st;
        p->value = json_number_value(v);
        out->count++;
    }
    return DR_OK;
}

/* peft's get_pattern_key for a module that may have several names; *value is left alone when nothing fits. */
static dr_status lookup(const dr_lora_settings *s, const dr_lora_patterns *patterns, const char *const *names,
                        const char *what, double *value)
{
    for (size_t i = 0; i < patterns->count; i++)
        for (int k = 0; names[k]; k++) {
            GError *error = NULL;
            if (g_regex_match_full(patterns->item[i].regex, names[k], -1, 0, 0, NULL, &error)) {
                *value = patterns->item[i].value;
                return DR_OK;
            }
            if (error) { /* it goes through too many ways to fit */
                dr_status st = bad_pattern(s, what, patterns->item[i].key, error->message);
                g_clear_error(&error);
                return st;
            }
        }
    return DR_OK;
}

/* --- single settings --------------------------------------------------------------------------------- */

/* These change nothing once an adapter is trained, or are read elsewhere. */
static const char *const harmless[] = {"r",
                                       "lora_alpha",
                                       "rank_pattern",
                                       "alpha_pattern",
                                       "use_rslora",
                                       "target_modules",
                                       "exclude_modules",
                                       "lora_dropout",
                                       "fan_in_fan_out",
                                       "layers_to_transform",
                                       "layers_pattern",
                                       "megatron_core",
                                       "loftq_config",
                                       "eva_config",
                                       "qalora_group_size",
                                       "runtime_config",
                                       "ensure_weight_tying",
                                       "task_type",
                                       "auto_mapping",
                                       "peft_version",
                                       "base_model_name_or_path",
                                       "revision",
                                       "inference_mode",
                                       NULL};

/* The same for LoHa and LoKr, whose factors' shapes show how they were decomposed. */
static const char *const harmless_lycoris[] = {"alpha",
                                               "rank_dropout",
                                               "module_dropout",
                                               "rank_dropout_scale",
                                               "init_weights",
                                               "decompose_both",
                                               "decompose_factor",
                                               "use_effective_conv2d",
                                               NULL};

static bool is_in(const char *s, const char *const *words)
{
    for (; s && *words; words++)
        if (strcmp(s, *words) == 0)
            return true;
    return false;
}

/* null, false, [], {}, "": asks for nothing */
static bool is_at_rest(const json_t *v)
{
    return json_is_null(v) || json_is_false(v) || (json_is_array(v) && !json_array_size(v)) ||
           (json_is_object(v) && !json_object_size(v)) || (json_is_string(v) && !json_string_length(v));
}

static dr_status check_setting(const dr_lora_settings *s, const dr_lora_model_settings *m, const char *name,
                               const json_t *v)
{
    /* other ways to start training change the model's own weights, and the adapter alone says not how */
    static const char *const starts[] = {"gaussian", "eva", "orthogonal", NULL};
    static const char *const none[] = {"none", NULL}, *const types[] = {"LORA", "LOHA", "LOKR", NULL};
    const char *word = json_string_value(v);
    if (is_at_rest(v) || is_in(name, harmless) || (m->lycoris && is_in(name, harmless_lycoris)) ||
        (strcmp(name, "bias") == 0 && is_in(word, none)) || (strcmp(name, "peft_type") == 0 && is_in(word, types)) ||
        (strcmp(name, "use_dora") == 0 && json_is_true(v)) ||
        (strcmp(name, "init_lora_weights") == 0 && (json_is_true(v) || is_in(word, starts))))
        return DR_OK;
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    dr_status st = dr_fail(DR_EUNSUPPORTED,
                           "cannot load '%s': its setting '%.64s' is %.80s, which drape does not read; ask for a plain "
                           "LoRA",
                           s->where, name, text ? text : "?");
    free(text);
    return st;
}

static dr_status read_number(const dr_lora_settings *s, const char *name, const json_t *v, double *out)
{
    if (!v || json_is_null(v))
        return DR_OK;
    if (!json_is_number(v) || !isfinite(json_number_value(v)))
        return dr_fail(DR_EINVAL, "cannot load '%s': its setting '%s' must be a number", s->where, name);
    *out = json_number_value(v);
    return DR_OK;
}

static bool is_lycoris(const json_t *root, const char *prefix)
{
    static const char *const types[] = {"LOHA", "LOKR", NULL};
    char key[64];
    snprintf(key, sizeof key, "%speft_type", prefix);
    return is_in(json_string_value(json_object_get(root, key)), types);
}

/* The settings whose names begin with `prefix`. */
static dr_status read_model(dr_lora_settings *s, const char *prefix, dr_lora_model_settings *m)
{
    size_t skip = strlen(prefix);
    const char *key;
    json_t *v;
    dr_status st = DR_OK;
    m->alpha = 8; /* LoraConfig's default, and the others' */
    m->dora = -1;
    m->lycoris = is_lycoris(s->root, prefix);
    json_object_foreach(s->root, key, v)
    {
        if (strncmp(key, prefix, skip) != 0)
            continue;
        const char *name = key + skip;
        m->given = true;
        st = check_setting(s, m, name, v);
        if (!st && strcmp(name, "use_dora") == 0)
            m->dora = json_is_true(v);
        else if (!st && strcmp(name, m->lycoris ? "alpha" : "lora_alpha") == 0)
            st = read_number(s, name, v, &m->alpha);
        else if (!st && strcmp(name, "r") == 0)
            st = read_number(s, name, v, &m->rank);
        else if (!st && strcmp(name, "use_rslora") == 0)
            st = dr_json_bool(s->root, s->where, key, false, &m->rank_stabilised);
        else if (!st && strcmp(name, "alpha_pattern") == 0)
            st = read_patterns(s, name, v, &m->alphas);
        else if (!st && strcmp(name, "rank_pattern") == 0)
            st = read_patterns(s, name, v, &m->ranks);
        if (st)
            break;
    }
    return st;
}

static const char *metadata(const dr_tensor_file *f, const char *key)
{
    for (size_t i = 0; i < f->meta_count; i++)
        if (strcmp(f->meta[i].key, key) == 0)
            return f->meta[i].value;
    return NULL;
}

dr_status dr_lora_settings_load(dr_lora_settings *s, const dr_lora *l)
{
    const char *text = metadata(&l->file, "lora_adapter_metadata"), *path = l->file.path;
    const char *name = dr_path_name(path);
    *s = (dr_lora_settings){0};
    snprintf(s->where, sizeof s->where, "%s", path);
    dr_status st = DR_OK;
    if (text) {
        st = dr_json_parse(text, strlen(text), path, &s->root);
        for (int i = 0; !st && i < 2; i++)
            st = read_model(s, prefixes[i], &s->model[i]);
        return st;
    }
    if (strcmp(name, "adapter_model.safetensors") != 0 && strcmp(name, "adapter_model.bin") != 0)
        return DR_OK;
    snprintf(s->where, sizeof s->where, "%.*sadapter_config.json", (int)(name - path), path);
    if (dr_exists(s->where))
        st = dr_json_load(s->where, &s->root);
    for (int i = 0; !st && s->root && i < 2; i++)
        st = read_model(s, "", &s->model[i]);
    return st;
}

static void clear_patterns(dr_lora_patterns *p)
{
    for (size_t i = 0; i < p->count; i++)
        g_regex_unref(p->item[i].regex);
    free(p->item);
}

void dr_lora_settings_clear(dr_lora_settings *s)
{
    for (int i = 0; i < 2; i++) {
        clear_patterns(&s->model[i].alphas);
        clear_patterns(&s->model[i].ranks);
    }
    json_decref(s->root);
    *s = (dr_lora_settings){0};
}

/* --- one module -------------------------------------------------------------------------------------- */

/* Alpha and rank that the settings have for a module; *rank 0: they say none. */
static dr_status from_settings(const dr_lora_settings *s, const dr_lora *l, const dr_lora_module *m, double *alpha,
                               double *rank)
{
    const dr_lora_model_settings *of = &s->model[m->text];
    double have = (double)m->rank;
    char with_model[512];
    snprintf(with_model, sizeof with_model, "text_model.%s", m->layer);
    const char *names[] = {m->layer, m->module, m->text ? with_model : NULL, NULL};
    if (m->kohya && (of->alphas.count || of->ranks.count))
        return dr_fail(
            DR_EINVAL,
            "cannot load '%s': its settings have patterns for names of layers, but the name '%s' has no dots",
            l->file.path, m->key);
    *alpha = of->alpha;
    *rank = of->rank;
    dr_status st = lookup(s, &of->alphas, names, "alpha_pattern", alpha);
    if (!st)
        st = lookup(s, &of->ranks, names, "rank_pattern", rank);
    if (!st && have != 0 && *rank != 0 && *rank != have)
        st = dr_fail(DR_EINVAL, "cannot load '%s': '%s' has rank %g, but its settings say %g", l->file.path, m->key,
                     have, *rank);
    return st;
}

/* A DoRA without its norms is another sum, and so are norms that the settings know nothing of. */
static dr_status check_dora(const dr_lora_model_settings *of, const dr_lora *l, const dr_lora_module *m)
{
    bool has = m->part[DR_LORA_MAGNITUDE] || m->part[DR_LORA_DORA];
    if (of->given && of->dora == 1 && !has && m->method == DR_METHOD_LORA)
        return dr_fail(DR_EINVAL,
                       "cannot load '%s': it is a DoRA by its settings (use_dora), but '%s' has no "
                       "lora_magnitude_vector",
                       l->file.path, m->module);
    if (of->given && of->dora == 0 && m->part[DR_LORA_MAGNITUDE])
        return dr_fail(DR_EINVAL, "cannot load '%s': it has '%s', but is no DoRA by its settings (use_dora)",
                       l->file.path, m->part[DR_LORA_MAGNITUDE]->name);
    return DR_OK;
}

dr_status dr_lora_settings_scale(const dr_lora_settings *s, const dr_lora *l, dr_lora_module *m, const double *alpha)
{
    const dr_lora_model_settings *of = &s->model[m->text];
    double rank = (double)m->rank, said = 0, a = alpha ? *alpha : rank;
    dr_status st = check_dora(of, l, m);
    m->scale = 1;
    if (st || m->method == DR_METHOD_FULL)
        return st;
    if (!alpha && of->given)
        st = from_settings(s, l, m, &a, &said);
    if (!rank && said) /* a LoKr of two whole factors, which peft scales nevertheless */
        rank = said;
    if (!st && !isfinite(a))
        st = dr_fail(DR_EINVAL, "cannot load '%s': the alpha of '%s' is not finite", l->file.path, m->key);
    if (rank)
        m->scale = a / (of->rank_stabilised ? sqrt(rank) : rank);
    return st;
}
