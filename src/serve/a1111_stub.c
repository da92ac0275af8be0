#include "serve/routes.h"
#define STUB(f)                                                                                                        \
    void f(dr_studio *s, dr_request *r)                                                                                \
    {                                                                                                                  \
        (void)s;                                                                                                       \
        dr_answer_error(&r->answer, 404, "x", NULL, "x");                                                              \
    }
STUB(dr_a1111_img2img)
STUB(dr_a1111_progress) STUB(dr_a1111_interrupt) STUB(dr_a1111_png_info) STUB(dr_a1111_samplers)
    STUB(dr_a1111_schedulers) STUB(dr_a1111_models) STUB(dr_a1111_loras) STUB(dr_a1111_get_options)
        STUB(dr_a1111_post_options) STUB(dr_a1111_empty_list) STUB(dr_a1111_cmd_flags) STUB(dr_a1111_scripts)
            STUB(dr_a1111_txt2img)
