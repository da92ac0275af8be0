/* What the files of io/pickle.h share. */
#ifndef DR_IO_PICKLE_IMPL_H
#define DR_IO_PICKLE_IMPL_H

#include "io/pickle.h"

/* pickle_value.c: memory, the stack's room, values */
dr_status dr_pk_take_stack(dr_pickle *p, size_t size);
void dr_pk_drop_stack(dr_pickle *p);
dr_status dr_pk_too_much(const dr_pickle *p);
dr_status dr_pk_push(dr_pickle *p, dr_pk v);
dr_status dr_pk_push_tuple(dr_pickle *p, const dr_pk *item, size_t n);
dr_status dr_pk_new(dr_pickle *p, dr_pk_kind kind, dr_pk *out); /* an empty LIST or DICT */
dr_status dr_pk_deepen(dr_pickle *p, dr_pk_node *node, const dr_pk *item, size_t n);

/* pickle_constant.c: reading of arguments, and the instructions that push one value and look at none */
dr_status dr_pk_damaged(const dr_pickle *p, const char *what);
dr_status dr_pk_cut(const dr_pickle *p);
dr_status dr_pk_number(dr_pickle *p, size_t bytes, uint64_t *out); /* little-endian */
dr_status dr_pk_line(dr_pickle *p, dr_pk *out);
dr_status dr_pk_constant(dr_pickle *p, int op);

#endif
