/* The table of a command: the library's options for its job, and the command's own among them. */
#ifndef DR_CLI_OPT_TABLE_H
#define DR_CLI_OPT_TABLE_H

#include "cli/opt.h"
#include "drape.h"

/* drape_train_option() and its like. */
typedef const drape_option *dr_option_rows(int index);

/* An option that only the command line has, or has otherwise. */
typedef struct dr_own {
    const char *after;   /* stands behind this option of the library's; NULL: at the beginning */
    const char *instead; /* in place of these, "width|height": at the first one's place */
    size_t at;           /* of the value in the command's struct, bytes */
    dr_opt opt;          /* without `out` */
    /* When set, it is another option's second name, or another job's option: value, kind and bounds are that one's,
     * `at` is that job's options in the command's struct, and `opt` has a name and a help of its own. A DR_OPT_SIZE
     * takes over no more than how large a side may be. */
    dr_option_rows *rows;
    const char *like;
} dr_own;

typedef struct dr_opt_set {
    dr_opt opt[DR_OPT_MAX];
    size_t count;
    char name[DR_OPT_MAX][48]; /* "lora-rank" for "lora_rank" */
    bool given;                /* one of the library's options was */
} dr_opt_set;

/** The option of that name; there must be one. */
const drape_option *dr_option_named(dr_option_rows *rows, const char *name);

/**
 * Fills the table for dr_opt_parse(); it must stay where it is.
 *
 * @param values   the library's options struct, with its defaults
 * @param own      own_count of them; those behind the same option keep their order
 * @param command  the struct that `own` is about
 */
void dr_opt_table(dr_opt_set *s, dr_option_rows *rows, void *values, const dr_own *own, size_t own_count,
                  void *command);

#endif
