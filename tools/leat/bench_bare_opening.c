/* SPDX-License-Identifier: MIT */

/* To open an end: a unix socket that connects, and its first byte. */

#include "tools/leat/bench_bare.h"
#include "tools/leat/bench_opening.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

static void name_socket(const struct end *end, struct sockaddr_un *ret_name) {
        *ret_name = (struct sockaddr_un){ .sun_family = AF_UNIX };
        (void)snprintf(ret_name->sun_path, sizeof(ret_name->sun_path), "%s/bare-%u", end->setting->folder,
                       end->setting->number);
}

static int bind_opening(struct end *end) {
        struct sockaddr_un name;
        if (end->side == 0)
                return 0;
        name_socket(end, &name);
        end->in = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        return end->in < 0 || bind(end->in, (struct sockaddr *)&name, sizeof(name)) < 0 || listen(end->in, 16) < 0
                       ? -errno
                       : 0;
}

static int opening_open(struct end *end, const struct job *job) {
        struct sockaddr_un name;
        name_socket(end, &name);
        uint64_t count = opening_count(end);
        for (uint64_t i = 0; i < job->count; i++) {
                int64_t before = leat_now();
                CLOSE_AT_EXIT int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
                if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0 ||
                    send(fd, end->message, job->size, MSG_NOSIGNAL) < 0)
                        return -errno;
                opening_await(end, ++count, before);
        }
        return 0;
}

static int opening_opened(struct end *end, const struct job *job) {
        for (uint64_t i = 0; i < job->count; i++) {
                CLOSE_AT_EXIT int fd = accept4(end->in, NULL, NULL, SOCK_CLOEXEC);
                if (fd < 0 || recv(fd, end->message, job->size, 0) < 0)
                        return -errno;
                opening_landed(end);
        }
        return 0;
}

static void remove_opening(struct end ends[2]) {
        struct sockaddr_un name;
        name_socket(&ends[0], &name);
        (void)unlink(name.sun_path);
}

const struct contender bare_opening = {
        .name = "bare",
        .what = "connect and send on a unix socket, accept and recv",
        .loops = { .open = opening_open, .opened = opening_opened },
        .drop = bare_drop,
        .bind = bind_opening,
        .remove = remove_opening,
};
