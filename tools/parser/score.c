#include "score.h"

#include <math.h>

void score_add(score *s, const uint8_t *truth, const uint8_t *predicted, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (truth[i] < DR_LABELS && predicted[i] < DR_LABELS)
            s->pixels[truth[i]][predicted[i]]++;
}

static double iou_of(const score *s, const bool member[DR_LABELS])
{
    int64_t both = 0, either = 0;
    for (int t = 0; t < DR_LABELS; t++)
        for (int p = 0; p < DR_LABELS; p++) {
            both += member[t] && member[p] ? s->pixels[t][p] : 0;
            either += member[t] || member[p] ? s->pixels[t][p] : 0;
        }
    return either ? (double)both / (double)either : NAN;
}

double score_iou(const score *s, int from, int to)
{
    bool member[DR_LABELS] = {false};
    for (int i = from; i <= to; i++)
        member[i] = true;
    return iou_of(s, member);
}

double score_mean(const score *s)
{
    double sum = 0;
    int n = 0;
    for (int i = 0; i < DR_LABELS; i++) {
        double one = score_iou(s, i, i);
        if (isnan(one))
            continue;
        sum += one;
        n++;
    }
    return n ? sum / n : NAN;
}

void score_print(const score *s, FILE *f, bool labels)
{
    bool upper[DR_LABELS] = {[DR_LABEL_UPPER] = true, [DR_LABEL_DRESS] = true};
    fprintf(f, "person %.3f upper %.3f lower %.3f garments %.3f mean %.3f\n", score_iou(s, 1, DR_LABELS - 1),
            iou_of(s, upper), score_iou(s, DR_LABEL_SKIRT, DR_LABEL_PANTS),
            score_iou(s, DR_LABEL_UPPER, DR_LABEL_DRESS), score_mean(s));
    for (int i = 0; labels && i < DR_LABELS; i++)
        fprintf(f, "  %-14s %.3f\n", dr_label_name(i), score_iou(s, i, i));
}
