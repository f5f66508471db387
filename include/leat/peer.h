/* SPDX-License-Identifier: MIT */
#ifndef LEAT_PEER_H
#define LEAT_PEER_H

/*
 * Peers: the process at the other end, as the kernel says and not as it says itself.
 *
 * On unix sockets these are the credentials of the process that connected (SO_PEERCRED, unix(7));
 * with ?who=message those of the process that sent each message (SCM_CREDENTIALS: its real uid and gid, while
 * the connection's are the effective ones). They are
 * translated into this process's name spaces: a pid that this name space cannot name is 0.
 * A pid may have been used anew since: hold a pidfd if you mean to act on it.
 */

#include <stdbool.h>
#include <sys/types.h>

struct leat_peer {
        bool known; /* false: this transport cannot tell (row 10), the rest is 0 */
        pid_t pid;
        uid_t uid;
        gid_t gid;
};

#endif
