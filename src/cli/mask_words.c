#include "cli/mask_words.h"

#include "base/choice.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/opt_table.h"

#include <stdio.h>
#include <string.h>

const char *dr_mask_categories(void)
{
    return dr_option_named(drape_mask_option, "category")->choices;
}

bool dr_mask_is_auto(const char *mask, const char **category)
{
    if (strcmp(mask, "auto") != 0 && strncmp(mask, "auto:", 5) != 0)
        return false;
    *category = mask[4] ? mask + 5 : "upper";
    return true;
}

static drape_status make(const dr_command *cmd, const drape_image *photo, const drape_mask_options *options,
                         const char *parser_dir, drape_image *out)
{
    drape_parser *parser = NULL;
    drape_status st = drape_parser_load(&parser, parser_dir);
    if (!st)
        dr_warn_of_labels(cmd, parser);
    if (!st)
        st = drape_mask(parser, photo, options, out);
    drape_parser_free(parser);
    return st;
}

drape_status dr_cli_mask(const dr_command *cmd, const char *mask, const drape_image *photo, const char *photo_name,
                         const drape_mask_options *options, const char *parser, drape_image *out)
{
    drape_mask_options o = *options;
    const char *category;
    char warnings[1024];
    if (dr_mask_is_auto(mask, &category)) {
        o.category = (drape_category)dr_choice_index(dr_mask_categories(), category);
        o.name = photo_name;
        o.cancel = dr_cli_interrupted;
        return make(cmd, photo, &o, parser, out);
    }
    drape_status st = drape_mask_read_for(out, mask, photo, photo_name, warnings, sizeof warnings);
    if (!st && warnings[0])
        fprintf(stderr, "drape %s: warning: %s\n", cmd->name, warnings);
    return st;
}
