#include "eval/columns.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const drape_eval_metric table[] = {
    [DR_PSNR] = {"psnr", "psnr", "dB", "peak signal-to-noise ratio to the reference", 1},
    [DR_PSNR_INSIDE] = {"psnr_inside", "psnr", "dB", "the same inside the mask", 1},
    [DR_PSNR_OUTSIDE] = {"psnr_outside", "psnr", "dB", "the same outside the mask", 1},
    [DR_SSIM] = {"ssim_skimage", "ssim", "", "structural similarity as scikit-image's default, 7x7", 1},
    {"ssim_skimage_inside", "ssim", "", "the same inside the mask", 1},
    {"ssim_skimage_outside", "ssim", "", "the same outside the mask", 1},
    {"ssim_skimage_gaussian", "ssim", "", "as scikit-image's with gaussian_weights=True, 11x11", 1},
    {"ssim_skimage_gaussian_inside", "ssim", "", "the same inside the mask", 1},
    {"ssim_skimage_gaussian_outside", "ssim", "", "the same outside the mask", 1},
    {"ssim_torchmetrics", "ssim", "", "as torchmetrics', 11x11 and mirrored borders", 1},
    {"ssim_torchmetrics_inside", "ssim", "", "the same inside the mask", 1},
    {"ssim_torchmetrics_outside", "ssim", "", "the same outside the mask", 1},
    [DR_MS_SSIM] = {"ms_ssim_torchmetrics", "ms_ssim", "", "multi-scale structural similarity as torchmetrics'", 1},
    {"ms_ssim_pytorch", "ms_ssim", "", "the same as pytorch-msssim's", 1},
    [DR_CHANGED_INSIDE] = {"changed_inside", "difference", "", "part of the mask's pixels that differ at all", 0},
    [DR_CHANGED_OUTSIDE] = {"changed_outside", "difference", "pixels", "pixels outside the mask that differ at all",
                            -1},
    [DR_LARGEST_OUTSIDE] = {"largest_outside", "difference", "of 255", "largest difference outside the mask", -1},
    [DR_COLOUR_MEAN] = {"colour_mean", "colour", "CIELAB", "distance of the mean colours of garment and result", -1},
    [DR_COLOUR_HISTOGRAM] = {"colour_histogram", "colour", "CIELAB", "distance of all their colours", -1},
    [DR_PATTERN_FREQUENCY] = {"pattern_frequency", "pattern", "luma", "how detail of each size differs in strength",
                              -1},
    [DR_PATTERN_ORIENTATION] = {"pattern_orientation", "pattern", "luma", "how the direction of detail differs", -1},
    [DR_PARSER_AGREEMENT] = {"parser_agreement", "parser", "",
                             "part of the mask in which a clothes parser sees the garment asked for", 1},
    [DR_SEAM] = {"seam", "seam", "", "gradient at the mask's edge, over that of its surroundings", 0},
    [DR_SEAM_RELATIVE] = {"seam_relative", "seam", "", "the same, over that of the reference", 0},
    [DR_SHARPNESS] = {"sharpness", "sharpness", "", "finest detail inside the mask, over that of the rest", 0},
    [DR_SHARPNESS_RELATIVE] = {"sharpness_relative", "sharpness", "", "the same detail, over the reference's", 0},
    [DR_LPIPS] = {"lpips_alex", "lpips", "", "distance to the reference by AlexNet's features", -1, .fetched = true},
    {"lpips_alex_inside", "lpips", "", "the same inside the mask", -1, .fetched = true},
    {"lpips_alex_outside", "lpips", "", "the same outside the mask", -1, .fetched = true},
    {"lpips_vgg", "lpips_vgg", "", "distance to the reference by VGG16's features", -1, .fetched = true},
    {"lpips_vgg_inside", "lpips_vgg", "", "the same inside the mask", -1, .fetched = true},
    {"lpips_vgg_outside", "lpips_vgg", "", "the same outside the mask", -1, .fetched = true},
    {"lpips_squeeze", "lpips_squeeze", "", "distance to the reference by SqueezeNet's features", -1, .fetched = true},
    {"lpips_squeeze_inside", "lpips_squeeze", "", "the same inside the mask", -1, .fetched = true},
    {"lpips_squeeze_outside", "lpips_squeeze", "", "the same outside the mask", -1, .fetched = true},
    [DR_CLIP_REFERENCE] = {"clip_reference", "clip", "", "how alike result and reference are to CLIP", 1,
                           .fetched = true},
    [DR_CLIP_GARMENT] = {"clip_garment", "clip", "", "how alike result and garment's photo are to CLIP", 1,
                         .fetched = true},
    [DR_FID] = {"fid", "fid", "", "distance of all results to all references, as pytorch-fid's", -1, true, true},
    [DR_KID] = {"kid", "kid", "", "the same without bias, over subsets, as torch-fidelity's subsets", -1, true, true},
    [DR_FID_CLEAN_SETS] = {"fid_clean", "fid_clean", "", "as clean-fid's", -1, true, true},
    [DR_KID_CLEAN_SETS] = {"kid_clean", "kid_clean", "", "KID on clean-fid's features", -1, true, true},
};
_Static_assert(sizeof table / sizeof *table == DR_COLUMNS && DR_COLUMNS <= DRAPE_EVAL_METRICS, "a row for each column");

/* Groups of groups, and what they stand for. */
static const char own[] = ",colour,pattern,parser,seam,sharpness,";

const drape_eval_metric *dr_column_at(int index)
{
    return index >= 0 && index < DR_COLUMNS ? &table[index] : NULL;
}

int dr_column_index(const char *name)
{
    for (int i = 0; i < DR_COLUMNS; i++)
        if (strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

bool dr_group_wanted(const bool *wanted, const char *group)
{
    for (int i = 0; i < DR_COLUMNS; i++)
        if (wanted[i] && strcmp(table[i].group, group) == 0)
            return true;
    return false;
}

static bool same(const char *word, size_t n, const char *name)
{
    return strlen(name) == n && strncasecmp(word, name, n) == 0;
}

static bool is_own(const char *group)
{
    char word[48];
    snprintf(word, sizeof word, ",%s,", group);
    return strstr(own, word) != NULL;
}

static bool asks_for(const char *word, size_t n, const drape_eval_metric *m)
{
    return same(word, n, "all") || same(word, n, m->name) || same(word, n, m->group) ||
           (same(word, n, "own") && is_own(m->group));
}

/* "psnr, ssim, ..." */
static const char *groups(char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    for (int i = 0; i < DR_COLUMNS; i++)
        if (used < size && (i == 0 || strcmp(table[i].group, table[i - 1].group) != 0))
            used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", table[i].group);
    return out;
}

dr_status dr_columns_wanted(const char *list, bool wanted[DRAPE_EVAL_METRICS])
{
    char known[512];
    bool any = false;
    for (int i = 0; i < DRAPE_EVAL_METRICS; i++)
        wanted[i] = !list && i < DR_COLUMNS && !table[i].fetched;
    for (const char *p = list; p && *p;) {
        size_t n = strcspn(p, ", ");
        bool found = n == 0;
        for (int i = 0; n && i < DR_COLUMNS; i++)
            if (asks_for(p, n, &table[i]))
                wanted[i] = found = any = true;
        if (!found)
            return dr_fail(DR_EINVAL, "there is no metric '%.*s': ask for some of %s, own, all", (int)(n < 60 ? n : 60),
                           p, groups(known, sizeof known));
        p += n + (p[n] != 0);
    }
    return any || !list
               ? DR_OK
               : dr_fail(DR_EINVAL, "no metric is asked for: name some of %s, own, all", groups(known, sizeof known));
}
