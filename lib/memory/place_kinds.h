/* SPDX-License-Identifier: MIT */
#ifndef LEAT_MEMORY_PLACE_KINDS_H
#define LEAT_MEMORY_PLACE_KINDS_H

/* What the files of lib/memory/place*.c share. */

#include "memory/place.h"

/* place_file.c: what has a descriptor */
int place_file_find(struct memory_place *place, bool write, struct leat_reason *reason);
int place_file_make(struct memory_place *place, uint64_t size_bytes, mode_t mode, struct leat_reason *reason);
int place_file_remove(struct memory_place *place, struct leat_reason *reason);
int place_fd_look(const struct memory_place *place, uint64_t *ret_bytes, uint32_t ret_mode_uid_gid[3]);
int place_fd_map(const struct memory_place *place, void *at, uint64_t offset, uint64_t size_bytes, int prot,
                 bool alone);
ssize_t place_fd_read(const struct memory_place *place, uint64_t offset, void *buffer, size_t size_bytes);

/* place_allocate.c */
int place_fd_allocate(struct memory_place *place, uint64_t size_bytes, struct leat_reason *reason);
/* Is there memory for so many bytes more, before the kernel ends a process for it? 0, or -ENOSPC with the limit. */
int place_fits_memory(uint64_t bytes, struct leat_reason *reason);

/* place_anon.c */
int place_anon_find(struct memory_place *place, bool write, struct leat_reason *reason);
int place_anon_make(struct memory_place *place, uint64_t size_bytes, mode_t mode, struct leat_reason *reason);
int place_anon_remove(struct memory_place *place, struct leat_reason *reason);

/* place_sysv.c */
int place_sysv_find(struct memory_place *place, bool write, struct leat_reason *reason);
int place_sysv_make(struct memory_place *place, uint64_t size_bytes, mode_t mode, struct leat_reason *reason);
int place_sysv_look(const struct memory_place *place, uint64_t *ret_bytes, uint32_t ret_mode_uid_gid[3]);
int place_sysv_allocate(struct memory_place *place, uint64_t size_bytes, struct leat_reason *reason);
int place_sysv_map(const struct memory_place *place, void *at, uint64_t offset, uint64_t size_bytes, int prot,
                   bool alone);
ssize_t place_sysv_read(const struct memory_place *place, uint64_t offset, void *buffer, size_t size_bytes);
int place_sysv_remove(struct memory_place *place, struct leat_reason *reason);
size_t place_sysv_page_bytes(const struct memory_place *place);

#endif
