/* Golden cases: does this build, on this machine, compute what PyTorch computes?
 *
 * A case is a safetensors file with inputs `in/NAME`, expected outputs `want/NAME` in PyTorch's layout, and
 * metadata `kind` and `args` (JSON). Its tolerance follows from its kind: forward results 1e-4 of the output's
 * deviation (largest error), latents at the end of a run of many forwards 1e-3, pictures 2 of 255, gradients 1e-3 of
 * each tensor's norm or 1e-6 absolute, random numbers 1e-6, spectral norms 1e-5 of their value, tokens and labels
 * exactly. */
#ifndef DR_VERIFY_VERIFY_H
#define DR_VERIFY_VERIFY_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct dr_verifier dr_verifier;

/** `model` is a pipeline; its models are loaded as cases ask for them. `out_dir` (or NULL) gets one file per
 *  case with what was computed, as got/NAME. */
dr_status dr_verifier_new(dr_verifier **out, const char *model, const char *out_dir);
void dr_verifier_free(dr_verifier *v);

typedef struct dr_verify_result {
    char kind[64];
    char worst[256]; /* the output that is furthest from its tolerance */
    double abs, rel; /* its largest absolute error, and that relative to its deviation or norm */
    double seconds;
    int outputs;
    bool ok;
} dr_verify_result;

/** Computes one case. A failure to compute (bad file, unknown kind) is a status; a wrong result is r->ok false. */
dr_status dr_verify_case(dr_verifier *v, const char *path, dr_verify_result *r);

#endif
