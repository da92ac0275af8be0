/* Which mask goes with which photo, how results are called, and what would go wrong with that. */
#ifndef DR_CLI_FILES_H
#define DR_CLI_FILES_H

#include "base/status.h"
#include "cli/opt.h"
#include "drape.h"

/** One option that says where results go. */
typedef struct dr_results {
    const char *option; /* "--output" */
    const char *output; /* its value, a file or a folder; NULL: not given */
    int pictures;       /* per photo */
} dr_results;

/** True for a folder, also one to be made: a name that ends with '/'. */
bool dr_is_folder_name(const char *path);

/** A usage error when there are neither one mask nor as many as photos, else 0. */
int dr_check_masks(const dr_command *cmd, const dr_opt_list *photos, const dr_opt_list *masks);

/** A usage error when the option's value cannot hold the results of so many photos, or is no picture's name; else 0. */
int dr_check_result_names(const dr_command *cmd, const dr_results *r, int photos);

/** Says before the long work what would go wrong at its end: DR_ENOENT for a folder that is not there, DR_EINVAL for a
 *  result that would replace a photo, a mask or another result. `masks` may be empty. */
dr_status dr_check_outputs(const dr_opt_list *photos, const dr_opt_list *masks, const dr_results *r, int count);

/** The mask of photo number i: the only one, the i-th, or the file of the photo's stem in a folder of masks.
 *  malloc'ed; NULL with the library's message set. */
char *dr_mask_for(const dr_opt_list *masks, const char *photo, int i);

/** Takes folders out of a list of photos and says so, where anything else is in it: shells' patterns find folders that
 *  are called like pictures. With a mask for each photo its mask goes too. `masks` may be NULL. */
void dr_pass_over_folders(const dr_command *cmd, dr_opt_list *photos, dr_opt_list *masks);

/** The library's message about a photo on stderr, with the photo's name where the message does not have it. */
void dr_photo_failed(const dr_command *cmd, const char *photo, const char *message);

/** Says once which labels of the parser drape does not know. */
void dr_warn_of_labels(const dr_command *cmd, const drape_parser *parser);

/** The path of the result number k of a photo: the option's value itself; with several photos or a folder,
 *  FOLDER/STEM.png; with several pictures a number before the extension. A folder is made. malloc'ed; NULL with the
 *  message set. */
char *dr_output_name(const dr_results *r, const char *photo, int photos, int k);

/** OUT-preview.png beside OUT.EXT. malloc'ed. */
char *dr_preview_name(const char *output);

#endif
