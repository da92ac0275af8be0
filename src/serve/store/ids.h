/* How pictures and jobs are called. Only names that pass here become part of a path or of a query. */
#ifndef DR_SERVE_STORE_IDS_H
#define DR_SERVE_STORE_IDS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** True for 64 hexadecimal digits in lower case, and nothing else. */
bool dr_is_image_id(const char *s);

/** True for what may be a job's number: 1 to 18 digits. */
bool dr_is_job_id(const char *s);

/** The number in "17"; 0 for what is none. */
int64_t dr_job_number(const char *s);

/** `length` letters, digits, '-' and '_' that nobody can guess (6 bits each), and a 0 behind them. */
dr_status dr_random_text(char *out, size_t length);

#endif
