#include "cli/preset.h"

#include <stdio.h>
#include <string.h>

drape_precision dr_cli_precision(const char *said, drape_preset preset)
{
    bool fast = said ? strcmp(said, "auto") == 0 : preset != DRAPE_PRESET_EXACT;
    return fast ? DRAPE_AUTO : DRAPE_EXACT;
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
