/* Everything that `drape train` can be told; names follow diffusers' train_dreambooth scripts. */
#ifndef DR_TRAIN_OPTIONS_H
#define DR_TRAIN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct dr_train_options {
    const char *pretrained_model, *output_dir, *tokenizer_name;
    const char *instance_data_dir, *instance_masks_data_dir;
    const char *instance_prompt; /* NULL: from captions or file names */
    int resolution;
    bool center_crop, bucket, flip;
    bool train_text_encoder;
    int train_batch_size, gradient_accumulation_steps;
    bool gradient_checkpointing;
    int64_t activation_memory; /* bytes that blocks may keep instead of running again */
    bool use_8bit_adam;
    double learning_rate, lr_power;
    bool scale_lr;
    const char *lr_scheduler;
    int lr_warmup_steps, lr_num_cycles;
    int max_train_steps, num_train_epochs; /* max_train_steps 0: from epochs */
    double adam_beta1, adam_beta2, adam_weight_decay, adam_epsilon, max_grad_norm;
    bool with_prior_preservation;
    const char *class_data_dir, *class_prompt;
    int num_class_images, sample_batch_size;
    double prior_loss_weight;
    int checkpointing_steps, checkpoints_total_limit; /* limit 0: keep all */
    const char *resume_from_checkpoint;               /* "latest", a folder, or NULL */
    const char *mixed_precision;                      /* "no", "bf16" */
    uint64_t seed;
    const char *logging_dir;
    int lora_rank;       /* 0: train the weights themselves */
    double lora_alpha;   /* 0: the rank */
    bool mask_any_white; /* latent cells are masked if any pixel of theirs is; else by diffusers' nearest sample */
    double mask_loss_weight, unmasked_loss_weight;
    double snr_gamma; /* 0: off */
    double noise_offset;
    bool use_ema;
    const char *validation_prompt, *validation_image, *validation_mask;
    int validation_steps, num_validation_images;
} dr_train_options;

#define DR_TRAIN_DEFAULTS                                                                                              \
    {                                                                                                                  \
        .resolution = 512, .train_batch_size = 1, .gradient_accumulation_steps = 1, .learning_rate = 5e-6,             \
        .lr_power = 1.0, .lr_scheduler = "constant", .lr_warmup_steps = 500, .lr_num_cycles = 1,                       \
        .num_train_epochs = 1, .adam_beta1 = 0.9, .adam_beta2 = 0.999, .adam_weight_decay = 1e-2,                      \
        .adam_epsilon = 1e-8, .max_grad_norm = 1.0, .num_class_images = 100, .sample_batch_size = 4,                   \
        .prior_loss_weight = 1.0, .checkpointing_steps = 500, .mixed_precision = "no", .logging_dir = "logs",          \
        .mask_loss_weight = 1.0, .unmasked_loss_weight = 1.0, .validation_steps = 100, .num_validation_images = 4      \
    }

#endif
