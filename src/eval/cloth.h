/* Measures of cloth in a picture: how much detail of which size there is, which way it runs, and how sharp an edge is.
 *
 * Pictures have 3 channels; areas are masks of the same size of which 255 counts. Sizes are wavelengths in pixels: from
 * one light stripe to the next. */
#ifndef DR_EVAL_CLOTH_H
#define DR_EVAL_CLOTH_H

#include "io/image.h"

/* Details between two wavelengths. A Gaussian lets half of the amplitude of `longest` through, and one half of that of
 * `shortest`: the band is the difference. */
typedef struct dr_band {
    float shortest; /* 0: down to the smallest */
    float longest;
} dr_band;

/**
 * Mean square of what lies in the band, of the luma (0..255), over an area. Blurring knows of no pixel outside the area
 * (normalised convolution), so the area's edge is no detail.
 *
 * @param energy  0 where the area is empty
 */
dr_status dr_band_energy(const dr_image *picture, const dr_image *area, dr_band band, double *energy);

/* Which way detail runs: of the energy in a band, the part whose gradients lie along the strongest direction. */
typedef struct dr_pattern {
    double energy;   /* as dr_band_energy() */
    double oriented; /* energy * (strongest - weakest) / (both) of the mean structure tensor */
    double angle;    /* of that direction, degrees in 0..180; 0 for stripes that stand upright */
} dr_pattern;
dr_status dr_pattern_of(const dr_image *picture, const dr_image *area, dr_band band, dr_pattern *out);

/**
 * The step in CIELAB across the area's edge, mean over the edge. Of a pixel and the two on either side along the edge's
 * normal the steepest counts, since edges are not drawn to the pixel. A sharp step counts in full, a soft one less.
 * Pixels near the picture's border are left out.
 *
 * @param step  0 where there is no edge
 */
dr_status dr_edge_step(const dr_image *picture, const dr_image *area, double *step);

/** How steep the picture is over an area: CIELAB a pixel, after a blur of sigma 1. NaN for an empty area; pixels near
 * the picture's border are left out. */
dr_status dr_mean_gradient(const dr_image *picture, const dr_image *area, double *mean);

/** Which part of the area's pixels has a value whose bit is set in `wanted`; 0 for an empty area. */
double dr_area_share(const dr_image *labels, const dr_image *area, uint32_t wanted);

int64_t dr_area_pixels(const dr_image *area);

#endif
