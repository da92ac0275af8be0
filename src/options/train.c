/* What `drape train` can be told. Names follow diffusers' train_dreambooth scripts. */
#include "options/options.h"

#include "learn/lr.h"

#define F(field) #field, offsetof(drape_train_options, field)
#define STEPS 1e7                           /* of a run, at most */
#define BETA 0.9999999                      /* in f32, as the optimizer has it, more would be 1 */
#define EPSILON 1e-30                       /* and less would be next to 0 */
#define MEMORY ((double)((int64_t)1 << 50)) /* bytes */

const drape_train_options dr_train_defaults = {
    .resolution = 512,
    .train_batch_size = 1,
    .gradient_accumulation_steps = 1,
    .learning_rate = 5e-6,
    .lr_power = 1.0,
    .lr_scheduler = "constant",
    .lr_warmup_steps = 500,
    .lr_num_cycles = 1,
    .num_train_epochs = 1,
    .adam_beta1 = 0.9,
    .adam_beta2 = 0.999,
    .adam_weight_decay = 1e-2,
    .adam_epsilon = 1e-8,
    .max_grad_norm = 1.0,
    .num_class_images = 100,
    .sample_batch_size = 4,
    .prior_loss_weight = 1.0,
    .checkpointing_steps = 500,
    .mixed_precision = "no",
    .logging_dir = "logs",
    .mask_loss_weight = 1.0,
    .unmasked_loss_weight = 1.0,
    .validation_steps = 100,
    .num_validation_images = 4,
    .train_layers = "attention",
    .garment_dropout = 0.1,
};

const drape_option dr_train_table[] = {
    {F(pretrained_model_name_or_path), DRAPE_OPTION_TEXT, 0, 0, "DIR|FILE",
     "folder of an inpainting model (see 'drape pull'), or a single file", .required = true},
    {F(instance_data_dir), DRAPE_OPTION_TEXT, 0, 0, "DIR", "photos of the garment", .required = true,
     .unless = "garment_pairs"},
    {F(instance_masks_data_dir), DRAPE_OPTION_TEXT, 0, 0, "DIR",
     "masks of the garment, white, of the photos' names in any format", .required = true, .unless = "garment_pairs"},
    {F(output_dir), DRAPE_OPTION_TEXT, 0, 0, "DIR", "checkpoints and result", .required = true},
    {F(instance_prompt), DRAPE_OPTION_TEXT, 0, 0, "TEXT", "one prompt for all photos",
     .unset = "NAME.txt beside the photo, else its file name"},
    {F(tokenizer_name), DRAPE_OPTION_TEXT, 0, 0, "DIR", "tokenizer folder", .unset = "the model's; for a file CLIP's"},
    {F(vae), DRAPE_OPTION_TEXT, 0, 0, "DIR|FILE", "another VAE, which the result gets as well", .unset = "the model's"},
    {F(ema), DRAPE_OPTION_BOOL, 0, 1, NULL, "of a single file: start from the UNet's moving average"},

    {F(resolution), DRAPE_OPTION_INT, 8, 4096, "PX", "side of the square that photos are cut to", .heading = "photos:"},
    {F(center_crop), DRAPE_OPTION_BOOL, 0, 1, NULL, "cut out the middle instead of a random place"},
    {F(bucket), DRAPE_OPTION_BOOL, 0, 1, NULL, "keep the photos' aspect ratios, at about resolution^2 pixels"},
    {F(flip), DRAPE_OPTION_BOOL, 0, 1, NULL, "mirror half of the photos (prints come out mirrored)"},

    {F(garment_pairs), DRAPE_OPTION_TEXT, 0, 0, "DIR",
     "teach dressing from a garment's photo: folders person, mask and garment, with files of one name; or VITON-HD's",
     .unset = "", .heading = "pairs of a person and a photo of the garment, instead of photos of one garment:"},
    {F(width), DRAPE_OPTION_INT, 0, 4096, "PX", "of both pictures", .unset = ""},
    {F(height), DRAPE_OPTION_INT, 0, 4096, "PX", "of both pictures", .unset = ""},
    {F(train_layers), DRAPE_OPTION_CHOICE, 0, 0, NULL, "what learns: the self-attention, or the whole UNet",
     .choices = "attention|all"},
    {F(attention), DRAPE_OPTION_TEXT, 0, 0, "FILE|DIR", "self-attention weights to start from",
     .unset = "the model's own"},
    {F(garment_dropout), DRAPE_OPTION_NUMBER, 0, 1, "X",
     "part of the samples in which the garment is not shown, so that guidance works"},

    {F(train_text_encoder), DRAPE_OPTION_BOOL, 0, 1, NULL, "the text encoder too", .heading = "what is trained:"},
    {F(lora_rank), DRAPE_OPTION_INT, 0, 1024, "R", "adapters of this rank instead of all weights; 0 is off"},
    {F(lora_alpha), DRAPE_OPTION_NUMBER, 0, 1e6, "A", "their scale times the rank", .unset = "the rank"},
    {F(use_ema), DRAPE_OPTION_BOOL, 0, 1, NULL, "keep a moving average of the weights; it is the result"},
    {F(save_single_file), DRAPE_OPTION_BOOL, 0, 1, NULL,
     "write the whole model as one file, too, as AUTOMATIC1111 and ComfyUI have it: OUT_DIR/NAME.safetensors"},

    {F(max_train_steps), DRAPE_OPTION_INT, 0, STEPS, "N", "optimizer steps", .unset = "from --num-train-epochs",
     .heading = "steps:"},
    {F(num_train_epochs), DRAPE_OPTION_INT, 1, 1e6, "N", "passes over the photos"},
    {F(train_batch_size), DRAPE_OPTION_INT, 1, 1024, "N", "photos per step"},
    {F(gradient_accumulation_steps), DRAPE_OPTION_INT, 1, 4096, "N", "batches per optimizer step"},
    {F(learning_rate), DRAPE_OPTION_NUMBER, 0, 1, "X", "size of a step"},
    {F(scale_lr), DRAPE_OPTION_BOOL, 0, 1, NULL, "multiply it by batch size and accumulation"},
    {F(lr_scheduler), DRAPE_OPTION_CHOICE, 0, 0, NULL, "course of the learning rate", .choices = DR_LR_NAMES},
    {F(lr_warmup_steps), DRAPE_OPTION_INT, 0, STEPS, "N", "steps of rising rate, where the course has any"},
    {F(lr_num_cycles), DRAPE_OPTION_INT, 1, 1e6, "N", "of cosine_with_restarts"},
    {F(lr_power), DRAPE_OPTION_NUMBER, 0, 100, "X", "of polynomial"},
    {F(seed), DRAPE_OPTION_U64, 0, 0, "N", "same seed, same weights"},

    {F(use_8bit_adam), DRAPE_OPTION_BOOL, 0, 1, NULL, "optimizer moments in 8 bits", .heading = "optimizer and loss:"},
    {F(adam_beta1), DRAPE_OPTION_NUMBER, 0, BETA, "X", "decay of the gradients' mean"},
    {F(adam_beta2), DRAPE_OPTION_NUMBER, 0, BETA, "X", "decay of the mean of their squares"},
    {F(adam_weight_decay), DRAPE_OPTION_NUMBER, 0, 100, "X", "how weights are pulled to 0, times the rate"},
    {F(adam_epsilon), DRAPE_OPTION_NUMBER, EPSILON, 1, "X", "keeps the division by the deviation finite"},
    {F(max_grad_norm), DRAPE_OPTION_NUMBER, 0, 1e9, "X",
     "clip gradients to this norm; 0 clips nothing and, with checkpointing, frees gradients as they come"},
    {F(mask_any_white), DRAPE_OPTION_BOOL, 0, 1, NULL,
     "mask a latent cell if any pixel of it is white, so that straps and belts count; else by one sample, as "
     "diffusers"},
    {F(mask_loss_weight), DRAPE_OPTION_NUMBER, 0, 1e6, "X", "weight of the loss inside the mask"},
    {F(unmasked_loss_weight), DRAPE_OPTION_NUMBER, 0, 1e6, "X", "and outside"},
    {F(snr_gamma), DRAPE_OPTION_NUMBER, 0, 1e6, "G", "min-SNR weighting, 5 is usual; 0 is off"},
    {F(noise_offset), DRAPE_OPTION_NUMBER, 0, 10, "X", "0 is off"},

    {F(with_prior_preservation), DRAPE_OPTION_BOOL, 0, 1, NULL, "train on class images as well",
     .heading = "prior preservation:"},
    {F(class_data_dir), DRAPE_OPTION_TEXT, 0, 0, "DIR", "where they are, or are made", .unset = ""},
    {F(class_prompt), DRAPE_OPTION_TEXT, 0, 0, "TEXT", "their prompt", .unset = ""},
    {F(num_class_images), DRAPE_OPTION_INT, 1, 100000, "N", "missing ones are made"},
    {F(prior_loss_weight), DRAPE_OPTION_NUMBER, 0, 1e6, "X", "weight of their loss"},
    {F(sample_batch_size), DRAPE_OPTION_INT, 1, 1024, "N", "accepted; class images are made one by one"},

    {F(gradient_checkpointing), DRAPE_OPTION_BOOL, 0, 1, NULL,
     "keep only blocks' inputs, and run them again in the backward", .heading = "memory and speed:"},
    {F(activation_memory), DRAPE_OPTION_BYTES, 0, MEMORY, "SIZE",
     "with it: keep what fits into this, e.g. 2GiB, and run the rest again"},
    {F(mixed_precision), DRAPE_OPTION_CHOICE, 0, 0, NULL, "bf16 where the CPU has it; fp16 is refused",
     .choices = "no|bf16|fp16"}, /* fp16 with a sentence of its own: train/check.c */

    {F(checkpointing_steps), DRAPE_OPTION_INT, 1, STEPS, "N", "write a checkpoint every N steps",
     .heading = "checkpoints and logs:"},
    {F(checkpoints_total_limit), DRAPE_OPTION_INT, 0, 1e6, "N", "keep the newest N", .unset = "all"},
    {F(resume_from_checkpoint), DRAPE_OPTION_TEXT, 0, 0, "latest|DIR", "go on where a run stopped", .unset = ""},
    {F(logging_dir), DRAPE_OPTION_TEXT, 0, 0, "DIR", "TensorBoard events and train.jsonl, in the output folder"},
    {F(validation_prompt), DRAPE_OPTION_TEXT, 0, 0, "TEXT", "try-on pictures while training", .unset = ""},
    {F(validation_image), DRAPE_OPTION_TEXT, 0, 0, "PHOTO", "of this person", .unset = ""},
    {F(validation_mask), DRAPE_OPTION_TEXT, 0, 0, "MASK", "with this mask", .unset = ""},
    {F(validation_garment), DRAPE_OPTION_TEXT, 0, 0, "PHOTO", "of pairs: with this garment", .unset = ""},
    {F(validation_steps), DRAPE_OPTION_INT, 0, STEPS, "N", "every N steps"},
    {F(num_validation_images), DRAPE_OPTION_INT, 1, 64, "N", "pictures each time"},
    {NULL},
};
