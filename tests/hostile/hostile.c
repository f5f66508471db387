/* SPDX-License-Identifier: MIT */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

const char *const place_names[PLACES] = {
        [PIPE] = "pipe", [UNIX] = "unix", [STREAM] = "stream", [UNIX_TO] = "unix_to", [STREAM_TO] = "stream_to",
};

static int type_of(enum place place) {
        return is_packets(place) ? SOCK_SEQPACKET : SOCK_STREAM;
}

static struct sockaddr_un name_of(const char *path) {
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        CHECK(strlen(path) < sizeof name.sun_path);
        strcpy(name.sun_path, path);
        return name;
}

int listen_at(const char *path, int type) {
        struct sockaddr_un name = name_of(path);
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK_EQ(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
        CHECK_EQ(listen(fd, 64), 0);
        return fd;
}

int connect_to(const char *path, int type) {
        struct sockaddr_un name = name_of(path);
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK_EQ(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
        return fd;
}

/* ---- victims ---- */

static void path_of(const struct victim *victim, char *ret_path, size_t size) {
        const char *path = strchr(victim->address, ':') + 1;
        snprintf(ret_path, size, "%.*s", (int)strcspn(path, "?"), path);
}

int victim_connect(const struct victim *victim) {
        char path[120];
        path_of(victim, path, sizeof path);
        return connect_to(path, type_of(victim->place));
}

static void open_pipe(struct victim *victim, unsigned flags, const char *options) {
        int there[2], back[2] = { -1, -1 };
        bool out = flags & (LEAT_SEND | LEAT_CALL), way_back = out || (flags & LEAT_REPLY);
        CHECK_EQ(pipe2(there, O_CLOEXEC), 0);
        if (way_back)
                CHECK_EQ(pipe2(back, O_CLOEXEC), 0);
        if (way_back)
                snprintf(victim->address, sizeof victim->address, "pipe:fd=%d,%d?need=order%s", there[0], back[1],
                         options);
        else
                snprintf(victim->address, sizeof victim->address, "pipe:fd=%d?need=order%s", there[0], options);
        CHECK_EQ(leat_open(victim->address, flags, LEAT_NOW, &victim->channel), 0);
        victim->peer = there[1];
        victim->peer_in = back[0];
}

static void open_socket(struct victim *victim, unsigned flags, const char *options) {
        bool listens = is_listener(victim->place);
        char path[120];
        snprintf(victim->address, sizeof victim->address, "unix%s:%s/%s?%s%s",
                 is_packets(victim->place) ? "" : "-stream", harness_tmpdir(), place_names[victim->place],
                 flags & LEAT_REPLY || flags & LEAT_CALL ? "need=order"
                 : listens                               ? "listen"
                                                         : "connect",
                 options);
        path_of(victim, path, sizeof path);
        if (listens) {
                CHECK_EQ(leat_open(victim->address, flags, harness_deadline_ms(40000), &victim->channel), 0);
                victim->peer = victim_connect(victim);
                return;
        }
        int listener = listen_at(path, type_of(victim->place));
        CHECK_EQ(leat_open(victim->address, flags, harness_deadline_ms(40000), &victim->channel), 0);
        victim->peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        CHECK(victim->peer >= 0);
        close(listener);
        CHECK_EQ(unlink(path), 0);
}

static void open_honest(struct victim *victim) {
        char address[160], path[120];
        path_of(victim, path, sizeof path);
        snprintf(address, sizeof address, "unix%s:%s?connect", is_packets(victim->place) ? "" : "-stream", path);
        CHECK_EQ(leat_open(address, LEAT_SEND, harness_deadline_ms(40000), &victim->honest), 0);
}

void victim_open(struct victim *victim, enum place place, unsigned flags, const char *options) {
        *victim = (struct victim){ .place = place, .peer = -1, .peer_in = -1 };
        if (place == PIPE) {
                open_pipe(victim, flags, options);
                return;
        }
        open_socket(victim, flags, options);
        if (is_listener(place) && (flags & (LEAT_RECEIVE | LEAT_REPLY)) && !(flags & LEAT_SEND) &&
            !strstr(options, "framing"))
                open_honest(victim);
}

void victim_close(struct victim *victim) {
        leat_close(victim->honest);
        leat_close(victim->channel);
        if (victim->peer >= 0)
                close(victim->peer);
        if (victim->peer_in >= 0)
                close(victim->peer_in);
}

/* ---- the honest sender ---- */

void honest_send(struct victim *victim) {
        if (!victim->honest)
                return;
        uint64_t number = ++victim->honest_sent;
        CHECK_EQ(leat_send(victim->honest, HONEST, &number, sizeof number, harness_deadline_ms(40000)), 0);
}

ssize_t victim_receive(struct victim *victim, void *buffer, size_t size, int64_t deadline,
                       struct leat_message *ret_about) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        if (!ret_about)
                ret_about = &about;
        while (true) {
                ssize_t n = leat_receive(victim->channel, LEAT_ANY, buffer, size, deadline, ret_about);
                uint64_t number = 0;
                if (n < 0 || ret_about->type != HONEST)
                        return n;
                CHECK_EQ(n, sizeof number);
                memcpy(&number, buffer, sizeof number);
                CHECK_EQ(number, victim->honest_received + 1);
                victim->honest_received = number;
        }
}

void check_honest(struct victim *victim) {
        char buffer[64];
        if (!victim->honest)
                return;
        honest_send(victim);
        while (victim->honest_received < victim->honest_sent) {
                ssize_t n = victim_receive(victim, buffer, sizeof buffer, LEAT_NOW, NULL);
                if (n < 0)
                        CHECK_EQ(n, victim->honest_received < victim->honest_sent ? 0 : -EAGAIN);
        }
}

/* ---- the hostile peer ---- */

size_t make_frame(enum place place, const struct wire_header *header, const void *bytes, uint8_t *ret_frame) {
        bool trailer = header->kind == WIRE_MESSAGE || header->kind == WIRE_REPLY || header->kind == WIRE_CONTINUE;
        size_t size = wire_frame_bytes(header);
        wire_encode(header, ret_frame);
        if (size > 0 && bytes)
                memcpy(ret_frame + WIRE_HEADER_BYTES, bytes, size);
        else
                memset(ret_frame + WIRE_HEADER_BYTES, 'x', size);
        size += WIRE_HEADER_BYTES;
        if (trailer && !is_packets(place))
                ret_frame[size++] = 0;
        return size;
}

void peer_write(const struct victim *victim, const void *bytes, size_t size) {
        ssize_t n = victim->place == PIPE ? write(victim->peer, bytes, size)
                                          : send(victim->peer, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        CHECK_EQ(n, size);
}

void peer_send(const struct victim *victim, const struct wire_header *header, const void *bytes) {
        uint8_t frame[FRAME_MOST];
        peer_write(victim, frame, make_frame(victim->place, header, bytes, frame));
}

void send_with_descriptors(int fd, const void *bytes, size_t size, const int *descriptors, size_t count) {
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(LEAT_DESCRIPTORS_MAX * sizeof(int))];
        } control;
        struct iovec part = { .iov_base = (void *)bytes, .iov_len = size };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
        if (count > 0) {
                memset(&control, 0, sizeof control);
                message.msg_control = control.bytes;
                message.msg_controllen = CMSG_SPACE(count * sizeof(int));
                struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
                rights->cmsg_level = SOL_SOCKET;
                rights->cmsg_type = SCM_RIGHTS;
                rights->cmsg_len = CMSG_LEN(count * sizeof(int));
                memcpy(CMSG_DATA(rights), descriptors, count * sizeof(int));
        }
        /* By itself: the one of musl takes no more than 252. */
        CHECK_EQ(syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL), size);
}

void check_cut_off(struct victim *victim, int error) {
        uint8_t answer[256];
        struct wire_header header;
        int64_t deadline = harness_deadline_ms(40000);
        ssize_t n;
        if (victim->place == PIPE) {
                struct pollfd poll_fd = { .fd = victim->peer };
                CHECK_EQ(poll(&poll_fd, 1, (int)((deadline - leat_now()) / 1000000)), 1);
                CHECK(poll_fd.revents & POLLERR);
                return;
        }
        do /* it closed with bytes unread */
                n = recv(victim->peer, answer, sizeof answer, MSG_DONTWAIT);
        while (n < 0 && errno == ECONNRESET);
        CHECK_EQ(n, WIRE_HEADER_BYTES);
        CHECK_EQ(wire_decode(answer, 1, &header), 0);
        CHECK_EQ(header.kind, WIRE_REFUSE);
        CHECK_EQ(header.type, error);
        do
                n = recv(victim->peer, answer, sizeof answer, MSG_DONTWAIT);
        while (n < 0 && errno == ECONNRESET);
        CHECK_EQ(n, 0);
}

/* ---- the rest ---- */

size_t resident_bytes(pid_t pid) {
        char path[64];
        size_t pages = 0;
        snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
        FILE *file = fopen(path, "re");
        CHECK(file && fscanf(file, "%*u %zu", &pages) == 1);
        fclose(file);
        return pages * (size_t)sysconf(_SC_PAGESIZE);
}

void add_at(unsigned places, const char *name, void (*function)(void *place)) {
        static const enum place all[PLACES] = { PIPE, UNIX, STREAM, UNIX_TO, STREAM_TO };
        char full[80];
        for (int i = 0; i < PLACES; i++) {
                snprintf(full, sizeof full, "%s_%s", name, place_names[i]);
                if (places & AT(i))
                        harness_add(full, function, (void *)&all[i]);
        }
}
