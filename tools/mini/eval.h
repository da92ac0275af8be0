/* mini_eval: how the small model's pictures look, in figures and side by side.
 *
 * Photos that were never trained on are dressed as `drape tryon --mask auto` does it, and everything is judged in the
 * close-up that the model worked on: the region around the mask, 256x256, cut out of the finished picture. The same
 * close-ups of the photos, with the garments that are really worn, say what a figure ought to be. docs/mini-eval.md
 * defines the figures. */
#ifndef MINI_EVAL_H
#define MINI_EVAL_H

#include "drape.h"

#include "mini/frechet.h"
#include "mini/wardrobe.h"
#include "pipeline/parser.h"
#include "tryon/region.h"

#define EVAL_SIZE 256   /* of a close-up */
#define EVAL_COLOURS 8  /* that are asked for */
#define EVAL_INSIDE 4   /* pixels from the edge of a garment: well inside */
#define EVAL_COLUMNS 12 /* models and controls in one run, at most */

static inline drape_image eval_lend(const dr_image *im)
{
    return (drape_image){.data = im->data, .width = im->width, .height = im->height, .channels = im->channels};
}

/* --- what is asked for (eval_items.c) ------------------------------------------------------------------ */

/* A garment of a photo that is to be replaced. */
typedef struct eval_item {
    const mini_person *person;
    uint8_t label;
    int asked; /* colour */
    char prompt[80];
    dr_image mask, worn; /* the photo's size: the mask, and the garment under it */
    int padding;
    dr_region region;
    dr_image photo, place;  /* the close-up of the photo and of the mask */
    dr_image cloth, inside; /* of the garment under the mask, and what of it is well inside */
} eval_item;

typedef struct eval_items {
    eval_item *item;
    int count;
} eval_items;

/** The garments of people, one person after the other; at most `count`. Those that show too little cloth are left
 *  out. `w` must live on. */
dr_status eval_items_open(eval_items *all, const mini_wardrobe *w, int count);
void eval_items_clear(eval_items *all);

/** Makes the close-ups of an item that has its photo, its mask, and what of it is worn. */
dr_status eval_item_frame(eval_item *it);
/** The region around a mask, as drape_tryon() takes it with `*padding`, which is its own choice. */
dr_region eval_frame(const dr_image *mask, int *padding);
/** The close-up of a picture of the photo's size. */
dr_status eval_closeup(dr_image *out, const dr_image *picture, const dr_region *region);

const char *eval_colour_name(int colour);
dr_lab eval_colour_shade(int colour);
int eval_colour_nearest(dr_lab c);

/* --- pictures (eval_paint.c) --------------------------------------------------------------------------- */

typedef enum eval_way {
    EVAL_MODEL,      /* a picture by the model */
    EVAL_PHOTO,      /* the photo's own close-up pasted back: what framing alone does */
    EVAL_RECOLOURED, /* the same in the colour asked for, as training examples are: what a perfect model would do */
    EVAL_VAE         /* the close-up through the model's VAE alone: the best that its latents allow */
} eval_way;

typedef struct eval_painter {
    eval_way way;
    const char *dir; /* of the model */
    int steps;       /* 0: as suits the model */
    double guidance_scale;
    uint64_t seed;
    drape_pipeline *pipeline;
    struct dr_source *source; /* EVAL_VAE's, and below */
    struct dr_engine *engine;
} eval_painter;

dr_status eval_painter_open(eval_painter *p);
void eval_painter_close(eval_painter *p);
/** The item's photo with another garment; `out` has the photo's size. */
dr_status eval_paint(eval_painter *p, const eval_item *item, dr_image *out);

/* --- figures (eval_marks.c) ---------------------------------------------------------------------------- */

/* What is measured in one picture. */
typedef struct eval_marks {
    bool right;                 /* the colour */
    double sharpness, blotches; /* mean squares */
    double agreement, agreement_mask;
    double seam; /* step across the mask's edge */
    double edge; /* step across the garment's own edge; of use for real photos */
} eval_marks;

/** Of a picture of the photo's size. Patches of cloth go to `patches`. */
dr_status eval_mark(eval_marks *m, mini_samples *patches, dr_parser *parser, const eval_item *item,
                    const dr_image *picture);

/** Features of the cloth in a close-up, one vector for each patch that is mostly within `inside`. */
dr_status eval_patches(mini_samples *s, const dr_parser *parser, const dr_image *closeup, const dr_image *inside);

/* --- real cloth (eval_reference.c) --------------------------------------------------------------------- */

/* Patches of garments in other photos than those that are judged. */
typedef struct eval_reference {
    mini_gaussian all;
    float *scale; /* [dim]: takes features to deviation 1 */
    int64_t patches;
    double floor; /* from one half of the photos to the other */
} eval_reference;

/** Of the first `photos` photos with labels drawn by people that are not in "test_open". */
dr_status eval_reference_open(eval_reference *r, const dr_parser *parser, const char *data, int photos);
void eval_reference_clear(eval_reference *r);
/** `s` is scaled in place: once only. */
dr_status eval_reference_distance(const eval_reference *r, mini_samples *s, double *d2);

/* --- the whole (eval.c) -------------------------------------------------------------------------------- */

/* One column of the table. */
typedef struct eval_column {
    char name[80];
    eval_painter painter;
    eval_marks *mark; /* [items] */
    mini_samples patches;
    double frechet;
    dr_image *tile; /* [items], close-ups; only those on the sheet */
} eval_column;

typedef struct evaluation {
    const char *photos, *parser_dir, *sheet;
    int count, sheet_count, real_photos;
    bool json;
    eval_items items;
    eval_column column[EVAL_COLUMNS];
    int columns;      /* the first is the model */
    eval_column real; /* the photos as they are */
    eval_reference reference;
    dr_parser parser;
    mini_wardrobe wardrobe;
} evaluation;

/* --- report (eval_report.c) ---------------------------------------------------------------------------- */

/** The figures of one column, as the table has them. */
typedef struct eval_figures {
    int right, count;
    double sharpness, blotches, frechet, agreement, agreement_mask;
    double seam, seam_own; /* to the steps at garments' edges; to the photos' own at the same places */
} eval_figures;
eval_figures eval_sum_up(const evaluation *e, const eval_column *c);

/** A table, or JSON, on stdout. */
dr_status eval_report(const evaluation *e);
dr_status eval_write_sheet(const evaluation *e);
/** True if item i is one of those on the sheet. */
bool eval_on_sheet(const evaluation *e, int i);

/* --- taught garments (eval_fewshot.c) ------------------------------------------------------------------ */

typedef struct eval_fewshot {
    const char *sets, *work; /* a folder of folders with images/ and masks/; where trained models go */
    const char *model;
    int steps, batch, photos; /* photos: of the set and of the test photos, so many each */
    double learning_rate;
    uint64_t seed;
    bool json;
} eval_fewshot;

dr_status eval_fewshot_run(const eval_fewshot *f, const mini_wardrobe *w);

#endif
