/* Made by leatgen from lines.x. Do not edit it: what is changed here is lost when it is made again. */
#include "lines.h"
#include <errno.h>
/* for the server alone */

static const struct leat_rpc_procedure lines_1_procedures[] = {
        { 1u, 0, 1, 0, 0, "TAKE" },
};

__attribute__((weak)) const struct leat_rpc_program lines_1_program = {
        "LINES_PROGRAM", 536871424u, 1u, 1, lines_1_procedures, &lines_schema,
};

static int lines_1_dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                struct leat_rpc_request *request, void *userdata) {
        (void)result;
        const struct lines_1_functions *own = (const struct lines_1_functions *)functions;
        switch (index) {
        case 0:
                if (!own->take)
                        return -ENOSYS;
                return own->take(argument, request, userdata);
        default:
                return -ENOSYS;
        }
}

struct leat_rpc_service lines_1_server(const struct lines_1_functions *functions, void *userdata) {
        struct leat_rpc_service service = { &lines_1_program, lines_1_dispatch, functions, userdata };
        return service;
}
