/* Where a photo's prompt comes from. */
#ifndef DR_TRAIN_PROMPT_H
#define DR_TRAIN_PROMPT_H

#include "base/status.h"

#include <stdbool.h>

typedef enum dr_prompt_source { DR_PROMPT_FROM_CAPTION, DR_PROMPT_GIVEN, DR_PROMPT_FROM_NAME } dr_prompt_source;

/**
 * The prompt of a photo: the text of its caption (white space around it trimmed), else `given`, else what the file's
 * name says (dr_prompt_from_name).
 *
 * @param caption  path of STEM.txt or STEM.caption; NULL: there is none
 * @param given    --instance_prompt or --class_prompt; may be NULL
 * @param out      malloc'ed, yours; never empty
 * @return DR_EINVAL when the caption is empty or not UTF-8, or the name gives no prompt
 */
dr_status dr_prompt_for(char **out, dr_prompt_source *source, const char *image_path, const char *caption,
                        const char *given);

/** Whether a photo's name is a camera's, a phone's, a date, a number or a hash: "IMG_0001.JPG", "20240501_101010.jpg".
 */
bool dr_name_says_nothing(const char *file_name);

#endif
