/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_PLACE_H
#define LEAT_TRANSPORT_PLACE_H

/*
 * Names in the file system: a path, or a bare name in the user's own directory (<leat/address.h>). The directory is
 * opened once, and everything is then done relative to it.
 */

#include "channel/address.h"

#include <stdbool.h>

struct place {
        char *path;    /* the whole, for messages */
        char *base;    /* its last part, in `path` */
        int directory; /* O_PATH; -1: none yet */
};
#define PLACE_NONE ((struct place){ .directory = -1 })

/* Resolve what an address says. make: the directory of bare names may be made. `wanted`: what to say of an empty rest.
 * -ENOENT: there is no such directory; -EINVAL with the column. On success *ret_place goes to place_clear(). */
int place_resolve(const struct address *address, bool make, const char *wanted, struct leat_reason *reason,
                  struct place *ret_place);
void place_clear(struct place *place);

/* The directory of bare names, made and checked: a descriptor (O_PATH), and its path. */
int place_open_bare(bool make, char *ret_path, size_t size);

/* The text for why place_open_bare() failed. */
int place_explain_bare(int error, struct leat_reason *reason);

/* The directory's lock (flock), until the deadline: a descriptor that holds it; -EAGAIN, -ETIMEDOUT. */
int place_lock(int directory, int64_t deadline);

#endif
