/* SPDX-License-Identifier: MIT */
#include "tools/leat/crew_work.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define WORDS_AT_EXIT CLEANUP(words_free)
#define LARGEST_PIECE 4096

/* Which channel is this worker's: the one for all, or its own. */
static size_t duct_of(size_t ducts_count, size_t worker) {
        return ducts_count == 1 ? 0 : worker;
}

static int open_sender(const struct plan *plan, const struct duct *duct, struct leat_channel **ret_channel) {
        *ret_channel = duct->sender;
        return duct->sender ? 0 : leat_open(duct->address, LEAT_SEND, plan->deadline, ret_channel);
}

static int open_receiver(const struct plan *plan, const struct duct *duct, struct leat_channel **ret_channel) {
        *ret_channel = duct->receiver;
        return duct->receiver ? 0 : leat_open(duct->address, LEAT_RECEIVE, plan->deadline, ret_channel);
}

static int send_counted(const struct plan *plan, int party, struct leat_channel *channel, int64_t type,
                        const char *bytes, size_t size) {
        int r = leat_send(channel, type, bytes, size, plan->deadline);
        plan->tallies[party].messages++;
        plan->tallies[party].bytes += size;
        return r;
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

static int deal_text(const struct plan *plan, struct leat_channel *senders[], const char *text, size_t size) {
        uint64_t limit = plan->declaration->largest_bytes;
        size_t largest = limit < LARGEST_PIECE ? (size_t)limit : LARGEST_PIECE;
        int r = 0;
        for (size_t at = 0; at < size && r == 0;) {
                size_t piece = piece_size(text + at, size - at, largest);
                size_t worker = plan->tallies[READER].messages % WORKERS;
                r = send_counted(plan, READER, senders[duct_of(plan->jobs_count, worker)], (int64_t)worker + 1,
                                 text + at, piece);
                at += piece;
        }
        return r;
}

static int deal_all(const struct plan *plan, struct leat_channel *senders[]) {
        SPACE_AT_EXIT struct space space = SPACE_NONE;
        int r = 0;
        plan->tallies[READER].time = leat_now();
        for (size_t i = 0; i < plan->texts->count && r == 0; i++) {
                ssize_t n = texts_read(plan->texts->paths[i], &space);
                r = n < 0 ? (int)n : deal_text(plan, senders, space.bytes, (size_t)n);
        }
        for (size_t worker = 0; worker < WORKERS && r == 0; worker++)
                r = send_counted(plan, READER, senders[duct_of(plan->jobs_count, worker)], (int64_t)worker + 1, NULL,
                                 0);
        return r;
}

static int read_texts(const struct plan *plan) {
        struct leat_channel *senders[WORKERS] = { NULL };
        int r = 0;
        for (size_t i = 0; i < plan->jobs_count && r == 0; i++)
                r = open_sender(plan, &plan->jobs[i], &senders[i]);
        if (r == 0)
                r = deal_all(plan, senders);
        for (size_t i = 0; i < WORKERS; i++)
                leat_close(senders[i]);
        return r;
}

static int count_lines(const struct plan *plan, int worker, struct words *words) {
        CHANNEL_AT_EXIT struct leat_channel *jobs = NULL;
        char line[LARGEST_PIECE];
        int r = open_receiver(plan, &plan->jobs[duct_of(plan->jobs_count, (size_t)worker)], &jobs);
        while (r == 0) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                int64_t select = plan->by_type ? LEAT_TYPE(worker + 1) : LEAT_ANY;
                ssize_t n = leat_receive(jobs, select, line, sizeof(line), plan->deadline, &about);
                bool others = plan->jobs_count == 1 && !plan->by_type;
                if (n == 0)
                        return 0;
                if (n < 0)
                        return (int)n;
                if (about.type != worker + 1 && !others)
                        return -EBADMSG; /* a line of another worker */
                r = words_add_text(words, line, (size_t)n);
        }
        return r;
}

static int tell_counts(const struct plan *plan, int worker, const struct words *words) {
        CHANNEL_AT_EXIT struct leat_channel *results = NULL;
        char text[WORD_MAX + 32];
        int r = open_sender(plan, &plan->results[duct_of(plan->results_count, (size_t)worker)], &results);
        for (size_t i = 0; i < words->places_count && r == 0; i++) {
                const struct word *word = &words->places[i];
                if (!word->text)
                        continue;
                int n = snprintf(text, sizeof(text), "%" PRIu64 " %.*s", word->count, (int)word->length, word->text);
                r = send_counted(plan, FIRST_WORKER + worker, results, worker + 1, text, (size_t)n);
        }
        return r == 0 ? send_counted(plan, FIRST_WORKER + worker, results, worker + 1, NULL, 0) : r;
}

static int work(const struct plan *plan, int worker) {
        WORDS_AT_EXIT struct words words = WORDS_NONE;
        int r = count_lines(plan, worker, &words);
        return r == 0 ? tell_counts(plan, worker, &words) : r;
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
static int collect(const struct plan *plan, struct leat_channel *results, size_t workers, struct words *words) {
        char text[WORD_MAX + 33];
        int r = 0;
        while (workers > 0 && r == 0) {
                ssize_t n = leat_receive(results, LEAT_ANY, text, sizeof(text) - 1, plan->deadline, NULL);
                if (n == 0)
                        workers--;
                else if (n > 0)
                        r = add_count(words, text, (size_t)n);
                else if (n != -ENODATA || plan->results_count > 1)
                        r = (int)n; /* of many senders the end means that all who came are gone: others will come */
        }
        return r;
}

static int collect_all(const struct plan *plan) {
        WORDS_AT_EXIT struct words words = WORDS_NONE;
        struct leat_channel *receivers[WORKERS] = { NULL };
        int r = 0;
        for (size_t i = 0; i < plan->results_count && r == 0; i++)
                r = open_receiver(plan, &plan->results[i], &receivers[i]);
        for (size_t i = 0; i < plan->results_count && r == 0; i++)
                r = collect(plan, receivers[i], plan->results_count == 1 ? WORKERS : 1, &words);
        for (size_t i = 0; i < WORKERS; i++)
                leat_close(receivers[i]);
        plan->tallies[COLLECTOR].time = leat_now();
        plan->tallies[COLLECTOR].match = r == 0 && words_equal(&words, plan->expected);
        return r;
}

int crew_work(const struct plan *plan, int party) {
        if (party == READER)
                return read_texts(plan);
        return party == COLLECTOR ? collect_all(plan) : work(plan, party - FIRST_WORKER);
}
