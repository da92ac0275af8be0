#include "cli/unworn.h"

drape_status dr_cli_unworn(const dr_unworn *u, const drape_pipeline *p, const drape_image *photo,
                           const drape_image *mask, const drape_tryon_options *o, drape_image *picture)
{
    bool kept = true, asked = o->unworn == DRAPE_UNWORN_KEEP;
    if (!drape_tryon_keeps_unworn(p, o))
        return DRAPE_OK;
    drape_status st = *u->parser ? DRAPE_OK : drape_parser_load(u->parser, u->parser_dir);
    if (st && !asked) /* none is installed */
        return DRAPE_OK;
    if (!st && !u->labels->data)
        st = drape_mask_labels(*u->parser, photo, u->parsing, u->labels);
    if (!st)
        st = drape_tryon_unworn(*u->parser, photo, mask, u->labels, o, picture, &kept);
    if (!st && !kept && asked)
        u->tell(u->user, "the clothes parser sees no garment in the result, so the whole mask stays as it is painted");
    return st;
}
