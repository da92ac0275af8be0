/* parser_train: trains drape's own clothes parser from scratch, on drape's own engine. docs/parser.md has the recipe.
 */
#include "trainer.h"

#include "base/progress.h"
#include "base/threads.h"
#include "cli/opt.h"

#include <signal.h>
#include <stdio.h>

#define LOG_EVERY 50

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static dr_status log_steps(trainer *t, double loss_sum, double seconds)
{
    json_t *line = json_pack("{s:i, s:f, s:f}", "step", t->checkpoint.step, "loss", loss_sum / LOG_EVERY, "seconds",
                             seconds / LOG_EVERY);
    dr_status st = dr_jsonl_write(&t->log, line);
    json_decref(line);
    return st;
}

static dr_status run(trainer *t)
{
    const train_options *o = t->o;
    const int *done = &t->checkpoint.step;
    dr_progress bar;
    char extra[64];
    double saved = dr_now(), logged = saved, loss = 0, sum = 0, smooth = 0;
    dr_progress_start(&bar, "training", o->steps, false);
    bar.first = *done;
    dr_status st = DR_OK;
    while (!st && !stopped && *done < o->steps) {
        st = trainer_step(t, &loss);
        sum += loss;
        smooth = smooth > 0 ? 0.98 * smooth + 0.02 * loss : loss;
        snprintf(extra, sizeof extra, "loss %.4f", smooth);
        dr_progress_set(&bar, *done, extra);
        if (!st && *done % LOG_EVERY == 0) {
            st = log_steps(t, sum, dr_now() - logged);
            logged = dr_now();
            sum = 0;
        }
        if (!st && (dr_now() - saved > 60.0 * o->save_minutes || *done == o->steps)) {
            st = trainer_save(t);
            if (!st)
                st = trainer_watch(t);
            saved = dr_now();
        }
    }
    dr_progress_end(&bar);
    if (!st && stopped && *done > 0)
        st = trainer_save(t);
    return st ? st : stopped ? dr_fail(DR_ECANCELLED, "interrupted") : DR_OK;
}

static int parse(train_options *o, const dr_command *cmd, int argc, char **argv)
{
    const dr_opt opts[] = {
        {"data", DR_OPT_STRING, &o->data, "DIR", "photos, labels and splits.json, see photos.h", .required = true},
        {"more", DR_OPT_STRING, &o->more, "DIR", "labels of further photos of DATA, from parser_label"},
        {"config", DR_OPT_STRING, &o->config, "FILE", "the net's config.json", .required = true},
        {"out", DR_OPT_STRING, &o->out, "DIR", "checkpoints, log and model.safetensors", .required = true},
        {"init", DR_OPT_STRING, &o->init, "DIR", "start from this model.safetensors instead of random weights"},
        {"resume", DR_OPT_FLAG, &o->resume, NULL, "go on from the newest checkpoint in the output folder"},
        {"steps", DR_OPT_INT, &o->steps, "N", "of the whole training", 1, 1e8},
        {"batch", DR_OPT_INT, &o->batch, "N", "photos a step", 1, 64},
        {"size", DR_OPT_SIZE, o->size, "WxH", "of the windows", 16, 4096},
        {"learning-rate", DR_OPT_DOUBLE, &o->learning_rate, "X", "after the warm-up", 0, 1},
        {"lr-scheduler", DR_OPT_STRING, &o->lr_scheduler, "NAME", "as drape train has them"},
        {"save-minutes", DR_OPT_INT, &o->save_minutes, "N", "between two checkpoints", 0, 1e6},
        {"limit", DR_OPT_INT, &o->limit, "N", "photos of each list; 0: all", 0, 1e6},
        {"seed", DR_OPT_U64, &o->seed, "N", "same seed, same weights"},
    };
    return dr_opt_parse(cmd, opts, sizeof opts / sizeof *opts, argc, argv, NULL);
}

int main(int argc, char **argv)
{
    const dr_command cmd = {.name = "parser_train",
                            .summary = "train the clothes parser",
                            .usage = "--data DIR --config FILE --out DIR [options]",
                            .example = "  parser_train --data photos --config tools/parser/config.json --out run\n"};
    train_options o = {.steps = 10000,
                       .batch = 8,
                       .size = {192, 256},
                       .save_minutes = 5,
                       .learning_rate = 2e-3,
                       .lr_scheduler = "cosine",
                       .seed = 1};
    int rc = parse(&o, &cmd, argc, argv);
    if (rc)
        return rc < 0 ? 0 : rc;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    dr_set_threads(0);
    trainer t;
    dr_status st = trainer_open(&t, &o);
    if (!st)
        st = run(&t);
    trainer_close(&t);
    return st ? dr_cli_fail(&cmd, st) : 0;
}
