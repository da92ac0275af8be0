/* The public functions on golden cases. */
#include "drape.h"

#include "verify/verify.h"

/* The public type has the same shape as ours, so that values pass through unchanged. */
_Static_assert(sizeof(drape_verify_result) == sizeof(dr_verify_result) &&
                   offsetof(drape_verify_result, ok) == offsetof(dr_verify_result, ok) &&
                   offsetof(drape_verify_result, abs) == offsetof(dr_verify_result, abs),
               "drape_verify_result is dr_verify_result");

drape_status drape_verifier_new(drape_verifier **out, const char *model, const char *out_dir)
{
    return (drape_status)dr_verifier_new((dr_verifier **)out, model, out_dir);
}

void drape_verifier_free(drape_verifier *v)
{
    dr_verifier_free((dr_verifier *)v);
}

drape_status drape_verify_case(drape_verifier *v, const char *path, drape_verify_result *result)
{
    return (drape_status)dr_verify_case((dr_verifier *)v, path, (dr_verify_result *)result);
}
