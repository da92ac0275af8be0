/* TensorBoard event files: scalars and pictures, readable by TensorBoard while they grow.
 *
 * Records of a length, its masked CRC-32C, a protobuf Event, and its masked CRC-32C; file name
 * events.out.tfevents.<seconds>.<host>.<pid>.<n>. */
#ifndef DR_IO_TB_EVENTS_H
#define DR_IO_TB_EVENTS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct dr_tb dr_tb;

/** Makes `dir` and a new event file in it. */
dr_status dr_tb_open(dr_tb **out, const char *dir);
/** For a run that goes on from a checkpoint: what earlier files say of `step` and later no longer counts. */
dr_status dr_tb_purge(dr_tb *t, int64_t step);
/** Appended and flushed at once, so that a killed run loses at most the record being written. */
dr_status dr_tb_scalar(dr_tb *t, const char *tag, int64_t step, float value);
/** PNG bytes as an image summary. */
dr_status dr_tb_image(dr_tb *t, const char *tag, int64_t step, int width, int height, const void *png, size_t size);
void dr_tb_close(dr_tb *t);

#endif
