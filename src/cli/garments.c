#include "cli/garments.h"

#include <stdio.h>
#include <stdlib.h>

bool dr_cli_garments_need_parser(const dr_cli_garments *g, bool masks)
{
    bool category = masks && g->o.category == DRAPE_GARMENT_AUTO;
    return g->paths.count > 0 && (category || g->o.cut != DRAPE_CUT_KEEP);
}

/* The photo as it is, of the kind that was said. */
static drape_status keep(const dr_cli_garments *g, const drape_image *photo, dr_cli_garment *to)
{
    drape_garment_options o = g->o;
    o.cut = DRAPE_CUT_KEEP;
    if (o.category == DRAPE_GARMENT_AUTO) /* nobody asks */
        o.category = DRAPE_GARMENT_UPPER;
    return drape_garment(NULL, photo, &o, &to->image, &to->info);
}

static drape_status read_one(const dr_command *cmd, const dr_cli_garments *g, const char *path, drape_parser *parser,
                             bool stored, bool masks, dr_cli_garment *to)
{
    drape_image photo = {0};
    drape_garment_options o = g->o;
    o.name = path;
    drape_status st = stored ? drape_image_read_stored(&photo, path, false, NULL) : drape_image_read(&photo, path);
    if (!st && !dr_cli_garments_need_parser(g, masks))
        st = keep(g, &photo, to);
    else if (!st)
        st = drape_garment(parser, &photo, &o, &to->image, &to->info);
    if (st == DRAPE_EINVAL && photo.data && !masks && o.cut == DRAPE_CUT_AUTO) {
        fprintf(stderr, "drape %s: warning: no garment is found in '%s', which is taken as it is\n", cmd->name, path);
        st = keep(g, &photo, to);
    }
    drape_image_free(&photo);
    return st;
}

drape_status dr_cli_garments_read(const dr_command *cmd, dr_cli_garments *g, drape_parser *parser, bool stored,
                                  bool masks)
{
    drape_status st = DRAPE_OK;
    if (g->paths.count == 0)
        return DRAPE_OK;
    g->item = calloc((size_t)g->paths.count, sizeof *g->item);
    if (!g->item)
        return DRAPE_ENOMEM;
    for (int i = 0; !st && i < g->paths.count; i++)
        st = read_one(cmd, g, g->paths.item[i], parser, stored, masks, &g->item[i]);
    return st;
}

void dr_cli_garments_free(dr_cli_garments *g)
{
    for (int i = 0; g->item && i < g->paths.count; i++)
        drape_image_free(&g->item[i].image);
    free(g->item);
    dr_opt_list_free(&g->paths);
}
