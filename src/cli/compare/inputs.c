#include "cli/compare/inputs.h"

#include "base/choice.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/mask_words.h"

#include <stdio.h>
#include <stdlib.h>

/* The parser is loaded when it is needed first. */
typedef struct reading {
    dr_comparison *c;
    const dr_comparison_inputs *in;
    drape_parser *parser;
} reading;

static drape_status get_parser(reading *r)
{
    if (r->parser)
        return DRAPE_OK;
    drape_status st = drape_parser_load(&r->parser, r->in->parser_dir);
    if (!st)
        dr_warn_of_labels(r->in->cmd, r->parser);
    return st;
}

/* Makes the first photo of the garment ready, and finds out what kind of garment it is. Where nothing is found that the
 * mask would need, it is taken as it is. */
static drape_status get_garment(reading *r, bool find_mask, drape_category *found)
{
    drape_garment_options o = r->in->garment_options;
    drape_garment_info info = {0};
    o.name = r->c->garment_paths.item[0];
    o.cancel = dr_cli_interrupted;
    drape_status st = get_parser(r);
    if (!st)
        st = drape_garment(r->parser, &r->c->garments[0], &o, &r->c->scene.garment, &info);
    if (!st)
        *found = info.mask;
    if (st != DRAPE_EINVAL || (r->in->worn && (find_mask || o.cut == DRAPE_CUT_OUT)))
        return st;
    if (r->in->worn)
        fprintf(stderr, "drape %s: warning: no garment is found in '%s', which is taken as it is\n", r->in->cmd->name,
                o.name);
    o.cut = DRAPE_CUT_KEEP;
    if (o.category == DRAPE_GARMENT_AUTO)
        o.category = DRAPE_GARMENT_UPPER;
    return drape_garment(NULL, &r->c->garments[0], &o, &r->c->scene.garment, &info);
}

static drape_status make_mask(reading *r, drape_category category)
{
    drape_mask_options o = r->in->mask_options;
    o.category = category;
    o.name = r->c->image;
    o.cancel = dr_cli_interrupted;
    drape_status st = get_parser(r);
    return st ? st : drape_mask(r->parser, &r->c->scene.person, &o, &r->c->scene.mask);
}

/* With "auto" alone the garment says which mask goes with it, if there is a photo of one. */
static drape_status get_garment_and_mask(reading *r)
{
    const char *word = NULL;
    char warnings[1024];
    bool automatic = dr_mask_is_auto(r->in->mask, &word);
    drape_category category = DRAPE_UPPER;
    drape_status st = DRAPE_OK;
    if (r->c->garment_paths.count && (r->in->worn || (automatic && !word)))
        st = get_garment(r, automatic && !word, &category);
    if (word)
        category = (drape_category)dr_choice_index(dr_mask_categories(), word);
    if (!st && automatic)
        return make_mask(r, category);
    if (!st)
        st = drape_mask_read_for(&r->c->scene.mask, r->in->mask, &r->c->scene.person, r->c->image, warnings,
                                 sizeof warnings);
    if (!st && warnings[0])
        fprintf(stderr, "drape %s: warning: %s\n", r->in->cmd->name, warnings);
    return st;
}

/* The reference is the person as it should look: of the photo's shape, at any size. */
static drape_status get_reference(dr_comparison *c)
{
    if (!c->reference_path)
        return DRAPE_OK;
    drape_image full = {0};
    const drape_image *person = &c->scene.person;
    drape_status st = drape_image_read(&full, c->reference_path);
    double stretch = st ? 1 : (double)full.width / full.height * person->height / person->width;
    if (!st && (stretch < 0.98 || stretch > 1.02))
        st = (drape_status)dr_fail(DR_EINVAL,
                                   "reference '%s' is %dx%d, but photo '%s' is %dx%d; it must show the same person in "
                                   "a picture of the same shape",
                                   c->reference_path, full.width, full.height, c->image, person->width, person->height);
    if (!st && full.width == person->width && full.height == person->height) {
        c->reference = full;
        return st;
    }
    if (!st)
        st = drape_image_resize(&full, person->width, person->height, &c->reference);
    drape_image_free(&full);
    return st;
}

static drape_status read_photos(dr_comparison *c)
{
    drape_status st = drape_image_read(&c->scene.person, c->image);
    c->garments = calloc((size_t)c->garment_paths.count + 1, sizeof *c->garments);
    if (!st && !c->garments)
        st = (drape_status)dr_fail(DR_ENOMEM, "out of memory");
    for (int i = 0; !st && i < c->garment_paths.count; i++)
        st = drape_image_read(&c->garments[i], c->garment_paths.item[i]);
    return st ? st : get_reference(c);
}

static dr_status keep_mask(const dr_comparison *c)
{
    dr_status st = dr_mkdirs(c->dir);
    char *path = st ? NULL : dr_comparison_path(c, "mask.png");
    if (!st)
        st = path ? (dr_status)drape_image_write(&c->scene.mask, path, NULL) : DR_ENOMEM;
    free(path);
    return st;
}

dr_status dr_comparison_read(dr_comparison *c, const dr_comparison_inputs *in)
{
    reading r = {c, in, NULL};
    drape_status st = read_photos(c);
    if (!st)
        st = get_garment_and_mask(&r);
    drape_parser_free(r.parser); /* room for the large models */
    return st ? (dr_status)st : keep_mask(c);
}
