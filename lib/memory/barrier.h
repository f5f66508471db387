/* SPDX-License-Identifier: MIT */
#ifndef LEAT_MEMORY_BARRIER_H
#define LEAT_MEMORY_BARRIER_H

/*
 * A fence on behalf of others (membarrier(2), GLOBAL_EXPEDITED): who sleeps pays for it, and who does not need not (docs/design/shm.md).
 */

#include <stdbool.h>

/* Let others do that to this process. false: refused; then it has to fence by itself. */
bool barrier_register(void);

/* Can this process do it to others? */
bool barrier_available(void);

/* A full fence of this thread. */
void barrier_here(void);

/* A full fence here, and between any two instructions of each thread of a process that registered. false: here alone, the call is refused. */
bool barrier_all(void);

#endif
