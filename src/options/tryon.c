/* What `drape tryon` can be told about the picture. Names follow diffusers' inpainting pipeline where it has them. */
#include "options/options.h"

#include "diffusion/sampler.h"

_Static_assert(DRAPE_FIT_REGION == 0 && DRAPE_FIT_APP == 3 && sizeof(drape_fit) == sizeof(int) &&
                   DRAPE_UNWORN_AUTO == 0 && DRAPE_UNWORN_KEEP == 2,
               "words are counted like the enum");

#define F(field) #field, offsetof(drape_tryon_options, field)
#define SIDE 4096 /* pixels */

const drape_option dr_tryon_table[] = {
    {F(prompt), DRAPE_OPTION_TEXT, 0, 0, "TEXT", "the garment", .unset = "empty"},

    {F(negative_prompt), DRAPE_OPTION_TEXT, 0, 0, "TEXT", "what it should not be", .unset = "empty",
     .heading = "the picture:"},
    {F(clip_skip), DRAPE_OPTION_INT, 0, 31, "N",
     "last layers of the text encoder to leave out; AUTOMATIC1111's \"Clip skip\" is one more"},
    {F(long_prompt), DRAPE_OPTION_BOOL, 0, 1, NULL,
     "read prompts of more than 75 tokens to their end, in chunks as AUTOMATIC1111 does; BREAK begins a new one"},
    {F(prompt_weights), DRAPE_OPTION_BOOL, 0, 1, NULL,
     "read (red:1.3), (x) and [x] in prompts as AUTOMATIC1111 does; \\( is the character"},
    {F(preset), DRAPE_OPTION_ENUM, 0, 0, NULL,
     "what a picture may cost: steps, sampler, part of the run that is guided, and precision, where they are not "
     "given; "
     "exact is all as the model has it",
     .choices = "exact|balanced|fast"},
    {F(steps), DRAPE_OPTION_INT, 1, 1000, "N", "denoising steps", .unset = "as suits the model, mostly 50"},
    {F(guidance_scale), DRAPE_OPTION_NUMBER, 0, 100, "X",
     "how closely to follow the prompt; 1 or less: no guidance, twice as fast",
     .unset = "as suits the model, mostly 7.5"},
    {F(guidance_start), DRAPE_OPTION_NUMBER, 0, 1, "X",
     "guide from here on, in parts of the run's calls; calls that are not guided take half the time",
     .unset = "0, or the preset's"},
    {F(guidance_end), DRAPE_OPTION_NUMBER, 0, 1, "X", "guide up to here", .unset = "1, or the preset's"},
    {F(cache_interval), DRAPE_OPTION_INT, 1, 1000, "N",
     "compute the model's deep part in every Nth call alone and reuse what it gave in the others (DeepCache); 1: in "
     "all",
     .unset = "1, or the preset's"},
    {F(cache_branch), DRAPE_OPTION_INT, 0, 63, "N",
     "how deep calls that reuse it go themselves: to this skip connection, from 0; less is faster"},
    {F(cache_threshold), DRAPE_OPTION_NUMBER, 0, 10, "X",
     "leave out calls whose prediction would change by less than this part of itself, as is estimated from call to "
     "call "
     "(EasyCache); 0.05 to 0.3 save much; 0: none; not beside a cache interval"},
    {F(cache_start), DRAPE_OPTION_NUMBER, 0, 1, "X", "reuse from here on, in parts of the run's calls",
     .unset = "0, or the preset's"},
    {F(cache_end), DRAPE_OPTION_NUMBER, 0, 1, "X", "reuse up to here", .unset = "1, or the preset's"},
    {F(strength), DRAPE_OPTION_NUMBER, 0, 1, "X", "1 starts from noise, less keeps some of what was there",
     .above = true},
    {F(seed), DRAPE_OPTION_U64, 0, 0, "N", "same seed, same picture", .unset = "random"},
    {F(scheduler), DRAPE_OPTION_CHOICE, 0, 0, NULL, "sampler", .choices = DR_SAMPLER_NAMES, .unset = "the model's"},
    {F(karras), DRAPE_OPTION_BOOL, 0, 1, NULL, "Karras noise levels",
     .open = offsetof(drape_tryon_options, karras_open)},
    {F(eta), DRAPE_OPTION_NUMBER, 0, 1, "X", "noise that ddim adds per step",
     .unset = "0; from a photo of the garment 1"},
    {F(width), DRAPE_OPTION_INT, 0, SIDE, "PX", "working size, a multiple of what the model says; 0: the model's"},
    {F(height), DRAPE_OPTION_INT, 0, SIDE, "PX", "working size, as the width"},

    {F(whole), DRAPE_OPTION_BOOL, 0, 1, NULL, "work on the whole photo instead of the part around the mask",
     .heading = "mask and paste:"},
    {F(padding), DRAPE_OPTION_INT, -1, SIDE, "PX", "photo pixels kept around the mask",
     .unset = "32, or 1/8 of the mask"},
    {F(mask_grow), DRAPE_OPTION_INT, -SIDE, SIDE, "PX", "grow the mask by this many pixels; negative shrinks"},
    {F(mask_blur), DRAPE_OPTION_INT, -1, SIDE, "PX", "width of the paste's soft edge outside the mask",
     .unset = "1 per 128 pixels of region"},
    {F(paste), DRAPE_OPTION_BOOL, 0, 1, NULL, "paste into the untouched photo; off gives the model's own picture"},
    {F(color_match), DRAPE_OPTION_BOOL, 0, 1, NULL, "shift the picture's mean colour to the photo's around the mask"},
    {F(unworn), DRAPE_OPTION_ENUM, 0, 0, NULL,
     "what the mask covers and neither the old garment nor the new one does, as a clothes parser sees them: paint it, "
     "or keep the photo's; auto: as the model asks for",
     .choices = "auto|paint|keep"},
    {F(wardrobe), DRAPE_OPTION_BOOL, 0, 1, NULL,
     "where the model's folder has photos of garments (the small model's has): let the prompt choose among them; off, "
     "with strength below 1, or on the whole photo the model paints from words alone"},

    {F(fit), DRAPE_OPTION_ENUM, 0, 0, NULL,
     "with a garment: how photo, mask and garment get the working size; region: as said above; the others as CatVTON's "
     "pipeline, inference.py and app.py, for the whole photo without paste",
     .choices = "region|crop-pad|stretch|app", .heading = "dressing from a photo of the garment:"},
    {F(repaint), DRAPE_OPTION_BOOL, 0, 1, NULL,
     "with such a fit: lay the photo over the result around the mask, as CatVTON's inference.py"},

    {"preview_every", offsetof(drape_tryon_options, callbacks.preview_every), DRAPE_OPTION_INT, 0, 1000, "N",
     "every N steps write what there is to OUT-preview.png", .heading = "running:"},
    {NULL},
};
