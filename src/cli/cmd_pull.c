#include "cli/commands.h"
#include "drape.h"
#include "io/hub.h"

#include <stdio.h>

/* Configs, tokenizer and scheduler are here, the gigabytes are not yet: would the model load? A parser's config.json
 * has been looked at by the pull itself. */
static dr_status check(void *user, dr_hub_kind kind, const char *dir)
{
    drape_pipeline *p = NULL;
    (void)user;
    drape_status st = kind == DR_HUB_PIPELINE ? drape_pipeline_load(&p, dir, NULL) : DRAPE_OK;
    drape_pipeline_free(p);
    return (dr_status)st;
}

static int run(int argc, char **argv)
{
    dr_hub_options o = {.cancelled = dr_cli_interrupted, .check = check};
    dr_hub_result r;
    dr_opt_list rest = {0};
    dr_hub_options_from_env(&o);
    const dr_opt opts[] = {
        {"revision", DR_OPT_STRING, &o.revision, "R", "branch, tag or commit", .shown_default = "main"},
        {"variant", DR_OPT_STRING, &o.variant, "V", "fp16 for the half-size weights", .shown_default = "the full ones"},
        {"overwrite", DR_OPT_FLAG, &o.overwrite, NULL, "replace files in OUT_DIR that no pull has brought"},
        {"offline", DR_OPT_FLAG, &o.offline, NULL, "only check that OUT_DIR is complete (also HF_HUB_OFFLINE=1)"},
        {"quiet|q", DR_OPT_FLAG, &o.quiet, NULL, "no progress"},
    };
    int bad = dr_opt_parse(&dr_cmd_pull, opts, sizeof opts / sizeof *opts, argc, argv, &rest);
    if (!bad && (rest.count < 1 || rest.count > 2))
        bad = dr_usage_error(&dr_cmd_pull, "give a repo like org/name, and perhaps a folder");
    if (!bad) {
        o.repo = rest.item[0];
        o.out_dir = rest.count > 1 ? rest.item[1] : NULL;
        o.allow_plain = true; /* HF_ENDPOINT is the user's word */
        dr_status st = dr_hub_pull(&o, &r);
        bad = st ? dr_cli_fail(&dr_cmd_pull, st) : 0;
        if (!st)
            printf("%s\n", r.out_dir);
    }
    dr_opt_list_free(&rest);
    return bad < 0 ? 0 : bad;
}

const dr_command dr_cmd_pull = {"pull", "download a model folder from the Hugging Face hub", "REPO [OUT_DIR]",
                                "  drape pull stabilityai/stable-diffusion-2-inpainting\n"
                                "\nHF_TOKEN gives access to private and gated repos, HF_ENDPOINT names a mirror.\n",
                                run};
