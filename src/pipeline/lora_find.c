#include "pipeline/lora_find.h"

#include "pipeline/ldm_names.h"

#include <stdio.h>
#include <string.h>

/* Whether `layer` and `ending` are the parameter's name; in kohya's names underscores stand for dots. */
static bool is_name(const char *layer, bool kohya, const char *name, const char *ending)
{
    for (; *layer && *name; layer++, name++)
        if (*layer != (kohya && *name == '.' ? '_' : *name))
            return false;
    return !*layer && strcmp(name, ending) == 0;
}

/* --- LDM's names -------------------------------------------------------------------------------------- */

static bool begins(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

static bool is_ldm(const dr_lora_module *m)
{
    return !m->text &&
           (begins(m->layer, "input_blocks") || begins(m->layer, "middle_block") || begins(m->layer, "output_blocks") ||
            begins(m->layer, m->kohya ? "out_" : "out.") || begins(m->layer, m->kohya ? "time_embed_" : "time_embed."));
}

/* What LDM's numbering of blocks goes by, from the table's names. */
static dr_unet_config blocks_of(const dr_params *p)
{
    dr_unet_config c = {0};
    for (const dr_param *q = p->first; q; q = q->next) {
        int i, j, end = 0;
        if (sscanf(q->t.name, "down_blocks.%d.resnets.%d.%n", &i, &j, &end) == 2 && end && i >= 0 && j >= 0 &&
            i < DR_UNET_MAX_LEVELS) {
            c.levels = i + 1 > c.levels ? i + 1 : c.levels;
            c.layers[i] = j + 1 > c.layers[i] ? j + 1 : c.layers[i];
        }
        end = 0;
        if (sscanf(q->t.name, "up_blocks.%d.attentions.%n", &i, &end) == 1 && end && i >= 0 && i < DR_UNET_MAX_LEVELS)
            c.up_cross[i] = true;
    }
    return c;
}

static dr_param *find_ldm(const dr_params *p, const dr_lora_module *m, const char *ending)
{
    const dr_unet_config c = blocks_of(p);
    char name[DR_LDM_NAME_MAX];
    for (dr_param *q = p->first; q; q = q->next)
        if (dr_ldm_unet_name(name, q->t.name, &c) && is_name(m->layer, m->kohya, name, ending))
            return q;
    return NULL;
}

/* --- all ---------------------------------------------------------------------------------------------- */

dr_param *dr_lora_find(const dr_params *p, const dr_lora_module *m, const char *ending)
{
    if (is_ldm(m))
        return find_ldm(p, m, ending);
    for (dr_param *q = p->first; q; q = q->next)
        if (is_name(m->layer, m->kohya, q->t.name, ending))
            return q;
    return NULL;
}

bool dr_lora_is_left_out(const dr_params *p, const dr_lora_module *m)
{
    int layer, used = 0;
    char before[64], of_it[64];
    if (!m->open_clip || sscanf(m->layer, "encoder.layers.%d.%n", &layer, &used) != 1 || !used || layer < 1)
        return false;
    snprintf(before, sizeof before, "encoder.layers.%d.mlp.fc1.weight", layer - 1);
    snprintf(of_it, sizeof of_it, "encoder.layers.%d.mlp.fc1.weight", layer);
    return dr_param_find(p, before) && !dr_param_find(p, of_it);
}
