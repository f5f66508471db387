/* SPDX-License-Identifier: MIT */
#include "tools/leat/crew_work.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define WORDS_AT_EXIT CLEANUP(words_free)
#define LARGEST_PIECE 4096
#define LEAST_PIECE (WORD_MAX + 32) /* a word and its count */

/* Where nothing holds a sender back it asks by a call, after each so many messages, whether they were read: so few fit
 * into any receive buffer. Of the reader's three channels it is another one's turn each time. */
#define PACE 16
#define ANSWER_MS 500 /* then the question, or its answer, is taken for lost, and it is asked again */
static_assert(PACE % WORKERS == 1, "each worker is asked in its turn");

/* Which channel is this worker's: the one for all, or its own. */
static size_t duct_of(size_t ducts_count, size_t worker) {
        return ducts_count == 1 ? 0 : worker;
}

const char *duct_address(const struct plan *plan, const struct duct *duct, int receiver, const char *needs,
                         char address[ADDRESS_SIZE]) {
        char pid[16] = "";
        const char *base = duct->address;
        if (receiver >= 0 && duct->naming == NAMED_BY_PID)
                snprintf(pid, sizeof(pid), "%d", (int)plan->tallies[receiver].pid);
        if (receiver >= 0 && duct->naming == NAMED_BY_OTHER)
                base = plan->tallies[receiver].address;
        snprintf(address, ADDRESS_SIZE, "%s%s?pattern=queue%s", base, pid, needs);
        return address;
}

static int open_named(const char *address, unsigned flags, const struct plan *plan, struct leat_reason *reason,
                      struct leat_channel **ret_channel) {
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        options.flags = flags;
        options.deadline = plan->deadline;
        return leat_open_with(address, &options, reason, ret_channel);
}

static int open_sender(const struct plan *plan, const struct duct *duct, int receiver, struct leat_reason *reason,
                       struct leat_channel **ret_channel) {
        char address[ADDRESS_SIZE];
        *ret_channel = duct->sender;
        return duct->sender ? 0
                            : open_named(duct_address(plan, duct, receiver, "", address),
                                         plan->paced ? LEAT_CALL | LEAT_SEND : LEAT_SEND, plan, reason, ret_channel);
}

/* Tell the others where it is, if the kernel chose that. */
static int tell_address(const struct plan *plan, int party, const struct duct *duct, struct leat_channel *channel) {
        struct tally *tally = &plan->tallies[party];
        ssize_t n = duct->naming == NAMED_BY_OTHER
                            ? leat_channel_address(channel, tally->address, sizeof(tally->address))
                            : 0;
        return n < 0 ? (int)n : 0;
}

static int open_receiver(const struct plan *plan, int party, const struct duct *duct, const char *needs,
                         struct leat_reason *reason, struct leat_channel **ret_channel) {
        char address[ADDRESS_SIZE];
        *ret_channel = duct->receiver;
        if (duct->receiver)
                return 0;
        int r = open_named(duct_address(plan, duct, -1, needs, address), plan->paced ? LEAT_REPLY : LEAT_RECEIVE, plan,
                           reason, ret_channel);
        return r < 0 ? r : tell_address(plan, party, duct, *ret_channel);
}

/* Until each party has opened what it receives from: then nobody sends to who is not there yet, or is gone before another
 * has come. A party that died opens the gate too, and then all are dismissed. */
static void pass_gate(struct plan *plan) {
        char nothing;
        plan->gate[1] = close_fd(plan->gate[1]);
        while (read(plan->gate[0], &nothing, 1) < 0 && errno == EINTR)
                ;
        plan->gate[0] = close_fd(plan->gate[0]);
}

/* A call on a channel failed: why. */
static int failed(struct leat_channel *channel, int error, struct leat_reason *reason) {
        if (leat_why(channel, reason) < 0)
                *reason = (struct leat_reason){ 0 };
        return error;
}

/* Wait until all that was sent on it is read: a question of one byte, or the last message, which is empty. */
static int ask(const struct plan *plan, struct leat_channel *channel, int64_t type, size_t size) {
        char nothing;
        for (;;) {
                int64_t soon = leat_in_ms(ANSWER_MS);
                int64_t deadline = soon < plan->deadline ? soon : plan->deadline;
                ssize_t n = leat_call(channel, type, "?", size, &nothing, sizeof(nothing), deadline, NULL);
                if (n != -ETIMEDOUT || deadline == plan->deadline)
                        return n < 0 ? (int)n : 0;
        }
}

/* The last message of all: only the answer to it may be lost, after which its receiver is gone. */
static int ask_last(const struct plan *plan, struct leat_channel *channel, int64_t type) {
        int r = ask(plan, channel, type, 0);
        return r == -EPIPE ? 0 : r;
}

static int send_counted(const struct plan *plan, int party, struct leat_channel *channel, int64_t type,
                        const char *bytes, size_t size, struct leat_reason *reason) {
        struct tally *tally = &plan->tallies[party];
        int r = plan->paced && size == 0 ? ask_last(plan, channel, type)
                                         : leat_send(channel, type, bytes, size, plan->deadline);
        tally->messages++;
        tally->bytes += size;
        if (r == 0 && plan->paced && size > 0 && tally->messages % PACE == 0)
                r = ask(plan, channel, type, 1);
        return r < 0 ? failed(channel, r, reason) : 0;
}

/* The next message; questions are answered on the way. As leat_receive. */
static ssize_t take(const struct plan *plan, struct leat_channel *channel, int64_t select, char *bytes, size_t size,
                    struct leat_message *ret_about) {
        for (;;) {
                *ret_about = (struct leat_message)LEAT_MESSAGE_INIT;
                ssize_t n = leat_receive(channel, select, bytes, size, plan->deadline, ret_about);
                bool asks = n >= 0 && (ret_about->flags & LEAT_WANTS_REPLY);
                int r = asks ? leat_reply(channel, ret_about, ret_about->type, NULL, 0, plan->deadline) : 0;
                if (r < 0 && r != -EPIPE) /* -EPIPE: who asked has the answer to an earlier question, and is gone */
                        return r;
                if (!asks || n == 0)
                        return n;
        }
}

/* A line with its end, so that none is empty; or less of a long one, cut between words if that can be. */
static size_t piece_size(const char *text, size_t size, size_t largest) {
        const char *end = memchr(text, '\n', size < largest ? size : largest);
        size_t cut = largest;
        if (end)
                return (size_t)(end - text) + 1;
        if (size <= largest)
                return size;
        while (cut > 0 && words_has((unsigned char)text[cut - 1]))
                cut--;
        return cut ? cut : largest / WORD_MAX * WORD_MAX; /* inside a word, where it counts as two anyway */
}

/* The senders of the reader, and what they carry. */
struct dealing {
        struct leat_channel *senders[WORKERS];
        size_t largest; /* piece */
};

static int deal(const struct plan *plan, struct dealing *dealing, size_t worker, const char *bytes, size_t size,
                struct leat_reason *reason) {
        struct leat_channel *sender = dealing->senders[duct_of(plan->jobs_count, worker)];
        return send_counted(plan, READER, sender, (int64_t)worker + 1, bytes, size, reason);
}

static int deal_text(const struct plan *plan, struct dealing *dealing, const char *text, size_t size,
                     struct leat_reason *reason) {
        int r = 0;
        for (size_t at = 0; at < size && r == 0;) {
                size_t piece = piece_size(text + at, size - at, dealing->largest);
                r = deal(plan, dealing, plan->tallies[READER].messages % WORKERS, text + at, piece, reason);
                at += piece;
        }
        return r;
}

static int deal_all(const struct plan *plan, struct dealing *dealing, struct leat_reason *reason) {
        SPACE_AT_EXIT struct space space = SPACE_NONE;
        int r = 0;
        plan->tallies[READER].time = leat_now();
        for (size_t i = 0; i < plan->texts->count && r == 0; i++) {
                ssize_t n = texts_read(plan->texts->paths[i], &space);
                r = n < 0 ? (int)n : deal_text(plan, dealing, space.bytes, (size_t)n, reason);
        }
        for (size_t worker = 0; worker < WORKERS && r == 0; worker++)
                r = deal(plan, dealing, worker, NULL, 0, reason);
        return r;
}

static int read_texts(struct plan *plan, struct leat_reason *reason) {
        struct dealing dealing = { .largest = LARGEST_PIECE };
        int r = 0;
        pass_gate(plan);
        for (size_t i = 0; i < plan->jobs_count && r == 0; i++) {
                r = open_sender(plan, &plan->jobs[i], FIRST_WORKER + (int)i, reason, &dealing.senders[i]);
                size_t largest = r == 0 ? end_largest(dealing.senders[i]) : LARGEST_PIECE;
                dealing.largest = largest < dealing.largest ? largest : dealing.largest;
        }
        if (r == 0)
                r = dealing.largest < LEAST_PIECE ? -EMSGSIZE : deal_all(plan, &dealing, reason);
        for (size_t i = 0; i < WORKERS; i++)
                leat_close(dealing.senders[i]);
        return r;
}

/* What all workers take from gives each its type, if that is to be had where receivers compete; else whatever comes. */
static int open_jobs(const struct plan *plan, int worker, bool *ret_by_type, struct leat_reason *reason,
                     struct leat_channel **ret_jobs) {
        const struct duct *duct = &plan->jobs[duct_of(plan->jobs_count, (size_t)worker)];
        bool by_type = plan->jobs_count == 1;
        int party = FIRST_WORKER + worker;
        int r = by_type ? open_receiver(plan, party, duct, "&need=types", reason, ret_jobs) : -ENOTSUP;
        *ret_by_type = by_type && r != -ENOTSUP;
        return r == -ENOTSUP ? open_receiver(plan, party, duct, "", reason, ret_jobs) : r;
}

static int count_lines(struct plan *plan, int worker, struct words *words, struct leat_reason *reason) {
        CHANNEL_AT_EXIT struct leat_channel *jobs = NULL;
        char line[LARGEST_PIECE];
        bool by_type;
        int r = open_jobs(plan, worker, &by_type, reason, &jobs);
        if (r == 0)
                pass_gate(plan);
        while (r == 0) {
                struct leat_message about;
                ssize_t n = take(plan, jobs, by_type ? LEAT_TYPE(worker + 1) : LEAT_ANY, line, sizeof(line), &about);
                bool others = plan->jobs_count == 1 && !by_type;
                plan->tallies[FIRST_WORKER + worker].taken += n >= 0;
                if (n <= 0)
                        return n < 0 ? failed(jobs, (int)n, reason) : 0;
                if (about.type != worker + 1 && !others)
                        return -EBADMSG; /* a line of another worker */
                r = words_add_text(words, line, (size_t)n);
        }
        return r;
}

static int tell_counts(const struct plan *plan, int worker, const struct words *words, struct leat_reason *reason) {
        CHANNEL_AT_EXIT struct leat_channel *results = NULL;
        char text[LEAST_PIECE];
        int party = FIRST_WORKER + worker;
        int r = open_sender(plan, &plan->results[duct_of(plan->results_count, (size_t)worker)], COLLECTOR, reason,
                            &results);
        for (size_t i = 0; i < words->places_count && r == 0; i++) {
                const struct word *word = &words->places[i];
                if (!word->text)
                        continue;
                int n = snprintf(text, sizeof(text), "%" PRIu64 " %.*s", word->count, (int)word->length, word->text);
                r = send_counted(plan, party, results, worker + 1, text, (size_t)n, reason);
        }
        return r == 0 ? send_counted(plan, party, results, worker + 1, NULL, 0, reason) : r;
}

static int work(struct plan *plan, int worker, struct leat_reason *reason) {
        WORDS_AT_EXIT struct words words = WORDS_NONE;
        int r = count_lines(plan, worker, &words, reason);
        return r == 0 ? tell_counts(plan, worker, &words, reason) : r;
}

static int add_count(struct words *words, char *text, size_t size) {
        char *end;
        text[size] = '\0';
        uint64_t count = strtoull(text, &end, 10);
        if (end == text || *end != ' ')
                return -EBADMSG;
        return words_add(words, end + 1, size - (size_t)(end + 1 - text), count);
}

/* One channel until `workers` of them are done. */
static int collect(const struct plan *plan, struct leat_channel *results, size_t workers, struct words *words,
                   struct leat_reason *reason) {
        char text[LEAST_PIECE + 1];
        unsigned done = 0; /* a bit for each type */
        int r = 0;
        while ((size_t)__builtin_popcount(done) < workers && r == 0) {
                struct leat_message about;
                ssize_t n = take(plan, results, LEAT_ANY, text, sizeof(text) - 1, &about);
                bool again = n == 0 && about.type <= WORKERS && (done & 1u << about.type);
                plan->tallies[COLLECTOR].taken += n >= 0 && !again; /* who got no answer says it again */
                if (n == 0 && about.type <= WORKERS)
                        done |= 1u << about.type;
                else if (n == 0)
                        r = -EBADMSG;
                else if (n > 0)
                        r = add_count(words, text, (size_t)n);
                else if (n != -ENODATA || plan->results_count > 1)
                        r = failed(results, (int)n, reason);
                /* of many senders the end means that all who came are gone: others will come */
        }
        return r;
}

static int collect_all(struct plan *plan, struct leat_reason *reason) {
        WORDS_AT_EXIT struct words words = WORDS_NONE;
        struct leat_channel *receivers[WORKERS] = { NULL };
        int r = 0;
        for (size_t i = 0; i < plan->results_count && r == 0; i++)
                r = open_receiver(plan, COLLECTOR, &plan->results[i], "", reason, &receivers[i]);
        if (r == 0)
                pass_gate(plan);
        for (size_t i = 0; i < plan->results_count && r == 0; i++)
                r = collect(plan, receivers[i], plan->results_count == 1 ? WORKERS : 1, &words, reason);
        for (size_t i = 0; i < WORKERS; i++)
                leat_close(receivers[i]);
        plan->tallies[COLLECTOR].time = leat_now();
        plan->tallies[COLLECTOR].match = r == 0 && words_equal(&words, plan->expected);
        plan->tallies[COLLECTOR].within = r == 0 && words_within(&words, plan->expected);
        return r;
}

int crew_work(struct plan *plan, int party, struct leat_reason *reason) {
        if (party == READER)
                return read_texts(plan, reason);
        return party == COLLECTOR ? collect_all(plan, reason) : work(plan, party - FIRST_WORKER, reason);
}
