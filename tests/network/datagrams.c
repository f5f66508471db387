/* SPDX-License-Identifier: MIT */
#include "datagrams.h"

struct leat_channel *open_end(const char *address, unsigned flags) {
        return open_or_fail(address, flags, SOON);
}

/* Bind somewhere that only this test knows; *ret_address is for the other ends. */
struct leat_channel *bind_end(const char *scheme, const char *options, unsigned flags, char ret_address[256]) {
        char address[256];
        if (strcmp(scheme, "udp") == 0)
                snprintf(address, sizeof address, "udp:127.0.0.1:0%s", options);
        else
                snprintf(address, sizeof address, "unix-dgram:%s/end%s", harness_tmpdir(), options);
        struct leat_channel *channel = open_end(address, flags);
        CHECK(leat_channel_address(channel, ret_address, 200) > 0);
        return channel;
}

void take(struct leat_channel *receiver, const char *text) {
        (void)take_or_fail(receiver, text, SOON);
}

void nothing_comes(struct leat_channel *receiver) {
        char buffer[64];
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
}

/* ---- a stranger with a plain socket ---- */

size_t make_frame(uint8_t *frame, int kind, uint64_t sequence, uint64_t reference, const char *text) {
        size_t size = strlen(text);
        memset(frame, 0, HEADER_BYTES);
        memcpy(frame, "Lt\1", 3);
        frame[3] = (uint8_t)kind;
        frame[8] = (uint8_t)size;
        frame[16] = 1;
        for (int i = 0; i < 8; i++) {
                frame[24 + i] = (uint8_t)(sequence >> 8 * i);
                frame[32 + i] = (uint8_t)(sequence >> 8 * i);
                frame[40 + i] = (uint8_t)(reference >> 8 * i);
        }
        memcpy(frame + HEADER_BYTES, text, size);
        return HEADER_BYTES + size;
}

/* Where an address says, as the system writes it. */
socklen_t parse(const char *address, struct sockaddr_storage *ret_to) {
        memset(ret_to, 0, sizeof *ret_to);
        if (strncmp(address, "udp:", 4) == 0) {
                struct sockaddr_in *to = (struct sockaddr_in *)ret_to;
                char host[64];
                unsigned port;
                CHECK_EQ(sscanf(address, "udp:%63[0-9.]:%u", host, &port), 2);
                to->sin_family = AF_INET;
                to->sin_port = htons((uint16_t)port);
                CHECK_EQ(inet_pton(AF_INET, host, &to->sin_addr), 1);
                return sizeof *to;
        }
        struct sockaddr_un *to = (struct sockaddr_un *)ret_to;
        to->sun_family = AF_UNIX;
        snprintf(to->sun_path, sizeof to->sun_path, "%s", strchr(address, ':') + 1);
        return sizeof *to;
}

/* A socket of its own, with a name, that talks to the address. */
int make_stranger(const char *address) {
        struct sockaddr_storage to;
        socklen_t bytes = parse(address, &to);
        int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const struct sockaddr_un any = { .sun_family = AF_UNIX };
        CHECK(fd >= 0);
        if (to.ss_family == AF_UNIX)
                CHECK_EQ(bind(fd, (const struct sockaddr *)&any, sizeof(sa_family_t)), 0);
        CHECK_EQ(connect(fd, (const struct sockaddr *)&to, bytes), 0);
        return fd;
}

void put(int fd, int kind, uint64_t sequence, uint64_t reference, const char *text) {
        uint8_t frame[256];
        size_t size = make_frame(frame, kind, sequence, reference, text);
        CHECK_EQ(send(fd, frame, size, 0), size);
}

void check_call(struct leat_channel *caller, const char *text) {
        char reply[64] = "", expected[64];
        ssize_t n = leat_call(caller, 1, text, strlen(text), reply, sizeof reply - 1, SOON, NULL);
        if (n < 0)
                FAIL("call: %s", leat_strerror((int)n));
        snprintf(expected, sizeof expected, "%s!", text);
        CHECK_STR(reply, expected);
}

void *call_second(void *argument) {
        check_call(argument, "second");
        return NULL;
}

void take_request(struct leat_channel *replier, const char *text, struct leat_message *ret_about) {
        char buffer[64] = "";
        *ret_about = (struct leat_message)LEAT_MESSAGE_INIT;
        CHECK_EQ(leat_receive(replier, LEAT_ANY, buffer, sizeof buffer - 1, SOON, ret_about), strlen(text));
        CHECK_STR(buffer, text);
        CHECK(ret_about->flags & LEAT_WANTS_REPLY);
}
