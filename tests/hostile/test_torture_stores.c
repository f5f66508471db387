/* SPDX-License-Identifier: MIT */
/*
 * Stores under torture: the n-th allocation or call to the system fails, for every n. Beside what test_torture.c looks for
 * (crashes, leaks, hangs, strange errors) a store must have kept its word: what a send said is stored is there or was
 * received, once and in order, and nothing else is; what could not be made whole is not left behind; and what an operation
 * on an address said is so.
 */
#include "hostile.h"
#include "torture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MESSAGES = 12, SIZE_MOST = 4000, CALLS_MOST = 2000 };

enum {
        LEAVES = 1,       /* a receiver takes nothing away: broadcast */
        ASIDE = 2,        /* one receiver: what it has read ahead, or set aside, goes with it */
        TYPES = 64,       /* and it selects by type */
        KEPT_OPEN = 4,    /* its content lives with who has it open: the test does */
        TEMPORARY = 8,    /* goes with the last party */
        LATE_SENDER = 16, /* the receiver must be there first */
        PLAIN = 32        /* the one of its transport whose operations on the address are tortured */
};

static const struct store {
        const char *name, *address; /* %s: the test's directory, or the last part of it */
        const char *options;        /* of both ends */
        const char *receiver;       /* more, of that one */
        unsigned is;
} stores[] = {
        { "mq", "mq:/%s", "?size=4k", "", PLAIN },
        { "mq_end", "mq:/%s", "?size=4k", "&end", 0 },
        { "mq_exclusive", "mq:/%s", "?size=4k", "&exclusive", ASIDE | TYPES },
        { "mq_raw", "mq:/%s", "?size=4k&framing=raw", "", 0 },
        { "mq_temporary", "mq:/%s", "?size=4k&temporary", "&end", TEMPORARY },
        { "sysv", "sysv-mq:%s#1", "", "", PLAIN },
        { "sysv_end", "sysv-mq:%s#1", "?end", "", 0 },
        { "sysv_temporary", "sysv-mq:%s#1", "?temporary", "", TEMPORARY },
        { "log", "log:%s/s", "", "", LEAVES | PLAIN },
        { "log_end", "log:%s/s", "?end", "", LEAVES },
        { "log_queue", "log:%s/s", "?pattern=queue", "", 0 },
        { "log_rotate", "log:%s/s", "?pattern=queue&rotate=4k", "", 0 },
        { "log_rotate_all", "log:%s/s", "?rotate=8k", "", LEAVES },
        { "log_durable", "log:%s/s", "?durable=each", "", LEAVES },
        { "log_group", "log:%s/s", "?durable=group", "", LEAVES },
        { "log_temporary", "log:%s/s", "?temporary", "", LEAVES | TEMPORARY },
        { "fifo", "fifo:%s/s", "", "", KEPT_OPEN | LATE_SENDER | PLAIN },
        { "fifo_raw", "fifo:%s/s", "?framing=raw", "", KEPT_OPEN | LATE_SENDER },
        { "fifo_exclusive", "fifo:%s/s", "?exclusive", "", KEPT_OPEN | LATE_SENDER | ASIDE | TYPES },
        { "fifo_lines", "fifo:%s/s", "?framing=lines", "", KEPT_OPEN | LATE_SENDER | ASIDE },
        { "fifo_capacity", "fifo:%s/s", "?capacity=64k", "", KEPT_OPEN | LATE_SENDER },
        { "fifo_temporary", "fifo:%s/s", "?temporary", "", TEMPORARY | LATE_SENDER },
};

static const struct store *store;
static char bare[160], both[200], receiving[200]; /* addresses */
static bool sent[MESSAGES], unsure[MESSAGES], received[MESSAGES];
static int last_received;

static void name_it(const struct store *which) {
        const char *directory = harness_tmpdir();
        bool base = strncmp(which->address, "mq:", 3) == 0;
        store = which;
        snprintf(bare, sizeof bare, which->address, base ? strrchr(directory, '/') + 1 : directory);
        snprintf(both, sizeof both, "%s%s", bare, which->options);
        snprintf(receiving, sizeof receiving, "%s%s", both, which->receiver);
}

static void remove_it(const char *address) {
        (void)leat_remove(address, NULL);
}

/* ---- what may be said ---- */

static int injected;

/* Those that a signal can interrupt: they are tried again, and nobody hears of it (row 4). */
static bool is_tried_again(const char *call) {
        static const char *const calls[] = { "flock",  "poll",       "ppoll",   "read",       "write",
                                             "writev", "epoll_wait", "mq_send", "mq_receive", "syscall" };
        for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
                if (strcmp(call, calls[i]) == 0)
                        return true;
        return false;
}

/* The error that was injected, that there is nothing now, or what follows from a party that could not come. */
static void allow(const char *what, ssize_t r) {
        static const int errors[] = { EAGAIN, ETIMEDOUT, EMSGSIZE, ENOMEM };
        bool failed = torture_failed() && !(injected == EINTR && is_tried_again(torture_failed()));
        if (r >= 0 || (failed && r == -injected))
                return;
        for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
                if (r == -errors[i])
                        return;
        FAIL("%s: %zd (%s) where %s failed", what, r, leat_strerror((int)r),
             torture_failed() ? torture_failed() : "nothing");
}

static struct leat_channel *open_at(const char *address, unsigned flags) {
        struct leat_channel *channel = NULL;
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        struct leat_reason why;
        options.flags = flags;
        options.deadline = leat_in_ms(200);
        int r = leat_open_with(address, &options, &why, &channel);
        allow(address, r);
        CHECK((r == 0) == (channel != NULL));
        CHECK(r == 0 || why.text);
        return channel;
}

/* ---- messages: a number, and bytes that follow from it ---- */

static size_t size_of(int number) {
        return 8 + (size_t)(number * 797 % (SIZE_MOST - 8));
}

static void fill(int number, char *ret_bytes) {
        for (size_t i = 0; i < size_of(number); i++)
                ret_bytes[i] = (char)('0' + (number + (int)i) % 64);
}

static void note(ssize_t n, const char *bytes) {
        char expected[SIZE_MOST];
        int number = 0;
        while (number < MESSAGES && size_of(number) != (size_t)n)
                number++;
        CHECK(number < MESSAGES);
        fill(number, expected);
        CHECK_MEM(bytes, expected, (size_t)n);
        if ((!sent[number] && !unsure[number]) || received[number])
                FAIL("number %d came, which was %s, where %s failed", number,
                     sent[number] ? "received before" : "not sent", torture_failed());
        received[number] = true;
        if (number < last_received && !(store->is & ASIDE))
                FAIL("number %d came after %d", number, last_received);
        last_received = number;
}

static void take(struct leat_channel *receiver, int64_t select, size_t room, int64_t deadline) {
        char buffer[SIZE_MOST];
        struct leat_message about = LEAT_MESSAGE_INIT;
        ssize_t n = leat_receive(receiver, select, buffer, room, deadline, &about);
        if (n == -ENODATA) /* allowed where it is told: then all is there */
                return;
        allow("receive", n);
        if (n >= 0)
                note(n, buffer);
}

static void put(struct leat_channel *sender, int number) {
        char bytes[SIZE_MOST];
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.deadline = leat_in_ms(5);
        fill(number, bytes);
        int r = leat_send_with(sender, bytes, size_of(number), &options);
        if (r == -EPIPE) /* the receiver could not come */
                return;
        allow("send", r);
        sent[number] = r == 0;
        unsure[number] = r < 0 && torture_failed() && strcmp(torture_failed(), "fdatasync") == 0; /* it may stand */
}

/* ---- a life ---- */

static void talk(struct leat_channel *receiver, struct leat_channel *sender) {
        struct leat_info info = LEAT_INFO_INIT;
        int64_t select = store->is & TYPES ? LEAT_TYPE(1) : LEAT_ANY;
        put(sender, 0);
        take(receiver, select, 4, LEAT_NOW); /* too small: it stays */
        take(receiver, select, SIZE_MOST, LEAT_NOW);
        allow("fd", leat_fd(receiver));
        for (int i = 1; i < 5; i++)
                put(sender, i);
        allow("info", leat_channel_info(receiver, &info));
        take(receiver, LEAT_ANY, SIZE_MOST, leat_in_ms(5));
        take(receiver, LEAT_ANY, SIZE_MOST, leat_in_ms(5));
        take(receiver, LEAT_ANY, SIZE_MOST, leat_in_ms(5));
        put(sender, 5);
        put(sender, 6);
        take(receiver, LEAT_ANY, SIZE_MOST, LEAT_NOW);
}

static void wait_for_nothing(void) {
        struct leat_channel *receiver = open_at(receiving, LEAT_RECEIVE);
        for (int i = 0; receiver && i < MESSAGES; i++)
                if (!(store->is & LEAVES))
                        take(receiver, LEAT_ANY, SIZE_MOST, leat_in_ms(i < 9 ? 0 : 2));
        leat_close(receiver);
}

static void live(void) {
        memset(sent, 0, sizeof sent);
        memset(unsure, 0, sizeof unsure);
        memset(received, 0, sizeof received);
        last_received = -1;
        struct leat_channel *receiver = open_at(receiving, LEAT_RECEIVE);
        struct leat_channel *sender = receiver || !(store->is & LATE_SENDER) ? open_at(both, LEAT_SEND) : NULL;
        if (receiver && sender)
                talk(receiver, sender);
        else if (sender)
                put(sender, 7);
        leat_close(sender);
        if (receiver)
                take(receiver, LEAT_ANY, SIZE_MOST, leat_in_ms(2));
        leat_close(receiver);
        if (!(store->is & (LATE_SENDER | TEMPORARY)))
                wait_for_nothing();
}

/* ---- afterwards, without torture ---- */

/* All that was sent and not received comes now, and nothing else. */
static void drain(void) {
        struct leat_channel *receiver;
        char buffer[SIZE_MOST];
        ssize_t n;
        int r = leat_open(receiving, LEAT_RECEIVE, LEAT_NOW, &receiver);
        if (r < 0)
                FAIL("opened after all: %s", leat_strerror(r));
        if (store->is & LEAVES)
                memset(received, 0, sizeof received);
        last_received = store->is & LEAVES ? -1 : last_received;
        while ((n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL)) >= 0)
                note(n, buffer);
        CHECK(n == -EAGAIN || n == -ENODATA);
        leat_close(receiver);
        for (int i = 0; i < MESSAGES; i++)
                if (sent[i] && !received[i] && !(store->is & (ASIDE | TEMPORARY)))
                        FAIL("number %d was sent and is lost, where %s failed", i, torture_failed());
}

/* Whoever was last left nothing: if the call that removes it failed, the next one does. */
static void check_temporary(bool nothing_stays) {
        struct leat_info info = LEAT_INFO_INIT;
        int r = leat_inspect(bare, NULL, &info);
        if (r < 0 && r != -ENOENT)
                FAIL("inspect: %s", leat_strerror(r));
        if (r == -ENOENT)
                return;
        if (nothing_stays)
                FAIL("it is still there, where %s failed", torture_failed() ? torture_failed() : "nothing");
        memset(sent, 0, sizeof sent); /* none of it comes */
        drain();
        CHECK_EQ(leat_inspect(bare, NULL, &info), -ENOENT);
}

static int hold(void) {
        if (!(store->is & KEPT_OPEN))
                return -1;
        const char *path = strchr(bare, ':') + 1;
        CHECK_EQ(mkfifo(path, 0600), 0);
        int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        CHECK(fd >= 0);
        return fd;
}

static void torture(enum torture class, int error) {
        injected = error;
        int held = hold();
        live();
        (void)leat_remove(bare, NULL);
        if (held >= 0)
                close(held);
        int descriptors = harness_count_descriptors();
        unsigned n = 1;
        for (bool failed = true; failed; n++) {
                const char *name;
                CHECK(n < CALLS_MOST);
                held = hold();
                long before = torture_outstanding();
                torture_start(class, n, error);
                live();
                failed = torture_stop(&name);
                if (torture_outstanding() != before)
                        FAIL("call %u, %s: %ld pieces of memory are left", n, name, torture_outstanding() - before);
                if (store->is & TEMPORARY)
                        check_temporary(!failed);
                else
                        drain();
                if (held >= 0)
                        close(held);
                int r = leat_remove(bare, NULL);
                CHECK(r == 0 || r == -ENOENT);
                if (harness_count_descriptors() != descriptors)
                        FAIL("call %u, %s: %d descriptors are left", n, name,
                             harness_count_descriptors() - descriptors);
        }
        CHECK(n > 4); /* or nothing was tortured */
}

/* ---- operations on addresses ---- */

/* One of them, in this turn: from begin() to end(). */
static struct {
        enum torture class;
        unsigned n;
        const char *name; /* which call failed; NULL: none */
} turn;

static void begin(void) {
        torture_start(turn.class, turn.n, injected);
}

static void end(void) {
        (void)torture_stop(&turn.name);
}

static bool is_there(void) {
        struct leat_info info = LEAT_INFO_INIT;
        int r = leat_inspect(bare, NULL, &info);
        CHECK(r == 0 || r == -ENOENT);
        return r == 0;
}

/* What was begun when it failed may be there, but whole: who opens it finds an empty one. */
static void check_made(const char *what, int r) {
        bool there = is_there();
        if (r == 0 && !there)
                FAIL("%s: done, but it is not there, where %s failed", what, turn.name ? turn.name : "nothing");
        memset(sent, 0, sizeof sent);
        memset(received, 0, sizeof received);
        if (there)
                drain();
}

static void create_new(void) {
        begin();
        int r = leat_create(both, 0600, true, NULL);
        allow("create", r);
        end();
        check_made("create", r);
}

static void open_new(void) {
        char address[240];
        snprintf(address, sizeof address, "%s%cnew", both, strchr(both, '?') ? '&' : '?');
        begin();
        struct leat_channel *channel = open_at(address, LEAT_RECEIVE);
        end();
        bool open = channel;
        leat_close(channel);
        check_made("open", open ? 0 : -injected);
}

static void set_mode(void) {
        struct leat_info info = LEAT_INFO_INIT;
        CHECK_EQ(leat_create(both, 0600, true, NULL), 0);
        begin();
        int r = leat_set(bare, "mode", "0640", NULL);
        allow("set", r);
        end();
        CHECK_EQ(leat_inspect(bare, NULL, &info), 0);
        /* Of several files some may have it when the next one fails. */
        CHECK(info.mode == 0640 || (r < 0 && info.mode == 0600));
}

static void inspect(void) {
        struct leat_info info = LEAT_INFO_INIT;
        CHECK_EQ(leat_create(both, 0600, true, NULL), 0);
        begin();
        int r = leat_inspect(bare, NULL, &info);
        allow("inspect", r);
        end();
        CHECK(r < 0 || info.declaration);
}

static void remove_one(void) {
        CHECK_EQ(leat_create(both, 0600, true, NULL), 0);
        begin();
        struct leat_reason why = { 0 };
        int r = leat_remove(bare, &why);
        allow("remove", r);
        end();
        /* Of several parts the first may be gone when the next fails: then it says so. */
        bool there = r < 0 && !(why.text && strstr(why.text, "is removed"));
        if (is_there() != there)
                FAIL("remove: %s, but it is%s there, where %s failed", r ? leat_strerror(r) : "done",
                     there ? " not" : "", turn.name ? turn.name : "nothing");
}

static void peek(void) {
        char buffer[16];
        struct leat_channel *sender;
        CHECK_EQ(leat_open(bare, LEAT_SEND, LEAT_NOW, &sender), 0);
        CHECK_EQ(leat_send(sender, 1, "peeked", 6, LEAT_NOW), 0);
        leat_close(sender);
        begin();
        ssize_t r = leat_peek(bare, 0, buffer, sizeof buffer, NULL, NULL);
        allow("peek", r);
        end();
        CHECK(r < 0 || (r == 6 && memcmp(buffer, "peeked", 6) == 0));
}

static const struct operation {
        const char *name;
        void (*function)(void);
        const char *only; /* the scheme, or NULL */
} operations[] = {
        { "create", create_new, NULL }, { "open_new", open_new, NULL }, { "set", set_mode, NULL },
        { "inspect", inspect, NULL },   { "remove", remove_one, NULL }, { "peek", peek, "sysv-mq" },
};

static void torture_operation(const struct operation *operation, enum torture class, int error) {
        injected = error;
        turn.class = class;
        turn.n = 0;
        operation->function();
        (void)leat_remove(bare, NULL);
        int descriptors = harness_count_descriptors();
        do {
                turn.n++;
                CHECK(turn.n < CALLS_MOST);
                long before = torture_outstanding();
                operation->function();
                if (torture_outstanding() != before || harness_count_descriptors() != descriptors)
                        FAIL("call %u, %s: %ld pieces of memory and %d descriptors are left", turn.n, turn.name,
                             torture_outstanding() - before, harness_count_descriptors() - descriptors);
                int r = leat_remove(bare, NULL);
                CHECK(r == 0 || r == -ENOENT);
        } while (turn.name);
        CHECK(turn.n > 1); /* or nothing was tortured */
}

/* ---- the tests ---- */

static const struct {
        const char *name;
        enum torture class;
        int error;
} ways[] = {
        { "memory", TORTURE_MEMORY, ENOMEM }, { "enomem", TORTURE_SYSTEM, ENOMEM },
        { "emfile", TORTURE_SYSTEM, EMFILE }, { "eintr", TORTURE_SYSTEM, EINTR },
        { "enospc", TORTURE_SYSTEM, ENOSPC },
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct job {
        const struct store *store;
        const struct operation *operation; /* or NULL: a life */
        size_t way;
} jobs[COUNT(ways) * COUNT(stores) * (1 + COUNT(operations))];

static void run(void *argument) {
        const struct job *job = argument;
        /* On a descriptor that is open no file system here fails it, and "is it still there?" has no third answer. */
        torture_spare("fstat");
        name_it(job->store);
        harness_remove_later(remove_it, bare);
        if (job->operation)
                torture_operation(job->operation, ways[job->way].class, ways[job->way].error);
        else
                torture(ways[job->way].class, ways[job->way].error);
}

static size_t add(size_t count, size_t way, const struct store *which, const struct operation *operation) {
        char name[80];
        jobs[count] = (struct job){ which, operation, way };
        snprintf(name, sizeof name, "%s_%s%s%s", ways[way].name, which->name, operation ? "_" : "",
                 operation ? operation->name : "");
        /* Each life of a log opens it three times, and the kernel takes its time to put an inotify away. */
        harness_add_with(name, run, &jobs[count], (struct harness_options){ .timeout_s = 180 });
        return count + 1;
}

static void add_tests(void) {
        size_t count = 0;
        for (size_t way = 0; way < COUNT(ways); way++)
                for (size_t i = 0; i < COUNT(stores); i++) {
                        count = add(count, way, &stores[i], NULL);
                        for (size_t k = 0; stores[i].is & PLAIN && k < COUNT(operations); k++)
                                if (!operations[k].only || strstr(stores[i].address, operations[k].only))
                                        count = add(count, way, &stores[i], &operations[k]);
                }
}

TEST_MAIN_WITH(add_tests)
