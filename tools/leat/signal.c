/* SPDX-License-Identifier: MIT */

/* leat signal: what its next word chooses. */

#include "tools/leat/signal_parts.h"

static const struct command *const parts[] = {
        &command_signal_list,
        &command_signal_send,
        &command_signal_show,
        &command_signal_watch,
        &command_signal_wait,
        &command_signal_shield,
        NULL,
};

const struct command command_signal = {
        .name = "signal",
        .operands = "list|send|show|watch|wait|shield [OPTION]... [OPERAND]...",
        .summary = "List and send signals, see what processes do with them, wait for them, hold them back",
        .details = "'leat signal send --help' and so on say more of each.\n\n"
                   "Exit: 0 done; 1 no such process; 2 usage, or no such signal; 71 not permitted, or the system\n"
                   "refused; 75 the queue is full; 124 the deadline passed; of shield the command's.\n\n"
                   "Example: leat signal send TERM --then KILL --after 5s 4711\n",
        .parts = parts,
};
