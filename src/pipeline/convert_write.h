/* Writing a file of tensors from those of others, block by block. For convert*.c and lora_extract.c only. */
#ifndef DR_PIPELINE_CONVERT_WRITE_H
#define DR_PIPELINE_CONVERT_WRITE_H

#include "pipeline/convert_model.h"

/* A tensor to be written: of one of a part's tensors, of three on top of each other, or made. */
typedef struct dr_convert_item {
    char *name;   /* in the list's arena */
    size_t order; /* as they were added */
    dr_dtype dtype;
    int rank;
    int64_t dim[4];
    int pieces; /* 0: made */
    const dr_st_entry *piece[3];
    dr_param *param[3];    /* the same in the part's table */
    dr_convert_part *part; /* whose tensors they are */
    float on, off;         /* made: on the diagonal (of a scalar: its value), elsewhere */
} dr_convert_item;

typedef struct dr_convert_list {
    dr_convert_item *item;
    size_t count, room;
    dr_arena names;
} dr_convert_list;

dr_status dr_convert_list_init(dr_convert_list *l, size_t room);
void dr_convert_list_clear(dr_convert_list *l);

/** The next item, named by a format, zeroed; NULL when out of memory. */
dr_convert_item *dr_convert_list_add(dr_convert_list *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Adds the values of parameter `q`, number `index` of the part, to an item: its first ones, or below those it has. */
void dr_convert_item_from(dr_convert_item *item, dr_convert_part *p, dr_param *q, size_t index,
                          const dr_convert_options *o);

/** Those of wider types first, so that all lie at multiples of their size; otherwise as they are. Items from `from` on.
 */
void dr_convert_list_sort(dr_convert_list *l, size_t from);

uint64_t dr_convert_list_bytes(const dr_convert_list *l);

/* Bytes of all files that a job writes. */
typedef struct dr_convert_job {
    const dr_convert_options *o;
    uint64_t done, total;
} dr_convert_job;

/** In the form that `path` ends in (tensor_write.h). Items of one part follow each other: adapters are merged where
 * they begin and let go behind them. */
dr_status dr_convert_write(const dr_convert_list *l, const char *path, const dr_st_meta *meta, size_t meta_count,
                           dr_convert_job *job);

/** The whole model into the file `out`. */
dr_status dr_convert_write_single(dr_convert_model *m, const char *out, const dr_convert_options *o);

/** What is noted of a file: "modelspec.*" after the Stability AI model metadata standard, as kohya's scripts write it.
 */
typedef struct dr_convert_spec {
    char title[256], date[32];
} dr_convert_spec;
void dr_convert_spec_init(dr_convert_spec *s, const char *out);
#define DR_CONVERT_IMPLEMENTATION "https://github.com/Stability-AI/generative-models"

/** dr_convert_name() without the ending. */
void dr_convert_title(const char *path, char *out, size_t n);

/** DR_EIO when the disk has less room for `path` than `bytes`. */
dr_status dr_convert_check_room(const char *path, uint64_t bytes);

#endif
