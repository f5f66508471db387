/* SPDX-License-Identifier: MIT */
/*
 * Hostile parties at stores: another program puts noise, forged frames and records, and what no program of ours would
 * write into each of them, and takes away what they stand on. An honest sender sends on: whatever lies between, its
 * messages arrive, all, whole and in order.
 */
#include "ends.h"
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 300, NOISE_MOST = 3000, PRIORITIES = 32768 };

#define SOON harness_deadline_ms(40000)

static char place[160], address[220]; /* of the store; with options */

static void remove_it(const char *what) {
        (void)leat_remove(what, NULL);
}

/* Name it: the format takes the test's directory. */
static void name_it(const char *format) {
        const char *directory = harness_tmpdir();
        bool base = strncmp(format, "mq:", 3) == 0;
        snprintf(place, sizeof place, format, base ? strrchr(directory, '/') + 1 : directory);
        harness_remove_later(remove_it, place);
}

static const char *path(void) {
        return strchr(place, ':') + 1;
}

static struct leat_channel *open_with(const char *options, unsigned flags) {
        snprintf(address, sizeof address, "%s%s", place, options);
        return open_or_fail(address, flags, SOON);
}

/* ---- the honest sender ---- */

static unsigned honest_number, honest_seen;

static size_t honest_text(unsigned number, char *ret_text, size_t size) {
        return (size_t)snprintf(ret_text, size, "honest %u %*s", number, (int)(number * 37 % 200), "");
}

static void say(struct leat_channel *sender) {
        char text[300];
        size_t size = honest_text(honest_number++, text, sizeof text);
        CHECK_EQ(leat_send(sender, HONEST, text, size, SOON), 0);
}

/* Receive all that is there. What the stranger wrote comes as some message, or is refused. */
static void hear(struct leat_channel *receiver) {
        static char bytes[1 << 17];
        char expected[300];
        for (;;) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                ssize_t n = leat_receive(receiver, LEAT_ANY, bytes, sizeof bytes, LEAT_NOW, &about);
                if (n == -EAGAIN)
                        return;
                if (n == -EBADMSG || n == -EPROTONOSUPPORT)
                        continue;
                if (n < 0)
                        FAIL("receive: %s", leat_strerror((int)n));
                CHECK(about.size_bytes == (size_t)n && about.type >= 1 && about.priority < PRIORITIES);
                CHECK(n <= PIPE_BUF); /* nobody wrote a larger one, whatever they said */
                if (about.type != HONEST || n < 7 || memcmp(bytes, "honest ", 7) != 0)
                        continue;
                CHECK_EQ(n, honest_text(honest_seen, expected, sizeof expected));
                CHECK_MEM(bytes, expected, (size_t)n);
                honest_seen++;
        }
}

/* ---- what the stranger writes ---- */

/* Noise, or a frame of ours of which something is changed; never one whose bytes are an honest message's. */
static size_t forge(uint8_t *ret_bytes, size_t most) {
        size_t size = 1 + harness_random_below(most);
        for (size_t i = 0; i < size; i++)
                ret_bytes[i] = (uint8_t)harness_random();
        if (harness_random_below(3) == 0)
                return size;
        struct wire_header header = { .kind = (uint8_t)(1 + harness_random_below(7)),
                                      .flags = (uint8_t)harness_random_below(4),
                                      .priority = (uint32_t)harness_random_below(PRIORITIES),
                                      .size = (uint32_t)(size > WIRE_HEADER_BYTES ? size - WIRE_HEADER_BYTES : 0),
                                      .type = 1 + (int64_t)harness_random_below(INT64_MAX),
                                      .sequence = 1 + harness_random_below(9),
                                      .time_ns = 1 };
        uint8_t head[WIRE_HEADER_BYTES];
        if (harness_random_below(4) == 0) /* it says that it is much more */
                header.size += 5000 + (uint32_t)harness_random_below(60000);
        wire_encode(&header, head);
        for (unsigned i = (unsigned)harness_random_below(3); i > 0; i--)
                head[harness_random_below(sizeof head)] ^= (uint8_t)(1u << harness_random_below(8));
        memcpy(ret_bytes, head, size < sizeof head ? size : sizeof head);
        return size;
}

static void put_mq(int queue) {
        uint8_t bytes[NOISE_MOST];
        size_t size = harness_random_below(9) == 0 ? 0 : forge(bytes, sizeof bytes);
        /* Not above the honest ones: those would come after it whatever it is, and the queue may be full. */
        if (mq_send(queue, (const char *)bytes, size, (unsigned)harness_random_below(PRIORITIES)) < 0)
                CHECK_EQ(errno, EAGAIN);
}

static void put_sysv(int queue) {
        struct {
                long type;
                uint8_t bytes[NOISE_MOST];
        } entry;
        entry.type = harness_random_below(4) == 0 ? LONG_MAX : 1 + (long)harness_random_below(LONG_MAX);
        size_t size = harness_random_below(9) == 0 ? 0 : forge(entry.bytes, sizeof entry.bytes);
        if (msgsnd(queue, &entry, size, IPC_NOWAIT) < 0)
                CHECK_EQ(errno, EAGAIN);
}

static void put_fifo(int fd, const uint8_t *bytes, size_t size) {
        if (write(fd, bytes, size) < 0)
                CHECK_EQ(errno, EAGAIN);
}

static void put_packet(int fd) {
        uint8_t bytes[NOISE_MOST];
        put_fifo(fd, bytes, forge(bytes, sizeof bytes));
}

/* Bytes that are no packets, and in which no frame begins: one that does may claim what lies behind it. */
static void put_bytes(int fd) {
        uint8_t bytes[NOISE_MOST];
        size_t size = forge(bytes, sizeof bytes);
        memset(bytes, (int)harness_random_below(256), size < 4 ? size : 4);
        put_fifo(fd, bytes, size);
}

/* Of a log: noise, and the log's own bytes, of which some are changed. */
static void put_log(int fd) {
        uint8_t bytes[NOISE_MOST];
        size_t size = forge(bytes, sizeof bytes);
        struct stat status;
        CHECK_EQ(fstat(fd, &status), 0);
        if (harness_random_below(2)) {
                off_t from = (off_t)harness_random_below((uint64_t)status.st_size) & ~7;
                ssize_t n = pread(fd, bytes, sizeof bytes, from);
                CHECK(n > 0);
                size = (size_t)n;
                for (size_t i = 0; i + 8 < size; i += 64)
                        bytes[i + harness_random_below(8)] ^= (uint8_t)(1u << harness_random_below(8));
                /* No record that was sent stays whole; nor does the copy of a copy become one again. */
                for (size_t i = 0; i + 7 < size; i += 8)
                        bytes[i + 5] = 0xee;
        }
        CHECK_EQ(write(fd, bytes, size), (ssize_t)size);
}

static void make_noise(const char *options, int stranger, void (*put)(int stranger)) {
        struct leat_channel *receiver = open_with(options, LEAT_RECEIVE), *sender = open_with("", LEAT_SEND);
        honest_number = honest_seen = 0;
        for (int i = 0; i < ROUNDS; i++) {
                for (uint64_t n = harness_random_below(3); n > 0; n--)
                        put(stranger);
                say(sender);
                if (harness_random_below(2))
                        hear(receiver);
                hear(receiver);
                CHECK_EQ(honest_seen, honest_number);
        }
        leat_close(sender);
        leat_close(receiver);
}

TEST(noise_in_a_posix_queue) {
        name_it("mq:/%s");
        CHECK_EQ(leat_create(place, 0600, true, NULL), 0);
        int queue = mq_open(path(), O_WRONLY | O_NONBLOCK);
        CHECK(queue >= 0);
        make_noise("", queue, put_mq);
        CHECK_EQ(mq_close(queue), 0);
}

TEST(noise_in_a_system_v_queue) {
        name_it("sysv-mq:%s#1");
        CHECK_EQ(leat_create(place, 0600, true, NULL), 0);
        int queue = msgget(ftok(harness_tmpdir(), 1), 0);
        CHECK(queue >= 0);
        make_noise("", queue, put_sysv);
}

static void noise_in_a_fifo(int flags, void (*put)(int fd)) {
        name_it("fifo:%s/s");
        CHECK_EQ(leat_create(place, 0600, true, NULL), 0);
        int fd = open(path(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
        CHECK(fd >= 0);
        CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK | flags), 0);
        make_noise("", fd, put);
        close(fd);
}

TEST(forged_packets_in_a_fifo) {
        noise_in_a_fifo(O_DIRECT, put_packet);
}

TEST(plain_bytes_in_a_fifo) {
        noise_in_a_fifo(0, put_bytes);
}

static void noise_in_a_log(const char *options) {
        name_it("log:%s/s");
        CHECK_EQ(leat_create(place, 0600, true, NULL), 0);
        int fd = open(path(), O_RDWR | O_APPEND | O_CLOEXEC);
        CHECK(fd >= 0);
        make_noise(options, fd, put_log);
        /* A late reader sees the same. */
        struct leat_channel *late = open_with("", LEAT_RECEIVE);
        honest_seen = 0;
        hear(late);
        CHECK_EQ(honest_seen, honest_number);
        leat_close(late);
        close(fd);
}

TEST(noise_in_a_log_for_all) {
        noise_in_a_log("");
}

TEST(noise_in_a_log_for_one) {
        noise_in_a_log("?pattern=queue");
}

/* ---- what they stand on ---- */

/* One send and one receive: they may fail, and end. */
static void try_both(struct leat_channel *sender, struct leat_channel *receiver) {
        char bytes[300];
        struct leat_reason why;
        int r = leat_send(sender, HONEST, "x", 1, leat_in_ms(5));
        CHECK(r == 0 || leat_why(sender, &why) == 0);
        for (int i = 0; i < 3; i++)
                (void)leat_receive(receiver, LEAT_ANY, bytes, sizeof bytes, leat_in_ms(2), NULL);
}

static void scribble(const char *file, off_t size) {
        uint8_t bytes[64];
        int fd = open(file, O_WRONLY | O_CLOEXEC);
        CHECK(fd >= 0);
        for (size_t i = 0; i < sizeof bytes; i++)
                bytes[i] = (uint8_t)harness_random();
        CHECK(pwrite(fd, bytes, 1 + harness_random_below(8), (off_t)harness_random_below((uint64_t)size)) > 0);
        close(fd);
}

/* The header of a log, and the position of its queue, written over while they are used. What is sent then may be
 * refused or lost; nobody crashes or hangs, and a log that is made anew is as good as ever. */
TEST(scribbled_headers_and_positions) {
        char position[200];
        name_it("log:%s/s");
        snprintf(position, sizeof position, "%s.position", path());
        for (int i = 0; i < 60; i++) {
                struct leat_channel *receiver = open_with("?pattern=queue", LEAT_RECEIVE);
                struct leat_channel *sender = open_with("?rotate=4k", LEAT_SEND);
                for (int k = 0; k < 6; k++) {
                        try_both(sender, receiver);
                        scribble(i % 2 ? position : path(), 64);
                }
                leat_close(sender);
                leat_close(receiver);
                int r = leat_remove(place, NULL);
                if (r < 0) /* no log any more: it is left alone */
                        CHECK_EQ(unlink(path()), 0);
                (void)unlink(position);
                remove_it(place);
        }
        struct leat_channel *receiver = open_with("", LEAT_RECEIVE), *sender = open_with("", LEAT_SEND);
        honest_number = honest_seen = 0;
        say(sender);
        hear(receiver);
        CHECK_EQ(honest_seen, 1);
        leat_close(sender);
        leat_close(receiver);
}

/* As small as they can be: 1 byte, or as much as a header. */
TEST(tiny_posix_queues) {
        for (long size = 1; size <= 49; size += 24 + (size == 1 ? 23 : 0) - (size == 48 ? 23 : 0)) {
                struct mq_attr attributes = { .mq_maxmsg = 1, .mq_msgsize = size };
                struct leat_channel *sender = NULL;
                struct leat_reason why = { 0 };
                struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
                char byte;
                name_it("mq:/%s");
                int queue = mq_open(path(), O_CREAT | O_EXCL | O_WRONLY | O_NONBLOCK, 0600, &attributes);
                CHECK(queue >= 0);
                options.flags = LEAT_SEND;
                struct leat_channel *receiver = open_with("", LEAT_RECEIVE);
                CHECK_EQ(mq_send(queue, "!", 1, 0), 0);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, &byte, 1, LEAT_NOW, NULL), 1);
                CHECK_EQ(byte, '!');
                int r = leat_open_with(place, &options, &why, &sender);
                CHECK_EQ(r, size > WIRE_HEADER_BYTES ? 0 : -EMSGSIZE);
                if (r == 0) {
                        CHECK_EQ(leat_send(sender, 1, "22", 2, LEAT_NOW), -EMSGSIZE);
                        CHECK_EQ(leat_send(sender, 1, "1", 1, LEAT_NOW), 0);
                        CHECK_EQ(leat_receive(receiver, LEAT_ANY, &byte, 1, LEAT_NOW, NULL), 1);
                } else {
                        CHECK(strstr(why.text, "framing=raw"));
                }
                leat_close(sender);
                leat_close(receiver);
                CHECK_EQ(mq_close(queue), 0);
                CHECK_EQ(mq_unlink(path()), 0);
        }
}

static int sysv_queue(void) {
        int queue = msgget(ftok(harness_tmpdir(), 1), 0);
        CHECK(queue >= 0);
        return queue;
}

static void change_sysv(mode_t mode, long bytes) {
        struct msqid_ds status;
        CHECK_EQ(msgctl(sysv_queue(), IPC_STAT, &status), 0);
        status.msg_perm.mode = (unsigned short)mode;
        status.msg_qbytes = (msglen_t)bytes;
        CHECK_EQ(msgctl(sysv_queue(), IPC_SET, &status), 0);
}

/* A queue that is made to hold nothing refuses, and takes again when it may. */
TEST(a_system_v_queue_without_room) {
        name_it("sysv-mq:%s#1");
        struct leat_channel *receiver = open_with("", LEAT_RECEIVE), *sender = open_with("", LEAT_SEND);
        struct leat_reason why = { 0 };
        change_sysv(0600, 0);
        int r = leat_send(sender, 1, "x", 1, leat_in_ms(20));
        CHECK(r == -EMSGSIZE || r == -ETIMEDOUT);
        CHECK_EQ(leat_why(sender, &why), 0);
        CHECK(why.text != NULL);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, leat_in_ms(5), NULL), -ETIMEDOUT);
        change_sysv(0600, 4096);
        honest_number = honest_seen = 0;
        say(sender);
        hear(receiver);
        CHECK_EQ(honest_seen, 1);
        leat_close(sender);
        leat_close(receiver);
}

/* An ordinary user, from whom every permission is taken while it has the store open. */
static void lose_permissions(void *argument) {
        const char *options = argument;
        struct leat_channel *receiver, *sender;
        char bytes[300];
        bool sysv = strncmp(place, "sysv", 4) == 0;
        if (getuid() == 0)
                CHECK(chown(harness_tmpdir(), 65534, 65534) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
        receiver = open_with(options, LEAT_RECEIVE);
        sender = open_with("", LEAT_SEND);
        honest_number = honest_seen = 0;
        say(sender);
        CHECK_EQ(leat_set(place, "mode", "0", NULL), 0);
        /* A System V queue is asked for permission at each call, the others at their open alone. */
        int r = leat_send(sender, HONEST, "x", 1, leat_in_ms(20));
        CHECK_EQ(r, sysv ? -EACCES : 0);
        ssize_t n = leat_receive(receiver, LEAT_ANY, bytes, sizeof bytes, SOON, NULL);
        /* The receivers of a log's queue may have to open another of its files first. */
        bool may_refuse = strncmp(place, "log", 3) == 0 && *options;
        if (sysv ? n != -EACCES : n <= 0 && !(may_refuse && n == -EACCES))
                FAIL("received: %zd (%s)", n, leat_strerror((int)n));
        leat_close(sender);
        leat_close(receiver);
}

static void check_losing(const char *format, const char *options) {
        name_it(format);
        pid_t pid = harness_fork(lose_permissions, (void *)options);
        CHECK_EQ(harness_wait(pid), 0);
        if (getuid() == 0)
                CHECK_EQ(chown(harness_tmpdir(), 0, 0), 0);
}

TEST(permissions_of_a_posix_queue_are_taken_away) {
        check_losing("mq:/%s", "");
}

TEST(permissions_of_a_system_v_queue_are_taken_away) {
        check_losing("sysv-mq:%s#1", "");
}

TEST(permissions_of_a_fifo_are_taken_away) {
        check_losing("fifo:%s/s", "");
}

TEST(permissions_of_a_log_are_taken_away) {
        check_losing("log:%s/s", "");
        check_losing("log:%s/t", "?pattern=queue");
}

/* A receiver that sleeps is told that it may no longer receive. */
static void sleep_in_receive(void *event) {
        CHECK(getuid() != 0 ||
              (chown(harness_tmpdir(), 65534, 65534) == 0 && setgid(65534) == 0 && setuid(65534) == 0));
        struct leat_channel *receiver = open_with("", LEAT_RECEIVE);
        harness_event_signal(event);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, NULL), -EACCES);
        leat_close(receiver);
}

TEST(permissions_are_taken_from_a_receiver_that_sleeps) {
        struct harness_event *event = harness_event_new();
        struct {
                long type;
                char byte;
        } entry = { 1, 'x' };
        name_it("sysv-mq:%s#1");
        pid_t pid = harness_fork(sleep_in_receive, event);
        harness_event_wait(event);
        harness_wait_state(pid, "S");
        change_sysv(0, 16384);
        if (getuid() == 0)
                CHECK_EQ(msgsnd(sysv_queue(), &entry, 1, IPC_NOWAIT), 0); /* it wakes, and may not take it */
        CHECK_EQ(harness_wait(pid), 0);
        if (getuid() == 0)
                CHECK_EQ(chown(harness_tmpdir(), 0, 0), 0);
}

TEST_MAIN()
