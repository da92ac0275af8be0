/* The numbers that are found of a result, and which of them are asked for. */
#ifndef DR_EVAL_COLUMNS_H
#define DR_EVAL_COLUMNS_H

#include "base/status.h"
#include "drape.h"

#include <stdbool.h>

/* The order of the table. */
typedef enum dr_column {
    DR_PSNR,
    DR_PSNR_INSIDE,
    DR_PSNR_OUTSIDE,
    DR_SSIM, /* skimage's, then skimage's with Gaussian windows, then torchmetrics', each with inside and outside */
    DR_MS_SSIM = DR_SSIM + 9, /* torchmetrics', then pytorch-msssim's */
    DR_CHANGED_INSIDE = DR_MS_SSIM + 2,
    DR_CHANGED_OUTSIDE,
    DR_LARGEST_OUTSIDE,
    DR_COLOUR_MEAN,
    DR_COLOUR_HISTOGRAM,
    DR_PATTERN_FREQUENCY,
    DR_PATTERN_ORIENTATION,
    DR_PARSER_AGREEMENT,
    DR_SEAM,
    DR_SEAM_RELATIVE,
    DR_SHARPNESS,
    DR_SHARPNESS_RELATIVE,
    DR_LPIPS, /* by AlexNet, VGG16 and SqueezeNet, each with inside and outside */
    DR_CLIP_REFERENCE = DR_LPIPS + 9,
    DR_CLIP_GARMENT,
    DR_FID, /* pytorch-fid's way, and KID on it; then clean-fid's, and KID */
    DR_KID,
    DR_FID_CLEAN_SETS,
    DR_KID_CLEAN_SETS,
    DR_COLUMNS
} dr_column;

/** NULL behind the last. */
const drape_eval_metric *dr_column_at(int index);
int dr_column_index(const char *name);

/**
 * Which columns a list of names and groups asks for; "own" is a group as well, and "all" is all of them. NULL: all that
 * need nothing fetched.
 *
 * @return DR_EINVAL, and the message has the groups, for a word that is none
 */
dr_status dr_columns_wanted(const char *list, bool wanted[DRAPE_EVAL_METRICS]);

/** Whether any column of this group is among them. */
bool dr_group_wanted(const bool *wanted, const char *group);

#endif
