/* The public functions on numbers for pictures: checks of what a caller may get wrong; the work is in src/eval. */
#include "drape.h"

#include "eval/evaluate.h"
#include "eval/evaluator.h"
#include "options/options.h"

#include <stdlib.h>

struct drape_evaluator {
    dr_evaluator evaluator;
};

const drape_eval_metric *drape_eval_metric_at(int index)
{
    return dr_column_at(index);
}

int drape_eval_metric_index(const char *name)
{
    return dr_column_index(name);
}

void drape_eval_defaults(drape_eval_options *options)
{
    *options = dr_eval_defaults;
}

/* --- one by one ---------------------------------------------------------------------------------------- */

drape_status drape_evaluator_new(drape_evaluator **out, const drape_eval_options *options)
{
    drape_eval_options o = options ? *options : dr_eval_defaults;
    *out = NULL;
    dr_status st = dr_options_check(dr_eval_table, &o, "");
    drape_evaluator *e = st ? NULL : calloc(1, sizeof *e);
    if (!st)
        st = e ? dr_evaluator_open(&e->evaluator, &o) : dr_fail(DR_ENOMEM, "out of memory");
    if (st)
        free(e);
    else
        *out = e;
    return (drape_status)st;
}

void drape_evaluator_free(drape_evaluator *e)
{
    if (e)
        dr_evaluator_close(&e->evaluator);
    free(e);
}

static dr_status check(const drape_image *im, int channels, const char *what, const drape_image *like)
{
    if (!im)
        return DR_OK;
    if (!im->data || im->width < 1 || im->height < 1)
        return dr_fail(DR_EINVAL, "%s is empty", what);
    if (im->channels != channels)
        return dr_fail(DR_EINVAL, "%s has %d channels, must have %d", what, im->channels, channels);
    if (like && (im->width != like->width || im->height != like->height))
        return dr_fail(DR_EINVAL, "%s is %dx%d, must have the result's size, %dx%d", what, im->width, im->height,
                       like->width, like->height);
    return DR_OK;
}

drape_status drape_eval_pair(drape_evaluator *e, const drape_eval_input *in, drape_eval_numbers *out)
{
    dr_status st = in->result ? check(in->result, 3, "the result", NULL) : dr_fail(DR_EINVAL, "there is no result");
    if (!st)
        st = check(in->reference, 3, "the reference", in->result);
    if (!st)
        st = check(in->mask, 1, "the mask", in->result);
    if (!st)
        st = check(in->garment, 3, "the garment's photo", NULL);
    return (drape_status)(st ? st : dr_evaluator_pair(&e->evaluator, in, out));
}

/* --- folders ------------------------------------------------------------------------------------------- */

drape_status drape_eval(const drape_eval_options *options, char **json)
{
    json_t *report = NULL;
    *json = NULL;
    dr_status st = dr_options_check(dr_eval_table, options, "");
    if (!st)
        st = dr_evaluate(options, &report);
    if (!st && !(*json = json_dumps(report, JSON_INDENT(1) | JSON_REAL_PRECISION(10))))
        st = dr_fail(DR_ENOMEM, "out of memory");
    json_decref(report);
    return (drape_status)st;
}
