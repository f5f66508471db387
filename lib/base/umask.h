/* SPDX-License-Identifier: MIT */
#ifndef LEAT_BASE_UMASK_H
#define LEAT_BASE_UMASK_H

#include <sys/types.h>

/*
 * Permission bits as the umask leaves them, for what the kernel makes without looking at it: System V objects, memory files. To ask umask(2) is to set
 * it, for all threads; so the kernel is asked in writing, and where there is no /proc nobody else gets in.
 */
mode_t umask_cut(mode_t mode);

#endif
