/* What a tensor's name in an adapter's file says. Inside pipeline/lora*.c only. */
#ifndef DR_PIPELINE_LORA_KEY_H
#define DR_PIPELINE_LORA_KEY_H

#include "pipeline/lora.h"

typedef struct dr_lora_key {
    char *layer, *module; /* in the arena; see dr_lora_module. OpenCLIP's in_proj: the layer ends in "self_attn." */
    bool text, kohya, open_clip, in_proj;
    dr_lora_role role;
} dr_lora_key;

typedef enum dr_lora_key_result { DR_LORA_KEY_OK, DR_LORA_KEY_UNKNOWN, DR_LORA_KEY_NOMEM } dr_lora_key_result;

dr_lora_key_result dr_lora_key_parse(dr_arena *a, const char *name, dr_lora_key *out);

#endif
