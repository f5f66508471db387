/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench_contest.h"

#include "tools/leat/progress.h"

#include <errno.h>
#include <leat.h>
#include <signal.h>
#include <stdlib.h>

#define STOPS "INT TERM HUP"

/* ---- comparisons ---- */

size_t contest_count_ways(const struct contest *contest) {
        size_t count = 0;
        while (count < CONTEST_WAYS && contest->entries[count].way)
                count++;
        return count;
}

static size_t count_goals(const struct contest *contest) {
        size_t count = 0;
        while (count < CONTEST_WAYS && contest->goals[count].of != contest->goals[count].to)
                count++;
        return count;
}

static struct contest_ratio ratio_of_ways(const struct contest *contest, const struct contest_goal *goal) {
        const struct entry *of = &contest->entries[goal->of], *to = &contest->entries[goal->to];
        size_t rounds = of->why_not || to->why_not ? 0 : contest->rounds;
        return (struct contest_ratio){ .of = of,
                                       .to = to,
                                       .ratio = spread_of_ratios(of->values, to->values, rounds),
                                       .cpu = spread_of_ratios(of->beside, to->beside, rounds),
                                       .more = contest->rates,
                                       .goal = goal->goal };
}

/* How much of what both did the slower of two processes did. */
static struct contest_ratio share_of(const struct contest *contest, size_t way) {
        const struct entry *of = &contest->entries[way];
        return (struct contest_ratio){ .of = of,
                                       .ratio = spread_of(of->beside, of->why_not ? 0 : contest->rounds),
                                       .more = true,
                                       .goal = way == 0 ? contest->share : 0 };
}

bool contest_compare(const struct contest *contest, size_t n, struct contest_ratio *ret_ratio) {
        size_t goals = count_goals(contest), shares = contest->share > 0 ? contest_count_ways(contest) : 0;
        if (n >= goals + shares)
                return false;
        *ret_ratio = n < goals ? ratio_of_ways(contest, &contest->goals[n]) : share_of(contest, n - goals);
        return true;
}

/* ---- a round ---- */

bool contests_to_stop(void) {
        sigset_t pending, stops;
        sigpending(&pending);
        return leat_signal_set(STOPS, &stops) == 0 && sigandset(&pending, &pending, &stops) == 0 &&
               !sigisemptyset(&pending);
}

/* The others go on without it. */
static int leave(const struct contests *contests, const struct contest *contest, struct entry *entry, int error) {
        if (error == -ECANCELED)
                return error;
        entry->why_not = contests->subject->explain(error);
        complain(contest->name, "%s: %s", entry->way->name, entry->why_not);
        return 0;
}

void contest_set_times(const struct contests *contests, struct entry *entry, double ns, int64_t most) {
        double times = ns > 0 ? (double)contests->options->round_ns / ns : 1;
        entry->times = times < 1 ? 1 : times > (double)most ? most : (int64_t)times;
}

int contest_find_times(const struct contests *contests, const struct contest *contest, struct entry *entry,
                       int64_t first, int64_t most) {
        double round = (double)contests->options->round_ns, value = 0, ns = 0, beside;
        int r = 0;
        for (entry->times = first; r == 0; entry->times *= 8) {
                r = contests->subject->turn(contests, contest, entry, &value, &beside);
                ns = contest->rates && value > 0 ? 1e9 / value : value;
                if (ns * (double)entry->times >= round / 16 || entry->times >= most / 8)
                        break;
        }
        contest_set_times(contests, entry, ns, most);
        return r;
}

static int start(const struct contests *contests, const struct contest *contest, struct entry *entry) {
        size_t rounds = (size_t)contests->options->rounds;
        entry->values = calloc(rounds, sizeof(double));
        entry->beside = calloc(rounds, sizeof(double));
        if (!entry->values || !entry->beside)
                return -ENOMEM;
        int r = contests->subject->prepare(contests, contest, entry);
        return r < 0 ? leave(contests, contest, entry, r) : 0;
}

/* Each time another one first: what follows upon what must not matter. */
static int run_round(const struct contests *contests, struct contest *contest) {
        size_t count = contest_count_ways(contest), round = contest->rounds;
        for (size_t i = 0; i < count; i++) {
                struct entry *entry = &contest->entries[(i + round) % count];
                if (entry->why_not)
                        continue;
                int r = contests->subject->turn(contests, contest, entry, &entry->values[round], &entry->beside[round]);
                if (r < 0 && (r = leave(contests, contest, entry, r)) < 0)
                        return r;
        }
        contest->rounds++;
        return 0;
}

int contest_run_rounds(const struct contests *contests, struct contest *contest) {
        int r = 0;
        for (size_t i = 0; i < contest_count_ways(contest) && r == 0; i++)
                r = start(contests, contest, &contest->entries[i]);
        for (int64_t i = 0; i < contests->options->rounds && r == 0; i++)
                r = run_round(contests, contest);
        return r;
}

/* ---- the command ---- */

int contests_check(const struct options *options, const char *subject) {
        const struct bench_options *bench = &options->bench;
        if (options->operands_count != 1)
                return complain_usage(subject, "it is measured by itself; leave the transports out");
        if (bench->sizes_count || bench->placements || bench->batch_said || bench->wait || bench->peers ||
            bench->plot_file)
                return complain_usage(subject, "--size, --placement, --batch, --wait, --peers and --plot are for "
                                               "transports; leave them out");
        return DONE;
}

int contests_check_plain(const struct options *options, const char *subject) {
        const struct bench_options *bench = &options->bench;
        int code = contests_check(options, subject);
        if (code == DONE && (bench->once || bench->bare || bench->memory_said))
                return complain_usage(subject, "--once and --bare are for transports and processes, --memory is for "
                                               "processes; leave them out");
        return code;
}

int contests_shielded(int (*measure)(const struct bench_options *options), const struct bench_options *options) {
        sigset_t before;
        int r = leat_signals_block(STOPS, &before);
        int code = r < 0 ? report(NULL, r, ASKING, NULL) : measure(options);
        leat_signals_restore(&before);
        return code;
}

int contests_run(const struct contests *contests) {
        int r = 0;
        for (struct contest *const *contest = contests->all; *contest && r == 0; contest++) {
                progress_begin((*contest)->what);
                r = contests->subject->run(contests, *contest);
        }
        progress_end();
        return r;
}

static bool is_complete(const struct contest *contest) {
        bool all = !contest->why_not;
        for (size_t k = 0; k < CONTEST_WAYS; k++)
                all = all && !contest->entries[k].why_not;
        return all;
}

static int show(const struct contests *contests) {
        const struct bench_options *options = contests->options;
        int code = options->json_file ? contests_write_json(contests, options->json_file) : DONE;
        int printed = contests_print(contests);
        bool all = true;
        for (struct contest *const *contest = contests->all; *contest; contest++)
                all = all && is_complete(*contest);
        return code ? code : printed ? printed : all ? DONE : ANSWER_NO;
}

static void clear(struct contest *contest) {
        for (size_t k = 0; k < CONTEST_WAYS; k++) {
                free(contest->entries[k].values);
                free(contest->entries[k].beside);
        }
}

int contests_end(struct contests *contests, int r) {
        contests->stopped = r == -ECANCELED;
        int code = r < 0 && !contests->stopped ? report(contests->subject->name, r, contests->subject->doing, NULL)
                                               : show(contests);
        for (struct contest *const *contest = contests->all; *contest; contest++)
                clear(*contest);
        return code;
}
