/* A complete program on libdrape: dresses a person from a photo of the garment.
 *
 *     cc garment.c -o garment $(pkg-config --cflags --libs drape)
 *     ./garment MODEL PHOTO GARMENT OUT [STEPS]
 *
 * MODEL is a folder that `drape pull catvton` brings. The garment may lie, or somebody may wear it; the mask is made
 * for what it covers. */
#include <drape.h>

#include <stdio.h>
#include <stdlib.h>

static void on_progress(void *user, drape_stage stage, int done, int total)
{
    static const char *const names[] = {"", "encoding the photos", "denoising", "decoding"};
    (void)user;
    fprintf(stderr, "\r%-20s %d of %d%s", names[stage], done, total, done == total ? "\n" : "");
}

/* The garment, ready to be put on, and the mask on the person that goes with it. */
static drape_status look(const char *garment_path, const drape_image *photo, drape_image *garment, drape_image *mask)
{
    drape_parser *parser = NULL;
    drape_image as_taken = {0};
    drape_garment_info found;
    drape_garment_options options = {.name = garment_path};
    drape_mask_options rules = DRAPE_MASK_DEFAULTS;

    drape_status st = drape_parser_load(&parser, NULL);
    if (!st)
        st = drape_image_read(&as_taken, garment_path);
    if (!st)
        st = drape_garment(parser, &as_taken, &options, garment, &found);
    if (!st) {
        rules.category = found.mask;
        rules.sleeve = DRAPE_SLEEVE_LONG; /* the new sleeves may be longer than the old ones */
        st = drape_mask(parser, photo, &rules, mask);
    }
    drape_image_free(&as_taken);
    drape_parser_free(parser);
    return st;
}

/* Everything between reading and writing. A failed call leaves its sentence in drape_error(). */
static drape_status dress(const char *model, const char *photo_path, const char *garment_path, int steps,
                          const char *out_path)
{
    drape_pipeline *pipeline = NULL;
    drape_image photo = {0}, garment = {0}, mask = {0}, out = {0};
    drape_load_options load = {.garment = true};
    drape_tryon_options options = DRAPE_GARMENT_DEFAULTS;

    options.steps = steps ? steps : options.steps;
    options.seed = 1;
    options.callbacks.progress = on_progress;
    drape_status st = drape_pipeline_load(&pipeline, model, &load); /* weights are read later */
    if (!st)
        st = drape_image_read(&photo, photo_path);
    if (!st)
        st = look(garment_path, &photo, &garment, &mask);
    options.garment = &garment;
    if (!st)
        st = drape_tryon(pipeline, &photo, &mask, &options, &out);
    if (!st) {
        char *text = drape_tryon_parameters(pipeline, &options, out.width, out.height);
        st = drape_image_write(&out, out_path, text);
        free(text);
    }
    drape_image_free(&out);
    drape_image_free(&mask);
    drape_image_free(&garment);
    drape_image_free(&photo);
    drape_pipeline_free(pipeline);
    return st;
}

int main(int argc, char **argv)
{
    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: %s MODEL PHOTO GARMENT OUT [STEPS]\n", argv[0]);
        return 2;
    }
    if (dress(argv[1], argv[2], argv[3], argc == 6 ? atoi(argv[5]) : 0, argv[4])) {
        fprintf(stderr, "%s\n", drape_error());
        return 1;
    }
    printf("%s\n", argv[4]);
    return 0;
}
