/* Tensors of tests/golden/learn, made by tools/golden/make_learn.py. */
#ifndef TESTS_LEARN_GOLDEN_H
#define TESTS_LEARN_GOLDEN_H

#include "io/safetensors.h"

#include <stdio.h>

static inline void golden_open(dr_safetensors *f, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/learn/%s.safetensors", DR_SOURCE_DIR, name);
    assert_int_equal(dr_st_open(f, path), DR_OK);
}

/* The data of a tensor of `n` values; the mapping keeps it aligned to 8. */
static inline const void *golden(const dr_safetensors *f, dr_dtype dtype, int64_t n, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static inline const void *golden(const dr_safetensors *f, dr_dtype dtype, int64_t n, const char *format, ...)
{
    char name[128];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    const dr_st_entry *e = dr_st_find(f, name);
    if (!e)
        fail_msg("no golden tensor '%s'", name);
    assert_int_equal(e->dtype, dtype);
    assert_int_equal(e->size, (size_t)n * dr_dtype_size(dtype));
    return e->data;
}

#endif
