/* How far a picture is from another one: what papers about try-on give, computed as the usual libraries do.
 *
 * Both pictures are 8-bit, of one size and of 1 or 3 channels (asserted); `mask` is NULL or has one channel of that
 * size, of which 128 and more is inside. Values are 0..255 (data_range 255), arithmetic is in double. Where an area is
 * empty, or a measure has no meaning there, its number is NaN.
 *
 * Details that have caused other people's numbers to differ: docs/eval.md. */
#ifndef DR_EVAL_METRICS_H
#define DR_EVAL_METRICS_H

#include "io/image.h"

/* One measure of the whole picture, of the mask's pixels, and of the others. */
typedef struct dr_measured {
    double all, inside, outside;
} dr_measured;

/* How many pixels differ in any channel, the largest difference of a value, and the mean absolute one. That `outside`
 * is zero is what pasting promises. */
typedef struct dr_difference {
    int64_t pixels, changed;
    int largest;
    double mean;
} dr_difference;

typedef struct dr_differences {
    dr_difference all, inside, outside;
} dr_differences;

dr_differences dr_difference_of(const dr_image *a, const dr_image *b, const dr_image *mask);

/** Peak signal-to-noise ratio in dB, over all pixels and channels: 10 log10(255^2 / MSE); INFINITY for equal pictures.
 *  skimage.metrics.peak_signal_noise_ratio and torchmetrics' PeakSignalNoiseRatio of one picture. */
dr_measured dr_psnr(const dr_image *a, const dr_image *b, const dr_image *mask);

typedef enum dr_ssim_kind {
    DR_SSIM_SKIMAGE, /* skimage's default: a uniform 7x7 window, sample covariance; windows inside the picture */
    DR_SSIM_SKIMAGE_GAUSSIAN, /* gaussian_weights=True: sigma 1.5, 11x11, sample covariance; windows inside the picture
                               */
    DR_SSIM_TORCHMETRICS      /* sigma 1.5, 11x11, population covariance; the picture is mirrored beyond its border */
} dr_ssim_kind;

/**
 * Structural similarity, mean over windows and channels; inside and outside by the window's centre. Wang et al. 2004.
 *
 * @return DR_EINVAL where the picture is smaller than a window
 */
dr_status dr_ssim(const dr_image *a, const dr_image *b, const dr_image *mask, dr_ssim_kind kind, dr_measured *out);

typedef enum dr_ms_ssim_kind {
    DR_MS_SSIM_TORCHMETRICS, /* MultiScaleStructuralSimilarityIndexMeasure(data_range=255) */
    DR_MS_SSIM_PYTORCH       /* pytorch_msssim.ms_ssim(data_range=255): by channel, odd sizes padded with zeros */
} dr_ms_ssim_kind;

/**
 * The same over five sizes, each half of the one before. Wang et al. 2003.
 *
 * @return DR_EINVAL for a picture with a side of less than 176 (torchmetrics) or 161 pixels
 */
dr_status dr_ms_ssim(const dr_image *a, const dr_image *b, dr_ms_ssim_kind kind, double *out);

#endif
