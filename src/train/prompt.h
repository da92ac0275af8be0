/* Where a photo's prompt comes from. */
#ifndef DR_TRAIN_PROMPT_H
#define DR_TRAIN_PROMPT_H

#include "base/status.h"

/**
 * The prompt of a photo: the text of STEM.txt beside it (white space around it trimmed), else `given`, else what the
 * file's name says (dr_prompt_from_name).
 *
 * @param given  --instance_prompt or --class_prompt; may be NULL
 * @param out    malloc'ed, yours; never empty
 * @return DR_EINVAL when the caption is empty or not UTF-8, or the name gives no prompt
 */
dr_status dr_prompt_for(char **out, const char *image_path, const char *given);

#endif
