/* What `drape eval` can be told. */
#include "options/options.h"

#define F(field) #field, offsetof(drape_eval_options, field)

const drape_eval_options dr_eval_defaults = {.resize = "no", .category = "auto"};

const drape_option dr_eval_table[] = {
    {F(results), DRAPE_OPTION_TEXT, 0, 0, "DIR", "folder of the pictures to judge", .unset = ""},
    {F(reference), DRAPE_OPTION_TEXT, 0, 0, "DIR",
     "folder of those that they are compared with, of the same names: the photos that were dressed, or how it should "
     "look",
     .unset = ""},
    {F(metrics), DRAPE_OPTION_TEXT, 0, 0, "LIST",
     "names and groups with commas between: psnr, ssim, ms_ssim, difference, colour, pattern, parser, seam, sharpness; "
     "own is the last five; "
     "lpips, lpips_vgg, lpips_squeeze, clip, fid, fid_clean, kid, kid_clean; --metrics help lists all",
     .unset = "all that need nothing fetched"},
    {F(masks), DRAPE_OPTION_TEXT, 0, 0, "DIR",
     "masks of what was painted, of the same names: numbers inside and outside", .unset = ""},
    {F(garments), DRAPE_OPTION_TEXT, 0, 0, "DIR",
     "photos of the garments, of the same names, or one for all: colour and pattern are compared with them",
     .unset = "what the reference shows inside the mask"},
    {F(resize), DRAPE_OPTION_CHOICE, 0, 0, NULL,
     "where sizes differ: which of the two is brought to the other one's size, by Lanczos; no: that is an error",
     .choices = "no|result|reference"},
    {F(mask_grow), DRAPE_OPTION_INT, 0, 4096, "PX",
     "grow masks by this much before inside and outside are told apart: the feather of a paste"},
    {F(category), DRAPE_OPTION_CHOICE, 0, 0, NULL,
     "the garment that the parser should see; auto: what it sees in the reference",
     .choices = "auto|upper|lower|dress|outer"},
    {F(parser), DRAPE_OPTION_TEXT, 0, 0, "DIR", "folder of another clothes parser",
     .unset = "DRAPE_PARSER, or the one that comes with drape"},
    {F(backbones), DRAPE_OPTION_TEXT, 0, 0, "DIR",
     "the networks of lpips, fid, kid and clip, as `drape pull --backbones` fetches them", .unset = "backbones"},
    {F(cache), DRAPE_OPTION_TEXT, 0, 0, "FILE", "keeps what was found, for the next run; '' for none",
     .unset = "one in the user's cache folder"},
    {NULL},
};
