/* The kinds of methods, and which settings each has. */
#include "cli/compare/method.h"

#include "base/choice.h"
#include "cli/compare/painter.h"
#include "cli/model_rows.h"
#include "cli/preset.h"

#include <string.h>

#define MODEL_KEYS "model|vae|tokenizer|ema|embedding|lora|size|region|precision"

static const dr_method_kind kinds[] = {
    {"prompt", "Prompt alone", "prompt", MODEL_KEYS, NULL, true, true, false, &dr_painter_tryon},
    {"taught", "Taught model", "model", MODEL_KEYS, "model", true, true, false, &dr_painter_tryon},
    {"adapter", "Adapter", "lora", MODEL_KEYS, "lora", true, true, false, &dr_painter_tryon},
    {"garment", "Garment photo", "attention", MODEL_KEYS "|attention", NULL, true, false, true, &dr_painter_tryon},
    {"warp", "GAN", "condition",
     "condition|generator|densepose|keypoints|parse|cloth|cloth-mask|composite|occlusion|labels|size",
     "condition|generator|densepose|keypoints", false, false, false, &dr_painter_warp},
};

const dr_method_kind *dr_method_kind_at(int index)
{
    return index >= 0 && index < (int)(sizeof kinds / sizeof *kinds) ? &kinds[index] : NULL;
}

#define AT(field) offsetof(dr_method, field)
const dr_own dr_method_own[] = {
    {NULL,
     NULL,
     AT(model),
     {"model", DR_OPT_STRING, NULL, "DIR|FILE", "folder of a model (see 'drape pull'), or a single file",
      .shown_default = "the small one that comes with drape"}},
    DR_MODEL_ROWS(dr_method),
    {NULL,
     "width|height",
     AT(size),
     {"size", DR_OPT_SIZE, NULL, NULL, "working size", .shown_default = "the model's"},
     drape_tryon_option,
     "width"},
    {NULL,
     "whole",
     AT(region),
     {"region", DR_OPT_CHOICE, NULL, "mask|whole", "work on the part around the mask, or on the whole photo"}},
    {NULL,
     "preview_every",
     AT(precision),
     {"precision", DR_OPT_CHOICE, NULL, DR_CLI_PRECISIONS, DR_CLI_PRECISION_HELP,
      .shown_default = "exact, or the preset's"}},
};
const size_t dr_method_own_count = sizeof dr_method_own / sizeof *dr_method_own;

/* What only a method has. The published fits, which want masks as their files have them, compare programs and not ways
 * to dress: drape tryon has them. */
#define TEXT(field, name, arg)                                                                                         \
    {                                                                                                                  \
        "clip_skip", NULL, AT(field),                                                                                  \
        {                                                                                                              \
            name, DR_OPT_STRING, NULL, arg, ""                                                                         \
        }                                                                                                              \
    }
#define WARP(name)                                                                                                     \
    {                                                                                                                  \
        "clip_skip", NULL, AT(warp), {name, .help = ""}, drape_warp_option, name                                       \
    }
static const dr_own alone[] = {
    {NULL, "fit|repaint", AT(attention), {"attention", DR_OPT_STRING, NULL, "DIR|FILE", ""}},
    TEXT(condition, "condition", "FILE"),
    TEXT(generator, "generator", "FILE"),
    TEXT(densepose, "densepose", "PHOTO"),
    TEXT(keypoints, "keypoints", "FILE"),
    TEXT(parse, "parse", "FILE"),
    TEXT(cloth, "cloth", "PHOTO"),
    TEXT(cloth_mask, "cloth-mask", "MASK"),
    WARP("composite"),
    WARP("occlusion"),
    WARP("labels"),
};
enum { OWN = 16, MORE = sizeof alone / sizeof *alone };

void dr_method_table(dr_opt_set *s, dr_method *m)
{
    dr_own all[OWN + MORE];
    DR_ASSERT(dr_method_own_count <= OWN, "%zu settings", dr_method_own_count);
    memcpy(all, dr_method_own, dr_method_own_count * sizeof *all);
    memcpy(all + dr_method_own_count, alone, sizeof alone);
    dr_opt_table(s, drape_tryon_option, &m->o, all, dr_method_own_count + MORE, m);
}

const dr_method_kind *dr_method_kind_named(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strlen(kinds[i].name) == n && strncmp(kinds[i].name, name, n) == 0)
            return &kinds[i];
    return NULL;
}

bool dr_method_has(const dr_method_kind *kind, const char *name)
{
    for (size_t i = 0; i < dr_method_own_count; i++)
        if (strcmp(dr_method_own[i].opt.name, name) == 0)
            return dr_is_choice(kind->keys, name);
    for (size_t i = 0; i < MORE; i++)
        if (strcmp(alone[i].opt.name, name) == 0)
            return dr_is_choice(kind->keys, name);
    bool words = strcmp(name, "prompt") == 0 || strcmp(name, "negative-prompt") == 0;
    return kind->tryon && (kind->worded || !words);
}
