/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_ADOPT_H
#define LEATGEN_ADOPT_H

#include "tools/leatgen/job.h"

/*
 * `%#include <rpcsvc/nis.h>` names a header that rpcgen made, while its interface lies beside it, in /usr/include: no header of ours is
 * there to bring its types. So those types of it that are used become part of this interface; the rest of it is forgotten. For
 * an interface that was checked.
 */
void adopt_system_types(struct job *job, struct interface *interface);

#endif
