/* SPDX-License-Identifier: MIT */

/*
 * udp: one message a datagram. A turn takes some of them, and the epoll gives each socket its turn. A reply that the socket does not take is dropped, and one that is too
 * large for a datagram says so: its caller asks again, and the cache of replies has it.
 */

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "rpc/server.h"
#include "transport/inet_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>

#define TURN_DATAGRAMS 16u
#define LAST_DATAGRAMS 1024u            /* that are taken when it begins to drain */
#define BUFFER_BYTES ((size_t)64 << 10) /* more than any datagram has */
#define STARVED_MS 50                   /* memory may be had again, and nobody tells */
#define PROGRAM_AT 12u                  /* in a call */

struct rpc_datagram {
        struct rpc_watch watch;
        struct list node;
        struct leat_rpc_server *server;
        uint8_t *buffer;       /* BUFFER_BYTES; NULL: the last one went with its request */
        struct rpc_peer *peer; /* who sent last, with a reference; or NULL */
        bool starved;          /* not watched: there was no room */
        /* with the lock */
        uint32_t requests; /* that are not over */
};

/* What the kernel says beside the bytes, and is told. */
union control {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* ---- replies ---- */

/* Of the address that the caller knows: the kernel would choose one by the route. */
static void add_source(struct msghdr *header, const struct leat_rpc_request *request) {
        struct in_pktinfo v4 = { 0 };
        struct in6_pktinfo v6 = { 0 };
        if (request->to_family == AF_INET) {
                memcpy(&v4.ipi_spec_dst, request->to, sizeof(v4.ipi_spec_dst));
                io_add_control(header, IPPROTO_IP, IP_PKTINFO, &v4, sizeof(v4));
        } else if (request->to_family == AF_INET6) {
                memcpy(&v6.ipi6_addr, request->to, sizeof(v6.ipi6_addr));
                io_add_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof(v6));
        }
}

static int reply(struct leat_rpc_request *request) {
        const struct rpc_datagram *datagram = request->origin;
        union control control;
        struct iovec part = { request->reply.bytes, request->reply.size_bytes };
        struct msghdr header = { .msg_name = &request->from,
                                 .msg_namelen = request->from_bytes,
                                 .msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes };
        add_source(&header, request);
        if (header.msg_controllen == 0)
                header.msg_control = NULL;
        if (datagram->watch.fd < 0)
                return -EPIPE;
        ssize_t n = io_send_message(datagram->watch.fd, &header);
        if (n == -ECONNREFUSED) /* of one that was sent before, on a socket that somebody has connected */
                n = io_send_message(datagram->watch.fd, &header);
        if (n == -EMSGSIZE)
                return -EMSGSIZE;
        return n < 0 ? -EPIPE : 0;
}

static void release(struct leat_rpc_request *request) {
        struct rpc_datagram *datagram = request->origin;
        if (--datagram->requests == 0 && datagram->watch.fd < 0)
                free(datagram);
}

/* What was decoded may point into the buffer, which then goes with the request. */
static int keep(struct leat_rpc_request *request) {
        struct rpc_datagram *datagram = request->origin;
        if (request->argument) {
                request->owned = TAKE(datagram->buffer);
                return 0;
        }
        return rpc_request_copy(request);
}

static void tell_caller(const struct leat_rpc_request *request, struct leat_rpc_caller *ret_caller) {
        struct inet_address address;
        char text[INET_TEXT_BYTES];
        if (!inet_from_kernel(&request->from, &address))
                return;
        inet_format(&address, text, sizeof(text));
        (void)snprintf(ret_caller->address, sizeof(ret_caller->address), "udp:%s", text);
}

static const struct rpc_source_kind datagram_kind = { .reply = reply,
                                                      .release = release,
                                                      .keep = keep,
                                                      .caller = tell_caller,
                                                      .caches = true,
                                                      .caches_all = true };

/* ---- a datagram comes ---- */

struct arrival {
        struct sockaddr_storage from;
        socklen_t from_bytes;
        sa_family_t to_family;
        uint8_t to[16];
        size_t size_bytes;
};

/* What is sent to everybody, or to a group, is answered from an address that is this machine's: of IPv4 the kernel says which. For what came by IPv4 to a
 * socket of both families there are both. */
static void take_destination(struct arrival *arrival, struct msghdr *header) {
        struct in_pktinfo v4;
        struct in6_pktinfo v6;
        for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control; control = CMSG_NXTHDR(header, control)) {
                if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
                        memcpy(&v4, CMSG_DATA(control), sizeof(v4));
                        arrival->to_family = AF_INET;
                        memcpy(arrival->to, &v4.ipi_spec_dst, sizeof(v4.ipi_spec_dst));
                } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
                        memcpy(&v6, CMSG_DATA(control), sizeof(v6));
                        if (IN6_IS_ADDR_MULTICAST(&v6.ipi6_addr) || IN6_IS_ADDR_V4MAPPED(&v6.ipi6_addr))
                                continue;
                        arrival->to_family = AF_INET6;
                        memcpy(arrival->to, &v6.ipi6_addr, sizeof(v6.ipi6_addr));
                }
        }
}

/* Of port 0 nobody can be: it is not answered. */
static bool has_sender(const struct arrival *arrival) {
        struct inet_address address;
        return inet_from_kernel(&arrival->from, &address) && arrival->from_bytes >= address.bytes &&
               inet_port(&address) != 0;
}

/* Returns 0; -EAGAIN: there is none; -EBADMSG: one that cannot be a call, or whose sender cannot be told. */
static int receive(struct rpc_datagram *datagram, struct arrival *ret_arrival) {
        union control control;
        struct iovec part = { datagram->buffer, BUFFER_BYTES };
        struct msghdr header = { .msg_name = &ret_arrival->from,
                                 .msg_namelen = sizeof(ret_arrival->from),
                                 .msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof(control.bytes) };
        ret_arrival->from.ss_family = ret_arrival->to_family = AF_UNSPEC;
        ssize_t n = io_receive_message(datagram->watch.fd, &header);
        if (n < 0)
                return n == -EAGAIN || n == -ENOMEM || n == -EBADF ? -EAGAIN : -EBADMSG;
        ret_arrival->from_bytes = header.msg_namelen;
        ret_arrival->size_bytes = (size_t)n;
        take_destination(ret_arrival, &header);
        bool whole = !(header.msg_flags & MSG_TRUNC) && (size_t)n <= datagram->server->limits.request_bytes_max;
        return whole && has_sender(ret_arrival) ? 0 : -EBADMSG;
}

/* ---- it is taken ---- */

/* Not watched until there is room again, or memory. */
static void starve(struct rpc_datagram *datagram) {
        if (rpc_watch_set(datagram->server, &datagram->watch, 0) == 0)
                datagram->starved = true;
        rpc_server_due(datagram->server, leat_in_ms(STARVED_MS));
}

/* Mostly it is the same as before. With the lock. */
static struct rpc_peer *find_peer(struct rpc_datagram *datagram, const struct arrival *arrival) {
        uint8_t key[24];
        rpc_peer_key_of(&arrival->from, NULL, key);
        if (datagram->peer && memcmp(datagram->peer->key, key, sizeof(key)) == 0)
                return datagram->peer;
        struct rpc_peer *peer = rpc_peer_enter(datagram->server, key);
        if (datagram->peer)
                rpc_peer_leave(datagram->peer);
        datagram->peer = peer;
        return peer;
}

/* A peer that has more under way than it may is not answered, if it cannot be told so; the others on this socket do not notice. With the lock. */
static bool may_call(const struct rpc_datagram *datagram, const struct rpc_peer *peer, const struct arrival *arrival) {
        if (rpc_request_has_room(datagram->server, peer))
                return true;
        return arrival->size_bytes >= PROGRAM_AT + 4 && get_be32(datagram->buffer + PROGRAM_AT) == COMPANION_PROGRAM;
}

static void take(struct rpc_datagram *datagram, const struct arrival *arrival) {
        struct leat_rpc_server *server = datagram->server;
        (void)pthread_mutex_lock(&server->lock);
        struct rpc_peer *peer = find_peer(datagram, arrival);
        bool may = peer && may_call(datagram, peer, arrival);
        datagram->requests += may;
        (void)pthread_mutex_unlock(&server->lock);
        struct leat_rpc_request *request = may ? rpc_request_new(server, &datagram_kind, datagram, peer) : NULL;
        if (!request) {
                (void)pthread_mutex_lock(&server->lock);
                datagram->requests -= may;
                server->info.unanswered++;
                (void)pthread_mutex_unlock(&server->lock);
                return;
        }
        memcpy(&request->from, &arrival->from, arrival->from_bytes);
        request->from_bytes = arrival->from_bytes;
        request->to_family = arrival->to_family;
        memcpy(request->to, arrival->to, sizeof(request->to));
        request->bytes = datagram->buffer;
        request->size_bytes = arrival->size_bytes;
        rpc_request_take(request);
}

static void drop(struct leat_rpc_server *server) {
        (void)pthread_mutex_lock(&server->lock);
        server->info.unanswered++;
        (void)pthread_mutex_unlock(&server->lock);
}

static bool has_room(struct leat_rpc_server *server) {
        (void)pthread_mutex_lock(&server->lock);
        bool room = rpc_request_has_room(server, NULL);
        (void)pthread_mutex_unlock(&server->lock);
        return room;
}

/* Returns -EAGAIN: there is no more, or no room. */
static int take_one(struct rpc_datagram *datagram) {
        struct arrival arrival;
        if (!datagram->buffer)
                datagram->buffer = malloc(BUFFER_BYTES);
        if (!datagram->buffer || !has_room(datagram->server)) {
                starve(datagram);
                return -EAGAIN;
        }
        int r = receive(datagram, &arrival);
        if (r == 0)
                take(datagram, &arrival);
        else if (r != -EAGAIN)
                drop(datagram->server);
        return r == -EAGAIN ? r : 0;
}

static void ready(struct leat_rpc_server *server, struct rpc_watch *watch, uint32_t events) {
        struct rpc_datagram *datagram = CONTAINER_OF(watch, struct rpc_datagram, watch);
        (void)server;
        (void)events;
        for (unsigned i = 0; i < TURN_DATAGRAMS && !datagram->starved && take_one(datagram) == 0; i++)
                ;
}

/* ---- its life ---- */

/* On a socket of several addresses each datagram tells to which one it came. */
static int tell_destination(int fd) {
        struct inet_address here;
        int r = inet_socket_name(fd, false, &here);
        if (r < 0)
                return r == -EAFNOSUPPORT ? -EOPNOTSUPP : r;
        if (!inet_is_any(&here))
                return 0;
        r = inet_set(fd, IPPROTO_IP, IP_PKTINFO, 1); /* also of what comes by IPv4 to a socket of both families */
        return r == 0 && here.any.sa_family == AF_INET6 ? inet_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) : r;
}

int rpc_datagram_add(struct leat_rpc_server *server, int fd) {
        CLOSE_AT_EXIT int owned = fd;
        int r = tell_destination(fd);
        if (r < 0)
                return r;
        struct rpc_datagram *datagram = calloc(1, sizeof(*datagram));
        if (!datagram)
                return -ENOMEM;
        datagram->server = server;
        datagram->watch = (struct rpc_watch){ .fd = fd, .ready = ready };
        r = rpc_watch_set(server, &datagram->watch, EPOLLIN);
        if (r < 0) {
                free(datagram);
                return r;
        }
        list_insert(&server->datagrams, &datagram->node);
        (void)take_fd(&owned);
        return 0;
}

/* Its memory goes with its last request. */
static void close_socket(struct rpc_datagram *datagram) {
        struct leat_rpc_server *server = datagram->server;
        list_remove(&datagram->node);
        free(TAKE(datagram->buffer));
        (void)pthread_mutex_lock(&server->lock); /* under which replies are sent */
        rpc_watch_close(server, &datagram->watch);
        if (datagram->peer)
                rpc_peer_leave(datagram->peer);
        bool last = datagram->requests == 0;
        (void)pthread_mutex_unlock(&server->lock);
        if (last)
                free(datagram);
}

void rpc_datagram_close_all(struct leat_rpc_server *server) {
        while (!list_empty(&server->datagrams))
                close_socket(CONTAINER_OF(server->datagrams.next, struct rpc_datagram, node));
}

/* What is there is taken; then it is there for its answers alone, and when those are out its port is closed, so that callers are told. */
void rpc_datagram_drain(struct leat_rpc_server *server) {
        for (struct list *node = server->datagrams.next; node != &server->datagrams; node = node->next) {
                struct rpc_datagram *datagram = CONTAINER_OF(node, struct rpc_datagram, node);
                for (unsigned i = 0; i < LAST_DATAGRAMS && !datagram->starved && take_one(datagram) == 0; i++)
                        ;
                (void)rpc_watch_set(server, &datagram->watch, 0);
        }
        rpc_datagram_look(server);
}

static bool is_over(struct leat_rpc_server *server, const struct rpc_datagram *datagram) {
        (void)pthread_mutex_lock(&server->lock);
        bool over = server->is_draining && datagram->requests == 0;
        (void)pthread_mutex_unlock(&server->lock);
        return over;
}

void rpc_datagram_look(struct leat_rpc_server *server) {
        for (struct list *node = server->datagrams.next, *next; node != &server->datagrams; node = next) {
                struct rpc_datagram *datagram = CONTAINER_OF(node, struct rpc_datagram, node);
                next = node->next;
                if (is_over(server, datagram))
                        close_socket(datagram);
                else if (datagram->starved && !server->is_draining &&
                         rpc_watch_set(server, &datagram->watch, EPOLLIN) == 0)
                        datagram->starved = false;
        }
}

bool rpc_datagram_is_drained(struct leat_rpc_server *server) {
        rpc_datagram_look(server);
        return list_empty(&server->datagrams);
}
