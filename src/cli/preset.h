/* What --preset means for commands that load a model. */
#ifndef DR_CLI_PRESET_H
#define DR_CLI_PRESET_H

#include "drape.h"

/** The precision that was asked for, "exact" or "auto"; the preset's where it is NULL. */
drape_precision dr_cli_precision(const char *said, drape_preset preset);

/** One sentence on what of the preset the model makes no use of; false: there is nothing to say. */
bool dr_preset_doubt(const drape_pipeline *p, drape_preset preset, char *text, size_t size);

#endif
