/* drape train: on the public API alone. */
#include "base/progress.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/opt_table.h"
#include "drape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct train_cli {
    drape_train_options o;
    const char *revision;
    int threads, size[2];
    bool quiet;
    dr_progress bar;
    bool bar_open;
    int rank, ranks;
    const char *what; /* of the bar */
} train_cli;

/* --- callbacks ---------------------------------------------------------------------------------- */

static void show(train_cli *c, const char *what, long done, long total, const char *extra)
{
    if (!c->bar_open || strcmp(c->what, what) != 0) {
        if (c->bar_open)
            dr_progress_end(&c->bar);
        dr_progress_start(&c->bar, what, total, c->quiet);
        c->bar_open = true;
        c->what = what;
    }
    dr_progress_set(&c->bar, done, extra);
}

static void on_prepare(void *user, const char *what, int done, int total)
{
    show(user, what, done, total, NULL);
}

static void on_step(void *user, const drape_train_report *r)
{
    train_cli *c = user;
    char extra[160];
    if (!c->bar_open || strcmp(c->what, "training") != 0) {
        show(c, "training", 0, r->steps, NULL);
        c->bar.first = r->step - 1;
        c->bar.started -= r->seconds; /* the bar starts when the first step is done already */
    }
    snprintf(extra, sizeof extra, "loss %.4f (%.4f)  lr %.2e  %.1f s/step  %.1f GiB", r->smooth_loss, r->loss,
             r->learning_rate, r->seconds, (double)r->memory / (1 << 30));
    show(c, "training", r->step, r->steps, extra);
}

static void on_message(void *user, const char *text)
{
    train_cli *c = user;
    if (c->bar_open)
        dr_progress_end(&c->bar);
    c->bar_open = false;
    fprintf(stderr, "drape train: %s\n", text);
}

static void on_look(void *user, const drape_train_look *l)
{
    char text[1024];
    size_t used = (size_t)snprintf(text, sizeof text, "after step %d, photos held out: loss %.4g", l->step, l->loss);
    for (int i = 0; i < l->metrics && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, ", %s %.4g", l->name[i], l->value[i]);
    if (l->best && used < sizeof text)
        snprintf(text + used, sizeof text - used, "; the best so far");
    on_message(user, text);
}

static void on_ranks(void *user, int rank, int size)
{
    train_cli *c = user;
    c->rank = rank;
    c->ranks = size;
    if (rank == 0 && !c->quiet)
        fprintf(stderr, "drape train: %d ranks train together\n", size);
}

/* --- options ------------------------------------------------------------------------------------ */

#define AT(field) offsetof(train_cli, field)
static const dr_own own[] = {
    {NULL,
     "width|height",
     AT(size),
     {"size", DR_OPT_SIZE, NULL, NULL, "of both pictures", .shown_default = "the attention weights' own, else 384x512"},
     drape_train_option,
     "width"},
    {"tokenizer_name",
     NULL,
     AT(revision),
     {"revision", DR_OPT_STRING, NULL, "R", "not used: models are local folders; see 'drape pull --revision'",
      .shown_default = ""}},
    {"mixed_precision",
     NULL,
     AT(threads),
     {"threads", DR_OPT_INT, NULL, "N", "threads to use", 0, 1024, .shown_default = DR_DEFAULT_THREADS}},
    {"keep_best", NULL, AT(quiet), {"quiet|q", DR_OPT_FLAG, NULL, NULL, "no progress"}},
};

static int parse(train_cli *c, int argc, char **argv)
{
    dr_opt_set s;
    dr_opt_table(&s, drape_train_option, &c->o, own, sizeof own / sizeof *own, c);
    int bad = dr_opt_parse(&dr_cmd_train, s.opt, s.count, argc, argv, NULL);
    c->o.width = c->size[0];
    c->o.height = c->size[1];
    return bad;
}

static int run(int argc, char **argv)
{
    train_cli c = {0};
    drape_train_defaults(&c.o);
    int rc = parse(&c, argc, argv);
    if (rc)
        return rc < 0 ? 0 : rc;
    dr_set_threads(c.threads);
    c.o.callbacks = (drape_train_callbacks){&c, on_prepare, on_step, on_message, dr_cli_interrupted, on_look, on_ranks};
    drape_status st = drape_train(&c.o);
    if (c.bar_open)
        dr_progress_end(&c.bar);
    if (st)
        return dr_cli_fail(&dr_cmd_train, (int)st);
    if (!c.quiet && c.ranks)
        fprintf(stderr, "rank %d: ", c.rank);
    if (!c.quiet)
        fprintf(stderr, "peak memory %.2f GiB\n", (double)dr_rss_peak() / (1 << 30));
    if (c.rank == 0)
        printf("%s\n", c.o.output_dir);
    return 0;
}

const dr_command dr_cmd_train = {
    "train", "teach an inpainting model one garment from a few photos and masks, or dressing from pairs",
    "--pretrained_model_name_or_path DIR --instance_data_dir DIR --instance_masks_data_dir DIR --output_dir DIR",
    "  drape train --pretrained_model_name_or_path=sd2-inpainting --instance_data_dir=images \\\n"
    "    --instance_masks_data_dir=masks --output_dir=out --train_text_encoder --resolution=512 \\\n"
    "    --gradient_checkpointing --use_8bit_adam --learning_rate=2e-6 --max_train_steps=1000\n"
    "  drape train --pretrained_model_name_or_path=sd15-inpainting --vae=sd-vae-ft-mse --garment_pairs=pairs \\\n"
    "    --size=384x512 --output_dir=dresser --gradient_checkpointing --learning_rate=1e-5 --max_train_steps=16000\n"
    "  mpirun -n 2 drape train ...  (two processes, on one machine or on several, train together)\n",
    run};
