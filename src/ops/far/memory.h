/* Memory that is unreadable except between enter and leave. */
#ifndef DR_OPS_FAR_MEMORY_H
#define DR_OPS_FAR_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

void *dr_far_take(size_t bytes, bool sparse);
void dr_far_give(void *values, size_t bytes);

/** Nests, and counts over all threads. */
void dr_far_enter(void);
void dr_far_leave(void);

#endif
