/* SPDX-License-Identifier: MIT */
/* A listener that is killed and started again at random while a sender goes on: ?reconnect and ?at-least-once. */
#include "harness.h"

#include <errno.h>
#include <leat.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { NUMBERS = 20000, KILLS = 200, LIFE = 75 }; /* messages that one who is to be killed takes at most */

/* What outlives everybody: which numbers were seen, and which the sender was told to be in doubt. */
struct books {
        atomic_uint seen[NUMBERS + 1];
        atomic_bool doubted[NUMBERS + 1];
        uint32_t number_of[2 * NUMBERS]; /* by the sequence of its message: a send that fails uses one up too */
        atomic_uint taken, unmarked_doubles, redelivered, out_of_order, told;
        atomic_bool over;
};

struct scene {
        const char *scheme;
        bool keeps;
        bool batches; /* several are sent with one call */
        struct books *books;
        char listens[64], connects[64];
        struct harness_event *ready;
        unsigned most; /* messages of the next receiver */
};

static void receive_all(void *argument) {
        const struct scene *scene = argument;
        struct books *books = scene->books;
        struct leat_channel *channel;
        uint32_t number, last = 0;
        unsigned taken = 0;
        CHECK_EQ(leat_open(scene->listens, LEAT_RECEIVE, harness_deadline_ms(40000), &channel), 0);
        for (;;) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                ssize_t n = leat_receive(channel, LEAT_ANY, &number, sizeof number, leat_in_ms(20), &about);
                if ((n == -ENODATA || n == -ETIMEDOUT) && books->over)
                        break;
                if (n == -ENODATA || n == -ETIMEDOUT)
                        continue;
                CHECK_EQ(n, sizeof number);
                CHECK(number >= 1 && number <= NUMBERS);
                bool again = about.flags & LEAT_REDELIVERED;
                if (atomic_fetch_add(&books->seen[number], 1) > 0 && !again)
                        atomic_fetch_add(&books->unmarked_doubles, 1);
                if (number <= last)
                        atomic_fetch_add(&books->out_of_order, 1);
                last = number;
                atomic_fetch_add(&books->redelivered, again);
                atomic_fetch_add(&books->taken, 1);
                int r = leat_acknowledge(channel, &about);
                CHECK(r == 0 || r == -ENOTCONN);
                while (++taken == scene->most)
                        pause(); /* until it is killed */
        }
        leat_close(channel);
}

static void note_doubt(struct leat_channel *channel, struct books *books) {
        struct leat_info info = LEAT_INFO_INIT;
        struct leat_reason reason;
        CHECK_EQ(leat_why(channel, &reason), 0);
        CHECK_EQ(reason.error, -ENOTCONN);
        CHECK_EQ(leat_channel_info(channel, &info), 0);
        CHECK(info.in_doubt > 0 && info.in_doubt <= info.in_doubt_last - info.in_doubt_first + 1);
        atomic_fetch_add(&books->told, (unsigned)info.in_doubt);
        for (uint64_t i = info.in_doubt_first; i <= info.in_doubt_last; i++)
                books->doubted[books->number_of[i]] = true;
}

enum { BATCH = 10 };

static void send_in_batches(struct leat_channel *channel) {
        for (uint32_t number = 1; number <= NUMBERS;) {
                struct leat_outgoing messages[BATCH];
                uint32_t numbers[BATCH];
                size_t some = 0;
                for (; some < BATCH && number + some <= NUMBERS; some++) {
                        numbers[some] = number + (uint32_t)some;
                        messages[some] = (struct leat_outgoing){ .type = 1, .bytes = &numbers[some], .size_bytes = 4 };
                }
                ssize_t n = leat_send_many(channel, messages, some, harness_deadline_ms(20000));
                CHECK(n > 0 && n <= (ssize_t)some);
                number += (uint32_t)n;
        }
}

static void send_all(void *argument) {
        const struct scene *scene = argument;
        struct leat_channel *channel;
        uint64_t sequence = 0;
        CHECK_EQ(leat_open(scene->connects, LEAT_SEND, harness_deadline_ms(40000), &channel), 0);
        harness_event_signal(scene->ready);
        if (scene->batches)
                send_in_batches(channel);
        for (uint32_t number = 1; number <= NUMBERS && !scene->batches; number++) {
                scene->books->number_of[++sequence] = number;
                int r = leat_send(channel, 1, &number, sizeof number, harness_deadline_ms(40000));
                if (r == -ENOTCONN) {
                        CHECK(!scene->keeps);
                        note_doubt(channel, scene->books);
                        number--;
                        continue;
                }
                CHECK_EQ(r, 0);
        }
        int r;
        while ((r = leat_flush(channel, harness_deadline_ms(40000))) == -ENOTCONN)
                note_doubt(channel, scene->books);
        CHECK_EQ(r, 0);
        scene->books->over = true;
        leat_close(channel);
}

static void kill_at_random(struct scene *scene) {
        for (int kills = 0; kills < KILLS && !scene->books->over; kills++) {
                unsigned until = scene->books->taken + (unsigned)harness_random_below(LIFE);
                pid_t pid = harness_fork(receive_all, scene);
                while (scene->books->taken < until && !scene->books->over)
                        (void)harness_event_try(scene->ready, leat_in_us(200));
                kill(pid, SIGKILL);
                int end = harness_wait(pid);
                CHECK(end == -SIGKILL ||
                      (end == 0 && scene->books->over)); /* all numbers may be used up before the last kill */
        }
}

static void play(struct scene *scene) {
        scene->books = harness_shared(sizeof *scene->books);
        scene->ready = harness_event_new();
        scene->most = LIFE;
        pid_t sender = harness_fork(send_all, scene);
        kill_at_random(scene);
        scene->most = 0;
        pid_t last = harness_fork(receive_all, scene);
        CHECK_EQ(harness_wait(sender), 0);
        CHECK_EQ(harness_wait(last), 0);
        printf("# taken %u, redelivered %u, in doubt %u, out of order %u\n", scene->books->taken,
               scene->books->redelivered, scene->books->told, scene->books->out_of_order);
}

static void name_it(struct scene *scene, const char *option) {
        char name[16] = "again";
        if (strcmp(scene->scheme, "tcp") == 0)
                snprintf(name, sizeof name, ":%d",
                         20000 + (int)getpid() % 10000); /* below those that the kernel gives out */
        snprintf(scene->listens, sizeof scene->listens, "%s:%s?acknowledge%s", scene->scheme, name,
                 scene->keeps ? "&at-least-once" : "&capacity=4k");
        snprintf(scene->connects, sizeof scene->connects, "%s:%s?%s", scene->scheme, name, option);
}

static void at_least_once(void *argument) {
        struct scene scene = { .scheme = argument, .keeps = true, .batches = strcmp(argument, "unix-stream") == 0 };
        name_it(&scene, "at-least-once");
        play(&scene);
        for (unsigned i = 1; i <= NUMBERS; i++)
                CHECK(scene.books->seen[i] > 0);
        CHECK_EQ(scene.books->unmarked_doubles, 0);
        CHECK_EQ(scene.books->out_of_order, 0);
        CHECK(scene.books->redelivered > 0);
}

static void reconnect(void *argument) {
        struct scene scene = { .scheme = argument };
        name_it(&scene, "reconnect&capacity=4k"); /* few are under way when one is killed */
        play(&scene);
        unsigned missing = 0;
        for (unsigned i = 1; i <= NUMBERS; i++) {
                CHECK(scene.books->seen[i] <= 1);
                CHECK(scene.books->seen[i] == 1 || scene.books->doubted[i]);
                missing += scene.books->seen[i] == 0;
        }
        CHECK(missing <= scene.books->told);
        CHECK(missing > 0);
        CHECK_EQ(scene.books->redelivered, 0);
        CHECK_EQ(scene.books->out_of_order, 0);
}

static void add_tests(void) {
        const struct harness_options slow = { .timeout_s = 120 };
        harness_add_with("at_least_once_unix", at_least_once, "unix", slow);
        harness_add_with("at_least_once_stream", at_least_once, "unix-stream", slow);
        harness_add_with("at_least_once_tcp", at_least_once, "tcp", slow);
        harness_add_with("reconnect_tcp", reconnect, "tcp", slow);
        harness_add_with("reconnect_unix", reconnect, "unix", slow);
        harness_add_with("reconnect_stream", reconnect, "unix-stream", slow);
}

TEST_MAIN_WITH(add_tests)
