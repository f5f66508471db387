/* SPDX-License-Identifier: MIT */
#include "transport/inet_socket.h"

#include "base/cleanup.h"
#include "transport/resolver.h"

#include <errno.h>

#define PORTS_TRIED 32 /* free ports that turned out to be taken in the other family */

int inet_set(int fd, int level, int option, int value) {
        return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

int inet_set_capacity(int fd, const struct address *address, int option) {
        return address_given(address, OPTION_CAPACITY) ? inet_set(fd, SOL_SOCKET, option, (int)address->capacity) : 0;
}

int inet_socket_name(int fd, bool other, struct inet_address *ret_address) {
        struct sockaddr_storage name = { 0 };
        socklen_t size = sizeof(name);
        int r = other ? getpeername(fd, (struct sockaddr *)&name, &size)
                      : getsockname(fd, (struct sockaddr *)&name, &size);
        if (r < 0)
                return -errno;
        return inet_from_kernel(&name, ret_address) ? 0 : -EAFNOSUPPORT;
}

/* The kernel knows no address of this family, or has none such. */
static bool is_absent(int error) {
        return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL || error == -ENETDOWN;
}

/* The same port in the other family, where there is an address for it. */
static int bind_twin(const struct inet_binding *binding, const struct address *address,
                     const struct inet_candidates *candidates, size_t first, int fds[2]) {
        struct inet_address bound = { 0 };
        int r = inet_socket_name(fds[0], false, &bound);
        for (size_t i = first + 1; r == 0 && i < candidates->count; i++) {
                struct inet_address at = candidates->all[i];
                if (at.any.sa_family == bound.any.sa_family)
                        continue;
                inet_set_port(&at, inet_port(&bound));
                r = binding->bind(address, &at, false, &fds[1]);
                return is_absent(r) ? 0 : r;
        }
        return r;
}

/* One socket, and its twin. */
static int bind_both(const struct inet_binding *binding, const struct address *address, const struct inet_name *name,
                     const struct inet_candidates *candidates, int fds[2]) {
        bool every = name->kind == INET_EVERY;
        int r = -EADDRNOTAVAIL;
        for (size_t i = 0; i < candidates->count && is_absent(r); i++) {
                r = binding->bind(address, &candidates->all[i], every, &fds[0]);
                if (r == 0 && !every)
                        r = bind_twin(binding, address, candidates, i, fds);
        }
        for (int i = 0; i < 2 && r == 0 && binding->listens; i++)
                if (fds[i] >= 0 && listen(fds[i], (int)address->backlog) < 0)
                        r = -errno;
        return r;
}

static void close_both(int fds[2]) {
        fds[0] = close_fd(fds[0]);
        fds[1] = close_fd(fds[1]);
}

int inet_bind(const struct inet_binding *binding, const struct address *address, const struct inet_name *name,
              int64_t deadline, struct leat_reason *reason, int ret_fds[2]) {
        struct inet_candidates candidates;
        int fds[2] = { -1, -1 };
        int r = resolver_candidates(name, deadline, reason, &candidates);
        if (r < 0)
                return r;
        for (int tries = 0; tries < PORTS_TRIED; tries++) {
                r = bind_both(binding, address, name, &candidates, fds);
                if (r == 0)
                        break;
                close_both(fds);
                if (r != -EADDRINUSE || name->port != 0)
                        break;
        }
        if (r == -EADDRINUSE && address_given(address, OPTION_NEW))
                return reason_set(reason, -EEXIST, LEAT_ROW_OPENING,
                                  "somebody has this port already; leave ?new away, or choose another");
        if (r < 0)
                return inet_explain(r, reason);
        if (address_given(address, OPTION_OPEN)) {
                close_both(fds);
                return reason_set(reason, -ENOENT, LEAT_ROW_OPENING, binding->not_there);
        }
        ret_fds[0] = fds[0];
        ret_fds[1] = fds[1];
        return 0;
}
