/* libFuzzer: any bytes as the .yaml beside a single file. What is read holds together and comes through JSON again. */
#include "base/yaml.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *j, *again;
    if (dr_yaml_parse((const char *)data, size, "fuzz", &j))
        return 0;
    char *text = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(17));
    DR_ASSERT(text, "what was read cannot be written");
    again = json_loads(text, 0, NULL);
    DR_ASSERT(again && json_equal(j, again), "'%s' reads otherwise", text);
    free(text);
    json_decref(j);
    json_decref(again);
    return 0;
}
