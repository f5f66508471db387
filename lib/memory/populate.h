/* SPDX-License-Identifier: MIT */
#ifndef LEAT_MEMORY_POPULATE_H
#define LEAT_MEMORY_POPULATE_H

/* madvise(2): all pages now, to be read or written. The kernel has it from Linux 5.14 on, and libraries of then do not name it. */
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#endif
