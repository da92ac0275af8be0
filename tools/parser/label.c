/* Labels photos that nobody has labelled, for a parser to learn from: what the parser of a first training sees in them,
 * held against the tags that people gave to each whole photo.
 *
 *     parser_label --data DIR --model PARSER_DIR --out DIR
 *
 * DIR/image_tags.json has "image_level": {"1005": [tag ids]} and labels.json the tags' names. OUT gets parsing-18/ and
 * splits.json with the list "train", as parser_train --more wants them. A garment whose tag a photo lacks is not chosen
 * there; where no label is likely (LEAST), nothing is judged. */
#include "photos.h"

#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/threads.h"
#include "pipeline/parser.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST 0.6f
#define MAX_TAGS 256

/* Tags that show as a label of their own; labels that are in no list need no tag. */
static const struct {
    uint8_t label;
    const char *tags;
} tagged[] = {{DR_LABEL_HAT, " hat "},
              {DR_LABEL_SUNGLASSES, " glasses sunglasses "},
              {DR_LABEL_UPPER,
               " blazer blouse bodysuit bra cape cardigan coat hoodie intimate jacket jumper shirt suit "
               "sweater sweatshirt swimwear t-shirt tie top vest jeans "},
              {DR_LABEL_SKIRT, " skirt "},
              {DR_LABEL_PANTS, " jeans leggings pants panties shorts suit tights stockings "},
              {DR_LABEL_DRESS, " dress romper "},
              {DR_LABEL_BELT, " belt "},
              {DR_LABEL_BAG, " bag purse wallet accessories "},
              {DR_LABEL_SCARF, " scarf "}};

typedef struct labeller {
    const char *data, *model, *out;
    json_t *tags, *names;
    dr_parser parser;
    json_t *done; /* list of names */
} labeller;

/* Which labels the photo's tags allow. */
static void allow(const labeller *l, const json_t *tags, bool allowed[DR_LABELS])
{
    for (int i = 0; i < DR_LABELS; i++)
        allowed[i] = true;
    for (size_t k = 0; k < sizeof tagged / sizeof *tagged; k++) {
        allowed[tagged[k].label] = false;
        for (size_t i = 0; i < json_array_size(tags); i++) {
            char id[16], word[64];
            snprintf(id, sizeof id, "%d", (int)json_integer_value(json_array_get(tags, i)));
            const char *name = json_string_value(json_object_get(l->names, id));
            snprintf(word, sizeof word, " %s ", name ? name : "?");
            if (strstr(tagged[k].tags, word))
                allowed[tagged[k].label] = true;
        }
    }
}

static uint8_t choose(const float *logit, const bool allowed[DR_LABELS])
{
    int best = -1;
    float sum = 0, top = -INFINITY;
    for (int i = 0; i < DR_LABELS; i++)
        if (logit[i] > top)
            top = logit[i];
    for (int i = 0; i < DR_LABELS; i++)
        sum += allowed[i] ? expf(logit[i] - top) : 0;
    for (int i = 0; i < DR_LABELS; i++)
        if (allowed[i] && (best < 0 || logit[i] > logit[best]))
            best = i;
    return expf(logit[best] - top) < LEAST * sum ? NOT_JUDGED : (uint8_t)best;
}

/* Labels in the photo's size, as colours of the VOC palette. */
static dr_status write_labels(const labeller *l, const char *name, const dr_image *photo, const dr_parser_cells *c,
                              const bool allowed[DR_LABELS])
{
    char path[4096];
    dr_image im = {0};
    dr_status st = dr_image_alloc(&im, photo->width, photo->height, 3);
    for (int y = 0; !st && y < im.height; y++)
        for (int x = 0; x < im.width; x++) {
            int cx = (int)((x + 0.5) * c->used_w / im.width), cy = (int)((y + 0.5) * c->used_h / im.height);
            uint8_t label = choose(c->logit + ((size_t)cy * (size_t)c->width + (size_t)cx) * DR_LABELS, allowed);
            voc_colour(label, im.data + 3 * ((size_t)y * (size_t)im.width + (size_t)x));
        }
    if (!st)
        st = dr_path_format(path, sizeof path, l->out, "parsing-18/%s.png", name);
    if (!st)
        st = dr_image_write(&im, path, NULL);
    dr_image_clear(&im);
    return st;
}

static dr_status label_one(labeller *l, const char *name, const json_t *tags)
{
    char path[4096];
    bool allowed[DR_LABELS];
    dr_image photo = {0};
    dr_parser_cells cells = {0};
    dr_status st = dr_path_format(path, sizeof path, l->data, "photos/%s.jpg", name);
    if (st || !dr_exists(path))
        return st; /* tags are there for more photos than are kept */
    allow(l, tags, allowed);
    st = dr_image_read(&photo, path, 3);
    if (!st)
        st = dr_parser_logits(&l->parser, &photo, &cells);
    if (!st)
        st = write_labels(l, name, &photo, &cells, allowed);
    if (!st && json_array_append_new(l->done, json_string(name)))
        st = dr_fail(DR_ENOMEM, "out of memory");
    free(cells.logit);
    dr_image_clear(&photo);
    return st;
}

static dr_status run(labeller *l)
{
    char path[4096];
    const char *name;
    json_t *tags, *list = json_object_get(l->tags, "image_level");
    long n = 0;
    dr_progress bar;
    dr_status st = DR_OK;
    dr_progress_start(&bar, "labelling", (long)json_object_size(list), false);
    json_object_foreach(list, name, tags)
    {
        if (!st)
            st = label_one(l, name, tags);
        dr_progress_set(&bar, ++n, NULL);
    }
    dr_progress_end(&bar);
    json_t *splits = json_pack("{s:O}", "train", l->done);
    if (!st)
        st = dr_path(path, sizeof path, l->out, "splits.json");
    if (!st)
        st = dr_json_save(path, splits);
    json_decref(splits);
    return st;
}

static dr_status load_json(const char *dir, const char *name, json_t **out)
{
    char path[4096];
    dr_status st = dr_path(path, sizeof path, dir, name);
    return st ? st : dr_json_load(path, out);
}

int main(int argc, char **argv)
{
    labeller l = {.done = json_array()};
    char path[4096];
    for (int i = 1; i + 1 < argc; i += 2) {
        const char **to = strcmp(argv[i], "--data") == 0    ? &l.data
                          : strcmp(argv[i], "--model") == 0 ? &l.model
                          : strcmp(argv[i], "--out") == 0   ? &l.out
                                                            : NULL;
        if (to)
            *to = argv[i + 1];
    }
    if (argc != 7 || !l.data || !l.model || !l.out) {
        fprintf(stderr, "usage: parser_label --data DIR --model PARSER_DIR --out DIR\n");
        return 2;
    }
    dr_set_threads(0);
    dr_status st = dr_path(path, sizeof path, l.out, "parsing-18");
    if (!st)
        st = dr_mkdirs(path);
    if (!st)
        st = load_json(l.data, "image_tags.json", &l.tags);
    if (!st)
        st = load_json(l.data, "labels.json", &l.names);
    if (!st)
        st = dr_parser_load(&l.parser, l.model);
    if (!st)
        st = run(&l);
    if (st)
        fprintf(stderr, "parser_label: %s\n", dr_error());
    dr_parser_unload(&l.parser);
    json_decref(l.tags);
    json_decref(l.names);
    json_decref(l.done);
    return st ? 1 : 0;
}
