#include "pipeline/lora_key.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *text;
    dr_lora_role role;
} endings[] = {
    {".lora_A.weight", DR_LORA_DOWN},
    {".lora_B.weight", DR_LORA_UP},
    {".lora_A.default.weight", DR_LORA_DOWN},
    {".lora_B.default.weight", DR_LORA_UP},
    {".lora.down.weight", DR_LORA_DOWN},
    {".lora.up.weight", DR_LORA_UP},
    {"_lora.down.weight", DR_LORA_DOWN},
    {"_lora.up.weight", DR_LORA_UP},
    {".lora_linear_layer.down.weight", DR_LORA_DOWN},
    {".lora_linear_layer.up.weight", DR_LORA_UP},
    {".lora_down.weight", DR_LORA_DOWN},
    {".lora_up.weight", DR_LORA_UP},
    {".lora_mid.weight", DR_LORA_MID},
    {".hada_w1_a", DR_LOHA_W1_A},
    {".hada_w1_b", DR_LOHA_W1_B},
    {".hada_w2_a", DR_LOHA_W2_A},
    {".hada_w2_b", DR_LOHA_W2_B},
    {".hada_t1", DR_LOHA_T1},
    {".hada_t2", DR_LOHA_T2},
    {".lokr_w1", DR_LOKR_W1},
    {".lokr_w1_a", DR_LOKR_W1_A},
    {".lokr_w1_b", DR_LOKR_W1_B},
    {".lokr_w2", DR_LOKR_W2},
    {".lokr_w2_a", DR_LOKR_W2_A},
    {".lokr_w2_b", DR_LOKR_W2_B},
    {".lokr_t2", DR_LOKR_T2},
    {".diff", DR_FULL_DIFF},
    {".diff_b", DR_FULL_BIAS},
    {".w_norm", DR_FULL_DIFF},
    {".b_norm", DR_FULL_BIAS},
    {".alpha", DR_LORA_ALPHA},
    {".dora_scale", DR_LORA_DORA},
    {".lora_magnitude_vector", DR_LORA_MAGNITUDE},
    {".lora_magnitude_vector.weight", DR_LORA_MAGNITUDE},
    {".lora_magnitude_vector.default.weight", DR_LORA_MAGNITUDE},
};

static bool skip(const char **s, const char *prefix)
{
    size_t n = strlen(prefix);
    if (strncmp(*s, prefix, n) != 0)
        return false;
    *s += n;
    return true;
}

/* Which model, by prefix; moves `*s` to the layer's name. */
static bool parse_model(const char **s, dr_lora_key *k)
{
    if (skip(s, "lora_unet_") || skip(s, "lycoris_")) {
        k->kohya = true;
        return true;
    }
    if (skip(s, "diffusion_model.")) /* ComfyUI's, with LDM's names behind it */
        return true;
    if (skip(s, "lora_te_") || skip(s, "lora_te1_")) {
        k->kohya = k->text = true;
        skip(s, "text_model_");
        return true;
    }
    if (skip(s, "lora_")) /* lora_te2_: SDXL's second text encoder; lora_prior_: others */
        return false;
    skip(s, "base_model.model.");
    if (skip(s, "text_encoders.clip_l.transformer.") || skip(s, "text_encoders.clip_h.transformer.") ||
        skip(s, "text_encoder."))
        k->text = true;
    else if (!skip(s, "unet."))
        k->text = strncmp(*s, "text_model.", 11) == 0 || strncmp(*s, "encoder.layers.", 15) == 0;
    skip(s, "base_model.model.");
    if (k->text)
        skip(s, "text_model.");
    return true;
}

/* --- names of layers --------------------------------------------------------------------------------- */

/* s[0..n) is `name`, whose dots may be underscores in s, as kohya writes them. */
static bool alike(const char *s, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (name[i] == '.' ? s[i] != '.' && s[i] != '_' : s[i] != name[i])
            return false;
    return !name[n];
}

static bool skip_alike(const char **s, size_t *n, const char *prefix)
{
    size_t m = strlen(prefix);
    if (*n <= m || !alike(*s, m, prefix))
        return false;
    *s += m;
    *n -= m;
    return true;
}

/* OpenCLIP's "transformer.resblocks.N.attn.out_proj" under the names of the text encoder's table; NULL: it is none.
 * *in_proj: the three projections in one, the name returned ends where theirs part. */
static char *open_clip_layer(dr_arena *a, const char *s, size_t n, bool *in_proj)
{
    static const char *const parts[][2] = {
        {"ln_1", "layer_norm1"},
        {"ln_2", "layer_norm2"},
        {"mlp.c_fc", "mlp.fc1"},
        {"mlp.c_proj", "mlp.fc2"},
        {"attn.in_proj", "self_attn."},
        {"attn.out_proj", "self_attn.out_proj"},
        {"attn.q_proj", "self_attn.q_proj"},
        {"attn.k_proj", "self_attn.k_proj"},
        {"attn.v_proj", "self_attn.v_proj"},
    };
    size_t digits = 0;
    skip_alike(&s, &n, "model.");
    skip_alike(&s, &n, "transformer.");
    if (!skip_alike(&s, &n, "resblocks."))
        return NULL;
    while (digits < n && isdigit((unsigned char)s[digits]))
        digits++;
    if (!digits || digits > 3 || digits + 1 >= n)
        return NULL;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (alike(s + digits + 1, n - digits - 1, parts[i][0])) {
            *in_proj = parts[i][1][strlen(parts[i][1]) - 1] == '.';
            return dr_arena_printf(a, "encoder.layers.%.*s.%s", (int)digits, s, parts[i][1]);
        }
    return NULL;
}

/* Names from before peft: attn1.processor.to_q_lora, self_attn.to_q_lora. */
static char *modern_layer(dr_arena *a, const char *s, size_t n, bool text)
{
    static const char *const tails[][3] = {
        {".to_q", ".to_q", ".q_proj"},
        {".to_k", ".to_k", ".k_proj"},
        {".to_v", ".to_v", ".v_proj"},
        {".to_out", ".to_out.0", ".out_proj"},
    };
    char *layer = dr_arena_printf(a, "%.*s", (int)n, s);
    if (!layer)
        return NULL;
    char *processor = strstr(layer, ".processor.");
    if (processor) {
        const char *rest = processor + strlen(".processor");
        memmove(processor, rest, strlen(rest) + 1);
    }
    n = strlen(layer);
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        size_t m = strlen(tails[i][0]);
        if (n > m && strcmp(layer + n - m, tails[i][0]) == 0)
            return dr_arena_printf(a, "%.*s%s", (int)(n - m), layer, tails[i][text ? 2 : 1]);
    }
    return layer;
}

static void name_layer(dr_arena *a, const char *s, size_t n, dr_lora_key *out)
{
    out->layer = out->text ? open_clip_layer(a, s, n, &out->in_proj) : NULL;
    if (out->layer) {
        out->open_clip = true;
        out->kohya = false;
    } else {
        out->layer = out->kohya ? dr_arena_printf(a, "%.*s", (int)n, s) : modern_layer(a, s, n, out->text);
    }
}

dr_lora_key_result dr_lora_key_parse(dr_arena *a, const char *name, dr_lora_key *out)
{
    size_t i = 0, n = strlen(name), m = 0;
    const char *s = name, *end;
    *out = (dr_lora_key){0};
    for (; i < sizeof endings / sizeof *endings; i++) {
        m = strlen(endings[i].text);
        if (n > m && strcmp(name + n - m, endings[i].text) == 0)
            break;
    }
    if (i == sizeof endings / sizeof *endings)
        return DR_LORA_KEY_UNKNOWN;
    out->role = endings[i].role;
    end = name + n - m;
    if (!parse_model(&s, out) || s >= end)
        return DR_LORA_KEY_UNKNOWN;
    const char *module = name;
    skip(&module, "base_model.model.");
    out->module = dr_arena_printf(a, "%.*s", (int)(end - module), module);
    name_layer(a, s, (size_t)(end - s), out);
    return out->layer && out->module ? DR_LORA_KEY_OK : DR_LORA_KEY_NOMEM;
}
