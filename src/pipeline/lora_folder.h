/* Which file of a folder is the LoRA. Inside pipeline/lora*.c only. */
#ifndef DR_PIPELINE_LORA_FOLDER_H
#define DR_PIPELINE_LORA_FOLDER_H

#include "base/status.h"

#include <stddef.h>

/** peft's adapter_model.safetensors or .bin, diffusers' pytorch_lora_weights, else the only .safetensors in `dir`, else
 *  the only pickle (.bin .pt .pth .ckpt).
 *  Refuses, naming what is there, when several could be meant or none is. */
dr_status dr_lora_in_folder(char *out, size_t n, const char *dir);

#endif
