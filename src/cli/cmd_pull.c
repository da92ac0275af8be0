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
    bool quiet = false, backbones = false;
    const char *only = NULL;
    dr_opt_list rest = {0};
    const dr_opt opts[] = {
        {"revision", DR_OPT_STRING, &o.revision, "R", "branch, tag or commit", .shown_default = "main"},
        {"variant", DR_OPT_STRING, &o.variant, "V", "fp16 for the half-size weights", .shown_default = "the full ones"},
        {"version", DR_OPT_STRING, &o.version, "V", "of catvton: mix-48k-1024, vitonhd-16k-512 or dresscode-16k-512",
         .shown_default = "mix-48k-1024"},
        {"overwrite", DR_OPT_FLAG, &o.overwrite, NULL, "replace files in OUT_DIR that no pull has brought"},
        {"offline", DR_OPT_FLAG, &o.offline, NULL, "only check that OUT_DIR is complete (also HF_HUB_OFFLINE=1)"},
        {"backbones", DR_OPT_FLAG, &backbones, NULL,
         "in place of a repo: the networks that measures of pictures stand on, each from where it is published"},
        {"only", DR_OPT_STRING, &only, "LIST",
         "with --backbones: lpips-alex, lpips-vgg, lpips-squeeze, fid, clip, with commas between",
         .shown_default = "all of them"},
        {"quiet|q", DR_OPT_FLAG, &quiet, NULL, "no progress"},
    };
    int bad = dr_opt_parse(&dr_cmd_pull, opts, sizeof opts / sizeof *opts, argc, argv, &rest);
    if (!bad && !backbones && (rest.count < 1 || rest.count > 2))
        bad = dr_usage_error(&dr_cmd_pull, "give a repo like org/name, and perhaps a folder");
    if (!bad && backbones && rest.count > 1)
        bad = dr_usage_error(&dr_cmd_pull, "with --backbones give at most a folder");
    if (!bad && only && !backbones)
        bad = dr_usage_error(&dr_cmd_pull, "--only goes with --backbones");
    if (!bad) {
        int folder = backbones ? 0 : 1;
        o.out_dir = rest.count > folder ? rest.item[folder] : NULL;
        o.bar = !quiet;
        drape_status st =
            backbones ? drape_pull_backbones(only, &o, dir, sizeof dir) : drape_pull(rest.item[0], &o, dir, sizeof dir);
        bad = st ? dr_cli_fail(&dr_cmd_pull, (int)st) : 0;
        if (!st)
            printf("%s\n", dir);
    }
    dr_opt_list_free(&rest);
    return bad < 0 ? 0 : bad;
}

const dr_command dr_cmd_pull = {"pull", "download a model folder from the Hugging Face hub",
                                "(REPO|catvton|--backbones) [OUT_DIR]",
                                "  drape pull stabilityai/stable-diffusion-2-inpainting\n"
                                "  drape pull catvton    (what tryon --garment needs, of three repos)\n"
                                "  drape pull --backbones --only lpips-alex,fid\n"
                                "\nHF_TOKEN gives access to private and gated repos, HF_ENDPOINT names a mirror.\n",
                                run};
