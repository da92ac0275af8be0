/* libFuzzer: any bytes as a GGUF file. What is accepted must be readable to the last byte, lie inside the input,
 * decode, and take no more memory than was promised.
 *
 * Each input is tried as it is, and behind a head that is in order: byte 0 then says how many tensors there are, byte 1
 * how many keys. */
#include "io/tensor_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const dr_st_entry *e)
{
    size_t n = dr_st_count(e);
    float *v = malloc(n * sizeof *v + 1);
    if (v && n < 1 << 20)
        dr_st_values(e, v);
    free(v);
}

static void try_file(const uint8_t *data, size_t size)
{
    dr_gguf f;
    static volatile unsigned sink;
    if (!size || dr_gguf_parse(&f, data, size, "fuzz"))
        return;
    for (size_t i = 0; i < f.count; i++) {
        const dr_st_entry *e = &f.entry[i];
        const unsigned char *p = e->data;
        DR_ASSERT(p >= data && p + e->size <= data + size, "'%s' lies outside", e->name);
        DR_ASSERT(i == 0 || strcmp(f.entry[i - 1].name, e->name) < 0, "'%s' is out of order", e->name);
        for (size_t b = 0; b < e->size; b++)
            sink += p[b];
        decode(e);
    }
    DR_ASSERT(f.arena.used <= 2 * size + (16 << 20), "%zu bytes for %zu", f.arena.used, size);
    dr_gguf_close(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t head[] = "GGUF\3\0\0\0";
    try_file(data, size);
    if (size < 2)
        return 0;
    uint8_t *framed = calloc(1, 24 + size);
    if (!framed)
        return 0;
    memcpy(framed, head, 8);
    framed[8] = data[0];
    framed[16] = data[1];
    memcpy(framed + 24, data + 2, size - 2);
    try_file(framed, 24 + size - 2);
    free(framed);
    return 0;
}
