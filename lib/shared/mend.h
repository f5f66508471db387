/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_MEND_H
#define LEAT_SHARED_MEND_H

/* A whole region whose lock file is not its own. */

#include "memory/place.h"
#include "shared/header.h"

/*
 * Give the region that lies there, and that nobody else has open for writing, a new random number: then no lock file is its own any more, wherever one may lie that was. And each of its slots
 * a new incarnation: whoever has a lock there is dead.
 * By who has byte 0 of one alone, and writes the number there next; killed in between it leaves what it found, a region without its lock file.
 * shape: what its header says; with the new number, when it returns 0.
 * 0; -ESTALE: somebody has it open; -EACCES: only its owner may ask for that; -ENOTSUP: the file system has no leases, so that nobody can be asked; -EFBIG (RLIMIT_FSIZE), -EIO, ...
 */
int region_name_anew(const struct memory_place *place, struct region_shape *shape);

#endif
