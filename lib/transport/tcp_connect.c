/* SPDX-License-Identifier: MIT */
#include "transport/tcp_connect.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "transport/inet_socket.h"
#include "transport/tcp_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/deadline.h>
#include <poll.h>

#define MS INT64_C(1000000)
#define PAUSE_FIRST_NS MS
#define PAUSE_MOST_NS (50 * MS)       /* on this machine, where asking costs next to nothing */
#define PAUSE_MOST_FAR_NS (1000 * MS) /* elsewhere */

int tcp_connector_init(struct tcp_connector *connector, const struct address *address, const struct inet_name *name) {
        *connector = (struct tcp_connector){ .address = address, .name = *name, .pause_ns = PAUSE_FIRST_NS };
        if (name->kind == INET_NAME)
                return look_up_start(name, &connector->look_up);
        inet_candidates(name, &connector->candidates);
        return 0;
}

void tcp_connector_clear(struct tcp_connector *connector) {
        while (connector->attempts_count > 0)
                close_fd(connector->attempts[--connector->attempts_count].fd);
        look_up_leave(connector->look_up);
        connector->look_up = NULL;
}

/* ---- one attempt ---- */

/* It did not work out: the next candidate need not wait. */
static void note(struct tcp_connector *connector, int error) {
        /* A connection that was reset while it was made met a listener that is closing. */
        if (error == -ECONNREFUSED || error == -ECONNRESET || error == -ECONNABORTED)
                connector->refused = true;
        else
                connector->error = error;
        connector->next_at = 0;
}

/*
 * A port of those that the kernel gives out by itself may be given to our own socket, which is then connected to itself (RFC 9293, section
 * 3.5: a simultaneous open): nobody listens there.
 */
static bool is_itself(int fd, const struct inet_address *there) {
        struct inet_address here;
        return inet_socket_name(fd, false, &here) == 0 && inet_same(&here, there);
}

static int finish(int fd) {
        struct inet_address there;
        if (inet_socket_name(fd, true, &there) < 0)
                return -ECONNABORTED; /* it was interrupted, or is gone already */
        if (is_itself(fd, &there)) {
                io_reset_at_close(fd, true); /* the port is to be free for who wants to listen */
                return -ECONNREFUSED;
        }
        /* Without O_NONBLOCK: it may be handed to another program. We ask for MSG_DONTWAIT each time. */
        return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) < 0 ? -errno : 0;
}

/* It is connected, or failed with r, which is noted: as look_after(). */
static int conclude(struct tcp_connector *connector, int r, int *fd, int *ret_fd) {
        if (r == 0)
                r = finish(*fd);
        if (r < 0) {
                note(connector, r);
                return -EAGAIN;
        }
        *ret_fd = take_fd(fd);
        return 0;
}

/* Look after the n-th that is under way. 0: *ret_fd is connected; -EAGAIN: it still is, or it failed and that is noted. */
static int look_after(struct tcp_connector *connector, unsigned n, int *ret_fd) {
        struct pollfd state = { .fd = connector->attempts[n].fd, .events = POLLOUT };
        if (poll(&state, 1, 0) <= 0)
                return -EAGAIN;
        CLOSE_AT_EXIT int fd = connector->attempts[n].fd;
        connector->attempts[n] = connector->attempts[--connector->attempts_count];
        return conclude(connector, tcp_error(fd), &fd, ret_fd);
}

/* Begin one. The same. */
static int begin(struct tcp_connector *connector, const struct inet_address *to, int *ret_fd) {
        CLOSE_AT_EXIT int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int r = fd < 0 ? -errno : tcp_prepare(fd, connector->address);
        if (r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -ENOBUFS)
                return r;
        bool refused = r == 0 && connect(fd, &to->any, to->bytes) < 0;
        if (refused && (errno == EINPROGRESS || errno == EINTR)) {
                connector->attempts[connector->attempts_count++] = (struct tcp_attempt){ take_fd(&fd), *to };
                connector->next_at = leat_in_ms(TCP_NEXT_AFTER_MS);
                /* Over loopback it is done by now: also who does not wait (LEAT_NOW) is to get there. */
                return look_after(connector, connector->attempts_count - 1, ret_fd);
        }
        if (refused)
                r = errno == EAGAIN ? -EADDRNOTAVAIL : -errno; /* EAGAIN: no port is left on this side */
        return conclude(connector, r, &fd, ret_fd);
}

/* ---- all of them ---- */

static bool all_on_loopback(const struct inet_candidates *candidates) {
        for (size_t i = 0; i < candidates->count; i++)
                if (!inet_is_loopback(&candidates->all[i]))
                        return false;
        return true;
}

static int explain(int error, struct leat_reason *reason) {
        if (error == -EADDRNOTAVAIL)
                return reason_set(reason, error, LEAT_ROW_LIMITS,
                                  "no address or port of this machine is left to connect from; see "
                                  "net.ipv4.ip_local_port_range and `ip address`");
        if (error == -ETIMEDOUT)
                return reason_set(reason, -EHOSTUNREACH, LEAT_ROW_OPENING,
                                  "the host does not answer: it is down, or a firewall drops what comes for that port");
        return inet_explain(error, reason);
}

/* All have failed: is it worth trying again? */
static int end_round(struct tcp_connector *connector, struct leat_reason *reason) {
        if (!connector->refused)
                return explain(connector->error, reason);
        if (address_given(connector->address, OPTION_OPEN))
                return inet_explain(-ECONNREFUSED, reason);
        int64_t most = all_on_loopback(&connector->candidates) ? PAUSE_MOST_NS : PAUSE_MOST_FAR_NS;
        connector->paused_until = leat_in_ns(connector->pause_ns);
        connector->pause_ns = 2 * connector->pause_ns < most ? 2 * connector->pause_ns : most;
        connector->next = 0;
        connector->next_at = 0;
        connector->error = 0;
        connector->refused = false;
        return -EAGAIN;
}

static int look_up(struct tcp_connector *connector, struct leat_reason *reason) {
        int r = connector->look_up ? look_up_take(connector->look_up, reason, &connector->candidates) : 0;
        if (r == 0) {
                look_up_leave(connector->look_up);
                connector->look_up = NULL;
        }
        return r;
}

int tcp_connector_try(struct tcp_connector *connector, struct leat_reason *reason, int *ret_fd) {
        int r = look_up(connector, reason);
        if (r < 0)
                return r;
        for (unsigned n = connector->attempts_count; n-- > 0;) {
                r = look_after(connector, n, ret_fd);
                if (r != -EAGAIN)
                        return r;
        }
        if (connector->paused_until > leat_now())
                return -EAGAIN;
        while (connector->next < connector->candidates.count && connector->attempts_count < TCP_ATTEMPTS_MAX &&
               (connector->attempts_count == 0 || connector->next_at <= leat_now())) {
                r = begin(connector, &connector->candidates.all[connector->next++], ret_fd);
                if (r != -EAGAIN)
                        return r;
        }
        bool over = connector->attempts_count == 0 && connector->next == connector->candidates.count;
        return over ? end_round(connector, reason) : -EAGAIN;
}

void tcp_connector_arm(const struct tcp_connector *connector, struct wait *wait) {
        if (connector->look_up) {
                look_up_arm(connector->look_up, wait);
                return;
        }
        for (unsigned n = 0; n < connector->attempts_count; n++)
                wait_add(wait, connector->attempts[n].fd, POLLOUT);
        if (connector->attempts_count == 0)
                wait_look_again(wait, connector->paused_until);
        else if (connector->next < connector->candidates.count && connector->attempts_count < TCP_ATTEMPTS_MAX)
                wait_look_again(wait, connector->next_at);
}

int tcp_connector_explain(const struct tcp_connector *connector, int error, struct leat_reason *reason) {
        const char *text = "no receiver came";
        if (connector->look_up)
                text = "the name is still being looked up; allow more time, or use a number";
        else if (connector->attempts_count > 0 && all_on_loopback(&connector->candidates))
                text = "its receiver lets connections wait, and ?backlog= of them wait already; or the interface lo is "
                       "down";
        else if (connector->attempts_count > 0)
                text = "the host does not answer: it is down, a firewall drops what comes for that port, or it is far; "
                       "allow more time";
        return reason_set(reason, error, LEAT_ROW_LISTENING, text);
}

static void clear_at(struct tcp_connector *connector) {
        tcp_connector_clear(connector);
}

int tcp_connect(const struct address *address, const struct inet_name *name, int64_t deadline,
                struct leat_reason *reason, int *ret_fd) {
        CLEANUP(clear_at) struct tcp_connector connector;
        int r = tcp_connector_init(&connector, address, name);
        while (r == 0 && (r = tcp_connector_try(&connector, reason, ret_fd)) == -EAGAIN) {
                struct wait wait;
                wait_init(&wait);
                tcp_connector_arm(&connector, &wait);
                r = deadline == LEAT_NOW ? -EAGAIN : wait_until(&wait, deadline);
                if (r < 0)
                        return tcp_connector_explain(&connector, r, reason);
        }
        return r;
}
