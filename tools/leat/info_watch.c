/* SPDX-License-Identifier: MIT */

/* leat info --watch: what the parties of a channel do, interval by interval. */

#include "base/cleanup.h"
#include "base/clock.h"
#include "tools/leat/ends.h"
#include "tools/leat/info_parties.h"
#include "tools/leat/output.h"
#include "tools/leat/signal_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINES_A_HEAD 24

/* What is told as a rate: columns of both directions, and what it cost. */
static const char *const rates[] = { "sent", "sent_bytes", "received", "received_bytes", "waits", "sleeps", "wakes" };
static const char *const titles[] = { "SENT/S", "BYTES/S", "RECEIVED/S", "BYTES/S", "WAITS/S", "SLEEPS/S", "WAKES/S" };
#define RATES (sizeof(rates) / sizeof(rates[0]))

struct look {
        struct parties parties;
        uint64_t queued;
        int64_t at; /* leat_now() */
};

static void look_free(struct look *look) {
        parties_free(&look->parties);
}

static int look(const char *address, struct look *ret_look, struct leat_reason *reason) {
        struct leat_info info = LEAT_INFO_INIT;
        int r = leat_inspect(address, reason, &info);
        if (r == 0)
                r = parties_find(address, &ret_look->parties);
        if (r < 0)
                return r;
        ret_look->at = leat_now();
        ret_look->queued = parties_queued(&ret_look->parties, info.parties);
        return 0;
}

static uint64_t number_named(const struct party *party, const char *key) {
        for (size_t n = 0; n < PARTY_NUMBERS; n++)
                if (strcmp(party_numbers[n].key, key) == 0)
                        return party_number(party, n);
        return 0;
}

/* One that was not there before counted from 0. The page of a channel that was given to a child has another holder now. */
static const struct party *find_before(const struct look *before, const struct party *party) {
        static const struct party none;
        for (size_t i = 0; i < before->parties.count; i++)
                if (before->parties.all[i].page == party->page && before->parties.all[i].opened_ns == party->opened_ns)
                        return &before->parties.all[i];
        return &none;
}

static uint64_t rate(const struct look *before, const struct look *now, const struct party *party, const char *key) {
        uint64_t count = number_named(party, key), earlier = number_named(find_before(before, party), key);
        uint64_t more = count > earlier ? count - earlier : 0;
        double seconds = (double)(now->at - before->at) / 1e9, each = (double)more / (seconds > 0 ? seconds : 1);
        return each < 9e18 ? (uint64_t)(each + 0.5) : UINT64_C(9000000000000000000);
}

static json_t *rates_json(const struct look *before, const struct look *now) {
        json_t *array = info_parties_json(&now->parties);
        for (size_t i = 0; i < now->parties.count; i++) {
                json_t *object = json_object();
                for (size_t k = 0; k < RATES; k++)
                        json_object_set_new(object, rates[k],
                                            json_integer(
                                                    (json_int_t)rate(before, now, &now->parties.all[i], rates[k])));
                json_object_set_new(json_array_get(array, i), "per_second", object);
        }
        return array;
}

static int tell_json(const struct look *before, const struct look *now) {
        char time[40];
        bool known = now->queued != LEAT_UNKNOWN;
        return output_json_line(json_pack("{s:s, s:I, s:o, s:o}", "time", time_now(time), "interval_ns",
                                          (json_int_t)(now->at - before->at), "queued_bytes",
                                          known ? json_integer(info_whole(now->queued)) : json_null(), "parties",
                                          rates_json(before, now)));
}

static void print_head(void) {
        printf("%-8s %8s %-15s %-14s", "TIME", "PID", "COMMAND", "ROLE");
        for (size_t k = 0; k < RATES; k++)
                printf(" %11s", titles[k]);
        printf(" %11s\n", "QUEUED");
}

/* What waits is of the channel, and stands with its listener. */
static int tell_lines(const struct look *before, const struct look *now, unsigned *lines) {
        char time[40], name[64];
        for (size_t i = 0; i < now->parties.count; i++) {
                const struct party *party = &now->parties.all[i];
                if ((*lines)++ % LINES_A_HEAD == 0)
                        print_head();
                printf("%.8s %8d %-15s %-14s", time_now(time) + 11, (int)party->pid, process_name(party->pid, name),
                       party_role(party));
                for (size_t k = 0; k < RATES; k++)
                        printf(" %11" PRIu64, rate(before, now, party, rates[k]));
                if (i == 0 && now->queued != LEAT_UNKNOWN)
                        printf(" %11" PRIu64, now->queued);
                putchar('\n');
        }
        return output_flush();
}

/* Until the channel is gone, the deadline, or a signal. */
static int go_on(const struct options *options, struct look *before) {
        const char *address = options->operands[0];
        bool json = options->format == FORMAT_JSON;
        unsigned lines = 0;
        int64_t next = before->at;
        while (true) {
                struct look now = { 0 };
                next += options->every_ns;
                next = next < before->at ? before->at
                                         : next; /* after a standstill the missed ones are not made up for */
                bool last = next >= options->deadline;
                sleep_until(last ? options->deadline : next);
                if (last)
                        return complain(address, "the deadline passed"), TIMED_OUT;
                int r = look(address, &now, NULL);
                if (r < 0)
                        return r == -ENOENT || r == -ECONNREFUSED ? DONE : report(address, r, ASKING, NULL);
                int code = json ? tell_json(before, &now) : tell_lines(before, &now, &lines);
                look_free(before);
                *before = now;
                if (code)
                        return code;
        }
}

int info_watch(const struct options *options) {
        const char *address = options->operands[0];
        CLEANUP(look_free) struct look first = { 0 };
        struct leat_reason reason = { 0 };
        if (!info_has_parties(address)) {
                complain(address, "only the parties of shm: count where others can read it");
                return SYSTEM_REFUSED;
        }
        int r = look(address, &first, &reason);
        return r < 0 ? report(address, r, ASKING, &reason) : go_on(options, &first);
}
