/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_HOLDER_H
#define LEAT_TOOL_HOLDER_H

#include <leat/message.h>

/*
 * Of a port, of which the kernel tells only whose it is: the process that has it too, and its group, if they can be found out; else
 * pid 0 and HOLDER_NO_GROUP. Other addresses' owners stay as they are.
 */
void holder_complete(const char *address, struct leat_peer *owner);
#define HOLDER_NO_GROUP ((gid_t)-1)

/* Say on standard error which process has the port that an address wants, if it is one of this machine and can be found out. */
void holder_tell(const char *address);

#endif
