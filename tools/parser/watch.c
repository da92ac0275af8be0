/* How good the parser is while it learns. parser_eval is the judge. */
#include "score.h"
#include "trainer.h"

#include <math.h>
#include <stdio.h>

/* A whole test photo at the training height, judged at the logits' cells: quick. */
static dr_status watch_one(trainer *t, const labelled_photo *p, score *s)
{
    dr_tape *g = &t->tape;
    int m = dr_clothes_net_multiple(&t->net.config), h = t->o->size[1];
    int w = (int)lround((double)p->photo.width * h / p->photo.height / m) * m;
    dr_image small = {0}, labels = {0};
    dr_status st = dr_image_resize(&small, &p->photo, w, h, DR_BILINEAR);
    if (!st)
        st = dr_image_resize(&labels, &p->labels, w / 2, h / 2, DR_NEAREST);
    dr_tape_reset(g);
    dr_tensor *x = dr_new4(g, 1, h, w, 3);
    for (int64_t i = 0; !st && !g->status && i < dr_numel(x); i++)
        dr_f32(x)[i] = ((float)small.data[i] / 255 - trainer_mean[i % 3]) / trainer_deviation[i % 3];
    dr_tensor *y = st ? NULL : dr_clothes_net_forward(g, &t->net, x);
    st = st ? st : dr_tape_status(g);
    for (int64_t i = 0; !st && i < (int64_t)labels.width * labels.height; i++) {
        const float *logit = dr_f32(y) + i * DR_LABELS;
        uint8_t best = 0;
        for (uint8_t c = 1; c < DR_LABELS; c++)
            best = logit[c] > logit[best] ? c : best;
        score_add(s, labels.data + i, &best, 1);
    }
    dr_image_clear(&small);
    dr_image_clear(&labels);
    return st;
}

dr_status trainer_watch(trainer *t)
{
    score s = {0};
    dr_status st = DR_OK;
    dr_training_swap(&t->training);
    for (size_t i = 0; !st && i < t->test.count; i++)
        st = watch_one(t, &t->test.item[i], &s);
    dr_training_swap(&t->training);
    if (st)
        return st;
    fprintf(stderr, "step %d: ", t->checkpoint.step);
    score_print(&s, stderr, false);
    /* labels that no test photo shows have no intersection over union */
    json_t *line = json_pack("{s:i, s:o, s:o, s:o}", "step", t->checkpoint.step, "person",
                             dr_jsonl_number(score_iou(&s, 1, DR_LABELS - 1)), "garments",
                             dr_jsonl_number(score_iou(&s, DR_LABEL_UPPER, DR_LABEL_DRESS)), "mean",
                             dr_jsonl_number(score_mean(&s)));
    st = dr_jsonl_write(&t->log, line);
    json_decref(line);
    return st;
}
