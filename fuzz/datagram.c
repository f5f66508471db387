/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: frames from the network. First one datagram is looked at, bytes alone; then the bytes are cut into datagrams
 * that strangers with two addresses send to a receiver, one that replies, or one of a pair. Half of them have the headers of several
 * messages put right, so that these are reached.
 *
 * What must hold: the frames that are taken fill their datagram and say what they were asked to check; each receive
 * says a word that its header names; what was sent is taken, refused or dropped, and nothing else comes; no
 * descriptor is left.
 */

#include "transport/datagram.h"
#include "require.h"

#include <errno.h>
#include <leat.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define LARGEST 4096
#define STRANGERS 2

static void look(const uint8_t *data, size_t size) {
        for (int framing = FRAMING_LEAT; framing <= FRAMING_RAW; framing++) {
                struct datagram_frame frame = { 0 };
                int r = datagram_look((enum framing)framing, data, size, LARGEST, size % 3, &frame);
                REQUIRE(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
                if (r < 0)
                        continue;
                size_t at = 0;
                while (true) {
                        REQUIRE(frame.bytes >= data + at);
                        REQUIRE(frame.about.size_bytes <= LARGEST || frame.whole_bytes < size);
                        REQUIRE(frame.about.type >= 1 && frame.about.priority <= LEAT_PRIORITY_MAX);
                        REQUIRE(frame.kind == WIRE_MESSAGE || frame.kind == WIRE_REPLY || frame.kind == WIRE_REFUSE ||
                                frame.kind == WIRE_TAKEN);
                        REQUIRE(frame.kind == WIRE_REFUSE ? frame.refusal < 0 : frame.refusal == 0);
                        at += frame.whole_bytes;
                        REQUIRE(frame.bytes + frame.about.size_bytes == data + at && at <= size);
                        if (at == size)
                                break;
                        REQUIRE(frame.kind == WIRE_MESSAGE && size <= DATAGRAM_BUNDLE_BYTES);
                        datagram_look_next(data + at, &frame);
                }
        }
}

/* Make several messages of these bytes: the first of each says how long it is. Returns how many bytes. */
static size_t make_bundle(const uint8_t *data, size_t size, uint8_t *ret_bytes, size_t most) {
        size_t used = 0;
        for (size_t at = 0; at < size;) {
                size_t left = size - at - 1, part = data[at] % 64 < left ? data[at] % 64 : left;
                const struct wire_header header = { .kind = WIRE_MESSAGE,
                                                    .size = (uint32_t)part,
                                                    .type = 1 + data[at] / 64,
                                                    .sequence = at + 1,
                                                    .time_ns = 1 };
                if (most - used < WIRE_HEADER_BYTES + part)
                        break;
                wire_encode(&header, ret_bytes + used);
                memcpy(ret_bytes + used + WIRE_HEADER_BYTES, data + at + 1, part);
                if (data[at] == 0xff) /* and here they say what they like */
                        memcpy(ret_bytes + used, data + at + 1, part < WIRE_HEADER_BYTES ? part : WIRE_HEADER_BYTES);
                used += WIRE_HEADER_BYTES + part;
                at += 1 + part;
        }
        return used;
}

/* The numbers that the bytes say, at times that they say: none comes twice without a newer time. */
static void walk(const uint8_t *data, size_t size) {
        struct window window = { 0 };
        struct window_counts counts = { 0 };
        uint64_t delivered = 0, taken = 0, number = 0;
        for (size_t i = 0; i + 1 < size; i += 2, taken++) {
                uint64_t step = data[i] & 1 ? (uint64_t)1 << (data[i + 1] & 63) : data[i + 1];
                number = data[i] & 2 ? number + step : 1 + step; /* on from the last, or from the first */
                number += number == 0;
                delivered += window_take(&window, number, 1 + (data[i] >> 3), &counts);
        }
        REQUIRE(delivered + counts.doubled == taken && counts.late <= delivered);
        REQUIRE(counts.lost <= taken * WINDOW_GAP); /* whatever they say, it stays a number */
}

static int make_stranger(const char *name) {
        struct sockaddr_un own = { .sun_family = AF_UNIX }, to = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        memcpy(to.sun_path + 1, name, strlen(name));
        REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&own, sizeof(sa_family_t)) == 0);
        REQUIRE(connect(fd, (struct sockaddr *)&to,
                        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))) == 0);
        return fd;
}

static bool is_known(ssize_t n) {
        return n >= 0 || n == -EAGAIN || n == -EMSGSIZE || n == -EBADMSG || n == -EPROTONOSUPPORT || n == -ENOMEM ||
               n == -EBUSY;
}

/* Take what came, and answer who asks. */
static void take_all(struct leat_channel *channel, bool replies) {
        static char buffer[LARGEST];
        ssize_t n = 0;
        while (n != -EAGAIN) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                n = leat_receive(channel, LEAT_ANY, buffer, sizeof(buffer), LEAT_NOW, &about);
                REQUIRE(is_known(n) && n <= (ssize_t)sizeof(buffer));
                if (n >= 0 && replies && (about.flags & LEAT_WANTS_REPLY)) {
                        int r = leat_reply(channel, &about, 1, "r", 1, LEAT_NOW);
                        REQUIRE(r == 0 || r == -EAGAIN || r == -EPIPE ||
                                r == -ETIMEDOUT); /* the last: the caller gave up */
                }
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const options[] = { "?size=4k", "?size=4k", "?size=4k&pattern=pair&listen",
                                               "?size=4k&framing=raw" };
        static const unsigned flags[] = { LEAT_RECEIVE, LEAT_REPLY, LEAT_SEND | LEAT_RECEIVE, LEAT_RECEIVE };
        struct leat_channel *channel;
        char name[64], address[128];
        int strangers[STRANGERS];
        if (size < 1)
                return 0;
        static uint8_t bundle[DATAGRAM_BUNDLE_BYTES];
        size_t bundle_size = make_bundle(data + 1, size - 1, bundle, sizeof(bundle));
        look(data + 1, size - 1);
        look(bundle, bundle_size);
        walk(data + 1, size - 1);
        unsigned way = data[0] & 3;
        snprintf(name, sizeof(name), "leat-fuzz-datagram-%d", (int)getpid());
        snprintf(address, sizeof(address), "unix-dgram:@%s%s", name, options[way]);
        REQUIRE(leat_open(address, flags[way], LEAT_NOW, &channel) == 0);
        for (int i = 0; i < STRANGERS; i++)
                strangers[i] = make_stranger(name);
        size_t step = (size_t)(data[0] >> 2) * 4 + 49;
        for (size_t at = 1, i = 0; at < size && i < 64; at += step, i++) {
                size_t left = size - at < step ? size - at : step;
                char reply[LARGEST + WIRE_HEADER_BYTES];
                (void)!send(strangers[i % STRANGERS], data + at, left, 0);
                take_all(channel, way == 1);
                bundle_size = make_bundle(data + at, left, bundle, sizeof(bundle));
                (void)!send(strangers[i % STRANGERS], bundle, bundle_size, 0);
                take_all(channel, way == 1);
                while (recv(strangers[i % STRANGERS], reply, sizeof(reply), 0) >= 0)
                        ;
        }
        struct leat_info info = LEAT_INFO_INIT;
        REQUIRE(leat_channel_info(channel, &info) == 0);
        for (int i = 0; i < STRANGERS; i++)
                close(strangers[i]);
        leat_close(channel);
        return 0;
}
