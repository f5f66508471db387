/* SPDX-License-Identifier: MIT */
#include "transport/tcp_diag.h"

#include "base/cleanup.h"
#include "transport/diag.h"
#include "transport/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <leat/deadline.h>
#include <linux/inet_diag.h>
#include <string.h>

#define STATE_ESTABLISHED 1 /* TCP_ESTABLISHED of the kernel */
#define STATE_CLOSE_WAIT 8
#define STATE_LISTEN 10
#define LOOK_UP_MS 1000

struct tally {
        const struct inet_name *name;
        void (*count)(const struct inet_diag_msg *socket, struct tally *tally);
        bool listening;
        struct leat_info *info;
        uint32_t inode; /* of the one that has the port; 0: none */
        uid_t uid;
};

static void local_address(const struct inet_diag_msg *message, struct inet_address *ret_address) {
        struct sockaddr_storage storage = { .ss_family = message->idiag_family };
        if (message->idiag_family == AF_INET6) {
                struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
                v6->sin6_port = message->id.idiag_sport;
                memcpy(&v6->sin6_addr, message->id.idiag_src, sizeof(v6->sin6_addr));
        } else {
                struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
                v4->sin_port = message->id.idiag_sport;
                memcpy(&v4->sin_addr, message->id.idiag_src, sizeof(v4->sin_addr));
        }
        if (!inet_from_kernel(&storage, ret_address))
                *ret_address = (struct inet_address){ 0 };
}

/* Would a connection to the address come to this socket? */
static bool concerns(const struct inet_address *local, const struct inet_name *name) {
        struct inet_address wanted = name->number;
        if (inet_port(local) != name->port)
                return false;
        if (inet_is_any(local) || name->kind == INET_EVERY)
                return true;
        if (name->kind == INET_LOOPBACK)
                return inet_is_loopback(local);
        if (wanted.any.sa_family == AF_INET6)
                wanted.v6.sin6_scope_id = 0; /* sock_diag tells it elsewhere */
        return inet_same(local, &wanted);
}

static void look_at(const struct nlmsghdr *header, void *argument) {
        struct tally *tally = argument;
        const struct inet_diag_msg *message = NLMSG_DATA(header);
        struct inet_address local;
        if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*message)))
                return;
        local_address(message, &local);
        if (!concerns(&local, tally->name))
                return;
        tally->count(message, tally);
}

static void count_for_info(const struct inet_diag_msg *message, struct tally *tally) {
        if (message->idiag_state == STATE_LISTEN) {
                tally->listening = true;
                tally->info->waiting += message->idiag_rqueue;
                tally->info->owner.known = true;
                tally->info->owner.uid = message->idiag_uid;
        } else {
                tally->info->parties++;
                tally->info->queued_bytes += message->idiag_rqueue;
        }
}

/* All sockets of a protocol in one family that are in these states. */
static int dump(int fd, int family, int protocol, uint32_t states, struct tally *tally) {
        const struct {
                struct nlmsghdr header;
                struct inet_diag_req_v2 request;
        } question = {
                .header = DIAG_HEADER(sizeof(question)),
                .request = { .sdiag_family = (uint8_t)family,
                             .sdiag_protocol = (uint8_t)protocol,
                             .idiag_states = states },
        };
        return diag_dump(fd, &question.header, look_at, tally);
}

static int dump_both(int protocol, uint32_t states, struct tally *tally) {
        CLOSE_AT_EXIT int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        int r = fd < 0 ? -errno : dump(fd, AF_INET, protocol, states, tally);
        return r < 0 ? r : dump(fd, AF_INET6, protocol, states, tally);
}

int tcp_inspect(const struct address *address, struct leat_reason *reason, struct leat_info *info) {
        struct inet_name name;
        int r = inet_parse(address, reason, &name);
        if (r < 0)
                return r;
        if (name.kind == INET_NAME)
                return reason_at(reason, -ENOTSUP, address->rest_column,
                                 "only ports of this machine can be looked at, by number or as tcp::PORT");
        struct tally tally = { .name = &name, .info = info, .count = count_for_info };
        info->parties = info->queued_bytes = info->waiting = 0;
        r = dump_both(IPPROTO_TCP, 1u << STATE_ESTABLISHED | 1u << STATE_CLOSE_WAIT | 1u << STATE_LISTEN, &tally);
        if (r < 0)
                return reason_set(reason, -ENOTSUP, LEAT_ROW_LIMITS,
                                  "this kernel does not tell about its sockets (CONFIG_INET_DIAG)");
        if (!tally.listening)
                return reason_set(reason, -ECONNREFUSED, LEAT_ROW_LISTENING, "nobody listens there on this machine");
        return 0;
}

/* One that listens; or else any, which may be in the way too. */
static void find_holder(const struct inet_diag_msg *socket, struct tally *tally) {
        if (socket->idiag_inode == 0 || (tally->listening && socket->idiag_state != STATE_LISTEN))
                return; /* what waits in TIME_WAIT is nobody's */
        tally->listening = socket->idiag_state == STATE_LISTEN;
        tally->inode = socket->idiag_inode;
        tally->uid = socket->idiag_uid;
}

/* Of a name one of its addresses; it was looked up a moment ago, when the port was found taken. */
static int dump_candidates(const struct inet_name *name, int protocol, struct tally *tally) {
        struct inet_candidates candidates;
        int r = resolver_candidates(name, leat_in_ms(LOOK_UP_MS), NULL, &candidates);
        for (size_t i = 0; r == 0 && tally->inode == 0 && i < candidates.count; i++) {
                const struct inet_name one = { .kind = INET_NUMBER, .port = name->port, .number = candidates.all[i] };
                tally->name = &one;
                r = dump_both(protocol, UINT32_MAX, tally);
        }
        tally->name = name;
        return r;
}

int inet_holder(const struct inet_name *name, int protocol, uint32_t *ret_inode, uid_t *ret_uid) {
        struct tally tally = { .name = name, .count = find_holder };
        int r = name->kind == INET_NAME ? dump_candidates(name, protocol, &tally)
                                        : dump_both(protocol, UINT32_MAX, &tally);
        if (r < 0)
                return -ENOTSUP;
        if (tally.inode == 0)
                return -ENOENT;
        *ret_inode = tally.inode;
        *ret_uid = tally.uid;
        return 0;
}
