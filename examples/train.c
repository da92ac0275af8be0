/* A complete program on libdrape: teaches a model one garment, and goes on where it was stopped.
 *
 *     cc train.c -o train $(pkg-config --cflags --libs drape)
 *     ./train MODEL IMAGES MASKS OUT [STEPS [RESOLUTION]]
 *
 * MODEL is a folder of a Stable Diffusion inpainting model; `drape pull` brings one. IMAGES has photos of the garment,
 * MASKS a mask of the garment for each, white, of the same name. What comes out is a file of adapters for
 * `drape tryon --lora`: a few megabytes, and the least memory that training can do with. */
#include <drape.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
    (void)sig;
    interrupted = 1;
}

/* True finishes the step at hand and writes a checkpoint. */
static bool is_cancelled(void *user)
{
    (void)user;
    return interrupted != 0;
}

static void on_prepare(void *user, const char *what, int done, int total)
{
    (void)user;
    fprintf(stderr, "\r%s %d of %d%s", what, done, total, done == total ? "\n" : "");
}

static void on_step(void *user, const drape_train_report *r)
{
    (void)user;
    fprintf(stderr, "\rstep %d of %d: loss %.4f, gradient %.3g, %.1f s, %.2f GiB  %s", r->step, r->steps,
            r->smooth_loss, r->gradient_norm, r->seconds, ldexp((double)r->memory, -30),
            r->step == r->steps ? "\n" : "");
}

/* Warnings about the photos, the memory that will be needed, how to resume. */
static void on_message(void *user, const char *text)
{
    (void)user;
    fprintf(stderr, "%s\n", text);
}

int main(int argc, char **argv)
{
    drape_train_options options;
    if (argc < 5 || argc > 7) {
        fprintf(stderr, "usage: %s MODEL IMAGES MASKS OUT [STEPS [RESOLUTION]]\n", argv[0]);
        return 2;
    }
    signal(SIGINT, on_signal);
    drape_train_defaults(&options);
    options.pretrained_model_name_or_path = argv[1];
    options.instance_data_dir = argv[2];
    options.instance_masks_data_dir = argv[3];
    options.output_dir = argv[4];
    options.max_train_steps = argc > 5 ? atoi(argv[5]) : 400;
    options.resolution = argc > 6 ? atoi(argv[6]) : options.resolution;
    options.lora_rank = 4;
    options.learning_rate = 1e-4;
    options.gradient_checkpointing = true;
    options.checkpointing_steps = 100;
    options.checkpoints_total_limit = 1;
    options.resume_from_checkpoint = "latest"; /* anew when there is none */
    options.callbacks.prepare = on_prepare;
    options.callbacks.step = on_step;
    options.callbacks.message = on_message;
    options.callbacks.cancel = is_cancelled;

    drape_status st = drape_train(&options);
    if (st == DRAPE_ECANCELLED)
        return 130;
    if (st) {
        fprintf(stderr, "%s\n", drape_error());
        return 1;
    }
    printf("%s/pytorch_lora_weights.safetensors\n", argv[4]);
    return 0;
}
