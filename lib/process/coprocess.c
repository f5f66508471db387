/* SPDX-License-Identifier: MIT */
#include "process/coprocess.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "process/ends.h"
#include "process/process.h"

#include <errno.h>

#define KEEP_BYTES ((size_t)64 << 20)

static void close_in_child(struct fork_member *member) {
        duplex_close(&CONTAINER_OF(member, struct leat_coprocess, member)->duplex);
}

static int start(struct leat_coprocess *coprocess, struct leat_command *command, size_t keep_bytes, int64_t deadline,
                 struct leat_reason *reason) {
        struct pipe_ends input = PIPE_ENDS_NONE, output = PIPE_ENDS_NONE;
        struct spawn_how how = SPAWN_HOW(deadline);
        int r = pipe_ends_open(&input, PIPE_OURS_WRITES, reason);
        if (r == 0)
                r = pipe_ends_open(&output, PIPE_OURS_READS, reason);
        if (r == 0) {
                how.input = input.read;
                how.output = output.write;
                r = spawn_command(command, &how, reason, &coprocess->process);
        }
        if (r == 0)
                duplex_init(&coprocess->duplex, &(struct io){ .fd = take_fd(&input.write), .kind = IO_NONBLOCKING },
                            &(struct io){ .fd = take_fd(&output.read), .kind = IO_NONBLOCKING }, keep_bytes);
        pipe_ends_close(&input);
        pipe_ends_close(&output);
        return r;
}

int leat_coprocess_start(struct leat_command *command, size_t keep_bytes, int64_t deadline,
                         struct leat_reason *ret_reason, struct leat_coprocess **ret_coprocess) {
        if (!command || !ret_coprocess)
                return reason_set(ret_reason, -EINVAL, LEAT_ROW_NONE,
                                  "a command and a place for the coprocess are needed");
        struct leat_coprocess *coprocess = calloc(1, sizeof(*coprocess));
        if (!coprocess)
                return -ENOMEM;
        duplex_init(&coprocess->duplex, &IO_NONE, &IO_NONE, 0);
        coprocess->member.after_fork = close_in_child;
        int r = fork_enter(&coprocess->member);
        if (r == 0) {
                r = start(coprocess, command, keep_bytes ? keep_bytes : KEEP_BYTES, deadline, ret_reason);
                if (r < 0)
                        fork_leave(&coprocess->member);
        }
        if (r < 0) {
                free(coprocess);
                return r;
        }
        *ret_coprocess = coprocess;
        return 0;
}

static int guard(struct leat_coprocess *coprocess) {
        if (!coprocess)
                return -EINVAL;
        return fork_owns(&coprocess->member) ? 0 : -ECHILD;
}

int leat_coprocess_write(struct leat_coprocess *coprocess, const void *bytes, size_t size_bytes, int64_t deadline,
                         size_t *ret_done) {
        int r = guard(coprocess);
        if (r < 0)
                return r;
        if (!bytes && size_bytes > 0)
                return -EINVAL;
        return duplex_write(&coprocess->duplex, bytes, size_bytes, deadline, ret_done);
}

ssize_t leat_coprocess_read(struct leat_coprocess *coprocess, void *buffer, size_t size_bytes, int64_t deadline) {
        int r = guard(coprocess);
        if (r < 0)
                return r;
        if (!buffer || size_bytes == 0)
                return -EINVAL;
        return duplex_read(&coprocess->duplex, buffer, size_bytes, deadline);
}

int leat_coprocess_finish(struct leat_coprocess *coprocess) {
        int r = guard(coprocess);
        if (r == 0)
                coprocess->duplex.to.fd = close_fd(coprocess->duplex.to.fd);
        return r;
}

struct leat_process *leat_coprocess_process(struct leat_coprocess *coprocess) {
        return coprocess ? coprocess->process : NULL;
}

struct leat_coprocess *leat_coprocess_free(struct leat_coprocess *coprocess) {
        if (!coprocess)
                return NULL;
        fork_leave(&coprocess->member);
        leat_process_free(coprocess->process);
        duplex_free(&coprocess->duplex);
        free(coprocess);
        return NULL;
}
