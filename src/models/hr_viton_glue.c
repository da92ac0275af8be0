/* What lies between HR-VITON's two networks: the map to full size, the cloth through the flow, what covers it. */
#include "models/hr_viton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- the map -------------------------------------------------------------------------------------- */

enum { BACKGROUND = 0, UPPER = 3, BOTTOM = 4 };

uint8_t dr_hr_region(uint8_t label)
{
    static const uint8_t region[DR_HR_CLASSES] = {0, 3, 1, 2, 1, 4, 5, 1, 1, 1, 1, 1, 6};
    DR_ASSERT(label < DR_HR_CLASSES, "class %d of %d", label, DR_HR_CLASSES);
    return region[label];
}

bool dr_composition_parse(const char *word, dr_composition *out)
{
    static const char *const words[] = {"warp_grad", "detach", "no_composition"};
    for (int i = 0; i < 3; i++)
        if (strcmp(word, words[i]) == 0) {
            *out = (dr_composition)i;
            return true;
        }
    return false;
}

/* 1 where a mask [N,h,w,1] is above one half, else 0; on the host, as nothing goes back through it. */
static dr_tensor *above_half(dr_tape *g, const dr_tensor *mask)
{
    size_t n = dr_tape_stopped(g) ? 0 : (size_t)dr_numel(mask);
    float *host = malloc(n * sizeof *host + 1);
    dr_tensor *t = &g->dummy;
    if (!host) {
        dr_fail(DR_ENOMEM, "out of memory for a mask");
        dr_tape_fail(g, DR_ENOMEM);
    } else if (n) {
        dr_tensor_get(g, mask, host);
        for (size_t i = 0; i < n; i++)
            host[i] = host[i] > 0.5f;
        t = dr_input(g, host, 4, mask->dim);
    }
    free(host);
    return t;
}

/* segmap with one channel multiplied by a mask: a 1x1 convolution of the mask gives every channel its factor. */
static dr_tensor *compose(dr_tape *g, dr_tensor *segmap, dr_tensor *mask)
{
    float w[DR_HR_CLASSES] = {0}, b[DR_HR_CLASSES];
    for (int c = 0; c < DR_HR_CLASSES; c++)
        b[c] = 1;
    w[UPPER] = 1;
    b[UPPER] = 0;
    dr_tensor *factor = dr_linear(g, mask, dr_input(g, w, 2, (int64_t[]){DR_HR_CLASSES, 1}),
                                  dr_input(g, b, 1, (int64_t[]){DR_HR_CLASSES}), NULL);
    return dr_mul(g, segmap, factor);
}

#define RADIUS 7
#define SIGMA 3.0

/* Each channel by itself, with zeros outside; along one axis, then the other. */
static dr_tensor *blur(dr_tape *g, dr_tensor *x)
{
    float w[DR_HR_CLASSES][2 * RADIUS + 1];
    double sum = 0, k[2 * RADIUS + 1];
    for (int i = 0; i <= 2 * RADIUS; i++)
        sum += k[i] = exp(-(i - RADIUS) * (i - RADIUS) / (2 * SIGMA * SIGMA));
    for (int c = 0; c < DR_HR_CLASSES; c++)
        for (int i = 0; i <= 2 * RADIUS; i++)
            w[c][i] = (float)(k[i] / sum);
    dr_tensor *across = dr_input(g, w[0], 4, (int64_t[]){DR_HR_CLASSES, 1, 1, 2 * RADIUS + 1});
    dr_tensor *down = dr_view4(g, across, DR_HR_CLASSES, 1, 2 * RADIUS + 1, 1);
    dr_conv_geom along_x = {1, 2 * RADIUS + 1, 1, 0, RADIUS, 0, RADIUS, DR_HR_CLASSES};
    dr_conv_geom along_y = {2 * RADIUS + 1, 1, 1, RADIUS, 0, RADIUS, 0, DR_HR_CLASSES};
    return dr_conv2d(g, dr_conv2d(g, x, across, NULL, along_x, NULL), down, NULL, along_y, NULL);
}

typedef struct map_size {
    dr_composition composition;
    int64_t H, W;
} map_size;

static dr_tensor *logits(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const map_size *s = self;
    dr_tensor *x = in[0];
    if (s->composition != DR_COMPOSITION_NONE)
        x = compose(g, x, s->composition == DR_COMPOSITION_DETACH ? above_half(g, in[1]) : in[1]);
    return blur(g, dr_resize_bilinear(g, x, s->H, s->W));
}

dr_tensor *dr_hr_logits(dr_tape *g, dr_tensor *segmap, dr_tensor *warped_mask, dr_composition composition, int64_t H,
                        int64_t W)
{
    map_size *s = dr_arena_alloc(&g->arena, sizeof *s);
    if (!s) {
        dr_tape_fail(g, DR_ENOMEM);
        return &g->dummy;
    }
    *s = (map_size){composition, H, W};
    return dr_block(g, logits, s, 2, (dr_tensor *[]){segmap, warped_mask});
}

#define PIECE 65536 /* places whose logits are brought to the host at once */

dr_status dr_hr_labels(dr_tape *g, const dr_tensor *logits, uint8_t *labels)
{
    dr_status st = dr_tape_status(g);
    if (st)
        return st;
    int64_t places = dr_numel(logits) / logits->dim[3], C = logits->dim[3], piece = places < PIECE ? places : PIECE;
    float *host = malloc((size_t)(piece * C) * sizeof *host);
    if (!host)
        return dr_fail(DR_ENOMEM, "out of memory for the labels of %lld pixels", (long long)places);
    for (int64_t at = 0; at < places; at += piece) {
        int64_t n = places - at < piece ? places - at : piece;
        g->ops->get(host, dr_f32(logits) + at * C, (size_t)(n * C) * sizeof *host);
        for (int64_t i = 0; i < n; i++) {
            int best = 0;
            for (int c = 1; c < C; c++)
                if (host[i * C + c] > host[i * C + best])
                    best = c;
            labels[at + i] = (uint8_t)best;
        }
    }
    free(host);
    return DR_OK;
}

/* --- the cloth ------------------------------------------------------------------------------------ */

static dr_tensor *warp(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const map_size *s = self;
    /* in pixels of the flow as it is stored, whatever the full size */
    float div_x = ((float)in[1]->dim[2] - 1) / 2, div_y = ((float)in[1]->dim[1] - 1) / 2;
    return dr_flow_sample(g, in[0], dr_resize_bilinear(g, in[1], s->H, s->W), div_x, div_y);
}

dr_tensor *dr_hr_warp(dr_tape *g, dr_tensor *x, dr_tensor *flow)
{
    map_size *s = dr_arena_alloc(&g->arena, sizeof *s);
    if (!s) {
        dr_tape_fail(g, DR_ENOMEM);
        return &g->dummy;
    }
    *s = (map_size){.H = x->dim[1], .W = x->dim[2]};
    return dr_block(g, warp, s, 2, (dr_tensor *[]){x, flow});
}

/* A mask less what body parts cover of it. in: logits, mask */
static dr_tensor *uncovered(dr_tape *g, const void *self, dr_tensor *const *in)
{
    (void)self;
    float w[DR_HR_CLASSES], one = 1;
    for (int c = 0; c < DR_HR_CLASSES; c++)
        w[c] = c == BACKGROUND || c == UPPER || c == BOTTOM ? 0 : -1;
    dr_tensor *left = dr_linear(g, dr_softmax(g, in[0]), dr_input(g, w, 2, (int64_t[]){1, DR_HR_CLASSES}),
                                dr_input(g, &one, 1, (int64_t[]){1}), NULL);
    return dr_mul(g, in[1], left);
}

/* cloth * mask + white * (1 - mask). in: cloth, mask */
static dr_tensor *on_white(dr_tape *g, const void *self, dr_tensor *const *in)
{
    (void)self;
    const float plus[] = {1, 1, 1}, minus[] = {-1, -1, -1};
    dr_tensor *mask = dr_linear(g, in[1], dr_input(g, plus, 2, (int64_t[]){3, 1}), NULL, NULL);
    dr_tensor *white =
        dr_linear(g, in[1], dr_input(g, minus, 2, (int64_t[]){3, 1}), dr_input(g, plus, 1, (int64_t[]){3}), NULL);
    return dr_add(g, dr_mul(g, in[0], mask), white);
}

void dr_hr_occlude(dr_tape *g, dr_tensor *logits, dr_tensor **cloth, dr_tensor **mask)
{
    *mask = dr_block(g, uncovered, NULL, 2, (dr_tensor *[]){logits, *mask});
    *cloth = dr_block(g, on_white, NULL, 2, (dr_tensor *[]){*cloth, *mask});
}
