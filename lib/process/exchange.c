/* SPDX-License-Identifier: MIT */
#include "process/coprocess.h"

#include "base/cleanup.h"

#include <errno.h>
#include <leat/process.h>

static void coprocess_at(struct leat_coprocess **coprocess) {
        leat_coprocess_free(*coprocess);
}

/* A program need not read its input: that it takes no more is no error. */
static int give(struct leat_coprocess *coprocess, const void *input, size_t size, int64_t deadline) {
        int r = duplex_write(&coprocess->duplex, input, size, deadline, NULL);
        int finished = leat_coprocess_finish(coprocess);
        return r == -EPIPE ? finished : r < 0 ? r : finished;
}

static int carry(struct leat_coprocess *coprocess, const void *input, size_t size, int64_t deadline) {
        int r = give(coprocess, input, size, deadline);
        if (r == 0)
                r = duplex_collect(&coprocess->duplex, deadline);
        return r == -ENOBUFS ? -EMSGSIZE : r;
}

int leat_exchange(struct leat_command *command, const void *input, size_t input_bytes, size_t output_most,
                  int64_t deadline, void **ret_output, size_t *ret_output_bytes, struct leat_status *ret_status) {
        CLEANUP(coprocess_at) struct leat_coprocess *coprocess = NULL;
        FREE_AT_EXIT void *output = NULL;
        size_t size = 0;
        if (!command || (!input && input_bytes > 0) || !ret_output || !ret_output_bytes)
                return -EINVAL;
        int r = leat_coprocess_start(command, 1, deadline, NULL, &coprocess);
        if (r < 0)
                return r;
        coprocess->duplex.most = output_most; /* also none at all */
        r = carry(coprocess, input, input_bytes, deadline);
        if (r == 0)
                r = duplex_take(&coprocess->duplex, &output, &size);
        if (r == 0)
                r = leat_process_wait(coprocess->process, deadline, ret_status);
        if (r < 0)
                return r;
        *ret_output = TAKE(output);
        *ret_output_bytes = size;
        return 0;
}
