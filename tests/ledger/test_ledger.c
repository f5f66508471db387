/* SPDX-License-Identifier: MIT */
/*
 * Many messages, disturbed, and judged by the ledger.
 *
 * The test's process is the controller: it starts the parties, wakes every 25 ms (or when one ends: SIGCHLD, waited
 * for with a timeout), kills or stops one at random, and starts the killed anew until all numbers are sent. Where
 * the channel has a name each party opens it for itself. Where it has none, the death of either end is the end of
 * both: then the controller waits until both are gone, makes a new pair and starts both. Where the declaration says
 * n:m, three receivers compete; the controller holds the channel open meanwhile, so that what waits in a fifo outlives the
 * parties as it does in a store. In a broadcast three receivers see every message, and one that was killed goes on
 * where it was (?from=). In a crowd there are seven senders to one receiver, and several of these eight stand at a time.
 *
 * 1,000,000 messages where receivers are killed (half of them where they go in batches), a quarter elsewhere; fewer under the sanitizers and with
 * LEAT_TEST_SIZE=small, 2,000,000 everywhere with long;
 * LEAT_LEDGER_MESSAGES says another number.
 */
#include "harness.h"
#include "ledger.h"
#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 25
#define PATIENCE_MS 60000 /* of a party: longer than any stop, and than everything at once on a busy machine */
#define TIMEOUT_S 240
#define EXIT_PIPE_ENDED 7 /* a sender without a name: its receiver is gone */
#define TYPE_FINISH 1     /* of no session: nothing more will be sent */
#define BATCH_MAX 16      /* messages that are sent, or taken, with one call */
#define SENDERS_USUAL 3   /* where there may be several */

#if defined __SANITIZE_THREAD__
#define MESSAGES 20000
#elif defined __SANITIZE_ADDRESS__
#define MESSAGES 50000
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
#define MESSAGES 20000
#elif __has_feature(address_sanitizer)
#define MESSAGES 50000
#endif
#endif
#ifndef MESSAGES
#define MESSAGES 1000000
#endif
#define MESSAGES_SMALL 50000
#define MESSAGES_MAX 100000000
#define LONG_FACTOR 2

/* A transport under test. A later one is one row more. */
struct stress_transport {
        const char *name;
        const char *scheme;  /* NULL: the name */
        const char *address; /* %s: the test's directory */
        bool named;
        bool base; /* %s is only the last part of it, which is as unique */
        bool broadcast;
        bool port;       /* %s is an address of this machine that only this test uses, with a port */
        size_t size_max; /* 0: SIZE_MAX_BYTES */
        bool again;      /* kept until it is acknowledged: only receivers are killed */
        bool crowd;      /* it is tried with one, too */
};

static const struct stress_transport transports[] = {
        { .name = "pipe", .address = "pipe:" },
        { .name = "unix", .address = "unix:%s/ledger", .named = true },
        { .name = "unix-stream", .address = "unix-stream:%s/ledger", .named = true },
        { .name = "shm", .address = "shm:%s/ledger", .named = true, .crowd = true },
        { .name = "tcp", .address = "tcp:%s", .named = true, .port = true },
        { .name = "unix-dgram", .address = "unix-dgram:%s/ledger", .named = true },
        { .name = "udp", .address = "udp:%s?capacity=1M", .named = true, .port = true },
        { .name = "fifo", .address = "fifo:%s/ledger", .named = true },
        /* All that is ever sent stays on the disk until the end. */
        { .name = "log", .address = "log:%s/ledger?pattern=queue", .named = true, .size_max = 1024 },
        { .name = "log-broadcast",
          .scheme = "log",
          .address = "log:%s/ledger?rotate=32M",
          .named = true,
          .broadcast = true,
          .size_max = 1024 },
        { .name = "mq", .address = "mq:/%s?size=4k", .named = true, .base = true },
        { .name = "sysv-mq", .address = "sysv-mq:%s#1", .named = true },
        { .name = "unix-again",
          .scheme = "unix",
          .address = "unix:%s/ledger?at-least-once&acknowledge",
          .named = true,
          .again = true },
        { .name = "unix-stream-again",
          .scheme = "unix-stream",
          .address = "unix-stream:%s/ledger?at-least-once&acknowledge",
          .named = true,
          .again = true },
        { .name = "shm-again",
          .scheme = "shm",
          .address = "shm:%s/ledger?at-least-once&acknowledge",
          .named = true,
          .again = true },
        { .name = "tcp-again",
          .scheme = "tcp",
          .address = "tcp:%s?at-least-once&acknowledge",
          .named = true,
          .port = true,
          .again = true },
        { .name = "log-again",
          .scheme = "log",
          .address = "log:%s/ledger?pattern=queue&acknowledge",
          .named = true,
          .size_max = 1024,
          .again = true },
};

enum disturbance { NOTHING, KILL = 1, STOP = 2 };

struct mode {
        const char *name;
        unsigned disturbances; /* KILL, STOP; both: now the one, now the other */
        bool receiver_too;     /* else only senders are disturbed: then the judge allows no tail to be lost */
        unsigned part;         /* of the messages, in the normal size: 1/part */
        bool again;            /* receivers alone; and for transports that keep what was not acknowledged */
        bool batches;          /* they are sent and taken several with one call */
        bool crowd;            /* SENDERS_MAX senders, and several parties stand at a time */
};

static const struct mode modes[] = {
        { "calm", NOTHING, false, 4 },
        { "kill-senders", KILL, false, 4 },
        { "kill-any", KILL, true, 1 },
        { "stop-any", STOP, true, 4 },
        { "kill-and-stop-any", KILL | STOP, true, 1 },
        { "kill-and-stop-receivers", KILL | STOP, true, 8, .again = true },
        { "kill-and-stop-any-with-batches", KILL | STOP, true, 2, .batches = true },
        { "kill-and-stop-any-of-eight", KILL | STOP, true, 1, .crowd = true },
        { "kill-and-stop-any-of-eight-with-batches", KILL | STOP, true, 2, .batches = true, .crowd = true },
};

struct test {
        const struct stress_transport *transport;
        const struct mode *mode;
};

struct party {
        pid_t pid;   /* 0: it does not run */
        bool killed; /* by us, and not reaped yet */
        bool done;   /* it ended as it should, for good */
        bool stands; /* stopped by us */
};

/* Parties are the senders and then the receivers. */
struct stress {
        const struct stress_transport *transport;
        const struct mode *mode;
        struct ledger *ledger;
        char address[160];
        struct party parties[SENDERS_MAX + RECEIVERS_MAX];
        unsigned senders_count, parties_count;
        struct harness_event *bound; /* of a lossy one: what is sent before the receiver is there is not counted */
        bool endless;                /* no end is told: the message that says so ends it */
        unsigned self;               /* which one this process is */
        bool many;                   /* several receivers: it is a store, and they are told when all is sent */
        struct leat_channel *given;
        struct leat_channel *held; /* of a store, by the controller */
        unsigned kills, stops;
};

static int diagnostics = -1; /* the real standard output: numbers are shown whatever the verdict */

static int64_t patience(void) {
        return harness_deadline_ms(PATIENCE_MS);
}

/* --- a sender --- */

/* Send what is left on one connection. Returns 0 when all is sent, or -EPIPE. */
static int send_rest(struct ledger *ledger, unsigned self, uint32_t session, struct leat_channel *channel) {
        uint32_t count = ledger->senders[self].count;
        int r = 0;
        for (uint32_t number; r == 0 && (number = ledger_next(ledger, self)) < count;) {
                size_t size;
                const void *bytes = ledger_message(ledger, self, number, &size);
                ledger_begin(ledger, session);
                r = leat_send(channel, ledger_type(session, number), bytes, size, patience());
                if (r == 0)
                        ledger_success(ledger, session);
                else if (r == -EPIPE) {
                        ledger_refused(ledger, session);
                        if (ledger->lossy) /* nobody was there a moment ago; that is told once */
                                r = 0;
                } else
                        FAIL("sender %u, number %u: %s", self, number, leat_strerror(r));
        }
        if (ledger->again && !ledger->store)
                CHECK_EQ(leat_flush(channel, patience()), 0);
        return r;
}

/* The same in batches. What of one was not counted goes with the next. */
static int send_rest_in_batches(struct ledger *ledger, unsigned self, uint32_t session, struct leat_channel *channel) {
        uint32_t count = ledger->senders[self].count;
        uint64_t random = ledger->seed + self;
        for (uint32_t number; (number = ledger_next(ledger, self)) < count;) {
                struct leat_outgoing messages[BATCH_MAX];
                random = random * UINT64_C(6364136223846793005) + 1;
                uint32_t some = 1 + (uint32_t)(random >> 40) % ledger->batch, i;
                for (i = 0; i < some && number + i < count; i++) {
                        messages[i] = (struct leat_outgoing){ .type = ledger_type(session, number + i) };
                        messages[i].bytes = ledger_message(ledger, self, number + i, &messages[i].size_bytes);
                        ledger_begin(ledger, session);
                }
                some = i;
                ssize_t n = leat_send_many(channel, messages, some, patience());
                for (i = 0; (ssize_t)i < n; i++)
                        ledger_success(ledger, session);
                for (; i < some; i++)
                        ledger_refused(ledger, session);
                if (n == -EPIPE && !ledger->lossy)
                        return -EPIPE;
                if (n < 0 && n != -EPIPE)
                        FAIL("sender %u, number %u: %s", self, number, leat_strerror((int)n));
        }
        return 0;
}

static void send_all(void *argument) {
        struct stress *stress = argument;
        int r;
        do {
                struct leat_channel *channel = stress->given;
                uint32_t session = ledger_session(stress->ledger, stress->self);
                r = stress->transport->named ? leat_open(stress->address, LEAT_SEND, patience(), &channel) : 0;
                if (r < 0)
                        FAIL("sender %u: open: %s", stress->self, leat_strerror(r));
                r = (stress->mode->batches ? send_rest_in_batches : send_rest)(stress->ledger, stress->self, session,
                                                                               channel);
                leat_close(channel);
        } while (r == -EPIPE && stress->transport->named);
        if (r == -EPIPE)
                _exit(EXIT_PIPE_ENDED);
}

/* --- the receiver --- */

/* One message came. Was it the one that says that nothing more will? */
static bool take(struct stress *stress, const struct leat_message *about, const void *bytes) {
        if (about->type == TYPE_FINISH)
                return true;
        if (!ledger_take_again(stress->ledger, stress->self - stress->senders_count, about->type, bytes,
                               about->size_bytes, about->flags & LEAT_REDELIVERED))
                FAIL("%s", stress->ledger->finding);
        return false;
}

static void finish_one(struct stress *stress);

/* How many of those that say so came; or the error. */
static ssize_t receive_one(struct stress *stress, struct leat_channel *channel) {
        unsigned char buffer[SIZE_MAX_BYTES];
        struct leat_message about = LEAT_MESSAGE_INIT;
        ssize_t n = leat_receive(channel, LEAT_ANY, buffer, sizeof buffer, patience(), &about);
        if (n < 0)
                return n;
        bool finished = take(stress, &about, buffer);
        if (stress->transport->again)
                CHECK_EQ(leat_acknowledge(channel, &about), 0); /* its sender lives, and is connected */
        return finished;
}

static ssize_t receive_batch(struct stress *stress, struct leat_channel *channel) {
        static unsigned char buffers[BATCH_MAX][SIZE_MAX_BYTES];
        struct leat_incoming messages[BATCH_MAX];
        ssize_t finished = 0;
        for (size_t i = 0; i < BATCH_MAX; i++)
                messages[i] = (struct leat_incoming){ .buffer = buffers[i],
                                                      .size_bytes = SIZE_MAX_BYTES,
                                                      .about = LEAT_MESSAGE_INIT };
        ssize_t n = leat_receive_many(channel, LEAT_ANY, messages, stress->ledger->batch, patience());
        for (ssize_t i = 0; i < n; i++)
                finished += take(stress, &messages[i].about, buffers[i]);
        return n < 0 ? n : finished;
}

static void receive_until_end(struct stress *stress, struct leat_channel *channel) {
        bool finished = !stress->transport->named;
        for (;;) {
                ssize_t n = stress->mode->batches ? receive_batch(stress, channel) : receive_one(stress, channel);
                finished |= n > 0;
                for (; n > 1 && stress->many; n--)
                        finish_one(stress); /* that was another's */
                if (n < 0 && n != -ENODATA)
                        FAIL("receive: %s", leat_strerror((int)n));
                if (finished && (n == -ENODATA || stress->many || stress->endless))
                        return;
        }
}

static void write_drops(struct ledger *ledger, struct leat_channel *channel) {
        struct leat_info info = LEAT_INFO_INIT;
        CHECK_EQ(leat_channel_info(channel, &info), 0);
        CHECK_EQ(info.doubled, 0);
        CHECK_EQ(info.refused, 0);
        atomic_store_explicit(&ledger->dropped, info.dropped, memory_order_relaxed);
}

static void receive_all(void *argument) {
        struct stress *stress = argument;
        struct leat_channel *channel = stress->given;
        char address[200];
        uint64_t seen = ledger_resume(stress->ledger, stress->self - stress->senders_count);
        snprintf(address, sizeof address, seen ? "%s&from=%llu" : "%s", stress->address, (unsigned long long)seen + 1);
        if (stress->transport->named) {
                int r = leat_open(address, LEAT_RECEIVE, patience(), &channel);
                if (r < 0)
                        FAIL("receiver: open: %s", leat_strerror(r));
        }
        if (stress->bound)
                harness_event_signal(stress->bound);
        receive_until_end(stress, channel);
        if (stress->ledger->lossy)
                write_drops(stress->ledger, channel);
        leat_close(channel);
}

/* -EPIPE: who was told has left, and who was started last has not opened it yet. Nothing was sent, and open waits for it. */
static void finish_one(struct stress *stress) {
        int r;
        do {
                struct leat_channel *channel;
                CHECK_EQ(leat_open(stress->address, LEAT_SEND, patience(), &channel), 0);
                r = leat_send(channel, TYPE_FINISH, NULL, 0, patience());
                leat_close(channel);
        } while (r == -EPIPE);
        CHECK_EQ(r, 0);
}

static void wait_child(int64_t deadline);

/* That may be lost too: it is told until it is heard. */
static void finish_lossy(struct stress *stress) {
        struct ledger *ledger = stress->ledger;
        struct party *receiver = &stress->parties[stress->senders_count];
        struct leat_channel *channel;
        int status;
        CHECK_EQ(leat_open(stress->address, LEAT_SEND, patience(), &channel), 0);
        while (waitpid(receiver->pid, &status, WNOHANG) == 0) {
                int r = leat_send(channel, TYPE_FINISH, NULL, 0, patience());
                ledger->unlisted += r == 0;
                CHECK(r == 0 || r == -EPIPE); /* it is not there yet, or not any more */
                wait_child(leat_in_ms(TICK_MS));
        }
        leat_close(channel);
        CHECK_EQ(status, 0);
        receiver->pid = 0;
}

/* Tell the receivers that no sender will come any more. */
static void finish_receivers(struct stress *stress) {
        for (unsigned i = stress->senders_count; i < stress->parties_count && !stress->ledger->lossy; i++)
                finish_one(stress);
        if (stress->ledger->lossy)
                finish_lossy(stress);
}

/* --- the controller: starting --- */

static bool is_receiver(const struct stress *stress, unsigned index) {
        return index >= stress->senders_count;
}

static void party_start(struct stress *stress, unsigned index) {
        struct party *party = &stress->parties[index];
        stress->self = index;
        party->killed = party->done = party->stands = false;
        party->pid = harness_fork(is_receiver(stress, index) ? receive_all : send_all, stress);
}

static void start_with_ends(struct stress *stress) {
        struct leat_channel *ends[2]; /* of the parties in order: sender, receiver */
        CHECK_EQ(leat_pair(stress->address, NULL, &ends[1], &ends[0]), 0);
        for (unsigned i = 0; i < 2; i++) {
                stress->given = ends[i];
                CHECK_EQ(leat_give(ends[i]), 0);
                party_start(stress, i);
                leat_close(ends[i]);
        }
}

static void start(struct stress *stress) {
        if (!stress->transport->named) {
                start_with_ends(stress);
                return;
        }
        for (unsigned i = stress->parties_count; i-- > 0;) { /* receivers first */
                party_start(stress, i);
                if (stress->bound && is_receiver(stress, i))
                        harness_event_wait(stress->bound);
        }
        if (stress->many && !stress->held)
                CHECK_EQ(leat_open(stress->address, LEAT_SEND, patience(), &stress->held), 0);
}

/* --- the controller: ends --- */

static void next_epoch(struct stress *stress) {
        uint32_t epoch = atomic_load_explicit(&stress->ledger->epoch, memory_order_relaxed) + 1;
        CHECK(epoch < SESSIONS_MAX);
        atomic_store_explicit(&stress->ledger->epoch, epoch, memory_order_relaxed);
}

/* The party was reaped. Anything but a kill of ours and an orderly end is a failure. */
static void party_ended(struct stress *stress, unsigned index, int status) {
        struct party *party = &stress->parties[index];
        bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && party->killed;
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        party->pid = 0;
        if (!killed && code != 0 && !(code == EXIT_PIPE_ENDED && !stress->transport->named))
                FAIL("party %u ended with status 0x%x (seed %llu)", index, status,
                     (unsigned long long)stress->ledger->seed);
        party->done = code == 0;
        if (!killed || !stress->transport->named)
                return;
        if (is_receiver(stress, index)) {
                next_epoch(stress);
                stress->ledger->receiver_kills++;
        }
        party_start(stress, index);
}

/* Of a pair both are gone: again, if the sender has not done all. */
static void renew_pair(struct stress *stress) {
        if (stress->parties[0].pid || stress->parties[1].pid || stress->parties[0].done)
                return;
        next_epoch(stress);
        start(stress);
}

static void reap(struct stress *stress) {
        int status;
        for (unsigned i = 0; i < stress->parties_count; i++)
                if (stress->parties[i].pid && waitpid(stress->parties[i].pid, &status, WNOHANG) > 0)
                        party_ended(stress, i, status);
        if (!stress->transport->named)
                renew_pair(stress);
}

/* --- the controller: disturbing --- */

static void let_go(struct party *party) {
        if (party->pid && party->stands)
                kill(party->pid, SIGCONT);
        party->stands = false;
}

/* Did any stand? */
static bool let_all_go(struct stress *stress) {
        bool stood = false;
        for (unsigned i = 0; i < stress->parties_count; i++) {
                stood |= stress->parties[i].stands;
                let_go(&stress->parties[i]);
        }
        return stood;
}

static enum disturbance choose(unsigned among) {
        return among == (KILL | STOP) ? (harness_random_below(2) ? KILL : STOP) : (enum disturbance)among;
}

static void stop_party(struct stress *stress, struct party *party) {
        stress->stops++;
        party->stands = true;
        kill(party->pid, SIGSTOP);
}

static void kill_party(struct stress *stress, unsigned index) {
        struct party *party = &stress->parties[index];
        stress->kills++;
        if (is_receiver(stress, index))
                stress->ledger->killed[stress->ledger->epoch] = true;
        party->killed = true;
        kill(party->pid, SIGKILL);
}

/* One at random is killed or stopped. Nobody stands longer than until the next time; in a crowd, until its own turn comes again, which may be
 * to be killed as it stands. */
static void disturb(struct stress *stress) {
        unsigned first = stress->mode->again ? stress->senders_count : 0;
        unsigned among = (stress->mode->receiver_too ? stress->parties_count : stress->senders_count) - first;
        unsigned index = first + (unsigned)harness_random_below(among);
        struct party *party = &stress->parties[index];
        /* Where there are two they take turns. */
        if (!stress->mode->crowd && let_all_go(stress) && among <= 2)
                return;
        if (stress->mode->disturbances == NOTHING || !party->pid)
                return;
        if (choose(stress->mode->disturbances) == KILL)
                kill_party(stress, index);
        else if (party->stands)
                let_go(party);
        else
                stop_party(stress, party);
}

static bool all_sent(const struct stress *stress) {
        for (unsigned i = 0; i < stress->senders_count; i++)
                if (!stress->parties[i].done)
                        return false;
        return true;
}

static bool receiver_is_dying(const struct stress *stress) {
        for (unsigned i = stress->senders_count; i < stress->parties_count; i++)
                if (stress->parties[i].killed)
                        return true;
        return false;
}

/* Wait for SIGCHLD, which is blocked, until the deadline. */
static void wait_child(int64_t deadline) {
        int64_t left = deadline - leat_now();
        struct timespec timeout = { left / 1000000000, left % 1000000000 };
        sigset_t child;
        sigemptyset(&child);
        sigaddset(&child, SIGCHLD);
        if (left > 0)
                (void)sigtimedwait(&child, NULL, &timeout);
}

static void control(struct stress *stress) {
        int64_t tick = leat_in_ms(TICK_MS);
        while (!all_sent(stress)) {
                wait_child(tick);
                reap(stress);
                if (leat_now() < tick)
                        continue;
                disturb(stress);
                tick = leat_in_ms(TICK_MS);
        }
        (void)let_all_go(stress);
        if (stress->transport->named) {
                /* One that was killed last is reaped and started anew before it is told. */
                while (receiver_is_dying(stress)) {
                        wait_child(leat_in_ms(TICK_MS));
                        reap(stress);
                }
                finish_receivers(stress);
        }
        for (unsigned i = 0; i < stress->parties_count; i++)
                if (stress->parties[i].pid) {
                        int code = harness_wait(stress->parties[i].pid);
                        CHECK(code == 0 || (code == -SIGKILL && stress->parties[i].killed));
                }
}

/* --- the tests --- */

static uint32_t messages_wanted(const struct mode *mode) {
        const char *given = getenv("LEAT_LEDGER_MESSAGES"), *size = getenv("LEAT_TEST_SIZE");
        unsigned long count = given ? strtoul(given, NULL, 10) : 0;
        if (count > 0 && count <= MESSAGES_MAX)
                return (uint32_t)count;
        if (size && !strcmp(size, "small") && MESSAGES > MESSAGES_SMALL)
                return MESSAGES_SMALL;
        if (size && !strcmp(size, "long"))
                return LONG_FACTOR * MESSAGES;
        return MESSAGES > MESSAGES_SMALL ? MESSAGES / mode->part : MESSAGES;
}

static const struct leat_declaration *declaration_of(const struct stress_transport *transport) {
        const struct leat_declaration *declaration;
        const char *scheme = transport->scheme ? transport->scheme : transport->name;
        for (size_t i = 0; (declaration = leat_declaration_at(i)); i++)
                if (!strcmp(declaration->scheme, scheme) &&
                    declaration->pattern == (transport->broadcast ? LEAT_BROADCAST : LEAT_QUEUE) &&
                    !strcmp(declaration->framing, "leat"))
                        return declaration;
        FAIL("%s has no such declaration", transport->name);
}

static void remove_failed(const char *address) {
        (void)leat_remove(address, NULL);
}

/* As many parties as the declaration allows, up to three of each, and seven senders in a crowd; messages as large, up to SIZE_MAX_BYTES. */
static void set_up(struct stress *stress) {
        const struct leat_declaration *declaration = declaration_of(stress->transport);
        const char *directory = harness_tmpdir();
        char port[32];
        unsigned pid = (unsigned)getpid();
        snprintf(port, sizeof port, "127.%u.%u.%u:5000", 128 | (pid >> 16 & 127), pid >> 8 & 255, pid & 255);
        stress->many = !strcmp(declaration->parties, "n:m");
        snprintf(stress->address, sizeof stress->address, stress->transport->address,
                 stress->transport->base   ? strrchr(directory, '/') + 1
                 : stress->transport->port ? port
                                           : directory);
        unsigned several = stress->mode->crowd ? SENDERS_MAX : SENDERS_USUAL;
        stress->senders_count = declaration->parties[0] == 'n' ? several : 1;
        stress->parties_count = stress->senders_count + (stress->many ? RECEIVERS_MAX : 1);
        stress->ledger = ledger_new(harness_random(), stress->senders_count, messages_wanted(stress->mode));
        stress->ledger->store = stress->many && !stress->transport->broadcast;
        stress->ledger->broadcast = stress->transport->broadcast;
        stress->ledger->again = stress->transport->again;
        stress->ledger->receivers_count = stress->parties_count - stress->senders_count;
        stress->endless = declaration->rows[LEAT_ROW_END].verdict == LEAT_NO;
        stress->bound = declaration->rows[LEAT_ROW_ORDER].verdict == LEAT_NO ? harness_event_new() : NULL;
        stress->ledger->lossy = declaration->rows[LEAT_ROW_ORDER].verdict == LEAT_NO;
        stress->ledger->batch = stress->mode->batches ? BATCH_MAX : 1;
        if (stress->transport->size_max)
                stress->ledger->size_max = stress->transport->size_max;
        if (stress->many)
                harness_remove_later(remove_failed, stress->address);
        if (declaration->largest_bytes < stress->ledger->size_max)
                stress->ledger->size_max = declaration->largest_bytes;
}

/* What the store still holds is nobody's any more. */
static void tear_down(struct stress *stress) {
        leat_close(stress->held);
        if (stress->many)
                CHECK_EQ(leat_remove(stress->address, NULL), 0);
        ledger_free(stress->ledger);
}

static void run(void *argument) {
        const struct test *test = argument;
        struct stress stress = { .transport = test->transport, .mode = test->mode };
        struct ledger_sum sum;
        sigset_t child;
        sigemptyset(&child);
        sigaddset(&child, SIGCHLD);
        sigprocmask(SIG_BLOCK, &child, NULL);
        set_up(&stress);
        int64_t begin = leat_now();
        start(&stress);
        control(&stress);
        double seconds = (double)(leat_now() - begin) / 1e9;
        if (!ledger_judge(stress.ledger, stress.mode->disturbances & KILL, &sum))
                FAIL("%s", stress.ledger->finding);
        dprintf(diagnostics,
                "# %s %s: %llu taken in %.2f s, %.0f messages/s, %u senders, %u receivers, %u killed (%u receivers), "
                "%u stopped, %u sessions, %llu lost\n",
                test->transport->name, test->mode->name, (unsigned long long)sum.taken, seconds,
                (double)sum.taken / seconds, stress.senders_count, stress.parties_count - stress.senders_count,
                stress.kills, stress.ledger->receiver_kills, stress.stops, sum.sessions, (unsigned long long)sum.lost);
        if (stress.ledger->again)
                dprintf(diagnostics, "# %u came again, marked\n", stress.ledger->marked);
        tear_down(&stress);
}

static void add_tests(void) {
        static struct test tests[sizeof transports / sizeof transports[0] * (sizeof modes / sizeof modes[0])];
        size_t count = 0;
        char name[64];
        diagnostics = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        for (size_t t = 0; t < sizeof transports / sizeof transports[0]; t++)
                for (size_t m = 0; m < sizeof modes / sizeof modes[0]; m++) {
                        if (transports[t].again != modes[m].again || (modes[m].crowd && !transports[t].crowd))
                                continue;
                        tests[count] = (struct test){ &transports[t], &modes[m] };
                        snprintf(name, sizeof name, "%s/%s", transports[t].name, modes[m].name);
                        harness_add_with(name, run, &tests[count++],
                                         (struct harness_options){ .timeout_s = TIMEOUT_S });
                }
}

TEST_MAIN_WITH(add_tests)
