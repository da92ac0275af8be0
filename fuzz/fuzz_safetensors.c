/* libFuzzer: any bytes as a safetensors file. What is accepted must be readable to the last byte
 * and lie inside the input.
 *
 * Each input is tried as it is, and, because random changes rarely keep the length in the first 8 bytes
 * right, once more with that length set to fit: byte 0 then says how many bytes of tensors end the file.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Isrc fuzz/fuzz_safetensors.c src/io/safetensors.c
 *         src/base/{arena,file,json,status}.c src/tensor/tensor.c -ljansson -lm -o fuzz_safetensors
 *   ./fuzz_safetensors -dict=fuzz/safetensors.dict corpus fuzz/seeds/safetensors */
#include "io/safetensors.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_file(const uint8_t *data, size_t size)
{
    dr_safetensors f;
    static volatile unsigned sink;
    if (dr_st_parse(&f, data, size, "fuzz"))
        return;
    size_t bytes = 0;
    for (size_t i = 0; i < f.count; i++) {
        const dr_st_entry *e = &f.entry[i];
        const unsigned char *p = e->data;
        DR_ASSERT(dr_st_find(&f, e->name) == e, "'%s' is not found", e->name);
        DR_ASSERT(p >= data && p + e->size <= data + size, "'%s' lies outside", e->name);
        for (size_t b = 0; b < e->size; b++)
            sink += p[b];
        bytes += e->size;
    }
    (void)sink;
    DR_ASSERT(bytes <= size, "%zu bytes of tensors in %zu", bytes, size);
    for (size_t i = 0; i < f.meta_count; i++)
        DR_ASSERT(dr_st_metadata(&f, f.meta[i].key) == f.meta[i].value, "'%s' is not found", f.meta[i].key);
    dr_st_close(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_file(data, size);
    if (size < 8 || data[0] > size - 8)
        return 0;
    size_t header = size - 8 - data[0];
    uint8_t *copy = malloc(size);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    for (int i = 0; i < 8; i++)
        copy[i] = (uint8_t)((uint64_t)header >> (8 * i));
    try_file(copy, size);
    free(copy);
    return 0;
}
