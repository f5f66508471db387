/* SPDX-License-Identifier: MIT */
/*
 * Broadcast under fire: three senders and three readers, killed and stopped at random while files come. Who is killed comes
 * again: a sender goes on with the next number, a reader begins at the start. In the end each reader has seen the same: every
 * message whose send returned, once, each sender's in order; of each killed send the message whole, or nothing.
 */
#include "log.h"
#include <stdatomic.h>
#include <sys/wait.h>

#define SENDERS 3
#define READERS 3
#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
#define EACH 2000u
#define BLOWS 40u
#else
#define EACH 20000u
#define BLOWS 300u
#endif
#define LARGEST 6000u

enum fate { NOT_SENT, BEGUN, RETURNED };

static struct shared {
        _Atomic uint8_t fates[SENDERS][EACH];
        uint8_t seen[READERS][SENDERS][EACH];
        _Atomic unsigned next[SENDERS];
        _Atomic bool all_sent;
        struct harness_event *progress;
} * shared;

struct party {
        bool sends;
        unsigned who;
        pid_t pid;
        bool stopped;
};

static unsigned char pattern[LARGEST + 251];

struct message {
        unsigned sender, number;
        unsigned char bytes[LARGEST];
};

static size_t fill_message(struct message *message, unsigned sender, unsigned number) {
        size_t size = (number * 7919u + sender) % LARGEST;
        message->sender = sender;
        message->number = number;
        memcpy(message->bytes, pattern + number % 251, size);
        return offsetof(struct message, bytes) + size;
}

static void run_sender(unsigned who) {
        static struct message message;
        struct leat_channel *sender = log_sender("?rotate=256k");
        for (unsigned number; (number = shared->next[who]) < EACH;) {
                size_t size = fill_message(&message, who, number);
                shared->next[who] = number + 1; /* whoever is killed from here on does not send it again */
                shared->fates[who][number] = BEGUN;
                CHECK_EQ(leat_send(sender, 1 + who, &message, size, SOON), 0);
                shared->fates[who][number] = RETURNED;
                if (number % 64 == 0)
                        harness_event_signal(shared->progress);
        }
        leat_close(sender);
}

static void check_message(const struct message *message, ssize_t size, unsigned last[SENDERS]) {
        static struct message wanted;
        CHECK(message->sender < SENDERS && message->number < EACH);
        CHECK_EQ(size, fill_message(&wanted, message->sender, message->number));
        CHECK_MEM(message->bytes, wanted.bytes, (size_t)size - offsetof(struct message, bytes));
        CHECK(message->number + 1 > last[message->sender]);
        last[message->sender] = message->number + 1;
}

static void run_reader(unsigned who) {
        static struct message message;
        unsigned last[SENDERS] = { 0 };
        struct leat_channel *receiver = log_receiver("?end");
        memset(shared->seen[who], 0, sizeof shared->seen[who]);
        for (;;) {
                bool done = shared->all_sent; /* before the look that finds nothing more */
                ssize_t n = leat_receive(receiver, LEAT_ANY, &message, sizeof message, SOON, NULL);
                if (n == -ENODATA && done)
                        break;
                if (n == -ENODATA) /* every sender was dead for a moment */
                        continue;
                if (n < 0)
                        FAIL("reader: %s", leat_strerror((int)n));
                if (n == 0) /* finish() */
                        continue;
                check_message(&message, n, last);
                shared->seen[who][message.sender][message.number]++;
        }
        leat_close(receiver);
}

static void run_party(void *given) {
        const struct party *party = given;
        if (party->sends)
                run_sender(party->who);
        else
                run_reader(party->who);
}

static void strike(struct party *party) {
        if (party->stopped) {
                CHECK_EQ(kill(party->pid, SIGCONT), 0);
                party->stopped = false;
        } else if (harness_random_below(2) == 0) {
                CHECK_EQ(kill(party->pid, SIGSTOP), 0);
                party->stopped = true;
        } else {
                CHECK_EQ(kill(party->pid, SIGKILL), 0);
                int r = harness_wait(party->pid);
                CHECK(r == -SIGKILL || (r == 0 && party->sends)); /* it may just have sent its last */
                party->pid = harness_fork(run_party, party);
        }
}

/* Something is sent between two blows, while there is anything left and anybody to send it. */
static void wait_for_progress(const struct party *parties) {
        unsigned able = 0;
        for (unsigned i = 0; i < SENDERS; i++)
                able += !parties[i].stopped && shared->next[i] + 64 < EACH;
        if (able > 0)
                harness_event_wait(shared->progress);
}

static void finish(struct party *parties) {
        for (unsigned i = 0; i < SENDERS + READERS; i++)
                if (parties[i].stopped)
                        CHECK_EQ(kill(parties[i].pid, SIGCONT), 0);
        for (unsigned i = 0; i < SENDERS; i++)
                CHECK_EQ(harness_wait(parties[i].pid), 0);
        shared->all_sent = true;
        log_say_once(""); /* a reader that was told of the end before it knew that it is the last is told again */
        for (unsigned i = SENDERS; i < SENDERS + READERS; i++)
                CHECK_EQ(harness_wait(parties[i].pid), 0);
}

TEST(every_reader_sees_every_whole_message_once, .timeout_s = 120) {
        struct party parties[SENDERS + READERS] = { 0 };
        shared = harness_shared(sizeof *shared);
        shared->progress = harness_event_new();
        for (size_t i = 0; i < sizeof pattern; i++)
                pattern[i] = (unsigned char)(i % 251 ^ i / 251 * 7);
        for (unsigned i = 0; i < SENDERS + READERS; i++) {
                parties[i].sends = i < SENDERS;
                parties[i].who = i < SENDERS ? i : i - SENDERS;
                parties[i].pid = harness_fork(run_party, &parties[i]);
        }
        for (unsigned i = 0; i < BLOWS; i++) {
                wait_for_progress(parties);
                strike(&parties[harness_random_below(SENDERS + READERS)]);
        }
        finish(parties);
        unsigned returned = 0, more = 0;
        for (unsigned sender = 0; sender < SENDERS; sender++)
                for (unsigned number = 0; number < EACH; number++) {
                        uint8_t seen = shared->seen[0][sender][number];
                        CHECK(seen <= 1 && (seen == 1 || shared->fates[sender][number] != RETURNED));
                        for (unsigned reader = 1; reader < READERS; reader++)
                                CHECK_EQ(shared->seen[reader][sender][number], seen);
                        returned += shared->fates[sender][number] == RETURNED;
                        more += seen && shared->fates[sender][number] != RETURNED;
                }
        CHECK(returned + more + BLOWS >= SENDERS * EACH);
        printf("# %u sends returned, %u more were whole\n", returned, more);
}

TEST_MAIN()
