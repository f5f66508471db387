/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench_processes.h"

#include "tools/leat/bench_contest.h"
#include "tools/leat/bench_starts.h"

#include "base/cleanup.h"

#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define REPEATS_MOST 1000
#define CAT "/bin/cat"
#define TRUE "/bin/true"
#define CATS CAT " | " CAT " >/dev/null"

struct race {
        struct contest contest; /* the first member */
        bool touches;           /* memory, before it begins */
        bool carries;           /* bytes, so many */
        struct run run;
};

/* Measured once. */
static struct race races[] = {
        { .contest = { .name = "start",
                       .what = "start " TRUE ", wait for its end; memory is touched",
                       .entries = { { .way = &way_spawn.way },
                                    { .way = &way_posix_spawn.way },
                                    { .way = &way_fork.way } },
                       .goals = { { 0, 1, 1.05 }, { 2, 1, 0 } } },
          .touches = true,
          .run = { .program = TRUE, .stages = 1 } },
        { .contest = { .name = "pipeline",
                       .what = CAT " </dev/null | " CATS,
                       .entries = { { .way = &way_pipeline.way },
                                    { .way = &way_leat_run.way },
                                    { .way = &way_vfork.way },
                                    { .way = &way_shell.way } },
                       .goals = { { 0, 3, 0.7 }, { 1, 3, 1 }, { 2, 3, 0 }, { 0, 2, 0 } } },
          .run = { .program = CAT, .stages = 3, .input = "/dev/null", .line = CAT " </dev/null | " CATS } },
        { .contest = { .name = "one",
                       .what = TRUE ", which both execute in their own place",
                       .entries = { { .way = &way_leat_run.way }, { .way = &way_shell.way } },
                       .goals = { { 0, 1, 0 } } },
          .run = { .program = TRUE, .stages = 1, .line = TRUE } },
        { .contest = { .name = "bytes",
                       .what = CAT " <zeros | " CATS,
                       .entries = { { .way = &way_pipeline.way },
                                    { .way = &way_leat_run.way },
                                    { .way = &way_vfork.way },
                                    { .way = &way_shell.way } },
                       .goals = { { 0, 3, 1.05 }, { 1, 3, 1.05 }, { 2, 3, 0 } } },
          .carries = true,
          .run = { .program = CAT, .stages = 3 } },
};
#define RACES (sizeof(races) / sizeof(races[0]))

bool is_processes(const char *operand) {
        return strcmp(operand, "processes") == 0;
}

/* ---- a round ---- */

static double cpu_of(int who) {
        struct rusage usage;
        (void)getrusage(who, &usage);
        return 1e9 * (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               1e3 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static double cpu_now(void) {
        return cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN);
}

static const struct start_way *way_of(const struct entry *entry) {
        return (const struct start_way *)entry->way; /* its first member */
}

static int run_once(const struct contests *contests, const struct contest *contest, const struct entry *entry,
                    double *ret_ns, double *ret_cpu) {
        const struct race *race = (const struct race *)contest;
        double cpu = cpu_now();
        int64_t begun = leat_now();
        int r = 0;
        (void)contests;
        for (int64_t i = 0; i < entry->times && r == 0; i++)
                r = contests_to_stop() ? -ECANCELED : way_of(entry)->run(&race->run);
        *ret_ns = (double)(leat_now() - begun) / (double)entry->times;
        *ret_cpu = (cpu_now() - cpu) / (double)entry->times;
        return r < 0 && contests_to_stop() ? -ECANCELED : r; /* a terminal's signal ends programs too */
}

/* Once to warm it up, once to see how often it goes into a round. */
static int prepare(const struct contests *contests, const struct contest *contest, struct entry *entry) {
        const char *needs = way_of(entry)->needs;
        double ns = 0, cpu;
        if (needs && access(needs, X_OK) < 0)
                return -errno;
        entry->times = 1;
        int r = run_once(contests, contest, entry, &ns, &cpu);
        if (r == 0)
                r = run_once(contests, contest, entry, &ns, &cpu);
        contest_set_times(contests, entry, ns, REPEATS_MOST);
        return r;
}

static const char *explain(int error) {
        return error == -EPROTO ? "a program did not end well" : leat_strerror(error);
}

/* ---- what a race needs ---- */

/* Is there so much? Without this the system might end another program to make room. */
static bool memory_is_there(int64_t bytes) {
        char line[128];
        long long available = -1;
        FILE *file = fopen("/proc/meminfo", "re");
        while (file && fgets(line, sizeof(line), file))
                if (sscanf(line, "MemAvailable: %lld kB", &available) == 1) // NOLINT(cert-err34-c): the kernel's number
                        break;
        if (file)
                fclose(file);
        return available < 0 || available * 1024 / 5 * 4 >= bytes;
}

static int run_touching(const struct contests *contests, struct race *race) {
        size_t size = (size_t)contests->options->memory_bytes;
        void *memory = MAP_FAILED;
        if (memory_is_there(contests->options->memory_bytes))
                memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (memory == MAP_FAILED) {
                race->contest.why_not = "there is not so much memory here; say less with --memory";
                return 0;
        }
        int r = contest_run_rounds(contests, &race->contest);
        munmap(memory, size);
        return r;
}

/* Zeros that take no memory: a file of nothing but a hole. */
static int run_carrying(const struct contests *contests, struct race *race) {
        char path[64], line[160];
        CLOSE_AT_EXIT int fd = memfd_create("leat-bench", MFD_CLOEXEC);
        if (fd < 0 || ftruncate(fd, contests->options->memory_bytes) < 0) {
                race->contest.why_not = leat_strerror(-errno);
                return 0;
        }
        (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
        (void)snprintf(line, sizeof(line), CAT " <%s | " CATS, path);
        race->run.input = path;
        race->run.line = line;
        int r = contest_run_rounds(contests, &race->contest);
        race->run.input = race->run.line = NULL;
        return r;
}

static int run_race(const struct contests *contests, struct contest *contest) {
        struct race *race = (struct race *)contest;
        return race->touches   ? run_touching(contests, race)
               : race->carries ? run_carrying(contests, race)
                               : contest_run_rounds(contests, contest);
}

/* ---- what is shown ---- */

static void ratio_cells(const struct contest_ratio *ratio, char cells[CONTEST_CELLS][BENCH_CELL]) {
        ratio_text(ratio->cpu.median, cells[0]);
        contest_goal_text(ratio, "", cells[1]);
}

static void median_cells(const struct contest *contest, const struct entry *entry,
                         char cells[CONTEST_CELLS][BENCH_CELL]) {
        const struct race *race = (const struct race *)contest;
        short_time(spread_of(entry->beside, contest->rounds).median, cells[0]);
        if (race->carries)
                short_number((double)contest->bytes * 1e9 / spread_of(entry->values, contest->rounds).median, cells[1]);
}

static const struct contest_subject subject = { .name = "processes",
                                                .doing = STARTING,
                                                .least_round = " or one run",
                                                .ratios = "Time (less is better)",
                                                .medians = "Medians; CPU is of all processes together",
                                                .median_column = ">TIME",
                                                .ratio_columns = { ">CPU RATIO", "GOAL, AT MOST" },
                                                .median_columns = { ">CPU", ">BYTES/S" },
                                                .list_key = "races",
                                                .times_key = "runs_per_round",
                                                .beside_key = "cpu_ns",
                                                .goal_key = "at_most",
                                                .cpu = true,
                                                .sized = true,
                                                .run = run_race,
                                                .prepare = prepare,
                                                .turn = run_once,
                                                .explain = explain,
                                                .ratio_cells = ratio_cells,
                                                .median_cells = median_cells };

/* ---- the command ---- */

int check_processes(const struct options *options) {
        const struct bench_options *bench = &options->bench;
        int code = contests_check(options, "processes");
        if (code != DONE)
                return code;
        if (bench->once && bench->json_file)
                return complain_usage("--once", "it measures nothing: leave out --json");
        if (bench->bare && !bench->once)
                return complain_usage("--bare", "it belongs to --once; without it all are measured");
        return DONE;
}

static int start_once(const struct bench_options *bench) {
        const struct start_way *way = bench->bare ? &way_posix_spawn : &way_spawn;
        int r = 0;
        for (int64_t i = 0; i < bench->once && r == 0; i++)
                r = way->run(&races[0].run);
        return r < 0 ? report(TRUE, r, STARTING, NULL) : DONE;
}

static int measure(const struct bench_options *options) {
        char leat[4096];
        struct contest *all[RACES + 1] = { NULL };
        struct contests contests = { .subject = &subject, .options = options, .all = all };
        ssize_t length = readlink("/proc/self/exe", leat, sizeof(leat) - 1);
        if (length < 0)
                return report("/proc/self/exe", -errno, ASKING, NULL);
        leat[length] = '\0';
        for (size_t i = 0; i < RACES; i++) {
                races[i].run.leat = leat;
                races[i].contest.bytes = races[i].touches || races[i].carries ? options->memory_bytes : 0;
                all[i] = &races[i].contest;
        }
        return contests_end(&contests, contests_run(&contests));
}

int bench_processes(const struct options *options) {
        return options->bench.once ? start_once(&options->bench) : contests_shielded(measure, &options->bench);
}
