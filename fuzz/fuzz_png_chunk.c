/* libFuzzer: text chunks of a PNG. What is read must be UTF-8; what is written must be read back. */
#include "io/png_chunk.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever the picture is, a text that was added is the first one found. */
static void add_and_find(const uint8_t *png, size_t size, const char *text)
{
    void *out;
    size_t out_size;
    char *found;
    if (dr_png_add_text(png, size, "parameters", text, &out, &out_size) != DR_OK)
        return;
    if (dr_png_find_text(out, out_size, "parameters", "added", &found) != DR_OK)
        abort();
    if (g_utf8_validate(text, -1, NULL) && strcmp(found, text) != 0)
        abort();
    free(found);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text, head[64] = {0};
    if (dr_png_find_text(data, size, "parameters", "fuzz", &text) == DR_OK) {
        if (!g_utf8_validate(text, -1, NULL))
            abort();
        add_and_find(data, size, text);
        free(text);
    }
    (void)dr_png_check(data, size, "fuzz");
    memcpy(head, data, size < sizeof head - 1 ? size : sizeof head - 1);
    add_and_find(data, size, head + (size > 33 ? 33 : 0));
    return 0;
}
