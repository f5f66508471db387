/* SPDX-License-Identifier: MIT */
#include "transport/unix_channel.h"

#include "base/cleanup.h"
#include "channel/hub.h"
#include "channel/link_ring.h"
#include "transport/ends.h"
#include "transport/unix_diag.h"
#include "transport/unix_name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static int set_capacity(int fd, const struct address *address) {
        int bytes = (int)address->capacity;
        if (!address_given(address, OPTION_CAPACITY))
                return 0;
        return setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) < 0 ? -errno : 0;
}

static int look_at_peer(int fd, struct leat_peer *ret_peer) {
        struct ucred who;
        socklen_t size = sizeof(who);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
                return -errno;
        *ret_peer = (struct leat_peer){ .known = true, .pid = who.pid, .uid = who.uid, .gid = who.gid };
        return 0;
}

static int pass_credentials(int fd, const struct link_options *options) {
        const int on = 1;
        if (!options->credentials)
                return 0;
        return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ? -errno : 0;
}

static int accepted(struct leat_channel *channel, int fd, struct leat_peer *ret_peer) {
        struct hub *hub = channel->state;
        int r = set_capacity(fd, &channel->address);
        if (r == 0)
                r = pass_credentials(fd, &hub->options);
        return r < 0 ? r : look_at_peer(fd, ret_peer);
}

static void fill_buffers(int fd, int type, struct leat_info *info) {
        int bytes = 0;
        socklen_t size = sizeof(bytes);
        if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &size) == 0)
                info->capacity_bytes = (uint64_t)bytes;
        info->atomic_bytes = type == SOCK_SEQPACKET ? WIRE_FRAME_BYTES : 0;
}

/* Of a receiver the rings are those that the others send by: the least of them. One that nobody has said yet is not known. */
static uint64_t ring_bytes(const struct leat_channel *channel, const struct hub *hub) {
        uint64_t least = DOES_SEND(channel->flags) ? hub->options.ring_bytes : LEAT_UNKNOWN;
        for (size_t i = 0; i < hub->slots && !DOES_SEND(channel->flags); i++) {
                const struct link_ring *ring = hub->links[i] ? hub->links[i]->ring : NULL;
                if (ring && ring->peer && ring->reader.size < least)
                        least = ring->reader.size;
        }
        return least;
}

static void info(struct leat_channel *channel, struct leat_info *info) {
        struct hub *hub = channel->state;
        struct link *link = hub_find(hub, 0);
        int fd = hub->listener >= 0 ? hub->listener : link ? link->in.fd : -1;
        const struct unix_name *name = hub->context;
        struct stat status;
        fill_buffers(fd, hub->options.packets ? SOCK_SEQPACKET : SOCK_STREAM, info);
        if (hub->options.ring_bytes > 0)
                info->capacity_bytes = ring_bytes(channel, hub);
        if (hub->listener >= 0)
                info->owner = (struct leat_peer){ .known = true, .pid = getpid(), .uid = geteuid(), .gid = getegid() };
        else if (link)
                info->owner = link->peer;
        if (name && !name->abstract && fstatat(name->directory, name->base, &status, AT_SYMLINK_NOFOLLOW) == 0)
                info->mode = status.st_mode & 07777;
}

static void close_name(void *context, bool ours) {
        struct unix_name *name = context;
        if (name && ours)
                unix_name_unbind(name);
        unix_name_free(name);
}

static void after_fork(void *context) {
        struct unix_name *name = context;
        if (name)
                name->directory = close_fd(name->directory);
}

/* The path, whatever the address said; of an inbox the pid at the end of its name. */
static int tell_address(struct leat_channel *channel, char *ret_text, size_t size) {
        const struct hub *hub = channel->state;
        const struct unix_name *name = hub->context;
        if (!name)
                return -ENOTSUP;
        const char *text = strcmp(channel->address.scheme, "inbox") == 0 ? strrchr(name->path, '-') + 1 : name->path;
        return snprintf(ret_text, size, "%s", text) < (int)size ? 0 : -ERANGE;
}

static void set_up(int fd, const struct address *address, const struct link_options *options,
                   struct leat_peer *ret_peer) {
        *ret_peer = (struct leat_peer){ 0 };
        (void)pass_credentials(fd, options); /* cannot fail on a socket */
        (void)set_capacity(fd, address);
        (void)look_at_peer(fd, ret_peer); /* unknown then */
}

static int connect_again(struct leat_channel *channel, struct io *ret_io, struct leat_peer *ret_peer) {
        const struct hub *hub = channel->state;
        int r = unix_name_try(hub->context, hub->options.packets ? SOCK_SEQPACKET : SOCK_STREAM, &ret_io->fd);
        if (r == 0)
                set_up(ret_io->fd, &channel->address, &hub->options, ret_peer);
        return r;
}

static const struct hub_kind kind = { .accepted = accepted,
                                      .info = info,
                                      .after_fork = after_fork,
                                      .close = close_name,
                                      .address = tell_address,
                                      .connect = connect_again,
                                      .peers_known = true };

static struct link_options link_options(const struct leat_channel *channel, int type) {
        struct link_options options = hub_link_options(channel);
        options.packets = type == SOCK_SEQPACKET;
        options.descriptors = options.framing == FRAMING_LEAT;
        options.ring_bytes = channel->address.ring; /* of shm: alone */
        options.ring_huge = address_given(&channel->address, OPTION_HUGE) && DOES_SEND(channel->flags);
        options.answers = ends_listens(channel);
        /* Only the credentials tell an empty packet from the end. */
        options.credentials |= options.packets && options.framing == FRAMING_RAW;
        return options;
}

/* Of a channel whose counters others can read: where it is. */
static void publish(struct leat_channel *channel, const struct unix_name *name) {
        char path[PATH_MAX + 64];
        struct stat status = { 0 };
        if (!channel->counters_file.bytes || !name)
                return;
        if (!name->abstract)
                (void)fstatat(name->directory, name->base, &status, AT_SYMLINK_NOFOLLOW);
        if (unix_name_resolve(name, path, sizeof(path)) < 0)
                path[0] = '\0'; /* without /proc: the inode will do */
        counters_name(channel, path, (uint64_t)status.st_dev, (uint64_t)status.st_ino, ends_listens(channel));
}

int unix_channel_open(struct leat_channel *channel, int type, int64_t deadline, struct leat_reason *reason) {
        CLEANUP(unix_name_free_at) struct unix_name *name = NULL;
        struct link_options options = link_options(channel, type);
        const struct address *address = &channel->address;
        int fd, r = ends_check_direction(channel, reason);
        if (r == 0)
                r = ends_check_again(channel, reason);
        if (r == 0)
                r = ends_check_limits(address, false, reason);
        if (r == 0)
                r = unix_name_new(address, true, reason, &name);
        if (r < 0)
                return r;
        if (ends_listens(channel)) {
                r = unix_name_listen(name, type, address, deadline, reason, &fd);
                if (r == 0)
                        r = pass_credentials(fd, &options); /* accepted ones inherit it, from the first byte */
                if (r == 0)
                        r = hub_new_listening(channel, &kind, name, &options, fd);
                if (r < 0)
                        unix_name_unbind(name);
        } else {
                struct leat_peer peer;
                r = unix_name_connect(name, type, address, deadline, reason, &fd);
                if (r < 0)
                        return r;
                set_up(fd, address, &options, &peer);
                struct io io = { .fd = fd, .kind = IO_SOCKET };
                r = hub_new_connected(channel, &kind, name, &options, io, io, &peer);
        }
        if (r < 0)
                return r;
        publish(channel, name);
        (void)TAKE(name);
        return 0;
}

static int pair_end(struct leat_channel *channel, int type, bool answers, int fd) {
        struct link_options options = link_options(channel, type);
        options.answers = answers;
        struct leat_peer peer;
        struct io io = { .fd = fd, .kind = IO_SOCKET };
        set_up(fd, &channel->address, &options, &peer);
        return hub_new_connected(channel, &kind, NULL, &options, io, io, &peer);
}

int unix_channel_pair(struct leat_channel *receiver, struct leat_channel *sender, int type,
                      struct leat_reason *reason) {
        int fds[2];
        if (sender->again.on || receiver->again.on)
                return reason_set(
                        reason, -ENOTSUP, LEAT_ROW_DEATH,
                        "what has no name cannot be connected to again; leave ?reconnect and ?at-least-once away");
        if (ends_check_limits(&receiver->address, false, reason) < 0)
                return -EINVAL;
        if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        int r = pair_end(receiver, type, true, fds[0]);
        if (r < 0) {
                close_fd(fds[1]);
                return r;
        }
        return pair_end(sender, type, false, fds[1]);
}

/* ---- on addresses ---- */

int unix_channel_look(const struct address *address, bool datagrams, struct leat_reason *reason,
                      struct leat_info *info) {
        CLEANUP(unix_name_free_at) struct unix_name *name = NULL;
        struct stat status;
        int r = unix_name_new(address, false, reason, &name);
        if (r < 0)
                return r;
        if (!name->abstract) {
                r = unix_name_probe(name);
                if (r == -ENOENT)
                        return reason_set(reason, r, LEAT_ROW_OPENING, "nothing is there");
                if (r == -ENOTSOCK)
                        return reason_set(reason, r, LEAT_ROW_OPENING, "that is no socket");
                if (r == 0)
                        return reason_set(reason, -ECONNREFUSED, LEAT_ROW_OPENING,
                                          "its listener is gone and left the file; the next opener takes it over");
                if (fstatat(name->directory, name->base, &status, AT_SYMLINK_NOFOLLOW) == 0) {
                        info->mode = status.st_mode & 07777;
                        info->owner = (struct leat_peer){ .known = true, .uid = status.st_uid, .gid = status.st_gid };
                }
        }
        return unix_diag(name, datagrams, reason, info);
}

int unix_channel_inspect(const struct address *address, struct leat_reason *reason, struct leat_info *info) {
        return unix_channel_look(address, false, reason, info);
}

int unix_channel_create(const struct address *address, mode_t mode, bool new_only, struct leat_reason *reason) {
        (void)address, (void)mode, (void)new_only;
        return reason_set(reason, -ENOTSUP, LEAT_ROW_LIFETIME,
                          "a socket lives with its processes: there is nothing to make before a receiver opens it");
}

int unix_channel_set(const struct address *address, const char *property, const char *value,
                     struct leat_reason *reason) {
        CLEANUP(unix_name_free_at) struct unix_name *name = NULL;
        int r = unix_name_new(address, false, reason, &name);
        if (r < 0)
                return r;
        if (strcmp(property, "mode") != 0)
                return reason_set(reason, -ENOTSUP, LEAT_ROW_LIMITS,
                                  "of a socket only the mode can be set from outside");
        if (name->abstract)
                return reason_set(reason, -ENOTSUP, LEAT_ROW_OPENING,
                                  "an abstract name has no permissions; use a path");
        char *end;
        unsigned long mode = strtoul(value, &end, 8);
        if (*value < '0' || *value > '7' || *end != '\0' || mode > 0777)
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING, "permission bits are wanted, in octal: mode=0660");
        r = unix_name_probe(name);
        if (r < 0 && r != -EACCES)
                return r == -ENOENT ? reason_set(reason, r, LEAT_ROW_OPENING, "nothing is there") : r;
        return fchmodat(name->directory, name->base, (mode_t)mode, 0) < 0 ? -errno : 0;
}

int unix_channel_remove(const struct address *address, struct leat_reason *reason) {
        CLEANUP(unix_name_free_at) struct unix_name *name = NULL;
        int r = unix_name_new(address, false, reason, &name);
        if (r < 0)
                return r;
        if (name->abstract)
                return reason_set(reason, -ENOTSUP, LEAT_ROW_LIFETIME, "an abstract name goes with its listener");
        CLOSE_AT_EXIT int lock = unix_name_lock(name, leat_in_s(5));
        if (lock < 0)
                return lock;
        r = unix_name_probe(name);
        if (r == 1)
                return reason_set(reason, -EBUSY, LEAT_ROW_LIFETIME, "its listener lives, and the name goes with it");
        if (r == -ENOENT)
                return reason_set(reason, r, LEAT_ROW_OPENING, "nothing is there");
        if (r == -ENOTSOCK)
                return reason_set(reason, r, LEAT_ROW_OPENING, "that is no socket; it is left alone");
        if (r < 0)
                return r;
        return unlinkat(name->directory, name->base, 0) < 0 ? -errno : 0;
}
