/* Sets: models of several repos in one folder, as drape_pull() has them. */
#ifndef DR_API_GET_SET_H
#define DR_API_GET_SET_H

#include "drape.h"
#include "io/hub.h"

#include <limits.h>

bool dr_is_hub_set(const char *name);

/** All parts; of `o` where and how to fetch counts. */
dr_status dr_hub_pull_set(const dr_hub_options *o, const drape_pull_options *p, char out_dir[PATH_MAX]);

#endif
