/* The options of each job, once: what the command line, the library's check and the server's fields go by.
 *
 * Who looks from above sees the tables through the public header (drape_train_option() and its like). */
#ifndef DR_OPTIONS_OPTIONS_H
#define DR_OPTIONS_OPTIONS_H

#include "base/status.h"
#include "drape.h"

/* A row without a name ends each. */
extern const drape_option dr_train_table[], dr_tryon_table[], dr_mask_table[], dr_eval_table[], dr_garment_table[],
    dr_warp_table[];

extern const drape_train_options dr_train_defaults;
extern const drape_eval_options dr_eval_defaults;

/** drape_pipeline_advise() for what presets say. @param few_steps        the model names its own steps: it keeps them
 *  @param from_pure_noise  its schedule begins without any signal */
void dr_preset_fill(drape_tryon_options *o, bool few_steps, bool from_pure_noise);

/**
 * Every field against its row: DR_EINVAL with one sentence about the first that cannot be.
 *
 * @param options  the struct that the table is of
 * @param dashes   in front of names in messages: "--" or ""
 */
dr_status dr_options_check(const drape_option *table, const void *options, const char *dashes);

#endif
