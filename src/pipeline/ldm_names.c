#include "pipeline/ldm_names.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- reading a name piece by piece ------------------------------------------------------------------ */

static bool take(const char **s, const char *what)
{
    size_t n = strlen(what);
    if (strncmp(*s, what, n) != 0)
        return false;
    *s += n;
    return true;
}

/* "12." */
static bool take_index(const char **s, int *out)
{
    int n = 0, digits = 0;
    for (; isdigit((unsigned char)(*s)[digits]) && digits < 4; digits++)
        n = 10 * n + ((*s)[digits] - '0');
    if (!digits || (*s)[digits] != '.')
        return false;
    *s += digits + 1;
    *out = n;
    return true;
}

static bool print(char out[DR_LDM_NAME_MAX], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool print(char out[DR_LDM_NAME_MAX], const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(out, DR_LDM_NAME_MAX, fmt, args);
    va_end(args);
    return n > 0 && n < DR_LDM_NAME_MAX;
}

typedef struct word {
    const char *folder, *file;
} renaming;

/* The first of `words` that `*s` begins with. */
static const char *translate(const char **s, const renaming *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (take(s, words[i].folder))
            return words[i].file;
    return NULL;
}
#define TRANSLATE(s, words) translate(s, words, sizeof words / sizeof *words)

/* --- UNet ------------------------------------------------------------------------------------------- */

static const renaming unet_ends[] = {{"time_embedding.linear_1.", "time_embed.0."},
                                     {"time_embedding.linear_2.", "time_embed.2."},
                                     {"conv_in.", "input_blocks.0.0."},
                                     {"conv_norm_out.", "out.0."},
                                     {"conv_out.", "out.2."}};
static const renaming unet_resnet[] = {{"norm1.", "in_layers.0."},          {"conv1.", "in_layers.2."},
                                       {"time_emb_proj.", "emb_layers.1."}, {"norm2.", "out_layers.0."},
                                       {"conv2.", "out_layers.3."},         {"conv_shortcut.", "skip_connection."}};

/* Of a block's first resnet: LDM numbers resnets and resamplers of all levels through. */
static int input_block(const dr_unet_config *c, int level)
{
    int n = 1;
    for (int i = 0; i < level; i++)
        n += c->layers[i] + 1;
    return n;
}

static int output_block(const dr_unet_config *c, int up)
{
    int n = 0;
    for (int i = 0; i < up; i++)
        n += c->layers[c->levels - 1 - i] + 1;
    return n;
}

static bool resnet_name(char *out, const char *s, const char *block, int N)
{
    const char *inner = TRANSLATE(&s, unet_resnet);
    return inner && print(out, "%s.%d.0.%s%s", block, N, inner, s);
}

static bool down_name(char *out, const char *s, const dr_unet_config *c)
{
    int i, j;
    if (!take_index(&s, &i) || i >= c->levels)
        return false;
    int first = input_block(c, i);
    if (take(&s, "resnets."))
        return take_index(&s, &j) && j < c->layers[i] && resnet_name(out, s, "input_blocks", first + j);
    if (take(&s, "attentions."))
        return take_index(&s, &j) && j < c->layers[i] && print(out, "input_blocks.%d.1.%s", first + j, s);
    return take(&s, "downsamplers.0.conv.") && print(out, "input_blocks.%d.0.op.%s", first + c->layers[i], s);
}

static bool up_name(char *out, const char *s, const dr_unet_config *c)
{
    int i, j;
    if (!take_index(&s, &i) || i >= c->levels)
        return false;
    int first = output_block(c, i), layers = c->layers[c->levels - 1 - i] + 1;
    if (take(&s, "resnets."))
        return take_index(&s, &j) && j < layers && resnet_name(out, s, "output_blocks", first + j);
    if (take(&s, "attentions."))
        return take_index(&s, &j) && j < layers && print(out, "output_blocks.%d.1.%s", first + j, s);
    return take(&s, "upsamplers.0.conv.") &&
           print(out, "output_blocks.%d.%d.conv.%s", first + layers - 1, c->up_cross[i] ? 2 : 1, s);
}

bool dr_ldm_unet_name(char out[DR_LDM_NAME_MAX], const char *name, const dr_unet_config *c)
{
    const char *s = name, *end = TRANSLATE(&s, unet_ends);
    if (end)
        return print(out, "%s%s", end, s);
    if (take(&s, "down_blocks."))
        return down_name(out, s, c);
    if (take(&s, "up_blocks."))
        return up_name(out, s, c);
    if (take(&s, "mid_block.resnets.0."))
        return (end = TRANSLATE(&s, unet_resnet)) && print(out, "middle_block.0.%s%s", end, s);
    if (take(&s, "mid_block.resnets.1."))
        return (end = TRANSLATE(&s, unet_resnet)) && print(out, "middle_block.2.%s%s", end, s);
    return take(&s, "mid_block.attentions.0.") && print(out, "middle_block.1.%s", s);
}

bool dr_ldm_ema_name(char out[DR_LDM_NAME_MAX], const char *ldm)
{
    if (!print(out, "%s%s%s", DR_LDM_EMA, "diffusion_model", ldm))
        return false;
    char *to = out + strlen(DR_LDM_EMA);
    for (const char *s = to; *s; s++)
        if (*s != '.')
            *to++ = *s;
    *to = 0;
    return true;
}

/* --- VAE -------------------------------------------------------------------------------------------- */

static const renaming vae_attention[] = {
    {"group_norm.", "norm."}, {"to_q.", "q."}, {"to_k.", "k."}, {"to_v.", "v."}, {"to_out.0.", "proj_out."}};

static bool vae_resnet(char *out, const char *s, const char *half, const char *block, int level, int j)
{
    const char *shortcut = take(&s, "conv_shortcut.") ? "nin_shortcut." : "";
    return print(out, "%s.%s.%d.block.%d.%s%s", half, block, level, j, shortcut, s);
}

/* One half behind "encoder." or "decoder.". */
static bool vae_half(char *out, const char *s, bool decoder, int levels)
{
    const char *half = decoder ? "decoder" : "encoder", *block = decoder ? "up" : "down", *inner;
    int i, j;
    if (take(&s, "conv_norm_out."))
        return print(out, "%s.norm_out.%s", half, s);
    if (take(&s, "mid_block.resnets."))
        return take_index(&s, &j) && j < 2 && print(out, "%s.mid.block_%d.%s", half, j + 1, s);
    if (take(&s, "mid_block.attentions.0."))
        return (inner = TRANSLATE(&s, vae_attention)) && print(out, "%s.mid.attn_1.%s%s", half, inner, s);
    if (!take(&s, decoder ? "up_blocks." : "down_blocks."))
        return print(out, "%s.%s", half, s); /* conv_in and conv_out */
    if (!take_index(&s, &i) || i >= levels)
        return false;
    int level = decoder ? levels - 1 - i : i;
    if (take(&s, "resnets."))
        return take_index(&s, &j) && vae_resnet(out, s, half, block, level, j);
    if (take(&s, decoder ? "upsamplers.0.conv." : "downsamplers.0.conv."))
        return print(out, "%s.%s.%d.%s.conv.%s", half, block, level, decoder ? "upsample" : "downsample", s);
    return false;
}

bool dr_ldm_vae_name(char out[DR_LDM_NAME_MAX], const char *name, int levels)
{
    const char *s = name;
    if (take(&s, "encoder."))
        return vae_half(out, s, false, levels);
    if (take(&s, "decoder."))
        return vae_half(out, s, true, levels);
    return print(out, "%s", name); /* quant_conv and post_quant_conv */
}

static const renaming old_attention[] = {
    {"to_q.", "query."}, {"to_k.", "key."}, {"to_v.", "value."}, {"to_out.0.", "proj_attn."}};

/* The place behind "attentions.0." in `name`, or NULL. */
static const char *attention_part(const char *name)
{
    const char *at = strstr(name, "mid_block.attentions.0.");
    return at ? at + strlen("mid_block.attentions.0.") : NULL;
}

bool dr_ldm_vae_old_name(char out[DR_LDM_NAME_MAX], const char *name)
{
    const char *at = attention_part(name), *s = at;
    const char *old = at ? TRANSLATE(&s, old_attention) : NULL;
    return old && print(out, "%.*s%s%s", (int)(at - name), name, old, s);
}

bool dr_ldm_vae_is_matrix(const char *name)
{
    const char *s = attention_part(name);
    return s && TRANSLATE(&s, old_attention) && strcmp(s, "weight") == 0;
}

/* --- text ------------------------------------------------------------------------------------------- */

static const renaming clip_ends[] = {{"embeddings.position_embedding.weight", "positional_embedding"},
                                     {"embeddings.token_embedding.weight", "token_embedding.weight"},
                                     {"final_layer_norm.", "ln_final."}};
static const renaming clip_layer[] = {{"layer_norm1.", "ln_1."},
                                      {"layer_norm2.", "ln_2."},
                                      {"mlp.fc1.", "mlp.c_fc."},
                                      {"mlp.fc2.", "mlp.c_proj."},
                                      {"self_attn.out_proj.", "attn.out_proj."},
                                      {"self_attn.q_proj.", "attn.in_proj_"},
                                      {"self_attn.k_proj.", "attn.in_proj_"},
                                      {"self_attn.v_proj.", "attn.in_proj_"}};

bool dr_ldm_openclip_name(char out[DR_LDM_NAME_MAX], const char *name, int *third)
{
    const char *s = name, *word = TRANSLATE(&s, clip_ends);
    int i;
    *third = -1;
    if (word)
        return print(out, "%s%s", word, s);
    if (!take(&s, "encoder.layers.") || !take_index(&s, &i))
        return false;
    const char *at = s;
    if (!(word = TRANSLATE(&s, clip_layer)))
        return false;
    if (strcmp(word, "attn.in_proj_") == 0)
        *third = strncmp(at, "self_attn.q", 11) == 0 ? 0 : strncmp(at, "self_attn.k", 11) == 0 ? 1 : 2;
    return print(out, "transformer.resblocks.%d.%s%s", i, word, s);
}
