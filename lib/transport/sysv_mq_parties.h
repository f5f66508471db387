/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_SYSV_MQ_PARTIES_H
#define LEAT_TRANSPORT_SYSV_MQ_PARTIES_H

/*
 * Who is at a System V queue, for ?end and ?temporary: locks on its companion, a POSIX queue of the same name space that
 * is called after the queue's identifier (docs/design/sysv-mq.md, "Who is there"). No call waits.
 */

#include "transport/mq_end.h"
#include "transport/presence.h"

#include <leat/error.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct parties {
        int fd; /* of the companion; -1: none, nobody is counted */
        bool temporary;
        struct presence presence; /* of a sender */
        struct mq_end *end;       /* of a receiver with ?end, else NULL */
};
#define PARTIES_NONE ((struct parties){ .fd = -1, .presence = PRESENCE_NONE })

/* What an opener asks for. */
struct parties_wish {
        bool sends, end, temporary;
        mode_t mode; /* of a companion that has to be made, where the queue's cannot be seen */
};

/* Join those of an open queue. 0; -EAGAIN: it has just been removed, look for it again; -EEXIST: others have stored in it,
 * so it does not become temporary; errors of the system. */
int parties_join(int queue, const struct parties_wish *wish, struct leat_reason *reason, struct parties *ret_parties);

/* Remove a temporary queue whose parties were all killed. 1: there is nothing of it any more; 0: there was none; -EAGAIN:
 * another removes it. */
int parties_clear(int queue, struct leat_reason *reason);

/* Have all senders gone that came since this receiver was told last? */
bool parties_ended(const struct parties *parties);

/* The end was told: the next one is that of senders that come from now on. */
void parties_told(struct parties *parties, int queue);

/* Leave; the last of a temporary queue removes it. `ours`: else it was given to a child, which holds the same locks. */
void parties_leave(struct parties *parties, int queue, bool ours);

/* In a forked child that it was not given to. */
void parties_after_fork(struct parties *parties);

/* How many senders are there that said ?end or ?temporary? LEAT_UNKNOWN where nobody has said so. */
uint64_t parties_count_senders(int queue);

/* The queue has a new mode, owner or group, or is removed: so the companion. */
void parties_set_access(int queue, mode_t mode, uid_t uid, gid_t gid);
void parties_remove(int queue);

#endif
