/* SPDX-License-Identifier: MIT */
#include "base/options.h"
#include "process/proc_status.h"

#include <leat/signal.h>

int leat_signal_look(pid_t pid, pid_t thread, struct leat_signal_state *ret_state) {
        struct leat_signal_state state = LEAT_SIGNAL_STATE_INIT;
        struct proc_status status;
        if (pid <= 0 || thread < 0 || !ret_state || options_take(ret_state, &state, sizeof(state)) < 0)
                return -EINVAL;
        int r = proc_status_read(pid, thread, &status);
        if (r < 0)
                return r;
        state = (struct leat_signal_state){
                .thread = status.thread,
                .pending = status.pending,
                .shared_pending = status.shared_pending,
                .blocked = status.blocked,
                .ignored = status.ignored,
                .caught = status.caught,
                .queued = status.queued,
                .queued_limit = status.queued_limit,
        };
        options_tell(&state, sizeof(state), ret_state);
        return 0;
}

ssize_t leat_signal_threads(pid_t pid, pid_t **ret_threads) {
        if (pid <= 0 || !ret_threads)
                return -EINVAL;
        return proc_threads(pid, ret_threads);
}
