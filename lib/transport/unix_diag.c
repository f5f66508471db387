/* SPDX-License-Identifier: MIT */
#include "transport/unix_diag.h"

#include "base/cleanup.h"
#include "transport/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <linux/unix_diag.h>
#include <string.h>
#include <sys/socket.h>

#define STATE_ESTABLISHED 1 /* TCP_ESTABLISHED of the kernel, which unix sockets use too */
#define STATE_CLOSE 7       /* TCP_CLOSE: a socket of datagrams that receives */
#define STATE_LISTEN 10     /* TCP_LISTEN */

/* What one socket of the dump says. */
struct entry {
        const char *name; /* as in sun_path, without its length's NUL */
        size_t name_bytes;
        const struct unix_diag_rqlen *queue;
        uint32_t inode; /* of the file of its name; 0: none */
};

/* What is looked for, and what was found. */
struct search {
        const struct unix_name *name;
        ino_t inode;
        bool datagrams, listening;
        struct leat_info *info;
};

static void parse_entry(const struct nlmsghdr *header, struct entry *entry) {
        const struct unix_diag_msg *message = NLMSG_DATA(header);
        const struct rtattr *attribute = (const struct rtattr *)(message + 1);
        int left = (int)(header->nlmsg_len - NLMSG_LENGTH(sizeof(*message)));
        *entry = (struct entry){ 0 };
        for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
                if (attribute->rta_type == UNIX_DIAG_NAME) {
                        entry->name = RTA_DATA(attribute);
                        entry->name_bytes = RTA_PAYLOAD(attribute);
                } else if (attribute->rta_type == UNIX_DIAG_RQLEN &&
                           RTA_PAYLOAD(attribute) >= sizeof(struct unix_diag_rqlen))
                        entry->queue = RTA_DATA(attribute);
                else if (attribute->rta_type == UNIX_DIAG_VFS && RTA_PAYLOAD(attribute) >= sizeof(struct unix_diag_vfs))
                        entry->inode = ((const struct unix_diag_vfs *)RTA_DATA(attribute))->udiag_vfs_ino;
        }
}

/* Is it the socket, or a connection, of this name? Of a path the inode decides: the text may be relative. */
static bool is_named(const struct entry *entry, const struct unix_name *name, ino_t inode) {
        size_t bytes = name->address_bytes - offsetof(struct sockaddr_un, sun_path);
        if (!name->abstract)
                return entry->inode != 0 && entry->inode == (uint32_t)inode;
        return entry->name && entry->name_bytes == bytes && memcmp(entry->name, name->address.sun_path, bytes) == 0;
}

static void count(const struct nlmsghdr *header, void *argument) {
        struct search *search = argument;
        struct leat_info *info = search->info;
        const struct unix_diag_msg *message = NLMSG_DATA(header);
        struct entry entry;
        parse_entry(header, &entry);
        /* Abstract names of datagrams and of connections are different ones. */
        if (!is_named(&entry, search->name, search->inode) || (message->udiag_type == SOCK_DGRAM) != search->datagrams)
                return;
        if (search->datagrams) {
                search->listening =
                        true; /* whoever sends to it is not known to it, and of what waits only the next's size */
                info->parties = info->queued_bytes = LEAT_UNKNOWN;
        } else if (message->udiag_state == STATE_LISTEN) {
                search->listening = true;
                info->waiting = entry.queue ? entry.queue->udiag_rqueue : LEAT_UNKNOWN;
        } else if (message->udiag_state == STATE_ESTABLISHED) {
                info->parties++;
                info->queued_bytes += entry.queue ? entry.queue->udiag_rqueue : 0;
        }
}

static int ask(int fd, struct search *search) {
        const struct {
                struct nlmsghdr header;
                struct unix_diag_req request;
        } question = {
                .header = DIAG_HEADER(sizeof(question)),
                .request = { .sdiag_family = AF_UNIX,
                             .udiag_states = 1u << STATE_ESTABLISHED | 1u << STATE_CLOSE | 1u << STATE_LISTEN,
                             .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_RQLEN },
        };
        return diag_dump(fd, &question.header, count, search);
}

int unix_diag(const struct unix_name *name, bool datagrams, struct leat_reason *reason, struct leat_info *info) {
        struct stat status = { 0 };
        CLOSE_AT_EXIT int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        if (!name->abstract && fstatat(name->directory, name->base, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        info->parties = info->queued_bytes = 0;
        struct search search = { .name = name, .inode = status.st_ino, .datagrams = datagrams, .info = info };
        int r = fd < 0 ? -errno : ask(fd, &search);
        if (r < 0) {
                info->parties = info->queued_bytes = info->waiting = LEAT_UNKNOWN;
                return 0; /* a kernel without it: what is known otherwise is told all the same */
        }
        if (!search.listening)
                return reason_set(reason, -ECONNREFUSED, LEAT_ROW_LISTENING, "nobody listens there");
        return 0;
}
