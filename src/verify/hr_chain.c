/* HR-VITON from the prepared pictures of a data folder to the result. Large results are kept as samples of them: every
 * n-th pixel, a window, means, counts. */
#include "base/path.h"
#include "verify/case.h"
#include "warp/warp.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = DR_HR_CLASSES, MOST = 1 << 14 };

typedef struct chain {
    dr_verifier *v;
    dr_warp_options o;
    dr_warp_inputs in;
    dr_warp_values got;
    int64_t every, window[4]; /* y, x, height, width */
} chain;

static bool wants(const chain *c, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "want/%s", name);
    return dr_st_find(&c->v->file, key) != NULL;
}

/* --- what is asked for --------------------------------------------------------------------------------- */

static dr_status read_number(const chain *c, const char *key, int64_t least, int64_t most, int64_t *out)
{
    if (!json_object_get(c->v->args, key))
        return dr_fail(DR_EINVAL, "'%s': \"args\" has no \"%s\"", c->v->path, key);
    return dr_json_int(c->v->args, c->v->path, key, least, least, most, out);
}

static dr_status read_window(chain *c)
{
    int n = 0, w[4] = {0};
    dr_status st = dr_json_ints(c->v->args, c->v->path, "window", 4, 0, MOST, 4, w, &n);
    const dr_warp_size *s = &c->o.size;
    if (st || n == 0)
        return st;
    if (n != 4 || w[2] < 1 || w[3] < 1 || w[0] + w[2] > s->height || w[1] + w[3] > s->width)
        return dr_fail(DR_EINVAL, "'%s': \"window\" does not lie in the picture", c->v->path);
    for (int i = 0; i < 4; i++)
        c->window[i] = w[i];
    return DR_OK;
}

static dr_status read_args(chain *c)
{
    int64_t size[4];
    static const char *const keys[] = {"width", "height", "cond_width", "cond_height"};
    const json_t *a = c->v->args;
    dr_status st = DR_OK;
    for (int i = 0; !st && i < 4; i++)
        st = read_number(c, keys[i], 1, MOST, &size[i]);
    if (st)
        return st;
    c->o.size = (dr_warp_size){(int)size[0], (int)size[1], (int)size[2], (int)size[3]};
    const char *composition = dr_json_text(a, "composition");
    if (!composition || !dr_composition_parse(composition, &c->o.composition))
        return dr_fail(DR_EINVAL, "'%s': \"composition\" is '%.64s'", c->v->path, composition ? composition : "");
    c->o.occlusion = dr_json_flag(a, "occlusion");
    c->o.seed = (uint64_t)dr_json_whole(a, "noise_seed");
    st = dr_json_int(a, c->v->path, "every", 1, 1, MOST, &c->every);
    return st ? st : read_window(c);
}

/* The folder's prepared pictures; where they are not there they are made. */
static dr_status read_inputs(chain *c)
{
    char dir[PATH_MAX];
    const json_t *a = c->v->args;
    const char *data = dr_json_text(a, "data"), *person = dr_json_text(a, "person"), *cloth = dr_json_text(a, "cloth");
    dr_warp_files f;
    if (!data || !person || !cloth || strchr(person, '/') || strchr(cloth, '/'))
        return dr_fail(DR_EINVAL, "'%s': \"args\" names no data, person and cloth", c->v->path);
    dr_status st = dr_path(dir, sizeof dir, dr_source_path(c->v->source), data);
    if (!st)
        st = dr_viton_files(&f, dir, person, cloth);
    if (st)
        return st;
    dr_warp_files used = f;
    if (f.agnostic && f.parse_agnostic)
        used.keypoints = NULL;
    st = dr_inputs_read(&c->in, &used, &(dr_inputs_options){.size = c->o.size});
    dr_warp_files_clear(&f);
    return st;
}

/* --- judging --------------------------------------------------------------------------------------------- */

/* A part of a picture on the host, [height,width,channels], in PyTorch's order [channels,..]. */
static dr_status judge_part(chain *c, const char *name, const float *x, int channels, const int64_t from[2],
                            const int64_t count[2], int64_t step, dr_tolerance tol)
{
    int64_t n = channels * count[0] * count[1], width = c->o.size.width;
    float *part = wants(c, name) ? malloc((size_t)n * sizeof *part) : NULL, *to = part;
    if (!wants(c, name))
        return DR_OK;
    if (!part)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (int k = 0; k < channels; k++)
        for (int64_t y = 0; y < count[0]; y++)
            for (int64_t i = 0; i < count[1]; i++)
                *to++ = x[((from[0] + y * step) * width + from[1] + i * step) * channels + k];
    dr_status st = dr_case_output(c->v, name, part, n, tol);
    free(part);
    return st;
}

static dr_status judge_all(chain *c, const char *name, const float *x, int channels, dr_tolerance tol)
{
    const int64_t from[2] = {0, 0}, count[2] = {c->o.size.height, c->o.size.width};
    return judge_part(c, name, x, channels, from, count, 1, tol);
}

static dr_status judge_every(chain *c, const char *name, const float *x, int channels, dr_tolerance tol)
{
    const int64_t from[2] = {0, 0}, count[2] = {(c->o.size.height + c->every - 1) / c->every,
                                                (c->o.size.width + c->every - 1) / c->every};
    return judge_part(c, name, x, channels, from, count, c->every, tol);
}

static dr_status judge_labels(chain *c)
{
    size_t n = (size_t)c->o.size.width * (size_t)c->o.size.height;
    float count[CLASSES] = {0}, *labels = malloc(n * sizeof *labels);
    if (!labels)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        labels[i] = c->got.classes[i];
        count[c->got.classes[i]]++;
    }
    dr_status st = judge_all(c, "labels13", labels, 1, DR_TOL_EXACT);
    if (!st)
        st = judge_every(c, "labels13_every", labels, 1, DR_TOL_LABELS);
    if (!st && wants(c, "labels13_count"))
        st = dr_case_output(c->v, "labels13_count", count, CLASSES, DR_TOL_COUNTS);
    free(labels);
    return st;
}

static dr_status judge_means(chain *c)
{
    size_t n = (size_t)c->o.size.width * (size_t)c->o.size.height;
    double sum[3] = {0};
    float mean[3];
    if (!wants(c, "output_mean"))
        return DR_OK;
    for (size_t i = 0; i < 3 * n; i++)
        sum[i % 3] += c->got.picture[i];
    for (int k = 0; k < 3; k++)
        mean[k] = (float)(sum[k] / (double)n);
    return dr_case_output(c->v, "output_mean", mean, 3, DR_TOL_MEAN);
}

static dr_status judge(chain *c)
{
    const dr_warp_values *g = &c->got;
    dr_status st = wants(c, "flow")
                       ? dr_case_output(c->v, "flow", g->flow, 2LL * g->flow_width * g->flow_height, DR_TOL_FORWARD)
                       : DR_OK;
    if (!st)
        st = judge_labels(c);
    if (!st)
        st = judge_every(c, "warped_cloth_every", g->cloth, 3, DR_TOL_MOST);
    if (!st)
        st = judge_every(c, "warped_mask_every", g->mask, 1, DR_TOL_MOST);
    if (!st)
        st = judge_all(c, "output", g->picture, 3, DR_TOL_CHAIN);
    if (!st)
        st = judge_every(c, "output_every", g->picture, 3, DR_TOL_MOST);
    if (!st)
        st = judge_means(c);
    return st ? st : judge_part(c, "output_window", g->picture, 3, c->window, c->window + 2, 1, DR_TOL_MOST);
}

dr_status dr_verify_hr_chain(dr_verifier *v)
{
    chain c = {.v = v};
    dr_warp_nets nets = {&v->condition, &v->spade, &v->tape};
    dr_status st = read_args(&c);
    if (!st)
        st = dr_case_condition(v, "condition");
    if (!st)
        st = dr_case_spade(v, "generator");
    if (!st)
        st = dr_warp_check_size(&v->condition.net.config, &v->spade.net.config, &c.o.size);
    if (!st)
        st = read_inputs(&c);
    if (!st)
        st = dr_warp_run(&nets, &c.in, &c.o, &c.got);
    if (!st)
        st = judge(&c);
    dr_inputs_clear(&c.in);
    dr_warp_values_clear(&c.got);
    return st;
}
