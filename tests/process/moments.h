/* SPDX-License-Identifier: MIT */
#ifndef PROCESS_MOMENTS_H
#define PROCESS_MOMENTS_H

/*
 * Moments: whoever of this process, or of what it starts, makes this call to the system is held in it, until act(its number) has returned. So a
 * test is exactly there where otherwise only luck would bring it.
 */

#include <stddef.h>
#include <sys/types.h>

struct moment;

/* act is called in another thread, with `argument`; it must not make that call itself. The test is skipped where no filter can be set. */
struct moment *moment_begin(int call, void (*act)(pid_t pid, void *argument), void *argument);

/* From here on the call is refused (ENOSYS). How often it was met. */
size_t moment_end(struct moment *moment);

/* From here on these calls, ended by 0, are refused with EPERM, here and in what is started. */
void refuse_calls(const int *calls);

#endif
