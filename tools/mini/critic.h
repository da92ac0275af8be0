/* Critics: small convolutional nets that tell real pictures (or latents) from made ones, patch by patch, and whose
 * verdict teaches a generator to make what they cannot tell apart.
 *
 * Patches: Isola et al. 2017, arXiv:1611.07004. Matching a critic's features: Wang et al. 2018, arXiv:1711.11585. A
 * pull in proportion to the other losses' gradient: Esser et al. 2021, arXiv:2012.09841, here taken where both arrive,
 * at the made picture, so that the generator is walked back through once.
 *
 *   x [N,H,W,in] -> features f1 [N,H/s1,..,w1], f2, ... -> scores [N,h,w,1] at the last, and at the one before */
#ifndef MINI_CRITIC_H
#define MINI_CRITIC_H

#include "base/rng.h"
#include "learn/checkpoint.h"
#include "nn/layers.h"

#define MINI_CRITIC_LAYERS 4

typedef struct mini_critic_config {
    int in, layers;
    int width[MINI_CRITIC_LAYERS], stride[MINI_CRITIC_LAYERS]; /* stride 1: 3x3; stride 2: 4x4 */
} mini_critic_config;

typedef struct mini_critic {
    mini_critic_config config;
    dr_conv conv[MINI_CRITIC_LAYERS], head[2];
    dr_norm norm[MINI_CRITIC_LAYERS]; /* of the first: unused */
    /* [1], no weight: the running mean of half of (score of real - score of made), 0 for a guess, 1 and more for
     * certainty. In the table so that checkpoints have it. */
    dr_tensor *skill;
} mini_critic;

/* What a critic says: scores of fine and coarse patches, and what it saw on the way. */
typedef struct mini_verdict {
    dr_tensor *score[2];
    dr_tensor *feature[MINI_CRITIC_LAYERS];
} mini_verdict;

dr_status mini_critic_init(mini_critic *c, const mini_critic_config *config, dr_params *p);
mini_verdict mini_critic_forward(dr_tape *g, const mini_critic *c, dr_tensor *x);

typedef struct mini_adversary_options {
    double lr;
    double features; /* weight of matching features, beside the scores */
    double pull;     /* length of the pull, in lengths of the other losses' gradient */
    double noise;    /* deviation of noise on all that the critic sees, so that it judges by more than grain: in place
                        of a penalty on its slope (Arjovsky & Bottou 2017, arXiv:1701.04862) */
    int warmup;      /* steps in which the critic learns alone */
} mini_adversary_options;

/* A critic in training: one of two in the checkpoints of its rival, who counts the steps. */
typedef struct mini_adversary {
    mini_adversary_options o;
    mini_critic net;
    dr_params params;
    dr_training t;
    dr_tape tape;
} mini_adversary;

typedef struct mini_adversary_report {
    double loss, real, made, features, pull, skill; /* the critic's hinge; mean scores; features' distance */
} mini_adversary_report;

/** Joins the checkpoint that its rival starts or goes on from, and has read. */
dr_status mini_adversary_open(mini_adversary *a, const mini_adversary_options *o, const mini_critic_config *config,
                              dr_checkpoint *c, uint64_t seed);
/** Safe on a zeroed struct. */
void mini_adversary_close(mini_adversary *a);
/** Adds to gradient [of made's shape] the pull towards what the critic takes for real; `gradient` holds the other
 *  losses'. `rng` draws the noise. Nothing while the critic warms up, and less the less it can tell. */
dr_status mini_adversary_pull(mini_adversary *a, dr_tensor *made, dr_tensor *real, dr_rng *rng, float *gradient,
                              mini_adversary_report *report);
/** One step of the critic. `rng` draws the noise. */
dr_status mini_adversary_learn(mini_adversary *a, dr_tensor *made, dr_tensor *real, dr_rng *rng,
                               mini_adversary_report *report);
/** A report for the log; NULL when out of memory. */
json_t *mini_adversary_json(const mini_adversary_report *r);

#endif
