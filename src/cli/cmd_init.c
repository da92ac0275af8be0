#include "base/progress.h"
#include "cli/commands.h"
#include "drape.h"

#include <stdio.h>

typedef struct init_bar {
    dr_progress bar;
    bool started, quiet;
} init_bar;

static bool on_progress(void *user, int64_t done, int64_t total)
{
    init_bar *b = user;
    if (!b->started)
        dr_progress_start(&b->bar, "million values", (long)(total / 1000000), b->quiet);
    b->started = true;
    dr_progress_set(&b->bar, (long)(done / 1000000), NULL);
    return dr_cli_interrupted(NULL);
}

static int run(int argc, char **argv)
{
    drape_init_options o = {.arch = "sd2-inpainting", .seed = -1};
    init_bar bar = {0};
    uint64_t seed = UINT64_MAX;
    int threads = 0;
    dr_opt_list rest = {0};
    const dr_opt opts[] = {
        {"arch", DR_OPT_STRING, &o.arch, "NAME", "sd2-inpainting, sd15-inpainting, or a JSON file of configs"},
        {"dtype", DR_OPT_CHOICE, &o.dtype, "f32|f16|bf16", "type of the weights",
         .shown_default = "the architecture's, f32"},
        {"seed", DR_OPT_U64, &seed, "N", "same seed, same weights", .shown_default = "the architecture's, 0"},
        {"threads", DR_OPT_INT, &threads, "N", "threads to use", 0, 1024, .shown_default = DR_DEFAULT_THREADS},
        {"quiet|q", DR_OPT_FLAG, &bar.quiet, NULL, "no progress"},
    };
    int bad = dr_opt_parse(&dr_cmd_init, opts, sizeof opts / sizeof *opts, argc, argv, &rest);
    if (!bad && rest.count != 1)
        bad = dr_usage_error(&dr_cmd_init, "give one folder to make");
    if (!bad) {
        drape_set_threads(threads);
        if (seed != UINT64_MAX)
            o.seed = (int64_t)(seed & INT64_MAX);
        o.progress = on_progress;
        o.user = &bar;
        drape_status st = drape_init(rest.item[0], &o);
        if (bar.started)
            dr_progress_end(&bar.bar);
        bad = st ? dr_cli_fail(&dr_cmd_init, (int)st) : 0;
        if (!st)
            printf("%s\n", rest.item[0]);
    }
    dr_opt_list_free(&rest);
    return bad < 0 ? 0 : bad;
}

const dr_command dr_cmd_init = {"init", "make a pipeline folder with random weights", "[--arch NAME] OUT_DIR",
                                "  drape init --arch sd2-inpainting --dtype f16 random-sd2\n", run};
