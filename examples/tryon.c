/* A complete program on libdrape: dresses a person.
 *
 *     cc tryon.c -o tryon $(pkg-config --cflags --libs drape)
 *     ./tryon MODEL PHOTO MASK PROMPT OUT [STEPS]
 *
 * MODEL is a folder of a Stable Diffusion inpainting model; `drape pull` brings one. */
#include <drape.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
    (void)sig;
    interrupted = 1;
}

static bool is_cancelled(void *user)
{
    (void)user;
    return interrupted != 0;
}

static void on_progress(void *user, drape_stage stage, int done, int total)
{
    static const char *const names[] = {"reading the prompt", "encoding the photo", "denoising", "decoding"};
    (void)user;
    fprintf(stderr, "\r%-20s %d of %d%s", names[stage], done, total, done == total ? "\n" : "");
}

/* Everything between reading and writing. A failed call leaves its sentence in drape_error(). */
static drape_status dress(const char *model, const char *photo_path, const char *mask_path,
                          const drape_tryon_options *options, const char *out_path)
{
    drape_pipeline *pipeline = NULL;
    drape_image photo = {0}, mask = {0}, out = {0};
    char warnings[512];

    drape_status st = drape_pipeline_load(&pipeline, model, NULL);
    if (!st)
        st = drape_image_read(&photo, photo_path);
    if (!st)
        st = drape_mask_read(&mask, mask_path, &photo, warnings, sizeof warnings);
    if (!st && warnings[0])
        fprintf(stderr, "warning: %s\n", warnings);
    if (!st)
        st = drape_tryon(pipeline, &photo, &mask, options, &out);
    if (!st) {
        char *text = drape_tryon_parameters(pipeline, options, out.width, out.height);
        st = drape_image_write(&out, out_path, text);
        free(text);
    }

    drape_image_free(&out);
    drape_image_free(&mask);
    drape_image_free(&photo);
    drape_pipeline_free(pipeline);
    return st;
}

int main(int argc, char **argv)
{
    drape_tryon_options options = DRAPE_TRYON_DEFAULTS;
    if (argc != 6 && argc != 7) {
        fprintf(stderr, "usage: %s MODEL PHOTO MASK PROMPT OUT [STEPS]\n", argv[0]);
        return 2;
    }
    signal(SIGINT, on_signal);
    options.prompt = argv[4];
    options.steps = argc == 7 ? atoi(argv[6]) : options.steps;
    options.seed = 1;
    options.callbacks.progress = on_progress;
    options.callbacks.cancel = is_cancelled;

    drape_status st = dress(argv[1], argv[2], argv[3], &options, argv[5]);
    if (st == DRAPE_ECANCELLED)
        return 130;
    if (st) {
        fprintf(stderr, "%s\n", drape_error());
        return 1;
    }
    printf("%s\n", argv[5]);
    return 0;
}
