/* What else than an adapter that is read a file may be, by the names of its tensors. Inside pipeline/lora*.c only. */
#ifndef DR_PIPELINE_LORA_KIND_H
#define DR_PIPELINE_LORA_KIND_H

/** "an OFT", "an IA3", "a whole checkpoint", ... for a tensor of another kind; NULL when it says nothing. */
const char *dr_lora_kind(const char *tensor);

/** The same, only by how the name begins: a LoRA's ending says nothing of the model that it is for. */
const char *dr_lora_model_kind(const char *tensor);

#endif
