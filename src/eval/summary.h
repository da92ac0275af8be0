/* Many numbers in a few. */
#ifndef DR_EVAL_SUMMARY_H
#define DR_EVAL_SUMMARY_H

/* Of the values that are numbers and finite. */
typedef struct dr_summary {
    int count;
    double mean, median, least, most;
    double deviation; /* of a sample; NaN for fewer than two */
} dr_summary;

/** Sorts `v`. All are NaN for none. */
dr_summary dr_summary_of(double *v, int count);

#endif
