/* SPDX-License-Identifier: MIT */
#ifndef TORTURE_H
#define TORTURE_H

/*
 * Torture: of the calls that the library makes to get memory, or to the system, the n-th fails. tests/meson.build
 * links this suite with --wrap for each of them, so that calls inside the C library are not counted.
 */

#include <errno.h> /* any header of the C library says which one it is */
#include <stdbool.h>

enum torture { TORTURE_NOTHING, TORTURE_MEMORY, TORTURE_SYSTEM };

/* From now on the n-th call of this class (counted from 1) fails with `error`, a positive errno. */
void torture_start(enum torture which, unsigned n, int error);

/* This call is never the one that fails. */
void torture_spare(const char *name);

/* Stop. Returns whether the n-th call came; *ret_name says which it was. */
bool torture_stop(const char **ret_name);

/* Which call has failed since torture_start(); NULL: none yet. */
const char *torture_failed(void);

/* Before the n-th call to the system from now on (counted from 1) do this, once: what another process may do there. torture_met: was it
 * done? Then, or never, it is off. */
void torture_meet(unsigned n, void (*act)(void));
bool torture_met(void);

/* Count calls of this name, or with NULL those for memory, from now on; and how many there were. */
void torture_count(const char *name);
long torture_counted(void);

/* For the wrapped calls (torture.c, torture_stores.c): count one of this class. Is it the n-th? Then errno is set. */
bool torture_is_due(enum torture which, const char *name);

#define WRAP(type, name, parameters, arguments)                                                                        \
        type __real_##name parameters;                                                                                 \
        type __wrap_##name parameters;                                                                                 \
        type __wrap_##name parameters {                                                                                \
                return torture_is_due(TORTURE_SYSTEM, #name) ? -1 : __real_##name arguments;                           \
        }

/* Some have another name where offsets are made to have 64 bits, which glibc does with the name of the symbol. */
#ifdef __GLIBC__
#define WIDE(prefix, name) __asm__(prefix #name "64")
#else
#define WIDE(prefix, name) __asm__(prefix #name)
#endif

/* What was allocated and not freed, in pieces. */
long torture_outstanding(void);

/* Of those, what is held in small pieces, in bytes; and how many are buffers: of TORTURE_BUFFER bytes or more. */
#define TORTURE_BUFFER 4096
void torture_held(long *ret_bytes, long *ret_buffers);

/* Called, if it is not NULL, before each fcntl() of the library. */
extern void (*torture_sees_fcntl)(int fd, int command);
/* Likewise flock(). */
extern void (*torture_sees_flock)(void);

#endif
