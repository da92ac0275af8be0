/* Judges a clothes parser on labelled photos it has not seen.
 *
 *     parser_eval --data DIR --model PARSER_DIR [--split test_open] [--limit N] [--overlays DIR]
 *
 * Prints the intersection over union of person, upper garment (4, 7), lower garment (5, 6), all garments (4-7), each
 * label, and the mean over labels; pixels that the annotators left out are not judged. */
#include "base/path.h"
#include "photos.h"
#include "score.h"

#include "base/file.h"
#include "base/progress.h"
#include "base/threads.h"
#include "mask/garment.h"
#include "pipeline/parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct evaluation {
    const char *data, *model, *split, *overlays;
    size_t limit;
    photo_set set;
    dr_parser parser;
    score score;
} evaluation;

/* The colours of the labels over the photo. */
static dr_status write_overlay(const evaluation *e, const labelled_photo *p, const dr_image *labels)
{
    char path[4096];
    dr_image colours = {0};
    dr_status st = dr_labels_colour(&colours, labels);
    for (int64_t i = 0; !st && i < 3 * (int64_t)colours.width * colours.height; i++)
        colours.data[i] = (uint8_t)((colours.data[i] + p->photo.data[i]) / 2);
    if (!st)
        st = dr_path_format(path, sizeof path, e->overlays, "%s.png", p->name);
    if (!st)
        st = dr_image_write(&colours, path, &(dr_image_write_options){0});
    dr_image_clear(&colours);
    return st;
}

static dr_status judge(evaluation *e)
{
    dr_progress bar;
    dr_status st = DR_OK;
    dr_progress_start(&bar, "parsing", (long)e->set.count, false);
    for (size_t i = 0; !st && i < e->set.count; i++) {
        const labelled_photo *p = &e->set.item[i];
        dr_image labels = {0};
        st = dr_parser_run(&e->parser, &p->photo, NULL, NULL, &labels);
        if (!st)
            score_add(&e->score, p->labels.data, labels.data, (int64_t)labels.width * labels.height);
        if (!st && e->overlays)
            st = write_overlay(e, p, &labels);
        dr_image_clear(&labels);
        dr_progress_set(&bar, (long)i + 1, NULL);
    }
    dr_progress_end(&bar);
    return st;
}

static bool parse(evaluation *e, int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--data") == 0)
            e->data = value;
        else if (strcmp(name, "--model") == 0)
            e->model = value;
        else if (strcmp(name, "--split") == 0)
            e->split = value;
        else if (strcmp(name, "--overlays") == 0)
            e->overlays = value;
        else if (strcmp(name, "--limit") == 0)
            e->limit = (size_t)strtoul(value, NULL, 10);
        else
            return false;
    }
    return argc % 2 == 1 && e->data && e->model;
}

int main(int argc, char **argv)
{
    evaluation e = {.split = "test_open"};
    if (!parse(&e, argc, argv)) {
        fprintf(stderr,
                "usage: parser_eval --data DIR --model PARSER_DIR [--split NAME] [--limit N] [--overlays DIR]\n");
        return 2;
    }
    dr_set_threads(0);
    dr_status st = dr_parser_load(&e.parser, e.model);
    if (!st && e.overlays)
        st = dr_mkdirs(e.overlays);
    if (!st)
        st = photo_set_add(&e.set, e.data, e.data, e.split, e.limit);
    if (!st)
        st = judge(&e);
    if (!st)
        score_print(&e.score, stdout, true);
    else
        fprintf(stderr, "parser_eval: %s\n", dr_error());
    dr_parser_unload(&e.parser);
    photo_set_clear(&e.set);
    return st ? 1 : 0;
}
