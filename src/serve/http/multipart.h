/* multipart/form-data (RFC 7578): the first file of a form, in a body that is in memory. */
#ifndef DR_SERVE_HTTP_MULTIPART_H
#define DR_SERVE_HTTP_MULTIPART_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/** True for the content type of a form. */
bool dr_is_multipart(const char *content_type);

/** Where the first part with a file name lies, or else the first part; DR_EINVAL for a body that is no form. */
dr_status dr_multipart_file(const char *content_type, const char *body, size_t size, const char **file, size_t *length);

#endif
