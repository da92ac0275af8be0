/* A grid of pictures: checkpoints, by guidance and seeds, in one sheet with numbers, as people lay it out by hand to
 * choose. It is a comparison (cli/compare) whose methods are made here. */
#ifndef DR_CLI_EVAL_GRID_H
#define DR_CLI_EVAL_GRID_H

#include "cli/compare/compare.h"
#include "cli/opt.h"

#define DR_GRID_MOST 32 /* values of guidance */

typedef struct dr_grid {
    /* as given */
    const char *dir, *image, *mask, *prompt, *model, *guidance, *reference_photo, *parser;
    dr_opt_list checkpoints, garments;
    uint64_t seed;
    int steps, num_images;
    bool json, quiet;
    /* read from that */
    double scale[DR_GRID_MOST];
    int scales;
    /* while running */
    dr_methods methods; /* [checkpoints][scales] */
    dr_comparison c;
} dr_grid;

/** The whole of `drape eval --grid`; returns the exit status. */
int dr_grid_run(dr_grid *g, const dr_command *cmd);
void dr_grid_free(dr_grid *g);

/** Writes the sheet, `file` below the grid's folder: a line for each checkpoint, columns of guidance and seed. */
dr_status dr_grid_sheet(const dr_grid *g, const char *file);

#endif
