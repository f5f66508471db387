/* SPDX-License-Identifier: MIT */
#include "tools/leat/exchange.h"

#include <errno.h>

static int run(struct exchange *exchange, struct leat_command *command) {
        void *output;
        int r = descriptors_grant(command);
        if (r == 0)
                r = leat_exchange(command, exchange->input, exchange->input_bytes, exchange->largest_bytes,
                                  exchange->deadline, &output, &exchange->output_bytes, &exchange->status);
        if (r < 0)
                return r;
        free(exchange->output->bytes);
        *exchange->output = (struct space){ .bytes = output, .size = exchange->output_bytes + 1 };
        return 0;
}

int exchange_run(struct exchange *exchange, char *const argv[]) {
        struct leat_command *command;
        int r = leat_command_new((const char *const *)argv, &command);
        exchange->output_bytes = 0;
        exchange->status = (struct leat_status)LEAT_STATUS_INIT;
        if (r == 0) {
                r = run(exchange, command);
                leat_command_free(command);
        }
        exchange->started = r == 0 || r == -EMSGSIZE || r == -ETIMEDOUT;
        return r;
}
