/* SPDX-License-Identifier: MIT */

/*
 * Where a server listens: at addresses, and on sockets that somebody else made. Those may be shared with other processes, and their flags are theirs: a listening one that
 * is not O_NONBLOCK stays so. If another process takes the connection between the epoll's word and accept4(), that would wait for the next one; so it is given a
 * SO_RCVTIMEO of the shortest time for that call, and the old one back. Another process that begins to wait in accept() in these microseconds, on the same socket, is told
 * EAGAIN by and by: the lesser evil, and it has lost a race for a connection anyway.
 */

#include "base/cleanup.h"
#include "process/command.h"
#include "rpc/rpc_address.h"
#include "rpc/server.h"
#include "transport/inet_socket.h"
#include "transport/tcp_socket.h"
#include "transport/udp_socket.h"
#include "transport/unix_name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>

#define ACCEPTS_AT_ONCE 64
#define ADDRESS_TEXT (PATH_MAX * 3 + 16) /* each byte of a path may take three */
#define PAUSE_MS 20                      /* without descriptors: until it is tried again */

/* One address. In server->listeners, in the order in which they were named; those of channels and datagrams stand there for the order alone. */
struct listener {
        struct rpc_watch watch; /* fd -1: it is none of ours to accept from, or closed */
        struct list node;
        struct unix_name *name; /* that is to be removed; or NULL */
        char *text; /* the address; NULL: of a channel, which knows it; empty: of the second socket of one address */
        size_t channel; /* its number */
        bool shared;    /* with other processes, perhaps */
        bool blocks;    /* it is not O_NONBLOCK */
};

static void listener_ready(struct leat_rpc_server *server, struct rpc_watch *watch, uint32_t events);

/* text: taken over. fd: likewise, also on failure. */
static int add_listener(struct leat_rpc_server *server, int fd, char *text, struct listener **ret_listener) {
        struct listener *listener = calloc(1, sizeof(*listener));
        if (!listener || !text) {
                close_fd(fd);
                free(text);
                free(listener);
                return -ENOMEM;
        }
        listener->text = text;
        listener->watch.fd = fd;
        listener->watch.ready = listener_ready;
        fork_hold();
        list_insert(&server->listeners, &listener->node);
        fork_release();
        if (ret_listener)
                *ret_listener = listener;
        return fd < 0 ? 0 : rpc_watch_set(server, &listener->watch, EPOLLIN);
}

static void listener_close(struct leat_rpc_server *server, struct listener *listener) {
        if (listener->name && fork_owns(&server->member))
                unix_name_unbind(listener->name);
        fork_hold();
        listener->name = unix_name_free(listener->name);
        fork_release();
        rpc_watch_close(server, &listener->watch);
}

static void listener_free(struct leat_rpc_server *server, struct listener *listener) {
        listener_close(server, listener);
        fork_hold();
        list_remove(&listener->node);
        fork_release();
        free(listener->text);
        free(listener);
}

void rpc_listeners_after_fork(struct leat_rpc_server *server) {
        for (struct list *node = server->listeners.next; node != &server->listeners; node = node->next) {
                struct listener *listener = CONTAINER_OF(node, struct listener, node);
                if (listener->name)
                        listener->name->directory = close_fd(listener->name->directory);
        }
}

void rpc_listeners_close_all(struct leat_rpc_server *server) {
        while (!list_empty(&server->listeners))
                listener_free(server, CONTAINER_OF(server->listeners.next, struct listener, node));
}

/* ---- accepting ---- */

static bool someone_waits(const struct listener *listener) {
        struct pollfd door = { .fd = listener->watch.fd, .events = POLLIN };
        return poll(&door, 1, 0) > 0;
}

/* If another thread forks before it is watched, the child knows of it all the same. */
static int take_connection(struct leat_rpc_server *server, const struct listener *listener) {
        fork_hold();
        int fd = accept4(listener->watch.fd, NULL, NULL, SOCK_CLOEXEC);
        int r = fd < 0 ? -errno : fd;
        server->arriving_fd = fd;
        fork_release();
        return r;
}

/* As the head of this file has it. */
static int take_without_waiting(struct leat_rpc_server *server, const struct listener *listener) {
        const struct timeval least = { .tv_usec = 1 };
        struct timeval before = { 0 };
        socklen_t size = sizeof(before);
        int fd = listener->watch.fd;
        if (!someone_waits(listener))
                return -EAGAIN;
        if (getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &before, &size) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &least, sizeof(least)) < 0)
                return -errno;
        int r = take_connection(server, listener);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &before, sizeof(before));
        return r;
}

/* Nobody can be accepted: the doors are not looked at until there is room, or a moment later. */
static void pause_listening(struct leat_rpc_server *server) {
        server->is_listening_paused = true;
        rpc_server_due(server, leat_in_ms(PAUSE_MS));
        for (struct list *node = server->listeners.next; node != &server->listeners; node = node->next) {
                struct listener *listener = CONTAINER_OF(node, struct listener, node);
                if (listener->watch.is_watched)
                        (void)rpc_watch_set(server, &listener->watch, 0);
        }
}

static void keep_reserve(struct leat_rpc_server *server) {
        if (server->reserve_fd >= 0)
                return;
        fork_hold();
        server->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        fork_release();
}

void rpc_listeners_resume(struct leat_rpc_server *server) {
        keep_reserve(server);
        if (!server->is_listening_paused || server->is_draining)
                return;
        server->is_listening_paused = false;
        for (struct list *node = server->listeners.next; node != &server->listeners; node = node->next) {
                struct listener *listener = CONTAINER_OF(node, struct listener, node);
                if (listener->watch.is_watched && rpc_watch_set(server, &listener->watch, EPOLLIN) < 0)
                        rpc_server_due(server, leat_in_ms(PAUSE_MS));
        }
}

/* No descriptor is left: somebody who is idle gives his up, else the reserve is given. accept4() says so also if nobody waits. */
static bool make_room(struct leat_rpc_server *server, const struct listener *listener) {
        if (!someone_waits(listener))
                return false;
        if (rpc_stream_evict(server))
                return true;
        if (server->reserve_fd < 0)
                return false;
        fork_hold();
        server->reserve_fd = close_fd(server->reserve_fd);
        fork_release();
        return true;
}

/* What befell a connection before it was accepted is no trouble of ours (accept(2)). */
static bool is_its_own(int error) {
        static const int errors[] = { -EINTR,       -ECONNABORTED, -EPROTO,       -ENONET,     -ECONNRESET,  -ENETDOWN,
                                      -ENOPROTOOPT, -EHOSTDOWN,    -EHOSTUNREACH, -EOPNOTSUPP, -ENETUNREACH, -EPERM };
        for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
                if (errors[i] == error)
                        return true;
        return false;
}

/* Returns 0: there may be more. -EAGAIN: nobody waits. Else nobody can be accepted. */
static int accept_one(struct leat_rpc_server *server, const struct listener *listener) {
        bool full = server->info.connections >= server->limits.connections_max;
        if (full && !someone_waits(listener))
                return -EAGAIN; /* nobody gives way to nobody */
        if (full && !rpc_stream_evict(server))
                return -EBUSY;
        int fd = listener->blocks ? take_without_waiting(server, listener) : take_connection(server, listener);
        if (fd >= 0) {
                (void)rpc_stream_accept(
                        server, fd); /* it went before we could look, or has too many already: its own trouble */
                return 0;
        }
        if (is_its_own(fd))
                return 0;
        if (fd != -EMFILE && fd != -ENFILE)
                return fd;
        return make_room(server, listener) ? 0 : someone_waits(listener) ? fd : -EAGAIN;
}

static void listener_ready(struct leat_rpc_server *server, struct rpc_watch *watch, uint32_t events) {
        const struct listener *listener = CONTAINER_OF(watch, struct listener, watch);
        (void)events;
        int r = server->is_draining || server->is_listening_paused ? -EAGAIN : 0;
        for (int left = ACCEPTS_AT_ONCE; r == 0 && left > 0; left--)
                r = accept_one(server, listener);
        if (r < 0 && r != -EAGAIN)
                pause_listening(server);
}

/* What waits at the door has been received: it is taken, as far as there is room. A flood of newcomers does not end that: there are so many. */
void rpc_listeners_drain(struct leat_rpc_server *server) {
        for (struct list *node = server->listeners.next; node != &server->listeners; node = node->next) {
                struct listener *listener = CONTAINER_OF(node, struct listener, node);
                int r = listener->watch.fd >= 0 ? 0 : -EAGAIN;
                for (int left = SOMAXCONN; r == 0 && left > 0; left--)
                        r = accept_one(server, listener);
                if (listener->shared)
                        rpc_watch_remove(server, &listener->watch);
                else
                        listener_close(server, listener);
        }
}

bool rpc_listeners_are_open(const struct leat_rpc_server *server) {
        for (const struct list *node = server->listeners.next; node != &server->listeners; node = node->next)
                if (CONTAINER_OF(node, const struct listener, node)->watch.fd >= 0)
                        return true;
        return false;
}

/* ---- addresses ---- */

static bool is_plain(unsigned char c) {
        return c > ' ' && c < 0x7f && c != '%' && c != '?';
}

/* As leat_rpc_connect() reads it: what would mean something else there is written as %XX. */
static char *unix_text(const char *path) {
        char *text = malloc(strlen(path) * 3 + sizeof("unix:")), *to = text;
        if (!text)
                return NULL;
        to += sprintf(to, "unix:");
        for (; *path; path++)
                if (is_plain((unsigned char)*path))
                        *to++ = *path;
                else
                        to += sprintf(to, "%%%02x", (unsigned char)*path);
        *to = '\0';
        return text;
}

/* Of both loopbacks, by the port alone; else the one of IPv4. */
static char *inet_text(const char *scheme, int fd, int twin) {
        char at[INET_TEXT_BYTES], *text;
        struct inet_address one, other;
        if (inet_socket_name(fd, false, &one) < 0)
                return NULL;
        inet_format(&one, at, sizeof(at));
        if (twin >= 0 && inet_socket_name(twin, false, &other) == 0) {
                bool loopback = inet_is_loopback(&one) && inet_is_loopback(&other);
                if (loopback)
                        (void)snprintf(at, sizeof(at), ":%u", (unsigned)inet_port(&one));
                else if (other.any.sa_family == AF_INET)
                        inet_format(&other, at, sizeof(at));
        }
        return asprintf(&text, "%s:%s", scheme, at) < 0 ? NULL : text;
}

static int listen_tcp(struct leat_rpc_server *server, const struct address *address, int64_t deadline,
                      struct leat_reason *reason) {
        struct inet_name name;
        int fds[2] = { -1, -1 };
        int r = inet_parse(address, reason, &name);
        if (r == 0)
                r = inet_check(address, &name, true, reason);
        if (r == 0)
                r = tcp_listen(address, &name, deadline, reason, fds);
        if (r < 0)
                return r;
        r = add_listener(server, fds[0], inet_text("tcp", fds[0], fds[1]), NULL);
        if (r < 0)
                close_fd(fds[1]);
        return r < 0 || fds[1] < 0 ? r : add_listener(server, fds[1], strdup(""), NULL);
}

static int listen_unix(struct leat_rpc_server *server, const struct address *address, int64_t deadline,
                       struct leat_reason *reason) {
        CLEANUP(unix_name_free_at) struct unix_name *name = NULL;
        char path[ADDRESS_TEXT];
        struct listener *listener = NULL;
        int fd = -1;
        int r = unix_name_new(address, true, reason, &name);
        if (r == 0)
                r = unix_name_resolve(name, path, sizeof(path));
        if (r == 0)
                r = unix_name_listen(name, SOCK_STREAM, address, deadline, reason, &fd);
        if (r < 0)
                return r;
        r = add_listener(server, fd, unix_text(path), &listener);
        if (r < 0 || !listener)
                unix_name_unbind(name);
        else
                listener->name = TAKE(name);
        return r;
}

static int listen_udp(struct leat_rpc_server *server, const struct address *address, int64_t deadline,
                      struct leat_reason *reason) {
        struct datagram datagram = { .fds = { -1, -1 } };
        struct inet_name name;
        int r = inet_parse(address, reason, &name);
        if (r == 0)
                r = inet_check(address, &name, true, reason);
        if (r == 0)
                r = udp_bind(address, &name, deadline, reason, &datagram);
        if (r < 0)
                return r;
        char *text = inet_text("udp", datagram.fds[0], datagram.fds[1]);
        r = rpc_datagram_add(server, datagram.fds[0]);
        if (r < 0)
                close_fd(datagram.fds[1]);
        else if (datagram.fds[1] >= 0)
                r = rpc_datagram_add(server, datagram.fds[1]);
        if (r == 0)
                return add_listener(server, -1, text, NULL);
        free(text);
        return r;
}

static size_t count_channels(const struct leat_rpc_server *server) {
        size_t count = 0;
        for (const struct list *node = server->channels.next; node != &server->channels; node = node->next)
                count++;
        return count;
}

static int add_channel(struct leat_rpc_server *server, struct leat_channel *channel, bool owned) {
        size_t number = count_channels(server);
        struct listener *listener = NULL;
        int r = rpc_channel_add(server, channel, owned);
        if (r < 0 && owned)
                (void)leat_close(channel);
        if (r == 0)
                r = add_listener(server, -1, strdup(""), &listener);
        if (r < 0 || !listener)
                return r;
        free(TAKE(listener->text));
        listener->channel = number;
        return 0;
}

static int listen_channel(struct leat_rpc_server *server, const char *text, int64_t deadline,
                          struct leat_reason *reason) {
        struct leat_channel *channel;
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        options.flags = LEAT_REPLY;
        options.deadline = deadline;
        int r = leat_open_with(text, &options, reason, &channel);
        return r < 0 ? r : add_channel(server, channel, true);
}

static int listen_at(struct leat_rpc_server *server, const char *text, int64_t deadline, struct leat_reason *reason) {
        CLEANUP(address_clear) struct address address = { 0 };
        enum rpc_address_kind kind;
        int r = rpc_address_parse(text, reason, &address, &kind);
        if (r < 0)
                return r;
        if (kind == RPC_ADDRESS_CHANNEL)
                return listen_channel(server, text, deadline, reason);
        if (address_given(&address, OPTION_CONNECT))
                return reason_at(reason, -ENOTSUP, address.columns[OPTION_CONNECT], "a server listens");
        if (address_given(&address, OPTION_WAIT))
                spin_init(&server->spin, (enum spin_mode)address.wait);
        if (kind == RPC_ADDRESS_TCP)
                return listen_tcp(server, &address, deadline, reason);
        return kind == RPC_ADDRESS_UNIX ? listen_unix(server, &address, deadline, reason)
                                        : listen_udp(server, &address, deadline, reason);
}

/* May it take another source? */
static int guard(struct leat_rpc_server *server) {
        if (!server)
                return -EINVAL;
        if (!fork_owns(&server->member))
                return -ECHILD;
        return rpc_server_is_running(server) && !rpc_server_is_runner(server) ? -EBUSY : 0;
}

int leat_rpc_server_listen(struct leat_rpc_server *server, const char *address, int64_t deadline,
                           struct leat_reason *ret_reason) {
        struct leat_reason unwanted = { 0 };
        struct leat_reason *reason = ret_reason ? ret_reason : &unwanted;
        *reason = (struct leat_reason){ 0 };
        int r = guard(server);
        if (r == 0)
                r = listen_at(server, address, deadline, reason);
        if (r < 0 && !reason->error)
                (void)reason_set(reason, r, LEAT_ROW_NONE, leat_strerror(r));
        return r;
}

int leat_rpc_server_add_channel(struct leat_rpc_server *server, struct leat_channel *channel) {
        int r = channel ? guard(server) : -EINVAL;
        return r < 0 ? r : add_channel(server, channel, false);
}

static ssize_t tell(const char *text, char *ret_address, size_t size_bytes) {
        size_t length = strlen(text);
        if (length >= size_bytes)
                return -ERANGE;
        memcpy(ret_address, text, length + 1);
        return (ssize_t)length;
}

ssize_t leat_rpc_server_address(struct leat_rpc_server *server, size_t n, char *ret_address, size_t size_bytes) {
        if (!server || (!ret_address && size_bytes > 0))
                return -EINVAL;
        if (!fork_owns(&server->member))
                return -ECHILD;
        for (struct list *node = server->listeners.next; node != &server->listeners; node = node->next) {
                const struct listener *listener = CONTAINER_OF(node, struct listener, node);
                if (listener->text && listener->text[0] == '\0')
                        continue;
                if (n-- > 0)
                        continue;
                return listener->text ? tell(listener->text, ret_address, size_bytes)
                                      : rpc_channel_address(server, listener->channel, ret_address, size_bytes);
        }
        return -ENOENT;
}

/* ---- sockets that were given ---- */

static int socket_option(int fd, int option, int *ret_value) {
        socklen_t size = sizeof(*ret_value);
        return getsockopt(fd, SOL_SOCKET, option, ret_value, &size) < 0 ? -errno : 0;
}

/* The name that a socket of unix is bound to, as an address. */
static char *socket_text(int fd, int domain) {
        struct sockaddr_un name = { 0 };
        socklen_t size = sizeof(name);
        char path[sizeof(name.sun_path) + 2] = "";
        if (domain != AF_UNIX)
                return inet_text("tcp", fd, -1);
        if (getsockname(fd, (struct sockaddr *)&name, &size) < 0)
                return NULL;
        size_t length =
                size > offsetof(struct sockaddr_un, sun_path) ? size - offsetof(struct sockaddr_un, sun_path) : 0;
        memcpy(path, name.sun_path, length < sizeof(name.sun_path) ? length : sizeof(name.sun_path));
        if (length > 0 && path[0] == '\0')
                path[0] = '@';
        return unix_text(path);
}

static int adopt_listening(struct leat_rpc_server *server, int fd, int domain) {
        struct listener *listener = NULL;
        int flags = fcntl(fd, F_GETFL);
        int r = add_listener(server, fd, socket_text(fd, domain), &listener);
        if (r < 0 || !listener)
                return r;
        listener->shared = true;
        listener->blocks = !(flags & O_NONBLOCK);
        return 0;
}

static int adopt_datagram(struct leat_rpc_server *server, int fd) {
        char *text = inet_text("udp", fd, -1);
        int r = text ? rpc_datagram_add(server, fd) : -ENOMEM;
        if (r < 0) {
                free(text);
                return r;
        }
        return add_listener(server, -1, text, NULL);
}

struct socket_kind {
        int type, domain, listens;
};

/* 0: requests may come by it. */
static int look_at_socket(int fd, struct socket_kind *ret_kind) {
        int r = socket_option(fd, SO_TYPE, &ret_kind->type);
        if (r == 0)
                r = socket_option(fd, SO_DOMAIN, &ret_kind->domain);
        if (r == 0)
                r = socket_option(fd, SO_ACCEPTCONN, &ret_kind->listens);
        if (r < 0)
                return r;
        bool is_inet = ret_kind->domain == AF_INET || ret_kind->domain == AF_INET6;
        bool is_stream = ret_kind->type == SOCK_STREAM && (is_inet || ret_kind->domain == AF_UNIX);
        return is_stream || (is_inet && ret_kind->type == SOCK_DGRAM) ? 0 : -EOPNOTSUPP;
}

/* On failure the descriptor stays the caller's: so it is a twin that is used, and the caller's is closed at the end. */
int leat_rpc_server_adopt(struct leat_rpc_server *server, int fd) {
        struct socket_kind kind = { 0 };
        int r = fd < 0 ? -EINVAL : guard(server);
        if (r == 0)
                r = look_at_socket(fd, &kind);
        if (r < 0)
                return r;
        int twin = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (twin < 0)
                return -errno;
        if (kind.type == SOCK_DGRAM)
                r = adopt_datagram(server, twin);
        else
                r = kind.listens ? adopt_listening(server, twin, kind.domain) : rpc_stream_accept(server, twin);
        if (r == 0)
                close_fd(fd);
        return r;
}

/* Can all of them be served? No program that this one starts is to have them, whatever becomes of them here. */
static int look_at_inherited(int count) {
        struct socket_kind kind;
        int r = 0;
        for (int i = 0; i < count; i++) {
                int fd = CHANNEL_FD_FIRST + i;
                int error = fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : look_at_socket(fd, &kind);
                r = r < 0 ? r : error;
        }
        return r;
}

int leat_rpc_server_adopt_inherited(struct leat_rpc_server *server) {
        int r = guard(server), taken = 0, count = inherited_count(INT_MAX - CHANNEL_FD_FIRST);
        if (r == 0)
                r = look_at_inherited(count);
        for (; taken < count && r == 0; taken++)
                r = leat_rpc_server_adopt(server, CHANNEL_FD_FIRST + taken);
        return r < 0 ? r : taken;
}
