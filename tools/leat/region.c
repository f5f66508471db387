/* SPDX-License-Identifier: MIT */

/* leat region: what its next word chooses. */

#include "tools/leat/region_parts.h"

static const struct command *const parts[] = {
        &command_region_create, &command_region_show, &command_region_dump, &command_region_watch,
        &command_region_lock,   &command_region_run,  &command_region_rm,   NULL,
};

const struct command command_region = {
        .name = "region",
        .operands = "create|show|dump|watch|lock|run|rm [OPTION]... [ADDRESS]...",
        .summary = "Make, look at, lock and remove memory that several processes share",
        .details =
                "'leat region show --help' and so on say more of each. An ADDRESS is region:/name, posix-shm:/name,\n"
                "sysv-shm:0x162e, sysv-shm:/path#id or map:/path/to/file: leat_region(7).\n\n"
                "Exit: 0 done; 1 nothing is there, or none; 2 usage; 65 the lock's owner died with it; 71 the\n"
                "system refused; 75 the lock is taken (--nonblock); 124 the deadline passed; of run the command's.\n\n"
                "Example: leat region run --lock backup region:/locks -- rsync -a /home /mnt\n",
        .parts = parts,
};
