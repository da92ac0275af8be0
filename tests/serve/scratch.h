/* A folder that is gone after the test, and short words for JSON. */
#ifndef TESTS_SERVE_SCRATCH_H
#define TESTS_SERVE_SCRATCH_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static char scratch_dir[64];

static inline int scratch_make(void **state)
{
    (void)state;
    snprintf(scratch_dir, sizeof scratch_dir, "/tmp/drape-serve-XXXXXX");
    return mkdtemp(scratch_dir) ? 0 : -1;
}

static inline int scratch_remove(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", scratch_dir);
    return system(command);
}

/* JSON with ' for ". */
static inline json_t *json_of(const char *text)
{
    char *copy = strdup(text);
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    json_t *j = json_loads(copy, JSON_DECODE_ANY, NULL);
    free(copy);
    assert_non_null(j);
    return j;
}

#endif
