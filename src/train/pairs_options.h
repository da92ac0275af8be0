/* What the options of a training say about pairs (train/pairs.h). */
#ifndef DR_TRAIN_PAIRS_OPTIONS_H
#define DR_TRAIN_PAIRS_OPTIONS_H

#include "base/status.h"
#include "drape.h"

/** One sentence about the first option that is not for pairs, or only for them, or DR_OK. */
dr_status dr_garment_pairs_check(const drape_train_options *o);

/** Fills in the pictures' size where it is not given, and takes names that are empty for none. */
dr_status dr_garment_pairs_settle(drape_train_options *o);

/** Whether a UNet's parameter learns. */
bool dr_garment_pairs_learns(const drape_train_options *o, const char *name);
/** Whether it is of no use without a text. */
bool dr_garment_pairs_unused(const char *name);

#endif
