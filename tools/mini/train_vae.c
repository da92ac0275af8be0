/* mini_vae: trains the small model's VAE from nothing. docs/mini.md has the recipe. */
#include "mini/vae_run.h"

#include "base/progress.h"
#include "cli/opt.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
    stopped = 1;
    signal(sig, SIG_DFL); /* the second one ends the program */
}

static int parse(vae_options *o, const dr_command *cmd, int argc, char **argv)
{
    const dr_opt opts[] = {
        {"photos", DR_OPT_STRING, &o->photos, "DIR", "photos/ID.jpg and splits.json", .required = true},
        {"config", DR_OPT_STRING, &o->config, "FILE", "the VAE's config.json"},
        {"init", DR_OPT_STRING, &o->init, "DIR", "start from the VAE in this folder instead of random weights"},
        {"output", DR_OPT_STRING, &o->output, "DIR", "checkpoints, log, sheets and vae/", .required = true},
        {"resume", DR_OPT_FLAG, &o->resume, NULL, "go on from the newest checkpoint in the output folder"},
        {"minutes", DR_OPT_DOUBLE, &o->minutes, "X", "stop, with a checkpoint and a result, after so long; 0: never", 0,
         1e6},
        {"steps", DR_OPT_INT, &o->steps, "N", "of the whole training; may change from one sitting to the next", 1, 1e8},
        {"batch", DR_OPT_INT, &o->batch, "N", "crops a step", 1, 1024},
        {"crop", DR_OPT_INT, &o->crop, "PX", "their side", 16, 1024},
        {"frame", DR_OPT_INT, &o->frame, "PX", "side of the pictures that the crops are parts of", 16, 1024},
        {"lr", DR_OPT_DOUBLE, &o->lr, "X", "learning rate, between warm-up and cooling", 0, 1},
        {"warmup", DR_OPT_INT, &o->warmup, "N", "steps of rising rate", 0, 1e7},
        {"cool", DR_OPT_INT, &o->cool, "N", "last steps, over which the rate falls to 0", 0, 1e7},
        {"weight-decay", DR_OPT_DOUBLE, &o->weight_decay, "X", "AdamW's", 0, 10},
        {"max-norm", DR_OPT_DOUBLE, &o->max_norm, "X", "gradients are clipped to it; 0: not", 0, 1e9},
        {"ema-decay", DR_OPT_DOUBLE, &o->ema_decay, "X", "of the average that becomes the result", 0, 1},
        {"edge-weight", DR_OPT_DOUBLE, &o->edge_weight, "X", "of edges in the loss, at each of three scales", 0, 1e3},
        {"square-weight", DR_OPT_DOUBLE, &o->square_weight, "X", "of the pixels' squared errors in the loss", 0, 1e3},
        {"colour-weight", DR_OPT_DOUBLE, &o->colour_weight, "X", "of the colours of 8x8 pixels in the loss", 0, 1e3},
        {"vivid", DR_OPT_DOUBLE, &o->vivid, "X", "share of crops with other, stronger colours", 0, 1},
        {"kl-weight", DR_OPT_DOUBLE, &o->kl_weight, "X", "of the divergence in the loss, per latent value", 0, 1e3},
        {"freeze-encoder", DR_OPT_FLAG, &o->freeze_encoder, NULL,
         "teach the decoder alone: latents stay what they are"},
        {"made", DR_OPT_STRING, &o->made, "FILE", "mini_made's: every other step learns to paint from it"},
        {"latent-noise", DR_OPT_DOUBLE, &o->latent_noise, "X", "deviation of noise on latents, with --freeze-encoder",
         0, 10},
        {"pull", DR_OPT_DOUBLE, &o->adversary.pull, "X", "of a patch critic, beside the other losses' 1; 0: none", 0,
         100},
        {"critic-lr", DR_OPT_DOUBLE, &o->adversary.lr, "X", "the critic's learning rate", 0, 1},
        {"critic-features", DR_OPT_DOUBLE, &o->adversary.features, "X", "weight of matching the critic's features", 0,
         1e3},
        {"critic-noise", DR_OPT_DOUBLE, &o->adversary.noise, "X", "deviation of noise on pictures that it sees", 0, 10},
        {"critic-warmup", DR_OPT_INT, &o->adversary.warmup, "N", "steps in which the critic learns alone", 0, 1e7},
        {"look-every", DR_OPT_INT, &o->look_every, "N", "steps between two looks at test photos; 0: none", 0, 1e7},
        {"look-photos", DR_OPT_INT, &o->look_photos, "N", "test photos; 0: all", 0, 10000},
        {"look-size", DR_OPT_INT, &o->look_size, "PX", "their side", 16, 1024},
        {"checkpoint-minutes", DR_OPT_DOUBLE, &o->checkpoint_minutes, "X", "between two checkpoints", 0, 1e6},
        {"photo-limit", DR_OPT_INT, &o->photo_limit, "N", "train on the first N photos only; 0: all", 0, 1e6},
        {"seed", DR_OPT_U64, &o->seed, "N", "same seed, same weights"},
        {"exact", DR_OPT_FLAG, &o->exact, NULL,
         "f32 arithmetic throughout, instead of bf16 products where they are faster"},
        {"threads", DR_OPT_INT, &o->threads, "N", "0: as many as cores", 0, 1024},
    };
    return dr_opt_parse(cmd, opts, sizeof opts / sizeof *opts, argc, argv, NULL);
}

static dr_status log_step(vae_run *r, const vae_report *p)
{
    printf("step %d/%d  loss %.4f  pixels %.4f  edges %.4f  squares %.4f  colour %.4f  kl %.2f  norm %.3f  lr %.2e  "
           "%.2f s\n",
           r->c.step, r->o->steps, p->loss, p->pixels, p->edges, p->squares, p->colour, p->kl, p->norm, p->lr,
           p->seconds);
    const mini_adversary_report *c = &p->critic;
    if (r->o->adversary.pull > 0)
        printf("    critic: hinge %.3f  real %.2f  made %.2f  features %.3f  pull %.3f\n", c->loss, c->real, c->made,
               c->features, c->pull);
    fflush(stdout);
    json_t *j = json_pack("{s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "step", r->c.step, "loss", p->loss,
                          "pixels", p->pixels, "edges", p->edges, "squares", p->squares, "colour", p->colour, "kl",
                          p->kl, "norm", p->norm, "lr", p->lr, "seconds", p->seconds);
    if (j && r->o->adversary.pull > 0)
        json_object_set_new(j, "critic", mini_adversary_json(c));
    dr_status st = dr_jsonl_write(&r->log, j);
    json_decref(j);
    return st;
}

static dr_status look(vae_run *r)
{
    double psnr, t0 = dr_now();
    dr_status st = vae_look(r, &psnr);
    if (st)
        return st;
    printf("step %d: %.2f dB on %d test photos at %d pixels, %.1f s\n", r->c.step, psnr, r->test.count, r->o->look_size,
           dr_now() - t0);
    fflush(stdout);
    json_t *j = json_pack("{s:i, s:f}", "step", r->c.step, "psnr", psnr);
    st = dr_jsonl_write(&r->log, j);
    json_decref(j);
    return st;
}

/* Steps until the plan, the time or the user ends it; *looked is the step of the last look. */
static dr_status train(vae_run *r, int *looked)
{
    const vae_options *o = r->o;
    double begun = dr_now(), saved = begun;
    dr_status st = DR_OK;
    *looked = -1;
    while (!st && !stopped && r->c.step < o->steps) {
        vae_report report = {0};
        st = vae_run_step(r, &report);
        if (!st)
            st = log_step(r, &report);
        if (!st && o->look_every > 0 && r->c.step % o->look_every == 0) {
            st = look(r);
            *looked = r->c.step;
        }
        double now = dr_now();
        if (!st && now - saved >= 60 * o->checkpoint_minutes) {
            st = dr_checkpoint_save(&r->c);
            saved = now;
        }
        if (o->minutes > 0 && now - begun >= 60 * o->minutes)
            break;
    }
    return st;
}

static dr_status run(vae_run *r)
{
    int looked;
    printf("%.2f million parameters, %d photos to train on, %d to test on, from step %d\n",
           (double)dr_params_numel(&r->params) / 1e6, r->train.count, r->test.count, r->c.step);
    dr_status st = train(r, &looked);
    if (!st && r->c.step > 0)
        st = dr_checkpoint_save(&r->c);
    if (!st && stopped)
        return dr_fail(DR_ECANCELLED, "interrupted");
    if (!st && looked != r->c.step && r->o->look_every > 0)
        st = look(r);
    return st ? st : vae_result_write(r);
}

int main(int argc, char **argv)
{
    const dr_command cmd = {.name = "mini_vae",
                            .summary = "train the small model's VAE",
                            .usage = "--photos DIR --output DIR [options]",
                            .example = "  mini_vae --photos photos --output run --minutes 90\n"
                                       "  mini_vae --photos photos --output run --minutes 90 --resume\n"};
    vae_options o = {.config = "tools/mini/vae.json",
                     .batch = 4,
                     .crop = 128,
                     .frame = 256,
                     .steps = 9000,
                     .warmup = 200,
                     .cool = 2500,
                     .lr = 8e-4,
                     .weight_decay = 1e-4,
                     .max_norm = 1,
                     .ema_decay = 0.999,
                     .edge_weight = 0.5,
                     .square_weight = 4,
                     .colour_weight = 10,
                     .vivid = 0.4,
                     .kl_weight = 1e-4,
                     .latent_noise = 0.1,
                     .adversary = {.lr = 4e-4, .features = 2, .noise = 0.05, .warmup = 200},
                     .look_every = 500,
                     .look_photos = 16,
                     .look_size = 256,
                     .checkpoint_minutes = 10};
    int rc = parse(&o, &cmd, argc, argv);
    if (rc)
        return rc < 0 ? 0 : rc;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    vae_run r;
    dr_status st = vae_run_open(&r, &o);
    if (!st)
        st = run(&r);
    vae_run_close(&r);
    return st ? dr_cli_fail(&cmd, st) : 0;
}
