#include "pipeline/source_impl.h"

#include "base/path.h"

#include <stdio.h>

dr_status dr_source_write_weights(const dr_weights *w, const char *part, const char *to)
{
    char path[PATH_MAX], file[64];
    snprintf(file, sizeof file, "%s.safetensors", dr_weights_rules_of(part)->stems[0]);
    dr_status st = dr_path(path, sizeof path, to, part, file);
    return st ? st : dr_weights_write(w, path);
}
