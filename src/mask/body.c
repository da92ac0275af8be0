#include "mask/body.h"

#include "io/labels.h"
#include "mask/regions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Proportions of a standing adult of height 1 (Drillis & Contini 1966, as is usual in anthropometry). */
#define FACE_WIDTH 0.080     /* as labels show it, hair to hair */
#define FACE_HEIGHT 1.3      /* hairline to chin, in face widths */
#define SHOULDERS 0.27       /* with the arms */
#define HAND 0.105           /* wrist to fingertips */
#define CHEST 0.11           /* around the neck, where no hand is */
#define SMALLEST_HAND 0.0012 /* area; smaller pieces are noise on a sleeve */
#define NECK_TO_WAIST 0.21

dr_status dr_labels_reduce(dr_image *out, const dr_image *labels)
{
    int longer = labels->width > labels->height ? labels->width : labels->height;
    double scale = longer > DR_BODY_SIZE ? (double)DR_BODY_SIZE / longer : 1;
    int w = (int)lround(labels->width * scale), h = (int)lround(labels->height * scale);
    dr_image im = {0};
    dr_status st = dr_image_resize(&im, labels, w > 0 ? w : 1, h > 0 ? h : 1, DR_NEAREST);
    if (st)
        return st;
    int64_t n = (int64_t)im.width * im.height;
    for (int64_t i = 0; i < n; i++)
        im.data[i] = im.data[i] < DR_LABELS ? im.data[i] : DR_LABEL_BACKGROUND;
    st = dr_labels_clean(&im, n / 8000);
    if (st)
        dr_image_clear(&im);
    else
        *out = im;
    return st;
}

/* --- sizes ---------------------------------------------------------------------------------------- */

static bool is_face(uint8_t label)
{
    return label == DR_LABEL_FACE || label == DR_LABEL_SUNGLASSES;
}

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* How wide the face is: its widest rows' median over its upper part; 0 without a face. `top` is its first row. */
static int face_width(const dr_image *labels, const dr_image *owner, int k, int *top)
{
    int rows[DR_BODY_SIZE], count = 0, widest = 0;
    *top = -1;
    for (int y = 0; y < labels->height; y++) {
        int n = 0;
        for (int x = 0; x < labels->width; x++) {
            int64_t i = (int64_t)y * labels->width + x;
            n += is_face(labels->data[i]) && (!owner || owner->data[i] == k);
        }
        if (n == 0)
            continue;
        *top = *top < 0 ? y : *top;
        widest = n > widest ? n : widest;
        if (y - *top <= 1.2 * widest && count < DR_BODY_SIZE)
            rows[count++] = n;
    }
    if (count == 0)
        return 0;
    qsort(rows, (size_t)count, sizeof *rows, compare_ints);
    return rows[count * 3 / 4];
}

static bool has_label(const dr_image *labels, const dr_image *owner, int k, int low, int high)
{
    int64_t n = 0;
    for (int64_t i = 0; i < (int64_t)labels->width * labels->height; i++)
        n += labels->data[i] >= low && labels->data[i] <= high && (!owner || owner->data[i] == k);
    return n > 8;
}

double dr_body_unit(const dr_image *labels, const dr_image *owner, int k, const dr_person *p)
{
    int top, width = face_width(labels, owner, k, &top);
    double seen = p->height, by_face = width / FACE_WIDTH, by_shoulders = p->width / SHOULDERS;
    bool feet = has_label(labels, owner, k, DR_LABEL_LEFT_SHOE, DR_LABEL_RIGHT_SHOE);
    if (width > 0 && feet) /* from head to foot, though perhaps seated */
        return fmin(fmax(seen, by_face), 1.35 * seen);
    if (width > 0)
        return fmin(fmax(seen, by_face), 8 * seen);
    return fmin(fmax(seen, by_shoulders), 3 * seen);
}

/* --- landmarks -------------------------------------------------------------------------------------- */

static bool is_trunk(uint8_t label)
{
    return label == DR_LABEL_UPPER || label == DR_LABEL_DRESS;
}

static double mean_row(const dr_image *labels, int label, int64_t *count)
{
    double sum = 0;
    *count = 0;
    for (int y = 0; y < labels->height; y++)
        for (int x = 0; x < labels->width; x++)
            if (labels->data[(int64_t)y * labels->width + x] == label) {
                sum += y;
                (*count)++;
            }
    return *count ? sum / (double)*count : 0;
}

/* The middle of what is seen of the labels that `which` accepts within rows [from,to). */
static double mean_column(const dr_image *labels, bool (*which)(uint8_t), int from, int to, double otherwise)
{
    double sum = 0;
    int64_t n = 0;
    for (int y = from < 0 ? 0 : from; y < to && y < labels->height; y++)
        for (int x = 0; x < labels->width; x++)
            if (which(labels->data[(int64_t)y * labels->width + x])) {
                sum += x;
                n++;
            }
    return n ? sum / (double)n : otherwise;
}

static int first_row(const dr_image *labels, bool (*which)(uint8_t), int otherwise)
{
    for (int y = 0; y < labels->height; y++)
        for (int x = 0; x < labels->width; x++)
            if (which(labels->data[(int64_t)y * labels->width + x]))
                return y;
    return otherwise;
}

dr_body dr_body_measure(const dr_image *labels, const dr_person *p)
{
    int top, width = face_width(labels, NULL, 0, &top);
    int trunk = first_row(labels, is_trunk, p->y);
    int64_t belt;
    double belt_row = mean_row(labels, DR_LABEL_BELT, &belt), middle = p->x + p->width / 2.0;
    dr_body b = {.unit = p->unit, .has_face = width > 0};
    /* a face seen from the side is narrow: never take less for the head than a body of this height has */
    double head = fmax(width, 0.8 * FACE_WIDTH * p->unit) * FACE_HEIGHT;
    b.chin = b.has_face ? top + head : trunk;
    b.neck_y = b.has_face ? b.chin + 0.03 * b.unit : trunk + 0.02 * b.unit;
    b.neck_x = b.has_face ? mean_column(labels, is_face, top, (int)b.chin, middle)
                          : mean_column(labels, is_trunk, trunk, trunk + (int)(0.1 * b.unit), middle);
    b.waist = b.neck_y + NECK_TO_WAIST * b.unit;
    if ((double)belt > 2e-4 * b.unit * b.unit && fabs(belt_row - b.waist) < 0.12 * b.unit)
        b.waist = belt_row;
    return b;
}

/* --- hands ------------------------------------------------------------------------------------------ */

typedef struct walk {
    const dr_components *arms;
    int32_t *queue, *steps; /* steps: distance in pixels from the start, along the piece; -1 not reached */
    int width, height;
} walk;

/* Breadth first from pixel `start` within its piece; returns the last pixel reached, the farthest. */
static int32_t spread(walk *s, int32_t start)
{
    static const int dx[] = {1, -1, 0, 0, 1, 1, -1, -1}, dy[] = {0, 0, 1, -1, 1, -1, 1, -1};
    int32_t piece = s->arms->id[start], from = 0, to = 0;
    for (int64_t i = 0; i < (int64_t)s->width * s->height; i++)
        if (s->arms->id[i] == piece)
            s->steps[i] = -1;
    s->steps[start] = 0;
    s->queue[to++] = start;
    while (from < to) {
        int32_t i = s->queue[from++];
        int x = i % s->width, y = i / s->width;
        for (int k = 0; k < 8; k++) {
            int nx = x + dx[k], ny = y + dy[k];
            int32_t j = ny * s->width + nx;
            if (nx < 0 || ny < 0 || nx >= s->width || ny >= s->height || s->arms->id[j] != piece || s->steps[j] >= 0)
                continue;
            s->steps[j] = s->steps[i] + 1;
            s->queue[to++] = j;
        }
    }
    return s->queue[to - 1];
}

static bool at_edge(const walk *s, int32_t i)
{
    int x = i % s->width, y = i / s->width;
    return x <= 1 || y <= 1 || x >= s->width - 2 || y >= s->height - 2;
}

/* The pixel of a piece that is nearest to the neck: its shoulder end. */
static int32_t shoulder_end(const walk *s, int piece, const dr_body *b)
{
    int32_t best = -1;
    double nearest = INFINITY;
    for (int y = 0; y < s->height; y++)
        for (int x = 0; x < s->width; x++) {
            int32_t i = y * s->width + x;
            double d = s->arms->id[i] == piece ? hypot(x - b->neck_x, y - b->neck_y) : INFINITY;
            if (d < nearest) {
                nearest = d;
                best = i;
            }
        }
    return best;
}

static void mark_hand(walk *s, int piece, const dr_body *b, dr_image *hands)
{
    double hand = HAND * b->unit;
    int32_t tip = spread(s, shoulder_end(s, piece, b));
    if (at_edge(s, tip) && s->steps[tip] > hand)
        return;
    if (hypot(tip % s->width - b->neck_x, tip / s->width - b->neck_y) < CHEST * b->unit)
        return; /* skin of the chest that the parser took for an arm */
    spread(s, tip);
    for (int64_t i = 0; i < (int64_t)s->width * s->height; i++)
        if (s->arms->id[i] == piece && s->steps[i] <= hand)
            hands->data[i] = 255;
}

dr_status dr_body_hands(const dr_image *labels, const dr_body *b, dr_image *hands)
{
    int64_t n = (int64_t)labels->width * labels->height;
    dr_image arms = {0};
    dr_components c = {0};
    dr_status st = dr_image_alloc(&arms, labels->width, labels->height, 1);
    for (int64_t i = 0; !st && i < n; i++)
        arms.data[i] =
            labels->data[i] == DR_LABEL_LEFT_ARM || labels->data[i] == DR_LABEL_RIGHT_ARM ? labels->data[i] : 0;
    if (!st)
        st = dr_components_find(&c, &arms, true);
    walk s = {&c, malloc((size_t)n * sizeof *s.queue), malloc((size_t)n * sizeof *s.steps), labels->width,
              labels->height};
    if (!st && (!s.queue || !s.steps))
        st = dr_fail(DR_ENOMEM, "out of memory looking for hands");
    for (int k = 0; !st && k < c.count; k++)
        if ((double)c.item[k].area > SMALLEST_HAND * b->unit * b->unit)
            mark_hand(&s, k, b, hands);
    free(s.queue);
    free(s.steps);
    dr_components_clear(&c);
    dr_image_clear(&arms);
    return st;
}
