#include "cli/preset.h"

#include <stdio.h>
#include <string.h>

drape_precision dr_cli_precision(const char *said, drape_preset preset)
{
    if (!said)
        return preset == DRAPE_PRESET_EXACT ? DRAPE_EXACT : DRAPE_AUTO;
    return strcmp(said, "fast") == 0 ? DRAPE_FAST : strcmp(said, "auto") == 0 ? DRAPE_AUTO : DRAPE_EXACT;
}

const char *dr_cli_precision_name(drape_precision p)
{
    return p == DRAPE_FAST ? "fast" : p == DRAPE_AUTO ? "auto" : "exact";
}

bool dr_preset_doubt(const drape_pipeline *p, drape_preset preset, char *text, size_t size)
{
    drape_model_info info;
    if (preset == DRAPE_PRESET_EXACT || drape_pipeline_info(p, &info) || !info.few_steps)
        return false;
    snprintf(text, size,
             "the model in '%.400s' is made for %d steps of %s, and stays with them: of the preset only the precision "
             "counts",
             info.dir, info.steps, info.scheduler);
    return true;
}
