/* Which mask goes with which photo, and how results are called. */
#ifndef DR_CLI_TRYON_FILES_H
#define DR_CLI_TRYON_FILES_H

#include "base/status.h"
#include "cli/opt.h"

/** What is wrong with the lists taken together, or NULL. Borrowed. */
const char *dr_files_fault(const dr_opt_list *images, const dr_opt_list *masks, const char *output);

/** Says before the long work what would go wrong at its end: DR_ENOENT for a folder that is not there, DR_EINVAL for a
 *  result that would replace a photo or another photo's result. */
dr_status dr_check_outputs(const dr_opt_list *images, const char *output, int num_images);

/** The mask of photo number i: the only one, the i-th, or the file of the photo's stem in a folder of masks.
 *  malloc'ed; NULL with the library's message set. */
char *dr_mask_for(const dr_opt_list *masks, const char *image, int i);

/** The result's path: `output` itself; with several photos or a folder output, OUTPUT/STEM.png; with several pictures
 *  a number before the extension. malloc'ed; NULL with the message set. */
char *dr_output_name(const char *output, const char *image, int images, int k, int num_images);

/** OUT-preview.png beside OUT.EXT. malloc'ed. */
char *dr_preview_name(const char *output);

#endif
