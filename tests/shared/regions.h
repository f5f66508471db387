/* SPDX-License-Identifier: MIT */
#ifndef REGIONS_H
#define REGIONS_H

/* Regions for tests: of each kind, with names of this test alone, which are removed at its end. */

#include "harness.h"

#include <leat.h>
#include <stdio.h>

#define SOON harness_deadline_ms(40000)

enum region_kind { KIND_REGION, KIND_POSIX, KIND_MAP, KIND_SYSV, KIND_ANON, KIND_COUNT };

struct region_traits {
        const char *scheme;
        bool named, grows, has_file; /* has_file: there is one that may be cut off */
};
extern const struct region_traits region_traits[KIND_COUNT];

/* The address of region `number` of this test, of that kind, with these options ("?new", "" for none). In static memory, of which there are 8. */
const char *region_address(enum region_kind kind, int number, const char *options);

/* Open; failing fails the test, with the reason. */
struct leat_region *region_open_or_fail(const char *address, size_t size_bytes);

/* Try; what was opened is closed again. */
int region_try(const char *address, size_t size_bytes, const struct leat_layout *layout,
               struct leat_reason *ret_reason);

/* One more attachment of region `number` in this process. */
struct leat_region *region_open_again(enum region_kind kind, int number, struct leat_region *region);

/* In a child of the process that has it: an attachment of its own, by that address; NULL: of what it inherited. */
struct leat_region *region_of_child(const char *address, struct leat_region *region);

/* Run body(argument) in a process of its own, that takes part in the region. With `stays`, it does not end but waits to be killed. */
pid_t region_party(struct leat_region *region, void (*body)(void *argument), void *argument, bool stays);

/* Add a test for each kind, or each that has a name, "NAME SCHEME". The argument of the function is the kind. */
void region_add(const char *name, void (*function)(void *kind));
void region_add_named(const char *name, void (*function)(void *kind));
#define KIND_OF(argument) ((enum region_kind)(intptr_t)(argument))

struct leat_region_info region_info_of(struct leat_region *region);

#endif
