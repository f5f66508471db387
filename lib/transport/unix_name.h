/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_UNIX_NAME_H
#define LEAT_TRANSPORT_UNIX_NAME_H

/*
 * Names of unix sockets: paths, bare names, abstract names; binding, taking over a stale one, connecting and removing
 * (docs/design/contract.md, section 6).
 */

#include "channel/address.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct unix_name {
        struct sockaddr_un address;
        socklen_t address_bytes;
        bool abstract;
        char *path;    /* the whole, for messages and /proc; of an abstract name with '@' in front */
        char *base;    /* the last part, in `path` */
        int directory; /* O_PATH; -1 of an abstract name */
        dev_t device;  /* of what we bound; inode 0: we did not */
        ino_t inode;
};

/* Resolve what an address says. make: the directory of bare names may be made. -ENOENT: there is no such directory. */
int unix_name_new(const struct address *address, bool make, struct leat_reason *reason, struct unix_name **ret_name);
struct unix_name *unix_name_free(struct unix_name *name);
void unix_name_free_at(struct unix_name **name);

/* Bind and listen, taking over what a killed listener left. `type`: SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM, which binds alone. */
int unix_name_listen(struct unix_name *name, int type, const struct address *address, int64_t deadline,
                     struct leat_reason *reason, int *ret_fd);

/* Connect; if nobody listens wait for one until the deadline, unless the address says ?open. A SOCK_DGRAM has a name of
 * its own before. */
int unix_name_connect(struct unix_name *name, int type, const struct address *address, int64_t deadline,
                      struct leat_reason *reason, int *ret_fd);

/* The same without waiting and without a reason: -ECONNREFUSED, -ENOENT, -EAGAIN (its receiver lets connections wait). */
int unix_name_try(const struct unix_name *name, int type, int *ret_fd);

/* Remove the name that we bound, if it is still ours. */
void unix_name_unbind(struct unix_name *name);

/* Its path from the root without links, but for the last part, or @name. 0, -ENAMETOOLONG, or what readlink(2) says. */
int unix_name_resolve(const struct unix_name *name, char *ret_path, size_t size);

/* Is somebody bound to it? 0 nobody (a stale file), 1 yes, -ENOENT, -ENOTSOCK, -EACCES. Whoever is does not notice. */
int unix_name_probe(const struct unix_name *name);

/* The directory's lock, until the deadline. Returns a descriptor that holds it. */
int unix_name_lock(const struct unix_name *name, int64_t deadline);

#endif
