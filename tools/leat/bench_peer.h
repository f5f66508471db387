/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_PEER_H
#define LEAT_TOOL_BENCH_PEER_H

/*
 * Other libraries as contenders. They are loaded when they are asked for, so that the command depends on none of them: what is
 * said of them here is the part of their interfaces that is used, as their documentation has it.
 */

#include "tools/leat/bench_loops.h"

/* Which of our transports it stands beside. */
#define BESIDE_SOCKETS 1u
#define BESIDE_MEMORY 2u

struct peer {
        const struct contender *contender;
        const char *library; /* its soname; NULL: `load` sees to that itself */
        const char *package; /* Debian's */
        const char
                *missing; /* what is to be done if the library is there, or needs not be, and does not load; or NULL */
        bool (*load)(void *library);
        unsigned beside; /* BESIDE_... */
};

extern const struct peer peer_zmq, peer_nng, peer_nanomsg, peer_sdbus, peer_dbus, peer_iceoryx, peer_boost, peer_spsc;

/* Find a function. Returns false if the library has it not. */
bool peer_find(void *library, const char *name, void *ret_function);

/* A unix socket in the private folder, as "ipc://...". */
void peer_address(const struct end *end, const char *prefix, char address[BENCH_ADDRESS_SIZE]);

/* Remove the socket's file, when both processes are gone. */
void peer_remove(struct end ends[2]);

#endif
