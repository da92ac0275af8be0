/* What a comparison is given: the person, the mask, photos of the garment, a reference. */
#ifndef DR_CLI_COMPARE_INPUTS_H
#define DR_CLI_COMPARE_INPUTS_H

#include "cli/compare/compare.h"

typedef struct dr_comparison_inputs {
    const dr_command *cmd;
    const char *mask; /* a file, or "auto" and its like */
    const char *parser_dir;
    drape_mask_options mask_options;
    drape_garment_options garment_options;
    bool worn; /* a method wears the garment of a photo */
} dr_comparison_inputs;

/** Reads all pictures that the comparison names, makes what is to be made of them, and keeps the mask in its folder,
 *  which is made. */
dr_status dr_comparison_read(dr_comparison *c, const dr_comparison_inputs *in);

#endif
