#include "pipeline/lora_key.h"

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
    {".alpha", DR_LORA_ALPHA},
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
    if (skip(s, "lora_unet_")) {
        k->kohya = true;
        return true;
    }
    if (skip(s, "lora_te_") || skip(s, "lora_te1_")) {
        k->kohya = k->text = true;
        skip(s, "text_model_");
        return true;
    }
    if (skip(s, "lora_")) /* lora_te2_: SDXL's second text encoder; lora_prior_: others */
        return false;
    skip(s, "base_model.model.");
    if (skip(s, "text_encoder."))
        k->text = true;
    else if (!skip(s, "unet."))
        k->text = strncmp(*s, "text_model.", 11) == 0 || strncmp(*s, "encoder.layers.", 15) == 0;
    skip(s, "base_model.model.");
    if (k->text)
        skip(s, "text_model.");
    return true;
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
    out->layer =
        out->kohya ? dr_arena_printf(a, "%.*s", (int)(end - s), s) : modern_layer(a, s, (size_t)(end - s), out->text);
    return out->layer && out->module ? DR_LORA_KEY_OK : DR_LORA_KEY_NOMEM;
}
