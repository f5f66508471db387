/* SPDX-License-Identifier: MIT */
#ifndef SHARED_PLACES_H
#define SHARED_PLACES_H

/* Names of this test alone, for each kind of memory and of semaphore; what has one is removed when the test has ended, however it did. */

#include "harness.h"

#include "memory/place.h"

#include <leat.h>

#define SOON harness_deadline_ms(60000)

/* What stands behind the scheme: "/t1234-1", "0x5...", a path in harness_tmpdir(), "". */
struct rest {
        char text[160];
};
struct rest place_rest(const char *scheme);

/* The whole address: "posix-shm:/t1234-1?raw". */
struct rest place_address(const char *scheme, const char *options);

/* The place of such a name, or the test fails. */
struct memory_place place_or_fail(const char *scheme, const char *rest);

/* A range of addresses of so many bytes, of which nothing may be touched. */
void *place_reserve(size_t size);

/* A file system of this kind and with these options on an own directory, whose path this is; or the test is skipped. */
const char *place_mount(const char *kind, const char *options);
/* A name space of System V and POSIX message objects of its own, in which this sysctl has that value; or the test is skipped. */
void place_set_sysctl(const char *path, const char *value);

#endif
