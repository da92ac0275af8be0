/* Classifier-free guidance: how far, and in which of a run's calls.
 *
 * Ho & Salimans 2022, arXiv:2207.12598; in an interval alone: Kynkaanniemi et al. 2024, arXiv:2404.07724. */
#ifndef DR_TRYON_GUIDANCE_H
#define DR_TRYON_GUIDANCE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct dr_guidance {
    double scale;      /* at most 1: none, which takes one model call instead of a pair */
    double start, end; /* in parts of the run's calls; 0 and 1: all of them are guided */
} dr_guidance;

/** Whether call i of `calls` is guided: if it lies in the interval from its beginning to its end, as diffusers counts
 *  control_guidance_start and control_guidance_end. */
bool dr_is_guided(const dr_guidance *g, int i, int calls);

/** pair [2,n]: without and with the condition -> the guided prediction in its first half. */
void dr_guide(const dr_guidance *g, float *pair, size_t n);

#endif
