#include "cli/commands.h"
#include "drape.h"

#include <limits.h>
#include <stdio.h>

static void on_note(void *user, const char *text)
{
    (void)user;
    fprintf(stderr, "drape pull: %s\n", text);
}

static int run(int argc, char **argv)
{
    drape_pull_options o = {.cancel = dr_cli_interrupted, .note = on_note};
    char dir[PATH_MAX];
    bool quiet = false;
    dr_opt_list rest = {0};
    const dr_opt opts[] = {
        {"revision", DR_OPT_STRING, &o.revision, "R", "branch, tag or commit", .shown_default = "main"},
        {"variant", DR_OPT_STRING, &o.variant, "V", "fp16 for the half-size weights", .shown_default = "the full ones"},
        {"version", DR_OPT_STRING, &o.version, "V", "of catvton: mix-48k-1024, vitonhd-16k-512 or dresscode-16k-512",
         .shown_default = "mix-48k-1024"},
        {"overwrite", DR_OPT_FLAG, &o.overwrite, NULL, "replace files in OUT_DIR that no pull has brought"},
        {"offline", DR_OPT_FLAG, &o.offline, NULL, "only check that OUT_DIR is complete (also HF_HUB_OFFLINE=1)"},
        {"quiet|q", DR_OPT_FLAG, &quiet, NULL, "no progress"},
    };
    int bad = dr_opt_parse(&dr_cmd_pull, opts, sizeof opts / sizeof *opts, argc, argv, &rest);
    if (!bad && (rest.count < 1 || rest.count > 2))
        bad = dr_usage_error(&dr_cmd_pull, "give a repo like org/name, and perhaps a folder");
    if (!bad) {
        o.out_dir = rest.count > 1 ? rest.item[1] : NULL;
        o.bar = !quiet;
        drape_status st = drape_pull(rest.item[0], &o, dir, sizeof dir);
        bad = st ? dr_cli_fail(&dr_cmd_pull, (int)st) : 0;
        if (!st)
            printf("%s\n", dir);
    }
    dr_opt_list_free(&rest);
    return bad < 0 ? 0 : bad;
}

const dr_command dr_cmd_pull = {"pull", "download a model folder from the Hugging Face hub", "REPO|catvton [OUT_DIR]",
                                "  drape pull stabilityai/stable-diffusion-2-inpainting\n"
                                "  drape pull catvton    (what tryon --garment needs, of three repos)\n"
                                "\nHF_TOKEN gives access to private and gated repos, HF_ENDPOINT names a mirror.\n",
                                run};
