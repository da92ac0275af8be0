/* Who is in a label map. A person is a group of regions; people who touch are told apart by their faces. */
#include "io/labels.h"
#include "mask/body.h"
#include "mask/regions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SPECK 0.0005  /* of the picture: smaller regions are nobody */
#define FRAGMENT 0.08 /* of the largest region: smaller ones without a face belong to who is nearest */
#define NEAR 0.06     /* of the picture's height: how far away parts of one person may lie */
#define SAME_PERSON_GAP 0.05
#define MAX_FACES 64

typedef struct face {
    double x, y, width;
    int64_t area;
    int region; /* of the person mask */
} face;

static int64_t area_of(const dr_image *im)
{
    return (int64_t)im->width * im->height;
}

static bool is_head(uint8_t label)
{
    return label == DR_LABEL_FACE || label == DR_LABEL_SUNGLASSES;
}

/* Faces at least a third as wide as the widest, so that a blob on a bag is none. */
static dr_status find_faces(const dr_image *labels, const dr_components *people, face *faces, int *count)
{
    dr_image only = {0};
    dr_components c = {0};
    dr_status st = dr_image_alloc(&only, labels->width, labels->height, 1);
    for (int64_t i = 0; !st && i < area_of(labels); i++)
        only.data[i] = is_head(labels->data[i]);
    if (!st)
        st = dr_components_find(&c, &only, false);
    int64_t largest = 0;
    for (int i = 0; !st && i < c.count; i++)
        largest = c.item[i].area > largest ? c.item[i].area : largest;
    *count = 0;
    for (int i = 0; !st && i < c.count && *count < MAX_FACES; i++) {
        const dr_component *k = &c.item[i];
        if (k->area * 5 < largest)
            continue;
        int x = k->box.x;
        while (c.id[(int64_t)k->box.y * labels->width + x] != i)
            x++;
        faces[(*count)++] = (face){k->box.x + k->box.width / 2.0, k->box.y + k->box.height / 2.0, k->box.width, k->area,
                                   people->id[(int64_t)k->box.y * labels->width + x]};
    }
    dr_components_clear(&c);
    dr_image_clear(&only);
    return st;
}

static int gap(int a, int a_size, int b, int b_size)
{
    int d = a < b ? b - (a + a_size) : a - (b + b_size);
    return d > 0 ? d : 0;
}

static double box_gap(dr_rect a, dr_rect b)
{
    return hypot(gap(a.x, a.width, b.x, b.width), gap(a.y, a.height, b.y, b.height));
}

static int faces_in(const face *faces, int count, int region)
{
    int n = 0;
    for (int i = 0; i < count; i++)
        n += faces[i].region == region;
    return n;
}

/* Regions in groups: group[i] is the region that i belongs to, -1 for nobody's specks. */
static void group_regions(const dr_components *c, const dr_image *labels, const face *faces, int face_count, int *group)
{
    int64_t largest = 0;
    for (int i = 0; i < c->count; i++)
        largest = c->item[i].area > largest ? c->item[i].area : largest;
    for (int i = 0; i < c->count; i++) {
        const dr_component *k = &c->item[i];
        bool faced = faces_in(faces, face_count, i) > 0;
        bool small = (double)k->area < FRAGMENT * (double)largest;
        group[i] = faced || !small ? i : -1;
        if ((double)k->area < SPECK * (double)area_of(labels))
            group[i] = -1;
    }
    for (int i = 0; i < c->count; i++) { /* what has no face joins who is nearest, if near */
        if (group[i] == i && faces_in(faces, face_count, i) > 0)
            continue;
        int best = -1;
        bool own = group[i] == i;
        double limit = (own ? SAME_PERSON_GAP : NEAR) * labels->height, nearest = limit;
        for (int j = 0; j < c->count; j++) {
            bool host = j != i && group[j] == j && c->item[j].area * (own ? 1 : 4) > c->item[i].area;
            double d = host ? box_gap(c->item[i].box, c->item[j].box) : limit + 1;
            if (host && d <= nearest) {
                nearest = d;
                best = j;
            }
        }
        if (best >= 0 && (!own || faces_in(faces, face_count, best) > 0))
            group[i] = best;
    }
    for (int i = 0; i < c->count; i++)
        for (int hops = 0; group[i] >= 0 && group[group[i]] != group[i] && hops < c->count; hops++)
            group[i] = group[group[i]];
}

/* The face of its group that a pixel is nearest to; sideways distance counts more, since bodies are below faces. */
static int owner_of(const face *faces, const int *face_group, int count, int group, int x, int y)
{
    int best = -1;
    double nearest = INFINITY;
    for (int i = 0; i < count; i++) {
        if (face_group[i] != group)
            continue;
        double d = 2 * fabs(x - faces[i].x) + fmax(0, faces[i].y - y);
        if (d < nearest) {
            nearest = d;
            best = i;
        }
    }
    return best;
}

/* One seed per person: a group's faces, less those that lie above or below a larger one. */
static void drop_doubled_faces(const face *faces, int *face_group, int count)
{
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++) {
            bool same = i != j && face_group[i] == face_group[j] && face_group[i] >= 0;
            bool smaller = faces[i].area < faces[j].area || (faces[i].area == faces[j].area && i > j);
            if (same && smaller && fabs(faces[i].x - faces[j].x) < 1.6 * fmax(faces[i].width, faces[j].width))
                face_group[i] = -1;
        }
}

static void add_pixel(dr_person *p, int x, int y)
{
    if (p->area++ == 0) {
        *p = (dr_person){x, y, 1, 1, 1, 0};
        return;
    }
    int right = p->x + p->width > x + 1 ? p->x + p->width : x + 1;
    int bottom = p->y + p->height > y + 1 ? p->y + p->height : y + 1;
    p->x = x < p->x ? x : p->x;
    p->y = y < p->y ? y : p->y;
    p->width = right - p->x;
    p->height = bottom - p->y;
}

typedef struct sorted {
    dr_person person;
    int key;
} sorted;

static int by_area(const void *a, const void *b)
{
    const sorted *x = a, *y = b;
    return x->person.area < y->person.area ? 1 : x->person.area > y->person.area ? -1 : x->key - y->key;
}

/* Keys: a region's number, or count + a face's number where a group has several. Fills `key_of` per pixel. */
static void assign(const dr_components *c, const int *group, const face *faces, const int *face_group, int face_count,
                   const dr_image *labels, int32_t *key_of, sorted *people)
{
    for (int k = 0; k < c->count + face_count; k++)
        people[k] = (sorted){.key = k};
    for (int y = 0; y < labels->height; y++)
        for (int x = 0; x < labels->width; x++) {
            int64_t i = (int64_t)y * labels->width + x;
            int g = c->id[i] < 0 ? -1 : group[c->id[i]], heads = 0;
            for (int f = 0; g >= 0 && f < face_count; f++)
                heads += face_group[f] == g;
            key_of[i] = g < 0 ? -1 : heads > 1 ? c->count + owner_of(faces, face_group, face_count, g, x, y) : g;
            if (key_of[i] >= 0)
                add_pixel(&people[key_of[i]].person, x, y);
        }
}

/* Numbers persons by size and paints them into `owner`. */
static int finish(const dr_image *labels, const int32_t *key_of, sorted *people, int keys, dr_person *out, int max,
                  dr_image *owner)
{
    int *number = calloc((size_t)keys + 1, sizeof *number), count = 0;
    if (!number)
        return dr_fail(DR_ENOMEM, "out of memory finding persons");
    qsort(people, (size_t)keys, sizeof *people, by_area);
    while (count < keys && count < 255 && people[count].person.area > 0 &&
           people[count].person.area * 25 > people[0].person.area) {
        number[people[count].key] = count + 1;
        count++;
    }
    for (int64_t i = 0; i < area_of(labels); i++)
        owner->data[i] = (uint8_t)(key_of[i] < 0 ? 0 : number[key_of[i]]);
    for (int k = 0; k < count && k < max; k++) {
        out[k] = people[k].person;
        out[k].unit = dr_body_unit(labels, owner, k + 1, &out[k]);
    }
    free(number);
    return count;
}

static int find(const dr_image *clean, dr_person *out, int max, dr_image *owner)
{
    dr_components c = {0};
    face faces[MAX_FACES];
    int face_group[MAX_FACES], face_count = 0, *group = NULL;
    int32_t *key_of = NULL;
    sorted *people = NULL;
    int n = dr_components_find(&c, clean, false);
    if (!n)
        n = find_faces(clean, &c, faces, &face_count);
    if (!n) {
        group = calloc((size_t)c.count + 1, sizeof *group);
        key_of = malloc((size_t)area_of(clean) * sizeof *key_of);
        people = calloc((size_t)(c.count + face_count) + 1, sizeof *people);
        n = group && key_of && people ? 0 : dr_fail(DR_ENOMEM, "out of memory finding persons");
    }
    if (!n) {
        group_regions(&c, clean, faces, face_count, group);
        for (int i = 0; i < face_count; i++)
            face_group[i] = faces[i].region < 0 ? -1 : group[faces[i].region];
        drop_doubled_faces(faces, face_group, face_count);
        assign(&c, group, faces, face_group, face_count, clean, key_of, people);
        n = finish(clean, key_of, people, c.count + face_count, out, max, owner);
    }
    free(people);
    free(key_of);
    free(group);
    dr_components_clear(&c);
    return n;
}

int dr_persons_in(const dr_image *clean, dr_person *out, int max, dr_image *owner)
{
    int st = dr_image_alloc(owner, clean->width, clean->height, 1);
    if (!st)
        st = find(clean, out, max, owner);
    if (st < 0)
        dr_image_clear(owner);
    return st;
}

int dr_persons_find(const dr_image *labels, dr_person *out, int max, dr_image *owner)
{
    dr_image small = {0}, where = {0};
    dr_status st = dr_labels_reduce(&small, labels);
    int n = st ? (int)st : dr_persons_in(&small, out, max, &where);
    double scale = n < 0 ? 1 : (double)labels->width / small.width;
    for (int i = 0; i < n && i < max; i++) {
        dr_person *p = &out[i];
        p->x = (int)(p->x * scale);
        p->y = (int)(p->y * scale);
        p->width = (int)(p->width * scale + 0.5);
        p->height = (int)(p->height * scale + 0.5);
        p->area = (int64_t)((double)p->area * scale * scale + 0.5);
        p->unit *= scale;
    }
    if (n >= 0 && owner) {
        st = dr_image_resize(owner, &where, labels->width, labels->height, DR_NEAREST);
        n = st ? (int)st : n;
    }
    dr_image_clear(&small);
    dr_image_clear(&where);
    return n;
}
