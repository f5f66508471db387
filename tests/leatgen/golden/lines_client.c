/* Made by leatgen from lines.x. Do not edit it: what is changed here is lost when it is made again. */
#include "lines.h"
#include <stddef.h>
#include <string.h>
/* for the client alone */

static const struct leat_rpc_procedure lines_1_procedures[] = {
        { 1u, 0, 1, 0, 0, "TAKE" },
};

__attribute__((weak)) const struct leat_rpc_program lines_1_program = {
        "LINES_PROGRAM", 536871424u, 1u, 1, lines_1_procedures, &lines_schema,
};

int lines_take_1(struct leat_rpc_client *client, const struct lines_line *argument, struct leat_rpc_call *call) {
        return leat_rpc_call(client, &lines_1_program, 0, argument, NULL, call);
}
