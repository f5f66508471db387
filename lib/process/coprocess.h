/* SPDX-License-Identifier: MIT */
#ifndef LEAT_PROCESS_COPROCESS_H
#define LEAT_PROCESS_COPROCESS_H

#include "channel/fork.h"
#include "process/duplex.h"

#include <leat/process.h>

struct leat_coprocess {
        struct fork_member member;
        struct duplex duplex;
        struct leat_process *process;
};

#endif
