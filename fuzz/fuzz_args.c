/* libFuzzer: any bytes as command-line arguments, one per line, over a table that has every kind of option. What is
 * accepted must lie within the table's bounds; a usage error must leave nothing to free but the lists. */
#include "base/status.h"
#include "cli/opt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_ARGS 64
#define MAX_SIZE 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct values {
    bool flag, with_default, paste;
    int steps, any, size[2], sleeve;
    int64_t memory;
    uint64_t seed;
    double scale, free, strength;
    const char *model, *region;
    dr_opt_list images;
} values;

static int parse(values *v, int argc, char **argv, dr_opt_list *rest)
{
    static const dr_command cmd = {"fuzz", "nothing", "[options]", "  drape fuzz\n", NULL};
    const dr_opt opts[] = {
        {"model", DR_OPT_STRING, &v->model, "DIR", "a folder", .required = true},
        {"image|i", DR_OPT_LIST, &v->images, "PHOTO", "may be given again", .shown_default = ""},
        {"", DR_OPT_HEADING, NULL, NULL, "more:"},
        {"quiet|q", DR_OPT_FLAG, &v->flag, NULL, "a flag"},
        {"no-op", DR_OPT_FLAG, &v->with_default, NULL, "a flag whose name begins like a negation"},
        {"paste", DR_OPT_SWITCH, &v->paste, NULL, "on or off"},
        {"steps|s", DR_OPT_INT, &v->steps, "N", "bounded", 1, 1000},
        {"any-int", DR_OPT_INT, &v->any, "N", "unbounded"},
        {"seed", DR_OPT_U64, &v->seed, "N", "64 bits"},
        {"guidance-scale", DR_OPT_DOUBLE, &v->scale, "X", "bounded", 0, 100},
        {"free", DR_OPT_DOUBLE, &v->free, "X", "unbounded"},
        {"strength", DR_OPT_DOUBLE, &v->strength, "X", "bounded, and its lower end is too little", 0, 1, true},
        {"memory", DR_OPT_BYTES, &v->memory, "SIZE", "bounded", 0, 1 << 30},
        {"sleeve", DR_OPT_ENUM, &v->sleeve, "keep|long|short", "a choice, by its number"},
        {"size", DR_OPT_SIZE, v->size, NULL, "WxH"},
        {"small", DR_OPT_SIZE, v->size, NULL, "bounded", 1, 512},
        {"region", DR_OPT_CHOICE, &v->region, "mask|whole", "a choice"},
    };
    return dr_opt_parse(&cmd, opts, sizeof opts / sizeof *opts, argc, argv, rest);
}

static void check(const values *v, int argc, const dr_opt_list *rest)
{
    DR_ASSERT(v->model, "a required option is missing");
    DR_ASSERT(v->steps >= 1 && v->steps <= 1000, "%d steps", v->steps);
    DR_ASSERT(v->scale >= 0 && v->scale <= 100 && isfinite(v->free), "scale %g, free %g", v->scale, v->free);
    DR_ASSERT(v->strength > 0 && v->strength <= 1, "strength %g", v->strength);
    DR_ASSERT(v->memory >= 0 && v->memory <= 1 << 30, "%lld bytes", (long long)v->memory);
    DR_ASSERT(v->sleeve >= 0 && v->sleeve <= 2, "sleeve %d", v->sleeve);
    DR_ASSERT(v->size[0] >= 1 && v->size[0] <= 16384 && v->size[1] >= 1 && v->size[1] <= 16384, "%dx%d", v->size[0],
              v->size[1]);
    DR_ASSERT(strcmp(v->region, "mask") == 0 || strcmp(v->region, "whole") == 0, "region '%s'", v->region);
    DR_ASSERT(rest->count + v->images.count < argc, "%d arguments came out of %d", rest->count + v->images.count, argc);
}

/* Usage errors and --help print. libFuzzer keeps the stream it began with. */
static void be_silent(void)
{
    static FILE *null;
    if (null)
        return;
    null = fopen("/dev/null", "w");
    DR_ASSERT(null, "no /dev/null");
    stdout = stderr = null;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[MAX_SIZE + 1], *argv[MAX_ARGS + 1] = {(char[]){"fuzz"}}, *save = NULL;
    int argc = 1;
    values v = {.steps = 50, .scale = 7.5, .strength = 1, .region = "mask", .paste = true, .size = {512, 512}};
    dr_opt_list rest = {0};
    if (size > MAX_SIZE)
        return 0;
    be_silent();
    memcpy(text, data, size);
    text[size] = 0;
    for (char *a = strtok_r(text, "\n", &save); a && argc < MAX_ARGS; a = strtok_r(NULL, "\n", &save))
        argv[argc++] = a;
    int rc = parse(&v, argc, argv, &rest);
    DR_ASSERT(rc == 0 || rc == -1 || rc == DR_EXIT_USAGE, "parsing returned %d", rc);
    if (rc == 0)
        check(&v, argc, &rest);
    dr_opt_list_free(&v.images);
    dr_opt_list_free(&rest);
    return 0;
}
