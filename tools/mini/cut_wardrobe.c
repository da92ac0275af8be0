/* mini_wardrobe: the small model's wardrobe, cut out of photos of garments.
 *
 *     mini_wardrobe --garments DIR --list tools/mini/wardrobe.json --output models/mini/wardrobe
 *
 * The list is a wardrobe's (pipeline/wardrobe.h) with two more keys for each garment: "from", the photo in DIR, and
 * "part", what of it is cloth: left, top, right and bottom as shares of its width and height. */
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "cli/opt.h"
#include "io/image.h"
#include "mask/lay_cloth.h"

#include <limits.h>
#include <stdio.h>

static dr_status cut(const json_t *g, const char *list, const char *garments, const char *output)
{
    char path[PATH_MAX];
    const char *from = dr_json_text(g, "from"), *name = dr_json_text(g, "photo");
    const json_t *part = json_object_get(g, "part");
    double at[4];
    dr_image photo = {0}, cloth = {0};
    for (size_t i = 0; i < 4; i++)
        at[i] = json_number_value(json_array_get(part, i));
    if (!from || !name || at[0] < 0 || at[1] < 0 || at[2] <= at[0] || at[3] <= at[1] || at[2] > 1 || at[3] > 1)
        return dr_fail(DR_EINVAL, "'%s': a garment needs \"from\", \"photo\" and \"part\": left, top, right, bottom",
                       list);
    dr_status st = dr_path(path, sizeof path, garments, from);
    if (!st)
        st = dr_image_read(&photo, path, 3);
    int x = (int)(at[0] * photo.width), y = (int)(at[1] * photo.height);
    int w = (int)(at[2] * photo.width) - x, h = (int)(at[3] * photo.height) - y, most = (int)(DR_CLOTH_WIDEST * h);
    if (w > most) {
        x += (w - most) / 2;
        w = most;
    }
    if (!st)
        st = dr_image_crop(&cloth, &photo, x, y, w, h);
    if (!st)
        st = dr_path(path, sizeof path, output, name);
    if (!st)
        st = dr_image_write(&cloth, path, &(dr_image_write_options){.quality = 92});
    dr_image_clear(&photo);
    dr_image_clear(&cloth);
    return st;
}

int main(int argc, char **argv)
{
    const dr_command cmd = {.name = "mini_wardrobe",
                            .summary = "cut the small model's wardrobe out of photos of garments",
                            .usage = "--garments DIR --output DIR [options]",
                            .example = "  mini_wardrobe --garments photos --output models/mini/wardrobe\n"};
    const char *garments = NULL, *list = "tools/mini/wardrobe.json", *output = NULL;
    const dr_opt opts[] = {
        {"garments", DR_OPT_STRING, &garments, "DIR", "the photos", .required = true},
        {"list", DR_OPT_STRING, &list, "FILE", "which parts of which of them, and the words for them"},
        {"output", DR_OPT_STRING, &output, "DIR", "the wardrobe", .required = true},
    };
    int rc = dr_opt_parse(&cmd, opts, sizeof opts / sizeof *opts, argc, argv, NULL);
    if (rc)
        return rc < 0 ? 0 : rc;
    char path[PATH_MAX];
    json_t *j = NULL, *g;
    size_t i;
    dr_status st = dr_json_load(list, &j);
    if (!st)
        st = dr_mkdirs(output);
    json_array_foreach(json_object_get(j, "garments"), i, g)
    {
        if (!st)
            st = cut(g, list, garments, output);
        json_object_del(g, "from");
        json_object_del(g, "part");
    }
    if (!st)
        st = dr_path(path, sizeof path, output, "wardrobe.json");
    if (!st)
        st = dr_json_save(path, j);
    json_decref(j);
    return st ? dr_cli_fail(&cmd, st) : 0;
}
