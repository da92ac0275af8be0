/* A complete program on libdrape: puts the garment of a product photo onto a person, with HR-VITON.
 *
 *     cc warp.c -o warp $(pkg-config --cflags --libs drape)
 *     ./warp CONDITION GENERATOR PHOTO CLOTH DENSEPOSE KEYPOINTS OUT [WIDTH HEIGHT]
 *
 * CONDITION and GENERATOR are the published mtviton.pth and gen.pth, which are for non-commercial use. DensePose is a
 * picture on black, the key points are OpenPose's JSON. The label map and the cloth's mask are made here. */
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

static void on_progress(void *user, double part)
{
    (void)user;
    fprintf(stderr, "\r%3.0f %%%s", 100 * part, part >= 1 ? "\n" : "");
}

static void on_note(void *user, const char *text)
{
    (void)user;
    fprintf(stderr, "note: %s\n", text);
}

/* A failed call leaves its sentence in drape_error(). */
static drape_status dress(const char *condition, const char *generator, const drape_warp_files *files,
                          drape_warp_options *options, const char *out_path)
{
    drape_warper *networks = NULL;
    drape_parser *parser = NULL;
    drape_warp_result result = {0};

    drape_status st = drape_warper_load(&networks, condition, generator, &(drape_load_options){.note = on_note});
    if (!st)
        st = drape_parser_load(&parser, NULL);
    options->parser = parser;
    if (!st)
        st = drape_warp(networks, files, options, &result);
    if (!st)
        st = drape_image_write(&result.picture, out_path, NULL);

    drape_warp_result_free(&result);
    drape_parser_free(parser);
    drape_warper_free(networks);
    return st;
}

int main(int argc, char **argv)
{
    if (argc != 8 && argc != 10) {
        fprintf(stderr, "usage: %s CONDITION GENERATOR PHOTO CLOTH DENSEPOSE KEYPOINTS OUT [WIDTH HEIGHT]\n", argv[0]);
        return 2;
    }
    drape_warp_files files = {.image = argv[3], .cloth = argv[4], .densepose = argv[5], .keypoints = argv[6]};
    drape_warp_options options = DRAPE_WARP_DEFAULTS;
    options.occlusion = true;
    options.width = argc == 10 ? atoi(argv[8]) : 0;
    options.height = argc == 10 ? atoi(argv[9]) : 0;
    options.callbacks = (drape_warp_callbacks){.progress = on_progress, .cancel = is_cancelled};
    signal(SIGINT, on_signal);

    drape_status st = dress(argv[1], argv[2], &files, &options, argv[7]);
    if (st == DRAPE_ECANCELLED)
        return 130;
    if (st) {
        fprintf(stderr, "%s\n", drape_error());
        return 1;
    }
    printf("%s\n", argv[7]);
    return 0;
}
