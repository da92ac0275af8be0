/* Makes a small training set of one photo and its garment mask: crops of several sizes around the garment, half of them
 * mirrored. Better than one photo; several real photos are better still.
 *
 *     cc crops.c -o crops $(pkg-config --cflags --libs drape) -lm
 *     ./crops PHOTO MASK "orange suit" OUT_DIR [COUNT]
 *
 * OUT_DIR/photos/orange suit (1).png and OUT_DIR/masks/orange suit (1).png and so on, as `drape train` reads them: the
 * name is the prompt. The folders must be there. */
#include <drape.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct square {
    int x, y, side;
    bool mirrored;
} square;

/* The box of the white, as x, y, width, height. */
static bool find_box(const drape_image *mask, int box[4])
{
    int left = mask->width, top = mask->height, right = -1, bottom = -1;
    for (int y = 0; y < mask->height; y++)
        for (int x = 0; x < mask->width; x++)
            if (mask->data[(size_t)y * (size_t)mask->width + (size_t)x] > 127) {
                left = x < left ? x : left;
                right = x > right ? x : right;
                top = y < top ? y : top;
                bottom = y;
            }
    box[0] = left;
    box[1] = top;
    box[2] = right - left + 1;
    box[3] = bottom - top + 1;
    return right >= 0;
}

static int clamp(int v, int low, int high)
{
    return v > high ? high : v < low ? low : v;
}

/* Crop i of n: from the whole garment to two thirds of it, moved about. */
static square choose(const drape_image *photo, const int box[4], int i, int n)
{
    int longer = box[2] > box[3] ? box[2] : box[3],
        shorter = photo->width < photo->height ? photo->width : photo->height;
    int side = clamp((int)(longer * (1.15 - 0.5 * i / n)), 32, shorter), slack = longer / 6;
    static const int move[4][2] = {{0, 0}, {1, -1}, {-1, 0}, {0, 1}};
    int x = box[0] + box[2] / 2 - side / 2 + move[i % 4][0] * slack / 2;
    int y = box[1] + box[3] / 2 - side / 2 + move[i % 4][1] * slack / 2;
    return (square){clamp(x, 0, photo->width - side), clamp(y, 0, photo->height - side), side, i % 2 == 1};
}

static drape_status write_square(const drape_image *from, square s, const char *dir, const char *kind,
                                 const char *prompt, int number)
{
    char path[4096];
    size_t c = (size_t)from->channels, row = (size_t)from->width * c;
    drape_image out = {.width = s.side, .height = s.side, .channels = from->channels};
    out.data = malloc((size_t)s.side * (size_t)s.side * c);
    for (int y = 0; out.data && y < s.side; y++)
        for (int x = 0; x < s.side; x++) {
            int at = s.x + (s.mirrored ? s.side - 1 - x : x);
            memcpy(out.data + ((size_t)y * (size_t)s.side + (size_t)x) * c,
                   from->data + (size_t)(s.y + y) * row + (size_t)at * c, c);
        }
    snprintf(path, sizeof path, "%s/%s/%s (%d).png", dir, kind, prompt, number);
    drape_status st = out.data ? drape_image_write(&out, path, NULL) : DRAPE_ENOMEM;
    free(out.data);
    return st;
}

int main(int argc, char **argv)
{
    drape_image photo = {0}, mask = {0};
    int box[4], count = argc == 6 ? atoi(argv[5]) : 8;
    if (argc < 5 || argc > 6 || count < 1 || count > 100) {
        fprintf(stderr, "usage: crops PHOTO MASK PROMPT OUT_DIR [COUNT]\n");
        return 2;
    }
    drape_status st = drape_image_read(&photo, argv[1]);
    if (!st)
        st = drape_mask_read(&mask, argv[2], &photo, NULL, 0);
    bool white = !st && find_box(&mask, box);
    for (int i = 0; white && !st && i < count; i++) {
        square s = choose(&photo, box, i, count);
        st = write_square(&photo, s, argv[4], "photos", argv[3], i + 1);
        if (!st)
            st = write_square(&mask, s, argv[4], "masks", argv[3], i + 1);
    }
    drape_image_free(&photo);
    drape_image_free(&mask);
    if (st)
        fprintf(stderr, "crops: %s\n", drape_error());
    return st ? 1 : 0;
}
