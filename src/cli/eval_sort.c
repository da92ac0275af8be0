#include "cli/eval_page.h"
#include "drape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *dr_eval_sort_key(const json_t *report)
{
    static const char *const known[] = {"lpips_alex",   "lpips_vgg", "ssim_torchmetrics", "ssim_skimage_gaussian",
                                        "ssim_skimage", "psnr",      "colour_histogram",  "parser_agreement"};
    const json_t *summary = json_object_get(report, "summary");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (json_integer_value(json_object_get(json_object_get(summary, known[i]), "count")) > 0)
            return known[i];
    return json_object_iter_key(json_object_iter((json_t *)summary));
}

/* How bad a number is; what is not known is the least. */
static double badness(const json_t *pair, const char *name, int better)
{
    const json_t *v = json_object_get(json_object_get(pair, "numbers"), name);
    if (!json_is_number(v))
        return -INFINITY;
    double x = json_number_value(v);
    return better > 0 ? -x : better < 0 ? x : fabs(x - 1);
}

/* qsort() has no argument for it. */
typedef struct ranked {
    double badness;
    size_t before; /* pairs of one rank stay in order */
    json_t *pair;
} ranked;

static int by_badness(const void *a, const void *b)
{
    const ranked *p = a, *q = b;
    if (p->badness != q->badness)
        return p->badness < q->badness ? 1 : -1;
    return p->before < q->before ? -1 : 1;
}

void dr_eval_sort(json_t *report, const char *name)
{
    json_t *pairs = json_object_get(report, "pairs"), *pair;
    size_t i, n = json_array_size(pairs);
    int index = name ? drape_eval_metric_index(name) : -1;
    ranked *r = index >= 0 && n ? calloc(n, sizeof *r) : NULL;
    if (!r)
        return;
    json_array_foreach(pairs, i, pair) r[i] =
        (ranked){badness(pair, name, drape_eval_metric_at(index)->better), i, json_incref(pair)};
    qsort(r, n, sizeof *r, by_badness);
    json_array_clear(pairs);
    for (i = 0; i < n; i++)
        json_array_append_new(pairs, r[i].pair);
    free(r);
}
