/* What --preset means for commands that load a model. */
#ifndef DR_CLI_PRESET_H
#define DR_CLI_PRESET_H

#include "drape.h"

#define DR_CLI_PRECISIONS "exact|auto|fast"
#define DR_CLI_PRECISION_HELP                                                                                          \
    "auto: products of 16 bits where this CPU gains by it; fast: linear layers in 8 bits, too, where their error is "  \
    "small"

/** The precision that was asked for, one of the names above; the preset's where it is NULL. */
drape_precision dr_cli_precision(const char *said, drape_preset preset);
const char *dr_cli_precision_name(drape_precision p);

/** One sentence on what of the preset the model makes no use of; false: there is nothing to say. */
bool dr_preset_doubt(const drape_pipeline *p, drape_preset preset, char *text, size_t size);

#endif
