/* What an adapter's settings say: peft's LoraConfig, LoHaConfig or LoKrConfig, as diffusers keeps it in a file's
 * `lora_adapter_metadata` or peft in an adapter_config.json. Inside pipeline/lora*.c only.
 *
 * Keys of rank_pattern and alpha_pattern are regular expressions that fit the end of a layer's name from a dot on,
 * re.match("(.*\.)?(KEY)$", name); the first that fits counts. What cannot be read is refused: a wrong guess would
 * scale a layer by a factor that nobody sees. */
#ifndef DR_PIPELINE_LORA_SETTINGS_H
#define DR_PIPELINE_LORA_SETTINGS_H

#include "base/json.h"
#include "pipeline/lora.h"

/* One key of a pattern. */
typedef struct dr_lora_pattern {
    const char *key; /* borrowed from the settings */
    void *regex;     /* GRegex */
    double value;
} dr_lora_pattern;

typedef struct dr_lora_patterns {
    dr_lora_pattern *item;
    size_t count;
} dr_lora_patterns;

/* The settings of one model. */
typedef struct dr_lora_model_settings {
    bool given;
    double alpha, rank; /* rank 0: not said */
    bool rank_stabilised;
    bool lycoris; /* a LoHa or LoKr of peft, whose settings have other names */
    int dora;     /* use_dora: 1 yes, 0 no, -1 not said */
    dr_lora_patterns alphas, ranks;
} dr_lora_model_settings;

typedef struct dr_lora_settings {
    json_t *root; /* NULL: there are none */
    char where[4096];
    dr_lora_model_settings model[2]; /* UNet, text encoder */
} dr_lora_settings;

/** The settings in the file, or those beside it; all zero when there are none. DR_EUNSUPPORTED names a setting that
 * means another sum than a LoRA's. Clear also after a failure. */
dr_status dr_lora_settings_load(dr_lora_settings *s, const dr_lora *l);
void dr_lora_settings_clear(dr_lora_settings *s);

/** Sets m->scale. `alpha` is the value of the module's alpha tensor, NULL without one. DR_EINVAL if the settings
 *  contradict the module's tensors. */
dr_status dr_lora_settings_scale(const dr_lora_settings *s, const dr_lora *l, dr_lora_module *m, const double *alpha);

#endif
