/* SPDX-License-Identifier: MIT */

/* unix-dgram: and udp: what strangers send: replies that nobody asked them for, garbage, forged numbers, descriptors. */

#include "datagrams.h"

#include <pthread.h>

/* A forged reply does not reach a caller: the kernel keeps from it what is not from who was asked. */
TEST(a_forged_reply_is_not_taken) {
        struct leat_message about;
        char address[256], callers[256], reply[16];
        uint8_t frame[256];
        pthread_t thread;
        struct leat_channel *replier = bind_end("udp", "", LEAT_REPLY, address);
        struct leat_channel *caller = open_end(address, LEAT_CALL);
        CHECK_EQ(leat_call(caller, 1, "first", 5, reply, sizeof reply, LEAT_NOW, NULL), -EAGAIN);
        take_request(replier, "first", &about);
        CHECK(leat_sender_address(replier, &about, callers, sizeof callers) > 0);
        CHECK_EQ(pthread_create(&thread, NULL, call_second, caller), 0);
        take_request(replier, "second", &about);
        int stranger = make_stranger(callers);
        size_t size = make_frame(frame, REPLY, 1, about.sequence, "forged!");
        for (int i = 0; i < 10; i++) /* the second is told that nobody there listens to it */
                (void)!send(stranger, frame, size, 0);
        CHECK_EQ(leat_reply(replier, &about, 1, "second!", 7, SOON), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        close(stranger);
        leat_close(caller);
        leat_close(replier);
}

/* The same of a unix socket: nobody else may even send to it. */
TEST(nobody_else_may_send_to_a_caller) {
        char address[256], reply[16], request[64];
        struct sockaddr_un caller_name = { 0 };
        struct sockaddr_storage at;
        socklen_t size = sizeof caller_name;
        snprintf(address, sizeof address, "unix-dgram:%s/plain", harness_tmpdir());
        socklen_t bytes = parse(address, &at);
        int asked = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0),
            stranger = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK_EQ(bind(asked, (const struct sockaddr *)&at, bytes), 0);
        struct leat_channel *caller = open_end(address, LEAT_CALL);
        CHECK_EQ(leat_call(caller, 1, "x", 1, reply, sizeof reply, LEAT_NOW, NULL), -EAGAIN);
        CHECK_EQ(recvfrom(asked, request, sizeof request, 0, (struct sockaddr *)&caller_name, &size), HEADER_BYTES + 1);
        CHECK(size > sizeof(sa_family_t));
        CHECK_EQ(sendto(stranger, request, HEADER_BYTES, 0, (struct sockaddr *)&caller_name, size), -1);
        CHECK_EQ(errno, EPERM);
        close(asked);
        close(stranger);
        leat_close(caller);
}

/* Frames that nobody sends to a receiver of a queue: each is counted, none harms. */
BOTH(frames_out_of_place_are_counted) {
        char address[256];
        struct leat_channel *receiver = bind_end(scheme, "", LEAT_RECEIVE, address);
        int stranger = make_stranger(address);
        put(stranger, REPLY, 1, 1, "reply");
        put(stranger, TAKEN, 0, 1, "");
        put(stranger, REFUSE, 0, 0, "");
        put(stranger, MESSAGE, 4, 0, "good");
        take(receiver, "good");
        CHECK_EQ(info_of(receiver).refused, 3);
        nothing_comes(receiver);
        close(stranger);
        leat_close(receiver);
}

/* Bytes that are no frame: the receiver is told, and goes on. */
BOTH(garbage_harms_nobody) {
        char address[256], buffer[64];
        struct leat_channel *receiver = bind_end(scheme, "", LEAT_RECEIVE, address);
        struct leat_channel *sender = open_end(address, LEAT_SEND);
        int stranger = make_stranger(address), told = 0;
        uint8_t garbage[512];
        for (int i = 0; i < 300; i++) {
                size_t size = harness_random_below(sizeof garbage);
                for (size_t k = 0; k < size; k++)
                        garbage[k] = (uint8_t)harness_random();
                if (i % 3 == 0 && size >= HEADER_BYTES)
                        make_frame(garbage, CONTINUE + (int)harness_random_below(200), harness_random(),
                                   harness_random(), "x");
                CHECK_EQ(send(stranger, garbage, size, 0), size);
                CHECK_EQ(leat_send(sender, 1, "good", 4, SOON), 0);
                ssize_t n;
                while ((n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL)) != 4) {
                        CHECK(n == -EBADMSG || n == -EPROTONOSUPPORT);
                        told++;
                }
                CHECK_MEM(buffer, "good", 4);
        }
        CHECK(told > 0);
        CHECK(info_of(receiver).refused >= (uint64_t)told);
        CHECK_EQ(info_of(receiver).received, 300);
        nothing_comes(receiver);
        close(stranger);
        leat_close(sender);
        leat_close(receiver);
}

/* A caller does not hear of what is no reply to it. */
BOTH(garbage_does_not_end_a_call) {
        struct sockaddr_storage at, from;
        socklen_t size = sizeof from;
        char address[256], reply[16];
        uint8_t frame[256], frame_asked[256];
        bool udp = strcmp(scheme, "udp") == 0;
        snprintf(address, sizeof address, "%s:%s%s", scheme, udp ? "127.0.0.1:0" : harness_tmpdir(),
                 udp ? "" : "/plain");
        socklen_t bytes = parse(address, &at);
        int asked = socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK_EQ(bind(asked, (const struct sockaddr *)&at, bytes), 0);
        CHECK_EQ(getsockname(asked, (struct sockaddr *)&at, &bytes), 0);
        if (udp)
                snprintf(address, sizeof address, "udp:127.0.0.1:%u", ntohs(((struct sockaddr_in *)&at)->sin_port));
        struct leat_channel *caller = open_end(address, LEAT_CALL);
        CHECK_EQ(leat_call(caller, 1, "x", 1, reply, sizeof reply, LEAT_NOW, NULL), -EAGAIN);
        CHECK_EQ(recvfrom(asked, frame_asked, sizeof frame_asked, 0, (struct sockaddr *)&from, &size),
                 HEADER_BYTES + 1);
        CHECK_EQ(sendto(asked, "garbage", 7, 0, (struct sockaddr *)&from, size), 7);
        size_t length = make_frame(frame, MESSAGE, 1, 0, "message");
        CHECK_EQ(sendto(asked, frame, length, 0, (struct sockaddr *)&from, size), length);
        uint64_t asked_by; /* the number of the call that gave up; the next one has the next */
        memcpy(&asked_by, frame_asked + 24, sizeof asked_by);
        length = make_frame(frame, REPLY, 2, asked_by, "late");
        CHECK_EQ(sendto(asked, frame, length, 0, (struct sockaddr *)&from, size), length);
        length = make_frame(frame, REPLY, 3, asked_by + 1, "reply");
        CHECK_EQ(sendto(asked, frame, length, 0, (struct sockaddr *)&from, size), length);
        CHECK_EQ(leat_call(caller, 1, "y", 1, reply, sizeof reply, SOON, NULL), 5);
        CHECK_MEM(reply, "reply", 5);
        CHECK_EQ(info_of(caller).refused, 2);
        close(asked);
        leat_close(caller);
}

/* One forged frame with a number far ahead shuts out nobody; what comes twice comes once. */
TEST(forged_numbers_shut_nobody_out) {
        char address[256];
        struct leat_channel *receiver = bind_end("udp", "", LEAT_RECEIVE, address);
        int stranger = make_stranger(address);
        put(stranger, MESSAGE, 1, 0, "one");
        put(stranger, MESSAGE, UINT64_MAX / 2, 0, "forged");
        put(stranger, MESSAGE, 2, 0, "two");
        put(stranger, MESSAGE, 2, 0, "two again");
        put(stranger, MESSAGE, 4, 0, "four");
        put(stranger, MESSAGE, 3, 0, "three");
        static const char *const expected[] = { "one", "forged", "two", "four", "three" };
        for (int i = 0; i < 5; i++)
                take(receiver, expected[i]);
        nothing_comes(receiver);
        struct leat_info info = info_of(receiver);
        CHECK_EQ(info.lost, 0);
        CHECK_EQ(info.late, 1);
        CHECK_EQ(info.doubled, 1);
        close(stranger);
        leat_close(receiver);
}

/* ---- descriptors that strangers send ---- */

static void put_with_descriptors(int fd, const uint8_t *frame, size_t size, int count) {
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(8 * sizeof(int))];
        } control = { 0 };
        struct iovec part = { (void *)frame, size };
        struct msghdr header = { .msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int)) };
        control.align.cmsg_level = SOL_SOCKET;
        control.align.cmsg_type = SCM_RIGHTS;
        control.align.cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
        for (int i = 0; i < count; i++)
                ((int *)CMSG_DATA(&control.align))[i] = STDERR_FILENO;
        CHECK_EQ(sendmsg(fd, &header, 0), size);
}

TEST(descriptors_of_strangers_do_not_stay) {
        char address[256], buffer[64];
        uint8_t frame[256];
        for (int raw = 0; raw < 2; raw++) {
                struct leat_channel *receiver =
                        bind_end("unix-dgram", raw ? "?framing=raw" : "", LEAT_RECEIVE, address);
                int stranger = make_stranger(address);
                size_t size = make_frame(frame, MESSAGE, 1, 0, "x");
                int before = harness_count_descriptors();
                for (int i = 0; i < 3; i++) {
                        frame[12] = i == 0 ? 0 : 7; /* none was said, or more */
                        put_with_descriptors(stranger, frame, size, 3);
                        struct leat_message about = LEAT_MESSAGE_INIT;
                        int fds[8];
                        about.descriptors = fds;
                        about.descriptors_max = 8;
                        ssize_t n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about);
                        CHECK_EQ(n, raw ? (ssize_t)size : -EBADMSG);
                        CHECK_EQ(about.descriptors_count, 0);
                        CHECK_EQ(harness_count_descriptors(), before);
                }
                close(stranger);
                leat_close(receiver);
        }
}

TEST_MAIN()
