/* What `drape tryon` was told, and making its pictures. */
#ifndef DR_CLI_TRYON_CLI_H
#define DR_CLI_TRYON_CLI_H

#include "base/progress.h"
#include "cli/commands.h"
#include "cli/garments.h"
#include "drape.h"

#include <jansson.h>

typedef struct dr_tryon_cli {
    const dr_command *cmd; /* for messages */
    const char *model, *vae, *tokenizer, *output, *save_mask, *region, *precision, *weights, *parser_dir;
    dr_opt_list images, masks, loras, embeddings;
    int num_images, threads, size[2];
    bool ema, quiet, json;
    drape_tryon_options o;
    drape_mask_options mask;
    dr_cli_garments garments;
    /* while running */
    dr_progress bar;
    bool bar_open;
    const char *preview_path;
    bool begun;           /* the models are at work on a picture */
    bool at_fault;        /* a model failed, which it would do for every photo */
    bool warned;          /* of this photo */
    drape_parser *parser; /* for automatic masks, and for photos of garments */
    drape_image labels;   /* of the photo at hand, once it was parsed */
    int garment;          /* at hand */
    json_t *report;
} dr_tryon_cli;

/** Masks of a photo: one, or one for each garment. */
int dr_tryon_masks_per_photo(const dr_tryon_cli *c);
/** Pictures of a photo. */
int dr_tryon_pictures_per_photo(const dr_tryon_cli *c);

/** The pipeline's notes. */
void dr_tryon_on_note(void *user, const char *text);

/** Puts the callbacks into c->o. */
void dr_tryon_set_callbacks(dr_tryon_cli *c);

/** All photos. One that fails is named and the next goes on; a model that fails ends it all. Returns 0, 1, or 130. */
int dr_tryon_dress_all(dr_tryon_cli *c, drape_pipeline *p);

#endif
