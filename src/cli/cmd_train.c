/* drape train: on the public API alone. */
#include "base/progress.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "drape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct train_cli {
    drape_train_options o;
    const char *activation_memory, *revision;
    int threads;
    bool quiet;
    dr_progress bar;
    bool bar_open;
    const char *what; /* of the bar */
} train_cli;

/* --- callbacks ---------------------------------------------------------------------------------- */

static void show(train_cli *c, const char *what, long done, long total, const char *extra)
{
    if (!c->bar_open || strcmp(c->what, what) != 0) {
        if (c->bar_open)
            dr_progress_end(&c->bar);
        dr_progress_start(&c->bar, what, total, c->quiet);
        c->bar_open = true;
        c->what = what;
    }
    dr_progress_set(&c->bar, done, extra);
}

static void on_prepare(void *user, const char *what, int done, int total)
{
    show(user, what, done, total, NULL);
}

static void on_step(void *user, const drape_train_report *r)
{
    train_cli *c = user;
    char extra[160];
    if (!c->bar_open || strcmp(c->what, "training") != 0) {
        show(c, "training", 0, r->steps, NULL);
        c->bar.first = r->step - 1;
        c->bar.started -= r->seconds; /* the bar starts when the first step is done already */
    }
    snprintf(extra, sizeof extra, "loss %.4f (%.4f)  lr %.2e  %.1f s/step  %.1f GiB", r->smooth_loss, r->loss,
             r->learning_rate, r->seconds, (double)r->memory / (1 << 30));
    show(c, "training", r->step, r->steps, extra);
}

static void on_message(void *user, const char *text)
{
    train_cli *c = user;
    if (c->bar_open)
        dr_progress_end(&c->bar);
    c->bar_open = false;
    fprintf(stderr, "drape train: %s\n", text);
}

/* --- options ------------------------------------------------------------------------------------ */

/* "2GiB", "500M", "0" -> bytes; false when it is none of that. */
static bool parse_bytes(const char *text, int64_t *out)
{
    char *end;
    double v = strtod(text, &end), unit = 1;
    if (end == text || v < 0)
        return false;
    if (*end == 'K' || *end == 'k')
        unit = 1 << 10;
    else if (*end == 'M' || *end == 'm')
        unit = 1 << 20;
    else if (*end == 'G' || *end == 'g')
        unit = 1 << 30;
    else if (*end)
        return false;
    if (*end && end[1] && strcmp(end + 1, "B") != 0 && strcmp(end + 1, "iB") != 0)
        return false;
    *out = (int64_t)(v * unit);
    return true;
}

static int parse(train_cli *c, int argc, char **argv)
{
    drape_train_options *o = &c->o;
    const dr_opt opts[] = {
        {"pretrained-model-name-or-path", DR_OPT_STRING, &o->pretrained_model_name_or_path, "DIR",
         "folder of an inpainting model (see 'drape pull')", .required = true},
        {"instance-data-dir", DR_OPT_STRING, &o->instance_data_dir, "DIR", "photos of the garment", .required = true},
        {"instance-masks-data-dir", DR_OPT_STRING, &o->instance_masks_data_dir, "DIR",
         "masks of the garment, white, of the photos' names in any format", .required = true},
        {"output-dir", DR_OPT_STRING, &o->output_dir, "DIR", "checkpoints and result", .required = true},
        {"instance-prompt", DR_OPT_STRING, &o->instance_prompt, "TEXT", "one prompt for all photos",
         .shown_default = "NAME.txt beside the photo, else its file name"},
        {"tokenizer-name", DR_OPT_STRING, &o->tokenizer_name, "DIR", "tokenizer folder",
         .shown_default = "the model's"},
        {"revision", DR_OPT_STRING, &c->revision, "R",
         "not used: models are local folders; see 'drape pull --revision'", .shown_default = ""},
        {"", DR_OPT_HEADING, NULL, NULL, "photos:"},
        {"resolution", DR_OPT_INT, &o->resolution, "PX", "side of the square that photos are cut to", 8, 4096},
        {"center-crop", DR_OPT_FLAG, &o->center_crop, NULL, "cut out the middle instead of a random place"},
        {"bucket", DR_OPT_FLAG, &o->bucket, NULL, "keep the photos' aspect ratios, at about resolution^2 pixels"},
        {"flip", DR_OPT_FLAG, &o->flip, NULL, "mirror half of the photos (prints come out mirrored)"},
        {"", DR_OPT_HEADING, NULL, NULL, "what is trained:"},
        {"train-text-encoder", DR_OPT_FLAG, &o->train_text_encoder, NULL, "the text encoder too"},
        {"lora-rank", DR_OPT_INT, &o->lora_rank, "R", "adapters of this rank instead of all weights; 0 is off", 0,
         1024},
        {"lora-alpha", DR_OPT_DOUBLE, &o->lora_alpha, "A", "their scale times the rank", 0, 1e6,
         .shown_default = "the rank"},
        {"use-ema", DR_OPT_FLAG, &o->use_ema, NULL, "keep a moving average of the weights; it is the result"},
        {"", DR_OPT_HEADING, NULL, NULL, "steps:"},
        {"max-train-steps", DR_OPT_INT, &o->max_train_steps, "N", "optimizer steps", 0, 1e7,
         .shown_default = "from --num-train-epochs"},
        {"num-train-epochs", DR_OPT_INT, &o->num_train_epochs, "N", "passes over the photos", 1, 1e6},
        {"train-batch-size", DR_OPT_INT, &o->train_batch_size, "N", "photos per step", 1, 1024},
        {"gradient-accumulation-steps", DR_OPT_INT, &o->gradient_accumulation_steps, "N", "batches per optimizer step",
         1, 4096},
        {"learning-rate", DR_OPT_DOUBLE, &o->learning_rate, "X", "size of a step", 0, 1},
        {"scale-lr", DR_OPT_FLAG, &o->scale_lr, NULL, "multiply it by batch size and accumulation"},
        {"lr-scheduler", DR_OPT_CHOICE, &o->lr_scheduler,
         "constant|constant_with_warmup|linear|cosine|cosine_with_restarts|polynomial", "course of the learning rate"},
        {"lr-warmup-steps", DR_OPT_INT, &o->lr_warmup_steps, "N", "steps of rising rate, where the course has any", 0,
         1e7},
        {"lr-num-cycles", DR_OPT_INT, &o->lr_num_cycles, "N", "of cosine_with_restarts", 1, 1e6},
        {"lr-power", DR_OPT_DOUBLE, &o->lr_power, "X", "of polynomial", 0, 100},
        {"seed", DR_OPT_U64, &o->seed, "N", "same seed, same weights"},
        {"", DR_OPT_HEADING, NULL, NULL, "optimizer and loss:"},
        {"use-8bit-adam", DR_OPT_FLAG, &o->use_8bit_adam, NULL, "optimizer moments in 8 bits"},
        {"adam-beta1", DR_OPT_DOUBLE, &o->adam_beta1, "X", "decay of the gradients' mean", 0, 1},
        {"adam-beta2", DR_OPT_DOUBLE, &o->adam_beta2, "X", "decay of the mean of their squares", 0, 1},
        {"adam-weight-decay", DR_OPT_DOUBLE, &o->adam_weight_decay, "X", "how weights are pulled to 0, times the rate",
         0, 100},
        {"adam-epsilon", DR_OPT_DOUBLE, &o->adam_epsilon, "X", "keeps the division by the deviation finite", 0, 1},
        {"max-grad-norm", DR_OPT_DOUBLE, &o->max_grad_norm, "X",
         "clip gradients to this norm; 0 clips nothing and, with checkpointing, frees gradients as they come", 0, 1e9},
        {"mask-any-white", DR_OPT_FLAG, &o->mask_any_white, NULL,
         "mask a latent cell if any pixel of it is white, so that straps and belts count; else by one sample, as "
         "diffusers"},
        {"mask-loss-weight", DR_OPT_DOUBLE, &o->mask_loss_weight, "X", "weight of the loss inside the mask", 0, 1e6},
        {"unmasked-loss-weight", DR_OPT_DOUBLE, &o->unmasked_loss_weight, "X", "and outside", 0, 1e6},
        {"snr-gamma", DR_OPT_DOUBLE, &o->snr_gamma, "G", "min-SNR weighting, 5 is usual; 0 is off", 0, 1e6},
        {"noise-offset", DR_OPT_DOUBLE, &o->noise_offset, "X", "0 is off", 0, 10},
        {"", DR_OPT_HEADING, NULL, NULL, "prior preservation:"},
        {"with-prior-preservation", DR_OPT_FLAG, &o->with_prior_preservation, NULL, "train on class images as well"},
        {"class-data-dir", DR_OPT_STRING, &o->class_data_dir, "DIR", "where they are, or are made",
         .shown_default = ""},
        {"class-prompt", DR_OPT_STRING, &o->class_prompt, "TEXT", "their prompt", .shown_default = ""},
        {"num-class-images", DR_OPT_INT, &o->num_class_images, "N", "missing ones are made", 1, 100000},
        {"prior-loss-weight", DR_OPT_DOUBLE, &o->prior_loss_weight, "X", "weight of their loss", 0, 1e6},
        {"sample-batch-size", DR_OPT_INT, &o->sample_batch_size, "N", "accepted; class images are made one by one", 1,
         1024},
        {"", DR_OPT_HEADING, NULL, NULL, "memory and speed:"},
        {"gradient-checkpointing", DR_OPT_FLAG, &o->gradient_checkpointing, NULL,
         "keep only blocks' inputs, and run them again in the backward"},
        {"activation-memory", DR_OPT_STRING, &c->activation_memory, "SIZE",
         "with it: keep what fits into this, e.g. 2GiB, and run the rest again"},
        {"mixed-precision", DR_OPT_CHOICE, &o->mixed_precision, "no|bf16|fp16",
         "bf16 where the CPU has it; fp16 is refused"},
        {"threads", DR_OPT_INT, &c->threads, "N", "threads to use", 0, 1024, .shown_default = DR_DEFAULT_THREADS},
        {"", DR_OPT_HEADING, NULL, NULL, "checkpoints and logs:"},
        {"checkpointing-steps", DR_OPT_INT, &o->checkpointing_steps, "N", "write a checkpoint every N steps", 1, 1e7},
        {"checkpoints-total-limit", DR_OPT_INT, &o->checkpoints_total_limit, "N", "keep the newest N", 0, 1e6,
         .shown_default = "all"},
        {"resume-from-checkpoint", DR_OPT_STRING, &o->resume_from_checkpoint, "latest|DIR", "go on where a run stopped",
         .shown_default = ""},
        {"logging-dir", DR_OPT_STRING, &o->logging_dir, "DIR",
         "TensorBoard events and train.jsonl, in the output folder"},
        {"validation-prompt", DR_OPT_STRING, &o->validation_prompt, "TEXT", "try-on pictures while training",
         .shown_default = ""},
        {"validation-image", DR_OPT_STRING, &o->validation_image, "PHOTO", "of this person", .shown_default = ""},
        {"validation-mask", DR_OPT_STRING, &o->validation_mask, "MASK", "with this mask", .shown_default = ""},
        {"validation-steps", DR_OPT_INT, &o->validation_steps, "N", "every N steps", 0, 1e7},
        {"num-validation-images", DR_OPT_INT, &o->num_validation_images, "N", "pictures each time", 1, 64},
        {"quiet|q", DR_OPT_FLAG, &c->quiet, NULL, "no progress"},
    };
    int bad = dr_opt_parse(&dr_cmd_train, opts, sizeof opts / sizeof *opts, argc, argv, NULL);
    if (!bad && !parse_bytes(c->activation_memory, &o->activation_memory))
        bad = dr_usage_error(&dr_cmd_train, "--activation-memory: '%s' is not a size like 2GiB", c->activation_memory);
    return bad;
}

static int run(int argc, char **argv)
{
    train_cli c = {.activation_memory = "0"};
    drape_train_defaults(&c.o);
    int rc = parse(&c, argc, argv);
    if (rc)
        return rc < 0 ? 0 : rc;
    dr_set_threads(c.threads);
    c.o.callbacks = (drape_train_callbacks){&c, on_prepare, on_step, on_message, dr_cli_interrupted};
    drape_status st = drape_train(&c.o);
    if (c.bar_open)
        dr_progress_end(&c.bar);
    if (st)
        return dr_cli_fail(&dr_cmd_train, (int)st);
    if (!c.quiet)
        fprintf(stderr, "peak memory %.2f GiB\n", (double)dr_rss_peak() / (1 << 30));
    printf("%s\n", c.o.output_dir);
    return 0;
}

const dr_command dr_cmd_train = {
    "train", "teach an inpainting model one garment from a few photos and masks",
    "--pretrained_model_name_or_path DIR --instance_data_dir DIR --instance_masks_data_dir DIR --output_dir DIR",
    "  drape train --pretrained_model_name_or_path=sd2-inpainting --instance_data_dir=images \\\n"
    "    --instance_masks_data_dir=masks --output_dir=out --train_text_encoder --resolution=512 \\\n"
    "    --gradient_checkpointing --use_8bit_adam --learning_rate=2e-6 --max_train_steps=1000\n",
    run};
