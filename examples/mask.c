/* A complete program on libdrape: makes the mask of a photo.
 *
 *     cc mask.c -o mask $(pkg-config --cflags --libs drape)
 *     ./mask PHOTO OUT [upper|lower|dress|outer]
 *
 * White is where a new garment may go. The clothes parser that comes with drape is used, or that of $DRAPE_PARSER. */
#include <drape.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

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

/* 0 to 3, or -1 for a word that is no category. */
static int category_of(const char *word)
{
    static const char *const words[] = {"upper", "lower", "dress", "outer"};
    for (int i = 0; i < 4; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    return -1;
}

/* How many pixels show what. */
static void print_labels(const drape_image *labels)
{
    long count[DRAPE_LABELS] = {0};
    for (long i = 0; i < (long)labels->width * labels->height; i++)
        count[labels->data[i]]++;
    for (int k = 1; k < DRAPE_LABELS; k++)
        if (count[k])
            fprintf(stderr, "%-14s %ld pixels\n", drape_label_name(k), count[k]);
}

/* Everything between reading and writing. A failed call leaves its sentence in drape_error(). */
static drape_status make_mask(const char *photo_path, const drape_mask_options *options, const char *out_path)
{
    drape_parser *parser = NULL;
    drape_image photo = {0}, labels = {0}, mask = {0};

    drape_status st = drape_parser_load(&parser, NULL);
    if (!st)
        st = drape_image_read(&photo, photo_path);
    if (!st)
        st = drape_mask_labels(parser, &photo, options, &labels);
    if (!st)
        st = drape_mask_from_labels(&labels, options, &mask);
    if (!st)
        st = drape_image_write(&mask, out_path, NULL);
    if (!st)
        print_labels(&labels);

    drape_image_free(&mask);
    drape_image_free(&labels);
    drape_image_free(&photo);
    drape_parser_free(parser);
    return st;
}

int main(int argc, char **argv)
{
    drape_mask_options options = DRAPE_MASK_DEFAULTS;
    int category = argc == 4 ? category_of(argv[3]) : DRAPE_UPPER;
    if ((argc != 3 && argc != 4) || category < 0) {
        fprintf(stderr, "usage: %s PHOTO OUT [upper|lower|dress|outer]\n", argv[0]);
        return 2;
    }
    signal(SIGINT, on_signal);
    options.category = (drape_category)category;
    options.name = argv[1];
    options.cancel = is_cancelled;

    drape_status st = make_mask(argv[1], &options, argv[2]);
    if (st == DRAPE_ECANCELLED)
        return 130;
    if (st) {
        fprintf(stderr, "%s\n", drape_error());
        return 1;
    }
    printf("%s\n", argv[2]);
    return 0;
}
