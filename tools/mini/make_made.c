/* mini_made: what a model makes of training examples, for its decoder's last stage. docs/mini.md has the recipe. */
#include "mini/made.h"

#include "base/progress.h"
#include "base/threads.h"
#include "cli/opt.h"
#include "tryon/inpaint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct made_options {
    const char *model, *photos, *labels, *output;
    int count, photo_limit, threads;
    uint64_t seed;
} made_options;

typedef struct maker {
    const made_options *o;
    dr_source *source;
    dr_engine engine;
    mini_wardrobe wardrobe;
    dr_sampler_kind kind;
    mini_made_head head;
    mini_made_entry *entry; /* the one being made */
} maker;

/* The last estimate is what is decoded. */
static void on_latents(void *user, int step, const float *latents)
{
    maker *m = user;
    (void)step;
    for (int i = 0; i < m->head.cells * m->head.cells * m->head.channels; i++)
        m->entry->latents[i] = dr_f32_to_f16(latents[i]);
}

static dr_status make(maker *m, int64_t k)
{
    const dr_schedule *s = &m->engine.schedule;
    mini_example e;
    dr_image calm = {0};
    dr_status st = mini_example_draw(&e, &m->wardrobe, m->o->seed, k);
    if (st)
        return st;
    dr_inpaint_options o = {
        .prompt = e.caption,
        .negative_prompt = "",
        .guidance = {.scale = s->advised_guidance > 0 ? s->advised_guidance : 1, .end = 1},
        .sampler = {.kind = m->kind, .steps = s->advised_steps > 0 ? s->advised_steps : 4, .strength = 1},
        .seed = m->o->seed + (uint64_t)k,
        .width = MINI_SIZE,
        .height = MINI_SIZE,
        .mask_any = true,
        .cb = {.user = m, .preview = on_latents, .preview_every = 1}};
    st = dr_inpaint(&m->engine, &o, &e.photo, &e.mask, &calm);
    if (!st) {
        memcpy(m->entry->photo, e.photo.data, sizeof m->entry->photo);
        memcpy(m->entry->mask, e.mask.data, sizeof m->entry->mask);
        memcpy(m->entry->calm, calm.data, sizeof m->entry->calm);
    }
    dr_image_clear(&calm);
    mini_example_clear(&e);
    return st;
}

static dr_status write_all(maker *m, dr_out *out)
{
    size_t size = mini_made_size(&m->head);
    double begun = dr_now();
    m->entry = calloc(1, size);
    dr_status st = m->entry ? dr_out_write(out, &m->head, sizeof m->head) : dr_fail(DR_ENOMEM, "out of memory");
    for (int64_t k = 0; !st && k < m->head.count; k++) {
        st = make(m, k);
        if (!st)
            st = dr_out_write(out, m->entry, size);
        if ((k + 1) % 50 == 0) {
            printf("made %lld of %lld, %.0f s left\n", (long long)(k + 1), (long long)m->head.count,
                   (dr_now() - begun) / (double)(k + 1) * (double)(m->head.count - k - 1));
            fflush(stdout);
        }
    }
    free(m->entry);
    return st;
}

static dr_status run(maker *m)
{
    const made_options *o = m->o;
    dr_out out = {0};
    dr_status st = dr_source_open(&m->source, o->model, NULL);
    if (!st)
        st = dr_engine_open(&m->engine, m->source, NULL, DR_PRECISION_AUTO, true, NULL);
    if (!st)
        st = dr_sampler_kind_of(&m->engine.schedule, &m->kind);
    if (!st)
        st = mini_wardrobe_open(&m->wardrobe, o->photos, o->labels, false, o->photo_limit);
    if (st)
        return st;
    const dr_vae_config *c = &m->engine.vae_config;
    m->head = mini_made_begin(MINI_SIZE / dr_vae_factor(c), c->latent, o->count);
    st = dr_out_open(&out, o->output);
    if (!st)
        st = write_all(m, &out);
    if (!st)
        return dr_out_commit(&out);
    dr_out_abort(&out);
    return st;
}

int main(int argc, char **argv)
{
    const dr_command cmd = {.name = "mini_made",
                            .summary = "what a model makes of training examples, for mini_vae --made",
                            .usage = "--model DIR --photos DIR --output FILE [options]",
                            .example = "  mini_made --model run/model --photos photos --output made.bin\n"};
    made_options o = {.count = 2000};
    const dr_opt opts[] = {
        {"model", DR_OPT_STRING, &o.model, "DIR", "the pipeline folder", .required = true},
        {"photos", DR_OPT_STRING, &o.photos, "DIR", "photos, tags and labels, see wardrobe.h", .required = true},
        {"labels", DR_OPT_STRING, &o.labels, "DIR", "label maps of the other photos, from parser_label"},
        {"output", DR_OPT_STRING, &o.output, "FILE", "what is made", .required = true},
        {"count", DR_OPT_INT, &o.count, "N", "examples", 1, 1e6},
        {"photo-limit", DR_OPT_INT, &o.photo_limit, "N", "read the first N photos only; 0: all", 0, 1e6},
        {"seed", DR_OPT_U64, &o.seed, "N", "of examples and noise"},
        {"threads", DR_OPT_INT, &o.threads, "N", "0: as many as cores", 0, 1024},
    };
    int rc = dr_opt_parse(&cmd, opts, sizeof opts / sizeof *opts, argc, argv, NULL);
    if (rc)
        return rc < 0 ? 0 : rc;
    dr_set_threads(o.threads);
    static maker m;
    m.o = &o;
    dr_status st = run(&m);
    mini_wardrobe_clear(&m.wardrobe);
    dr_engine_close(&m.engine);
    dr_source_close(m.source);
    return st ? dr_cli_fail(&cmd, st) : 0;
}
