#include "api/pipeline.h"

#include "base/text.h"

#include <limits.h>
#include <string.h>

/* What the adapters' files have of what they were taught; of the model's own wardrobe nothing, which they change. */
static dr_status read_adapters(drape_pipeline *p)
{
    dr_status st = DR_OK;
    for (int i = 0; i < p->engine.lora_count; i++) {
        const dr_tensor_file *f = &p->engine.lora[i].file;
        for (size_t k = 0; !st && k < f->meta_count; k++)
            if (strcmp(f->meta[k].key, DR_WARDROBE_KEY) == 0)
                st = dr_wardrobe_from_text(&p->wardrobe, f->meta[k].value, f->path);
    }
    return st;
}

dr_status dr_pipeline_read_wardrobe(drape_pipeline *p, const char *path, bool *worn)
{
    char dir[PATH_MAX], attention[PATH_MAX];
    *worn = false;
    dr_status st = p->engine.lora_count ? read_adapters(p) : dr_wardrobe_open(&p->wardrobe, path);
    if (st || p->wardrobe.count == 0)
        return st;
    *worn = !dr_garment_model_find(path, dir, attention);
    if (!*worn) /* an adapter's, on another model */
        dr_error_clear();
    return DR_OK;
}

dr_garment_choice dr_pipeline_choice(const drape_pipeline *p, const drape_tryon_options *o)
{
    bool fits = o->strength == 1 && !o->whole && o->fit == DRAPE_FIT_REGION && !o->garment;
    if (!p->dresser || !o->wardrobe || !fits)
        return (dr_garment_choice){0};
    return dr_choose_garment(&p->wardrobe, dr_skip_bom(o->prompt ? o->prompt : ""), o->seed);
}

dr_status dr_pipeline_wear(const dr_garment_choice *choice, drape_tryon_options *o, dr_image *garment)
{
    dr_status st = dr_chosen_photo(choice, garment);
    o->prompt = o->negative_prompt = o->scheduler = NULL;
    o->clip_skip = 0;
    o->long_prompt = o->prompt_weights = o->karras = false;
    o->preset = DRAPE_PRESET_EXACT;
    o->cache_threshold = 0;
    o->garment = (const drape_image *)garment;
    return st;
}
