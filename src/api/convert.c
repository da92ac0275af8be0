/* drape_convert and drape_extract_lora: checks of what a caller may get wrong. The work is in pipeline/convert.h. */
#include "drape.h"

#include "pipeline/convert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(drape_extracted) == sizeof(dr_extracted) &&
                   offsetof(drape_extracted, kept) == offsetof(dr_extracted, kept),
               "drape_extracted is dr_extracted");

static dr_status parse_dtype(const char *name, dr_dtype *out)
{
    static const struct {
        const char *name;
        dr_dtype dtype;
    } names[] = {{"f32", DR_F32}, {"f16", DR_F16}, {"bf16", DR_BF16}, {"q8", DR_Q8_0}};
    *out = DR_DTYPES;
    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i].name) == 0)
            *out = names[i].dtype;
    return name && *out == DR_DTYPES ? dr_fail(DR_EINVAL, "the type '%s' is not one of f32, f16, bf16, q8", name)
                                     : DR_OK;
}

/* The library's options; *loras is the caller's to free. */
static dr_status internal(const drape_convert_options *o, dr_convert_options *out, dr_convert_lora **loras)
{
    *out = (dr_convert_options){.ema = o->ema,
                                .vae = o->vae,
                                .tokenizer = o->tokenizer,
                                .lora_count = o->lora_count,
                                .progress = o->progress,
                                .note = o->note,
                                .user = o->user};
    *loras = calloc((size_t)(o->lora_count > 0 ? o->lora_count : 0) + 1, sizeof **loras);
    if (!*loras)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (int i = 0; i < o->lora_count; i++) {
        (*loras)[i] = (dr_convert_lora){o->loras[i].path, o->loras[i].scale};
        if (!isfinite(o->loras[i].scale))
            return dr_fail(DR_EINVAL, "the scale of '%s' is not a number", o->loras[i].path);
    }
    out->loras = *loras;
    return parse_dtype(o->dtype, &out->dtype);
}

drape_status drape_convert(const char *in, const char *out, const drape_convert_options *options)
{
    static const drape_convert_options none = {0};
    dr_convert_options o;
    dr_convert_lora *loras;
    dr_status st = internal(options ? options : &none, &o, &loras);
    if (!st)
        st = dr_convert(in, out, &o);
    free(loras);
    return (drape_status)st;
}

drape_status drape_extract_lora(const char *in, const char *base, const char *out, int rank,
                                const drape_convert_options *options, drape_extracted *result)
{
    static const drape_convert_options none = {0};
    dr_convert_options o;
    dr_convert_lora *loras;
    drape_extracted unused;
    dr_status st = internal(options ? options : &none, &o, &loras);
    if (!st)
        st = dr_extract_lora(in, base, out, rank, &o, (dr_extracted *)(result ? result : &unused));
    free(loras);
    return (drape_status)st;
}
