/* SPDX-License-Identifier: MIT */
#include "world.h"
#include "harness.h"
#include "scenario.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int descriptors_before;
static unsigned worlds;
static unsigned char receive_buffer[LARGE_BYTES];

#define PATTERN_PERIOD 251 /* prime: a frame in the wrong place does not fit */

static unsigned char pattern[LARGE_BYTES + PATTERN_PERIOD];

/* Ahead of the child, in which each of these instructions would be a step. */
static void pattern_fill(void) {
        for (size_t i = 0; i < sizeof pattern; i++)
                pattern[i] = (unsigned char)((i % PATTERN_PERIOD) ^ (i / PATTERN_PERIOD) * 7);
}

/* --- the run --- */

static void remove_failed(const char *address) {
        (void)leat_remove(address, NULL);
}

/* A temporary one has gone with its last party. */
static void remove_store(const struct world *world) {
        bool temporary = strstr(world->address, "temporary");
        if (world->transport->store)
                CHECK_EQ(leat_remove(world->address, NULL), temporary ? -ENOENT : 0);
}

void world_begin(struct world *world, const struct step_transport *transport, const char *more) {
        char where[200];
        *world = (struct world){ .transport = transport, .descriptors = { -1, -1 } };
        pattern_fill();
        descriptors_before = harness_count_descriptors();
        world->page = harness_shared(sizeof *world->page);
        world->deadline = harness_deadline_ms(PATIENCE_MS);
        snprintf(world->directory, sizeof world->directory, "%s/%u", harness_tmpdir(), ++worlds);
        CHECK_EQ(mkdir(world->directory, 0700), 0);
        if (transport->flat)
                snprintf(where, sizeof where, "leat-step-%d", (int)getpid());
        else if (transport->port)
                snprintf(where, sizeof where, "127.%u.%u.%u:%u", 128 | ((unsigned)getpid() >> 16 & 127),
                         (unsigned)getpid() >> 8 & 255, (unsigned)getpid() & 255, 5000 + worlds % 20000);
        else if (strchr(transport->address, '@'))
                snprintf(where, sizeof where, "leat-step-%d-%u", (int)getpid(), worlds);
        else
                snprintf(where, sizeof where, "%s/name", world->directory);
        int n = snprintf(world->address, sizeof world->address, transport->named ? transport->address : "%s",
                         transport->named ? where : transport->pair);
        snprintf(world->address + n, sizeof world->address - (size_t)n, "%s%s%s", transport->options,
                 !*more                ? ""
                 : *transport->options ? "&"
                                       : "?",
                 more);
        if (transport->store && !strstr(world->address, world->directory)) /* else it goes with that directory */
                harness_remove_later(remove_failed, world->address);
}

/* Nothing of a ring stays behind. */
static void check_maps(void) {
        char line[512];
        FILE *maps = fopen("/proc/self/maps", "re");
        CHECK(maps != NULL);
        while (fgets(line, sizeof line, maps))
                if (strstr(line, "memfd:leat"))
                        FAIL("left behind: %s", line);
        fclose(maps);
}

void world_end(struct world *world) {
        world->receiver = leat_close(world->receiver);
        world->sender = leat_close(world->sender);
        world->other = leat_close(world->other);
        world_finish_helper(world);
        tracer_end(&world->tracer);
        munmap(world->page, sizeof *world->page);
        remove_store(world);
        if (rmdir(world->directory) < 0)
                FAIL("left behind in %s: %s", world->directory, strerror(errno));
        if (world->transport->ring)
                check_maps();
        CHECK_EQ(harness_count_descriptors(), descriptors_before);
}

/* The output of a test is shown when it fails: the last of these lines tells where. */
void world_at(const char *format, ...) {
        va_list list;
        va_start(list, format);
        vprintf(format, list);
        va_end(list);
        putchar('\n');
}

static int diagnostics = -1; /* the real standard output */

void step_say_here(void) {
        diagnostics = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
}

void step_say(const char *format, ...) {
        va_list list;
        va_start(list, format);
        vdprintf(diagnostics, format, list);
        va_end(list);
}

/* --- ends --- */

void world_make(struct world *world, enum given given) {
        struct leat_channel *receiver, *sender;
        if (world->transport->named)
                return;
        CHECK_EQ(leat_pair(world->address, NULL, &receiver, &sender), 0);
        world->given = given == GIVE_SENDER ? sender : receiver;
        if (given == GIVE_SENDER)
                world->receiver = receiver;
        else
                world->sender = sender;
        CHECK_EQ(leat_give(world->given), 0);
}

void world_gave(struct world *world) {
        world->given = leat_close(world->given);
        for (int i = 0; i < 2; i++)
                if (world->descriptors[i] >= 0)
                        close(world->descriptors[i]);
        world->descriptors[0] = world->descriptors[1] = -1;
}

struct leat_channel *world_open(struct world *world, unsigned flags) {
        struct leat_channel *channel = world->given;
        if (!world->transport->named)
                return channel;
        int r = leat_open(world->address, flags, harness_deadline_ms(DEADLINE_MS), &channel);
        if (r < 0)
                FAIL("open %s, flags %u: %s", world->address, flags, leat_strerror(r));
        return channel;
}

/* --- messages --- */

static const size_t sizes[LENGTH_MAX] = {
        [SMALL] = SMALL_BYTES, [MIDDLE] = MIDDLE_BYTES, [LARGE] = LARGE_BYTES, [NOTHING] = 0,
        [BLOCK] = BLOCK_BYTES, [EDGE] = EDGE_BYTES,     [RIM] = RIM_BYTES
};

int64_t message_type(enum who who, unsigned number, enum length length) {
        return 1 + (int64_t)number * 100 + (int64_t)who * 10 + (int64_t)length;
}

void *message_bytes(int64_t type, size_t *ret_size) {
        *ret_size = sizes[(type - 1) % 10];
        return pattern + type % PATTERN_PERIOD;
}

int world_send(struct world *world, struct leat_channel *channel, enum who who, enum length length, int64_t deadline) {
        size_t size;
        int64_t type = message_type(who, world->sent[who], length);
        const void *bytes = message_bytes(type, &size);
        int r = leat_send(channel, type, bytes, size, deadline);
        world->sent[who] += r == 0;
        return r;
}

int world_send_many(struct world *world, struct leat_channel *channel, enum who who, const enum length *lengths,
                    unsigned count, int64_t deadline) {
        struct leat_outgoing messages[MANY_MAX];
        CHECK(count <= MANY_MAX);
        for (unsigned i = 0; i < count; i++) {
                messages[i] = (struct leat_outgoing){ .type = message_type(who, world->sent[who] + i, lengths[i]) };
                messages[i].bytes = message_bytes(messages[i].type, &messages[i].size_bytes);
        }
        ssize_t n = leat_send_many(channel, messages, count, deadline);
        world->sent[who] += n > 0 ? (unsigned)n : 0;
        return (int)n;
}

int world_send_sync(struct world *world, struct leat_channel *channel, enum who who, int64_t deadline) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        size_t size;
        options.flags = LEAT_SYNC;
        options.deadline = deadline;
        options.type = message_type(who, world->sent[who], SMALL);
        const void *bytes = message_bytes(options.type, &size);
        int r = leat_send_with(channel, bytes, size, &options);
        world->sent[who] += r == 0;
        return r;
}

static void check_message(struct world *world, int64_t type, const void *buffer, ssize_t n) {
        size_t size;
        unsigned number = (unsigned)((type - 1) / 100), who = (unsigned)((type - 1) / 10 % 10);
        CHECK(type >= 1 && who < WHO_MAX && (type - 1) % 10 < LENGTH_MAX);
        const void *bytes = message_bytes(type, &size);
        CHECK_EQ(n, size);
        CHECK_MEM(buffer, bytes, size);
        CHECK_EQ(number, world->taken[who]);
        world->taken[who]++;
}

int world_reply(struct leat_channel *channel, const struct leat_message *request, int64_t deadline) {
        size_t size;
        const void *bytes = message_bytes(request->type, &size);
        return leat_reply(channel, request, request->type, bytes, size, deadline);
}

/* In two steps, so that a child can receive between the marks and look at it after them. */
int world_receive(struct world *world, struct leat_channel *channel, int64_t deadline) {
        world->about = (struct leat_message)LEAT_MESSAGE_INIT;
        world->received =
                leat_receive(channel, LEAT_ANY, receive_buffer, sizeof receive_buffer, deadline, &world->about);
        return world->received < 0 ? (int)world->received : 0;
}

void world_check(struct world *world) {
        check_message(world, world->about.type, receive_buffer, world->received);
}

static struct leat_incoming many[MANY_MAX];

int world_receive_many(struct world *world, struct leat_channel *channel, int64_t deadline) {
        for (size_t i = 0; i < MANY_MAX; i++)
                many[i] = (struct leat_incoming){ .buffer = receive_buffer + i * SMALL_BYTES,
                                                  .size_bytes = SMALL_BYTES,
                                                  .about = LEAT_MESSAGE_INIT };
        world->received = leat_receive_many(channel, LEAT_ANY, many, MANY_MAX, deadline);
        return world->received < 0 ? (int)world->received : 0;
}

unsigned world_check_many(struct world *world) {
        for (ssize_t i = 0; i < world->received; i++)
                check_message(world, many[i].about.type, many[i].buffer, (ssize_t)many[i].about.size_bytes);
        return (unsigned)world->received;
}

int world_take(struct world *world, struct leat_channel *channel, int64_t deadline) {
        int r = world_receive(world, channel, deadline);
        if (r < 0)
                return r;
        world_check(world);
        if (world->about.flags & LEAT_WANTS_REPLY) {
                r = world_reply(channel, &world->about, harness_deadline_ms(DEADLINE_MS));
                if (r < 0 && r != -EPIPE)
                        FAIL("reply to a caller that may be dead: %s", leat_strerror(r));
        }
        return 0;
}

int world_take_all(struct world *world, struct leat_channel *channel, int64_t deadline) {
        int r;
        do
                r = world_take(world, channel, deadline);
        while (r == 0);
        return r;
}

int world_call(struct world *world, struct leat_channel *channel, enum who who, int64_t deadline) {
        unsigned char reply[SMALL_BYTES];
        struct leat_message about = LEAT_MESSAGE_INIT;
        size_t size;
        int64_t type = message_type(who, world->sent[who], SMALL);
        const void *bytes = message_bytes(type, &size);
        ssize_t n = leat_call(channel, type, bytes, size, reply, sizeof reply, deadline, &about);
        if (n < 0)
                return (int)n;
        CHECK_EQ(n, size);
        CHECK_EQ(about.type, type);
        CHECK_MEM(reply, bytes, size);
        world->sent[who]++;
        return 0;
}

void world_expect_end(struct world *world, struct leat_channel *receiver) {
        CHECK_EQ(world_take_all(world, receiver, harness_deadline_ms(DEADLINE_MS)), -ENODATA);
        CHECK_EQ(world_take(world, receiver, LEAT_NOW), world->transport->named ? -EAGAIN : -ENODATA);
}

/* --- processes --- */

void world_wait_done(const struct world *world) {
        int64_t deadline = harness_deadline_ms(PATIENCE_MS);
        while (!world->page->done) {
                if (leat_now() > deadline)
                        FAIL("the child was let go, and hangs");
                sched_yield();
        }
}

void world_finish_child(struct world *world) {
        if (world->continued)
                return;
        CHECK_EQ(tracer_wait(&world->tracer, harness_deadline_ms(PATIENCE_MS)), 0);
        CHECK(world->page->done);
        world->continued = true;
}

void world_helper(struct world *world, void (*function)(void *world)) {
        world->helper = harness_fork(function, world);
        world_gave(world);
}

void world_finish_helper(struct world *world) {
        if (world->helper > 0)
                CHECK_EQ(harness_wait(world->helper), 0);
        world->helper = 0;
}
