/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_SIGNAL_PARTS_H
#define LEAT_TOOL_SIGNAL_PARTS_H

/* The subcommands of `leat signal`, one file each, for the table of signal.c. */

#include "tools/leat/options.h"

extern const struct command command_signal_list, command_signal_send, command_signal_show, command_signal_watch,
        command_signal_wait, command_signal_shield;

#endif
