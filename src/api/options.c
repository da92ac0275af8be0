/* The options by name, of src/options. */
#include "options/options.h"

static const drape_option *at(const drape_option *table, int index)
{
    for (; table->name && index > 0; index--)
        table++;
    return table->name && index == 0 ? table : NULL;
}

const drape_option *drape_train_option(int index)
{
    return at(dr_train_table, index);
}

const drape_option *drape_tryon_option(int index)
{
    return at(dr_tryon_table, index);
}

const drape_option *drape_mask_option(int index)
{
    return at(dr_mask_table, index);
}

const drape_option *drape_warp_option(int index)
{
    return at(dr_warp_table, index);
}

const drape_option *drape_eval_option(int index)
{
    return at(dr_eval_table, index);
}

const drape_option *drape_garment_option(int index)
{
    return at(dr_garment_table, index);
}
