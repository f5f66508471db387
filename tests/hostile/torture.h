/* SPDX-License-Identifier: MIT */
#ifndef TORTURE_H
#define TORTURE_H

/*
 * Torture: of the calls that the library makes to get memory, or to the system, the n-th fails. tests/meson.build
 * links this suite with --wrap for each of them, so that calls inside the C library are not counted.
 */

#include <stdbool.h>

enum torture { TORTURE_NOTHING, TORTURE_MEMORY, TORTURE_SYSTEM };

/* From now on the n-th call of this class (counted from 1) fails with `error`, a positive errno. */
void torture_start(enum torture which, unsigned n, int error);

/* Stop. Returns whether the n-th call came; *ret_name says which it was. */
bool torture_stop(const char **ret_name);

/* Which call has failed since torture_start(); NULL: none yet. */
const char *torture_failed(void);

/* What was allocated and not freed, in pieces. */
long torture_outstanding(void);

#endif
