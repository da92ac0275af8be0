#include "serve/jobs/kinds.h"

#include "serve/jobs/complete.h"
#include "serve/jobs/settings.h"

#include <stdio.h>
#include <string.h>

const dr_kind dr_kinds[DR_KINDS] = {
    [DR_KIND_TRYON] = {"tryon", dr_tryon_fields, .complete = dr_complete_tryon, .run = dr_work_tryon},
    [DR_KIND_MASK] = {"mask", dr_mask_fields, .quick = true, .complete = dr_complete_mask, .run = dr_work_mask},
    [DR_KIND_TRAIN] = {"train", dr_train_fields, .teaches = true, .complete = dr_complete_train, .run = dr_work_train,
                       .done = dr_work_train_done},
};

const dr_kind *dr_kind_of(const char *type)
{
    for (int i = 0; type && i < DR_KINDS; i++)
        if (strcmp(dr_kinds[i].name, type) == 0)
            return &dr_kinds[i];
    return NULL;
}

bool dr_kind_teaches(const char *type)
{
    const dr_kind *k = dr_kind_of(type);
    return k && k->teaches;
}

void dr_kind_names(char *out, size_t n)
{
    size_t at = 0;
    out[0] = 0;
    for (int i = 0; i < DR_KINDS && at < n; i++)
        at += (size_t)snprintf(out + at, n - at, "%s%s", i ? "|" : "", dr_kinds[i].name);
}
