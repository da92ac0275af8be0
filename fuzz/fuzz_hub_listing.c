/* libFuzzer: any bytes as a hub's listing, then the choice of files from it. The first byte picks kind and variant;
 * a 0x01 byte splits the rest into pages. What is chosen must be safe to write under a folder.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Isrc fuzz/fuzz_hub_listing.c src/io/hub_listing.c
 *         src/io/hub_choose.c src/io/http_parse.c src/base/{arena,file,json,status}.c -lcurl -ljansson -lm */
#include "io/hub_listing.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_choice(const dr_hub_listing *l, const dr_hub_choice *c)
{
    DR_ASSERT(c->kind != DR_HUB_ANY, "no kind");
    DR_ASSERT(c->count <= l->count, "%zu files chosen of %zu", c->count, l->count);
    for (size_t i = 0; i < c->count; i++) {
        const dr_hub_file *f = c->file[i];
        size_t n = strspn(f->path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/");
        DR_ASSERT(f->path[n] == 0 && f->path[0] != '/' && f->path[0] != '.', "'%s' is not safe", f->path);
        DR_ASSERT(!strstr(f->path, "..") && !strstr(f->path, "//"), "'%s' is not safe", f->path);
        DR_ASSERT(dr_hub_listing_find(l, f->path) == f, "'%s' is not found", f->path);
        DR_ASSERT(f->size <= DR_HUB_MAX_FILE, "'%s' is too large", f->path);
        DR_ASSERT(strlen(f->hash) == (f->kind == DR_HUB_SHA256 ? 64 : 40), "'%s' has no hash", f->path);
        for (size_t j = 0; j < i; j++)
            DR_ASSERT(c->file[j] != f, "'%s' is chosen twice", f->path);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const variant[] = {"", "fp16", "non_ema", NULL};
    dr_hub_listing l;
    dr_hub_choice c;
    if (!size || dr_hub_listing_init(&l))
        return 0;
    unsigned how = *data++;
    size--;
    dr_status st = DR_OK;
    while (!st && size) {
        const uint8_t *end = memchr(data, 1, size);
        size_t n = end ? (size_t)(end - data) : size;
        st = dr_hub_listing_add(&l, (const char *)data, n, "org/name");
        size -= n + (end != NULL);
        data += n + (end != NULL);
    }
    if (!st)
        st = dr_hub_listing_finish(&l, "org/name");
    if (!st)
        st = dr_hub_choose(&l, "org/name", (dr_hub_kind)(how % 3), variant[how / 3 % 4], &c);
    if (!st)
        check_choice(&l, &c);
    dr_hub_listing_clear(&l);
    return 0;
}
