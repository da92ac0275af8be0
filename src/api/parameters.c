/* The settings of a picture as text, for its file. */
#include "api/pipeline.h"

#include "base/path.h"

#include <stdio.h>
#include <stdlib.h>

/* The folder's name, without what leads to it; a file's without its extension. */
static const char *model_name(const drape_pipeline *p, char *buf, size_t n)
{
    const char *path = dr_source_path(p->source);
    snprintf(buf, n, "%.*s", (int)dr_path_trimmed(path), path);
    if (dr_source_family(p->source)) /* of a file */
        buf[dr_path_stem(buf)] = 0;
    return dr_path_name(buf)[0] ? dr_path_name(buf) : buf;
}

char *drape_tryon_parameters(const drape_pipeline *p, const drape_tryon_options *options, int width, int height)
{
    char name[512], *text = NULL;
    size_t size = 0;
    dr_sampler_kind kind;
    const char *negative = options->negative_prompt;
    if (dr_pipeline_sampler(p, options->scheduler, &kind))
        return NULL;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    fprintf(f, "%s\n", options->prompt ? options->prompt : "");
    if (negative && negative[0])
        fprintf(f, "Negative prompt: %s\n", negative);
    fprintf(f,
            "Steps: %d, Sampler: %s%s, CFG scale: %g, Seed: %llu, Size: %dx%d, Denoising strength: %g, Model: %s, "
            "Version: drape %s",
            options->steps, dr_sampler_kind_name(kind), options->karras ? " karras" : "", options->guidance_scale,
            (unsigned long long)options->seed, width, height, options->strength, model_name(p, name, sizeof name),
            drape_version());
    if (options->guidance_scale > 1 && (options->guidance_start > 0 || options->guidance_end < 1))
        fprintf(f, ", Guidance interval: %g-%g", options->guidance_start, options->guidance_end);
    if (options->cache_interval > 1 && options->cache_start < options->cache_end)
        fprintf(f, ", Cache interval: %d, Cache branch: %d, Cached part: %g-%g", options->cache_interval,
                options->cache_branch, options->cache_start, options->cache_end);
    if (options->cache_threshold > 0 && options->cache_start < options->cache_end)
        fprintf(f, ", Cache threshold: %g, Cached part: %g-%g, Skipped calls: %d", options->cache_threshold,
                options->cache_start, options->cache_end, p->engine.skipped);
    if (drape_tryon_keeps_unworn(p, options))
        fprintf(f, ", Unworn: keep");
    if (dr_pipeline_choice(p, options).garment)
        fprintf(f, ", Garment: of the wardrobe");
    if (p->engine.dresses)
        fprintf(f, ", Garment model: %s",
                p->engine.attention.version[0] ? p->engine.attention.version : dr_path_name(p->engine.attention.path));
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
