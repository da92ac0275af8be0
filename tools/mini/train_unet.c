/* mini_unet: trains the small model's UNet and text encoder from nothing. docs/mini.md has the recipe. */
#include "mini/unet_run.h"

#include "base/progress.h"
#include "cli/opt.h"

#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
    stopped = 1;
    signal(sig, SIG_DFL); /* the second one ends the program */
}

static int parse(unet_options *o, const dr_command *cmd, int argc, char **argv)
{
    const dr_opt opts[] = {
        {"photos", DR_OPT_STRING, &o->photos, "DIR", "photos, tags and labels, see wardrobe.h", .required = true},
        {"labels", DR_OPT_STRING, &o->labels, "DIR", "label maps of the other photos, from parser_label"},
        {"vae", DR_OPT_STRING, &o->vae, "DIR", "folder with vae/, from mini_vae", .required = true},
        {"arch", DR_OPT_STRING, &o->arch, "FILE", "the model's architecture"},
        {"init", DR_OPT_STRING, &o->init, "DIR", "start from this model instead of random weights"},
        {"garments", DR_OPT_STRING, &o->garments, "DIR",
         "photos of garments, KIND-N.jpg: dress from one, without words"},
        {"grow", DR_OPT_FLAG, &o->grow, NULL, "--init may lack transformers, which begin as if they were not there"},
        {"output", DR_OPT_STRING, &o->output, "DIR", "checkpoints, log and model/", .required = true},
        {"resume", DR_OPT_FLAG, &o->resume, NULL, "go on from the newest checkpoint in the output folder"},
        {"minutes", DR_OPT_DOUBLE, &o->minutes, "X", "stop, with a checkpoint and a result, after so long; 0: never", 0,
         1e6},
        {"steps", DR_OPT_INT, &o->steps, "N", "of the whole training; may change from one sitting to the next", 1, 1e8},
        {"size", DR_OPT_INT, &o->size, "PX", "side of the examples' pictures; less is faster to begin with", 64,
         MINI_SIZE},
        {"batch", DR_OPT_INT, &o->batch, "N", "examples a step", 1, 1024},
        {"fresh", DR_OPT_INT, &o->fresh, "N", "of them new; the others were there before", 1, 1024},
        {"pool", DR_OPT_INT, &o->pool, "N", "examples that are kept", 600, 1e6},
        {"lr", DR_OPT_DOUBLE, &o->lr, "X", "learning rate, between warm-up and cooling", 0, 1},
        {"warmup", DR_OPT_INT, &o->warmup, "N", "steps of rising rate", 0, 1e7},
        {"cool", DR_OPT_INT, &o->cool, "N", "last steps, over which the rate falls to 0", 0, 1e7},
        {"weight-decay", DR_OPT_DOUBLE, &o->weight_decay, "X", "AdamW's", 0, 10},
        {"max-norm", DR_OPT_DOUBLE, &o->max_norm, "X", "gradients are clipped to it; 0: not", 0, 1e9},
        {"ema-decay", DR_OPT_DOUBLE, &o->ema_decay, "X", "of the average that becomes the result", 0, 1},
        {"outside-weight", DR_OPT_DOUBLE, &o->outside_weight, "X", "of the loss outside the mask", 0, 1},
        {"no-caption", DR_OPT_DOUBLE, &o->no_caption, "X", "share of examples without words", 0, 1},
        {"walks", DR_OPT_INT, &o->walks, "N", "samples of a batch that the net makes itself, step by step", 0, 1024},
        {"walk-steps", DR_OPT_INT, &o->walk_steps, "N", "steps of a picture", 1, 100},
        {"walk-patch", DR_OPT_INT, &o->walk_patch, "N",
         "their error in the mask is that of the means of NxN latents; what lies in them is the critic's", 1, 64},
        {"walk-weight", DR_OPT_DOUBLE, &o->walk_weight, "X", "of their squared error", 0, 1e3},
        {"freeze-text", DR_OPT_FLAG, &o->freeze_text, NULL, "keep the text encoder of --init"},
        {"keep-base", DR_OPT_FLAG, &o->keep_base, NULL,
         "put the UNet of --init into the result, as what training goes on from"},
        {"pull", DR_OPT_DOUBLE, &o->adversary.pull, "X", "of a critic on late steps, beside the error's 1; 0: none", 0,
         100},
        {"critic-lr", DR_OPT_DOUBLE, &o->adversary.lr, "X", "the critic's learning rate", 0, 1},
        {"critic-features", DR_OPT_DOUBLE, &o->adversary.features, "X", "weight of matching the critic's features", 0,
         1e3},
        {"critic-noise", DR_OPT_DOUBLE, &o->adversary.noise, "X", "deviation of noise on latents that it sees", 0, 10},
        {"critic-warmup", DR_OPT_INT, &o->adversary.warmup, "N", "steps in which the critic learns alone", 0, 1e7},
        {"look-every", DR_OPT_INT, &o->look_every, "N", "steps between two looks at test photos; 0: none", 0, 1e7},
        {"look-examples", DR_OPT_INT, &o->look_examples, "N", "of test photos", 1, 10000},
        {"checkpoint-minutes", DR_OPT_DOUBLE, &o->checkpoint_minutes, "X", "between two checkpoints", 0, 1e6},
        {"photo-limit", DR_OPT_INT, &o->photo_limit, "N", "train on the first N photos only; 0: all", 0, 1e6},
        {"seed", DR_OPT_U64, &o->seed, "N", "same seed, same weights"},
        {"exact", DR_OPT_FLAG, &o->exact, NULL,
         "f32 arithmetic throughout, instead of bf16 products where they are faster"},
        {"threads", DR_OPT_INT, &o->threads, "N", "0: as many as cores", 0, 1024},
    };
    return dr_opt_parse(cmd, opts, sizeof opts / sizeof *opts, argc, argv, NULL);
}

static dr_status log_step(unet_run *r, const unet_report *p)
{
    const mini_adversary_report *c = &p->critic;
    printf("step %d/%d  loss %.4f  walks %.4f %.4f  norm %.3f  lr %.2e  %.2f s\n", r->c.step, r->o->steps, p->loss,
           p->walk[0], p->walk[1], p->norm, p->lr, p->seconds);
    if (r->o->adversary.pull > 0)
        printf("    critic: hinge %.3f  real %.2f  made %.2f  features %.3f  pull %.3f\n", c->loss, c->real, c->made,
               c->features, c->pull);
    fflush(stdout);
    json_t *j = json_pack("{s:i, s:f, s:f, s:f, s:f, s:f, s:f}", "step", r->c.step, "loss", p->loss, "early",
                          p->walk[0], "late", p->walk[1], "norm", p->norm, "lr", p->lr, "seconds", p->seconds);
    if (j && r->o->adversary.pull > 0)
        json_object_set_new(j, "critic", mini_adversary_json(c));
    dr_status st = dr_jsonl_write(&r->log, j);
    json_decref(j);
    return st;
}

static dr_status look(unet_run *r)
{
    double loss;
    dr_status st = unet_run_look(r, &loss);
    if (st)
        return st;
    printf("step %d: loss %.4f on %d examples of test photos\n", r->c.step, loss, r->o->look_examples);
    fflush(stdout);
    json_t *j = json_pack("{s:i, s:f}", "step", r->c.step, "test_loss", loss);
    st = dr_jsonl_write(&r->log, j);
    json_decref(j);
    return st;
}

/* Steps until the plan, the time or the user ends it. */
static dr_status train(unet_run *r)
{
    const unet_options *o = r->o;
    double begun = dr_now(), saved = begun;
    dr_status st = DR_OK;
    while (!st && !stopped && r->c.step < o->steps) {
        unet_report report = {0};
        st = unet_run_step(r, &report);
        if (!st)
            st = log_step(r, &report);
        if (!st && o->look_every > 0 && r->c.step % o->look_every == 0)
            st = look(r);
        double now = dr_now();
        if (!st && now - saved >= 60 * o->checkpoint_minutes) {
            st = dr_checkpoint_save(&r->c);
            if (!st)
                st = unet_result_write(r);
            saved = now;
        }
        if (o->minutes > 0 && now - begun >= 60 * o->minutes)
            break;
    }
    return st;
}

static dr_status run(unet_run *r)
{
    printf("%.2f + %.2f million parameters, %d people to train on, %d to test on, from step %d\n",
           (double)dr_params_numel(&r->unet_params) / 1e6, (double)dr_params_numel(&r->text_params) / 1e6,
           r->train.count, r->test.count, r->c.step);
    fflush(stdout);
    dr_status st = train(r);
    if (!st && r->c.step > 0)
        st = dr_checkpoint_save(&r->c);
    if (!st && stopped)
        return dr_fail(DR_ECANCELLED, "interrupted");
    return st ? st : unet_result_write(r);
}

int main(int argc, char **argv)
{
    const dr_command cmd = {.name = "mini_unet",
                            .summary = "train the small model's UNet and text encoder",
                            .usage = "--photos DIR --vae DIR --output DIR [options]",
                            .example =
                                "  mini_unet --photos photos --labels more --vae vae-run --output run\n"
                                "  mini_unet --photos photos --labels more --vae vae-run --output run --resume\n"};
    unet_options o = {.arch = "tools/mini/arch.json",
                      .size = MINI_SIZE,
                      .batch = 8,
                      .fresh = 1,
                      .pool = 8192,
                      .steps = 20000,
                      .warmup = 300,
                      .cool = 4000,
                      .lr = 5e-4,
                      .weight_decay = 1e-2,
                      .max_norm = 1,
                      .ema_decay = 0.999,
                      .outside_weight = 0.25,
                      .no_caption = 0.12,
                      .walk_steps = 4,
                      .walk_patch = 1,
                      .walk_weight = 1,
                      .adversary = {.lr = 4e-4, .features = 2, .noise = 0.1, .warmup = 200},
                      .look_every = 500,
                      .look_examples = 64,
                      .checkpoint_minutes = 8};
    int rc = parse(&o, &cmd, argc, argv);
    if (rc)
        return rc < 0 ? 0 : rc;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    static unet_run r; /* large */
    dr_status st = unet_run_open(&r, &o);
    if (!st && o.fresh + o.walks > o.batch)
        st = dr_fail(DR_EINVAL, "--fresh %d and --walks %d are more than --batch %d", o.fresh, o.walks, o.batch);
    if (!st && o.keep_base && !o.init)
        st = dr_fail(DR_EINVAL, "--keep-base needs --init, the model whose UNet is kept");
    if (!st)
        st = run(&r);
    unet_run_close(&r);
    return st ? dr_cli_fail(&cmd, st) : 0;
}
