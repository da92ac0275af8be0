#include "base/path.h"
#include "cli/commands.h"
#include "drape.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void print_line(const char *path, const drape_verify_result *r, drape_status st)
{
    const char *name = dr_path_name(path);
    if (st) {
        printf("FAIL  %-50s %s\n", name, drape_error());
        return;
    }
    printf("%-5s %-50s %-16s abs %.2e  rel %.2e  %7.3f s", r->ok ? "ok" : "FAIL", name, r->kind, r->abs, r->rel,
           r->seconds);
    if (r->outputs > 1)
        printf("  worst of %d: %s", r->outputs, r->worst);
    putchar('\n');
    fflush(stdout);
}

static json_t *to_json(const char *path, const drape_verify_result *r, drape_status st)
{
    json_t *j = json_pack("{s:s, s:b, s:s, s:f, s:f, s:f, s:i}", "case", path, "ok", r->ok, "kind", r->kind, "abs",
                          r->abs, "rel", r->rel, "seconds", r->seconds, "outputs", r->outputs);
    if (st)
        json_object_set_new(j, "error", json_string(drape_error()));
    return j;
}

static int run(int argc, char **argv)
{
    const char *model = NULL, *out = NULL;
    bool json = false;
    int threads = 0;
    dr_opt_list cases = {0};
    const dr_opt opts[] = {
        {"model", DR_OPT_STRING, &model, "DIR|FILE", "pipeline folder or single file that the cases were made with",
         .required = true},
        {"out", DR_OPT_STRING, &out, "DIR", "write what was computed here, as got/NAME in one file per case"},
        {"threads", DR_OPT_INT, &threads, "N", "threads to use", 0, 1024, .shown_default = DR_DEFAULT_THREADS},
        {"json", DR_OPT_FLAG, &json, NULL, "results as JSON"},
    };
    int bad = dr_opt_parse(&dr_cmd_verify, opts, sizeof opts / sizeof *opts, argc, argv, &cases);
    if (!bad && cases.count == 0)
        bad = dr_usage_error(&dr_cmd_verify, "no case given");
    if (bad) {
        dr_opt_list_free(&cases);
        return bad < 0 ? 0 : bad;
    }
    drape_set_threads(threads);
    drape_verifier *v;
    drape_status st = drape_verifier_new(&v, model, out);
    if (st) {
        dr_opt_list_free(&cases);
        return dr_cli_fail(&dr_cmd_verify, (int)st);
    }
    int failed = 0;
    json_t *all = json_array();
    for (int i = 0; i < cases.count; i++) {
        drape_verify_result r;
        st = drape_verify_case(v, cases.item[i], &r);
        failed += st || !r.ok;
        if (json)
            json_array_append_new(all, to_json(cases.item[i], &r, st));
        else
            print_line(cases.item[i], &r, st);
    }
    if (json) {
        json_dumpf(all, stdout, JSON_INDENT(1));
        putchar('\n');
    } else {
        printf("%d passed, %d failed\n", cases.count - failed, failed);
    }
    json_decref(all);
    drape_verifier_free(v);
    dr_opt_list_free(&cases);
    return failed ? DR_EXIT_FAILED : 0;
}

const dr_command dr_cmd_verify = {
    "verify", "check this build's numbers against golden cases from PyTorch", "--model DIR|FILE CASE.safetensors...",
    "  drape verify --model tests/golden/nano tests/golden/nano-cases/*.safetensors\n", run};
