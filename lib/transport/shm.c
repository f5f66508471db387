/* SPDX-License-Identifier: MIT */

/* shm: rings in memory that processes share, and a unix socket where they meet (docs/design/shm.md). */

#include "base/cleanup.h"
#include "channel/hub.h"
#include "channel/link_ring.h"
#include "memory/limits.h"
#include "memory/memfile.h"
#include "transport/rows.h"
#include "transport/table.h"
#include "transport/unix_channel.h"

#include <errno.h>
#include <sys/socket.h>

#define ROWS_SHM                                                                                                       \
        ROWS_LEAT, [LEAT_ROW_WHO] = YES_BUT("who connected"), [LEAT_ROW_OPENING] = YES, [LEAT_ROW_LISTENING] = YES,    \
                   [LEAT_ROW_DESCRIPTORS] = YES

/* clang-format off: a table */
static const struct leat_declaration declarations[] = {
        DECLARE("shm", "leat", "n", LARGEST_DEFAULT, 1, 1, ROWS_SHM),
};
/* clang-format on */

static int check(const struct address *address, struct leat_reason *reason) {
        if ((address->ring & (address->ring - 1)) != 0)
                return reason_at(reason, -EINVAL, address->columns[OPTION_RING],
                                 "a ring's size is a power of two: ring=256k, ring=1M");
        if (address_given(address, OPTION_HUGE) && address->ring > 0 && address->ring < memfile_huge_bytes())
                return reason_at(
                        reason, -EINVAL, address->columns[OPTION_RING],
                        "with ?huge a ring is at least one huge page (Hugepagesize in /proc/meminfo): ring=2M");
        if (address->who == 1) {
                (void)reason_at(reason, -ENOTSUP, address->columns[OPTION_WHO],
                                "messages do not pass the kernel here, which could say who sent each; use unix:, or "
                                "?who=connection");
                if (reason)
                        reason->row = LEAT_ROW_WHO;
                return -ENOTSUP;
        }
        return 0;
}

/* Of the ring that it sends by alone: what only carries answers is too small for that. */
static bool is_huge(const struct leat_channel *channel) {
        return address_given(&channel->address, OPTION_HUGE) && DOES_SEND(channel->flags);
}

/* Of one that only receives the ring carries answers alone. */
static void choose_size(struct leat_channel *channel) {
        if (!DOES_SEND(channel->flags))
                channel->address.ring = LINK_RING_BACK;
        else if (channel->address.ring == 0)
                channel->address.ring = link_ring_usual(is_huge(channel));
}

/* Why is there no room for a ring? What would fill a memory cgroup is refused here, by whose limit. */
static int explain(const struct leat_channel *channel, int error, struct leat_reason *reason) {
        const uint64_t addresses = link_ring_addresses(channel->address.ring, is_huge(channel));
        static const char tight[] = "the ring does not fit into what is left; make ?ring= smaller, or raise the limit "
                                    "(leat info --dry-run)";
        if (reason && reason->text && reason->error == error)
                return error;
        if (error == -EFBIG)
                return reason_limit(reason, error, "RLIMIT_FSIZE",
                                    "a file of the ring's size may not be made; raise `ulimit -f`");
        if (is_huge(channel) && error == -ENOTSUP)
                return reason_set(reason, error, LEAT_ROW_LIMITS, "this kernel has no huge pages; leave ?huge away");
        if (is_huge(channel) && error == -ENOMEM && memory_fits_addresses(addresses) == 0)
                return reason_limit(
                        reason, error, "vm.nr_hugepages",
                        "there are too few free huge pages for the ring; raise vm.nr_hugepages, or leave ?huge away");
        return error == -ENOMEM ? memory_explain(link_ring_memory(channel->address.ring, false), tight, reason) : error;
}

/* Is there memory for a ring of ours? Before anybody is connected to, who would take that for a sender; and a listener makes its rings only when
 * somebody comes. */
static int try_memory(const struct leat_channel *channel) {
        struct memfile file;
        int r = memory_fits_addresses(link_ring_addresses(channel->address.ring, is_huge(channel)));
        if (r < 0)
                return r;
        if (!is_huge(channel))
                return link_ring_compare(channel->address.ring);
        r = memfile_new_huge("leat-try", memfile_huge_bytes(), channel->address.ring, &file);
        if (r == 0)
                memfile_free(&file);
        return r;
}

/* The first memory file: where none may be made, a listener, which makes its rings only when somebody comes, is to learn it now. */
static int share_counters(struct leat_channel *channel, struct leat_reason *reason) {
        int r = counters_share(channel);
        if (r == -EPERM || r == -EACCES || r == -ENOSYS)
                return reason_set(reason, r, LEAT_ROW_OPENING,
                                  "this process may not make memory files; let its sandbox allow memfd_create(2), or "
                                  "use unix:");
        return r;
}

static int open_shm(struct leat_channel *channel, int64_t deadline, struct leat_reason *reason) {
        choose_size(channel);
        int r = share_counters(channel, reason);
        if (r == 0)
                r = try_memory(channel);
        if (r == 0)
                r = unix_channel_open(channel, SOCK_SEQPACKET, deadline, reason);
        return r < 0 ? explain(channel, r, reason) : r;
}

static int greet(const struct leat_channel *channel) {
        struct link *link = hub_find(channel->state, 0);
        return link_ring_greet(link->in.fd, link->ring);
}

/* Both ends are here: they are through with their greetings when they are handed out, and so may go to children at once. */
static int pair_shm(struct leat_channel *receiver, struct leat_channel *sender, struct leat_reason *reason) {
        choose_size(receiver);
        choose_size(sender);
        int r = share_counters(receiver, reason);
        counters_free(receiver); /* nobody finds what has no name */
        if (r == 0)
                r = try_memory(sender);
        if (r == 0)
                r = unix_channel_pair(receiver, sender, SOCK_SEQPACKET, reason);
        if (r == 0)
                r = greet(receiver);
        if (r == 0)
                r = greet(sender);
        return r < 0 ? explain(sender, r, reason) : r;
}

/* What is in the rings only their parties see. */
static int inspect(const struct address *address, struct leat_reason *reason, struct leat_info *info) {
        int r = unix_channel_inspect(address, reason, info);
        info->queued_bytes = LEAT_UNKNOWN;
        return r;
}

const struct transport transport_shm = {
        .scheme = "shm",
        .summary = "shared memory: many senders to one receiver, on one machine, without a call of the system",
        .options = UNIX_OPTIONS | OPTION_BIT(OPTION_RING) | OPTION_BIT(OPTION_HUGE),
        .declarations = declarations,
        .declarations_count = sizeof(declarations) / sizeof(declarations[0]),
        .check = check,
        .open = open_shm,
        .pair = pair_shm,
        .inspect = inspect,
        .create = unix_channel_create,
        .set = unix_channel_set,
        .remove = unix_channel_remove,
};
