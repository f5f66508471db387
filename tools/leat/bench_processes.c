/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench_processes.h"

#include "tools/leat/progress.h"
#include "tools/leat/report.h"

#include "base/cleanup.h"

#include <errno.h>
#include <leat.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define STOPS "INT TERM HUP"
#define REPEATS_MOST 1000
#define CAT "/bin/cat"
#define TRUE "/bin/true"
#define CATS CAT " | " CAT " >/dev/null"

static const struct race all_races[RACES] = {
        { .name = "start",
          .what = "start " TRUE ", wait for its end; memory is touched",
          .touches = true,
          .run = { .program = TRUE, .stages = 1 },
          .runners = { { .way = &way_spawn }, { .way = &way_posix_spawn }, { .way = &way_fork } },
          .goals = { { 0, 1, 1.05 }, { 2, 1, 0 } } },
        { .name = "pipeline",
          .what = CAT " </dev/null | " CATS,
          .run = { .program = CAT, .stages = 3, .input = "/dev/null", .line = CAT " </dev/null | " CATS },
          .runners = { { .way = &way_pipeline },
                       { .way = &way_leat_run },
                       { .way = &way_vfork },
                       { .way = &way_shell } },
          .goals = { { 0, 3, 0.7 }, { 1, 3, 1 }, { 2, 3, 0 }, { 0, 2, 0 } } },
        { .name = "one",
          .what = TRUE ", which both execute in their own place",
          .run = { .program = TRUE, .stages = 1, .line = TRUE },
          .runners = { { .way = &way_leat_run }, { .way = &way_shell } },
          .goals = { { 0, 1, 0 } } },
        { .name = "bytes",
          .what = CAT " <zeros | " CATS,
          .carries = true,
          .run = { .program = CAT, .stages = 3 },
          .runners = { { .way = &way_pipeline },
                       { .way = &way_leat_run },
                       { .way = &way_vfork },
                       { .way = &way_shell } },
          .goals = { { 0, 3, 1.05 }, { 1, 3, 1.05 }, { 2, 3, 0 } } },
};

bool is_processes(const char *operand) {
        return strcmp(operand, "processes") == 0;
}

bool race_compare(const struct race *race, size_t n, struct spread *ret_ratio, struct spread *ret_cpu_ratio) {
        const struct race_goal *goal = &race->goals[n];
        if (n >= RACE_WAYS || goal->of == goal->to)
                return false;
        const struct runner *of = &race->runners[goal->of], *to = &race->runners[goal->to];
        size_t rounds = of->why_not || to->why_not ? 0 : race->rounds;
        *ret_ratio = spread_of_ratios(of->values, to->values, rounds);
        *ret_cpu_ratio = spread_of_ratios(of->cpu, to->cpu, rounds);
        return true;
}

/* ---- a round ---- */

/* A signal that would end us is blocked meanwhile: it takes its course when what there is was shown. */
static bool to_stop(void) {
        sigset_t pending, stops;
        sigpending(&pending);
        return leat_signal_set(STOPS, &stops) == 0 && sigandset(&pending, &pending, &stops) == 0 &&
               !sigisemptyset(&pending);
}

static double cpu_of(int who) {
        struct rusage usage;
        (void)getrusage(who, &usage);
        return 1e9 * (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               1e3 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static double cpu_now(void) {
        return cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN);
}

/* Returns 0, -ECANCELED, or what went wrong. */
static int run_once(const struct race *race, const struct runner *runner, double *ret_ns, double *ret_cpu) {
        double cpu = cpu_now();
        int64_t begun = leat_now();
        int r = 0;
        for (int64_t i = 0; i < runner->repeats && r == 0; i++)
                r = to_stop() ? -ECANCELED : runner->way->run(&race->run);
        *ret_ns = (double)(leat_now() - begun) / (double)runner->repeats;
        *ret_cpu = (cpu_now() - cpu) / (double)runner->repeats;
        return r < 0 && to_stop() ? -ECANCELED : r; /* a terminal's signal ends programs too */
}

static int leave(const struct race *race, struct runner *runner, int error) {
        if (error == -ECANCELED)
                return error;
        runner->why_not = error == -EPROTO ? "a program did not end well" : leat_strerror(error);
        complain(race->name, "%s: %s", runner->way->name, runner->why_not);
        return 0;
}

/* Once to warm it up, once to see how often it goes into a round. */
static int start(const struct races *races, const struct race *race, struct runner *runner) {
        size_t rounds = (size_t)races->options->rounds;
        double ns = 0, cpu;
        runner->values = calloc(rounds, sizeof(double));
        runner->cpu = calloc(rounds, sizeof(double));
        if (!runner->values || !runner->cpu)
                return -ENOMEM;
        if (runner->way->needs && access(runner->way->needs, X_OK) < 0)
                return leave(race, runner, -errno);
        runner->repeats = 1;
        int r = run_once(race, runner, &ns, &cpu);
        if (r == 0)
                r = run_once(race, runner, &ns, &cpu);
        double repeats = ns > 0 ? (double)races->options->round_ns / ns : 1;
        runner->repeats = repeats < 1 ? 1 : repeats > REPEATS_MOST ? REPEATS_MOST : (int64_t)repeats;
        return r < 0 ? leave(race, runner, r) : 0;
}

static size_t count_ways(const struct race *race) {
        size_t count = 0;
        while (count < RACE_WAYS && race->runners[count].way)
                count++;
        return count;
}

/* Each time another one first: what follows upon what must not matter. */
static int run_round(struct race *race) {
        size_t count = count_ways(race);
        for (size_t i = 0; i < count; i++) {
                struct runner *runner = &race->runners[(i + race->rounds) % count];
                double ns, cpu;
                int r = runner->why_not ? 0 : run_once(race, runner, &ns, &cpu);
                if (r < 0 && (r = leave(race, runner, r)) < 0)
                        return r;
                if (!runner->why_not) {
                        runner->values[race->rounds] = ns;
                        runner->cpu[race->rounds] = cpu;
                }
        }
        race->rounds++;
        return 0;
}

static int run_rounds(const struct races *races, struct race *race) {
        int r = 0;
        for (size_t i = 0; i < count_ways(race) && r == 0; i++)
                r = start(races, race, &race->runners[i]);
        for (int64_t i = 0; i < races->options->rounds && r == 0; i++)
                r = run_round(race);
        return r;
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

static int run_touching(const struct races *races, struct race *race) {
        size_t size = (size_t)races->options->memory_bytes;
        void *memory = MAP_FAILED;
        if (memory_is_there(races->options->memory_bytes))
                memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (memory == MAP_FAILED) {
                race->why_not = "there is not so much memory here; say less with --memory";
                return 0;
        }
        int r = run_rounds(races, race);
        munmap(memory, size);
        return r;
}

/* Zeros that take no memory: a file of nothing but a hole. */
static int run_carrying(const struct races *races, struct race *race) {
        char path[64], line[160];
        CLOSE_AT_EXIT int fd = memfd_create("leat-bench", MFD_CLOEXEC);
        if (fd < 0 || ftruncate(fd, races->options->memory_bytes) < 0) {
                race->why_not = leat_strerror(-errno);
                return 0;
        }
        (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
        (void)snprintf(line, sizeof(line), CAT " <%s | " CATS, path);
        race->run.input = path;
        race->run.line = line;
        int r = run_rounds(races, race);
        race->run.input = race->run.line = NULL;
        return r;
}

static int run_race(const struct races *races, struct race *race) {
        progress_begin(race->what);
        return race->touches   ? run_touching(races, race)
               : race->carries ? run_carrying(races, race)
                               : run_rounds(races, race);
}

/* ---- the command ---- */

int check_processes(const struct options *options) {
        const struct bench_options *bench = &options->bench;
        if (options->operands_count != 1)
                return complain_usage("processes", "it is measured by itself; leave the transports out");
        if (bench->sizes_count || bench->placements || bench->batch_said || bench->wait || bench->peers ||
            bench->plot_file)
                return complain_usage("processes",
                                      "--size, --placement, --batch, --wait, --peers and --plot are for transports; "
                                      "leave them out");
        if (bench->once && bench->json_file)
                return complain_usage("--once", "it measures nothing: leave out --json");
        if (bench->bare && !bench->once)
                return complain_usage("--bare", "it belongs to --once; without it all are measured");
        return DONE;
}

static int start_once(const struct bench_options *bench) {
        const struct way *way = bench->bare ? &way_posix_spawn : &way_spawn;
        int r = 0;
        for (int64_t i = 0; i < bench->once && r == 0; i++)
                r = way->run(&all_races[0].run);
        return r < 0 ? report(TRUE, r, STARTING, NULL) : DONE;
}

static int show(const struct races *races) {
        const struct bench_options *options = races->options;
        int code = options->json_file ? races_write_json(races, options->json_file) : DONE;
        int printed = races_print(races);
        bool all = true;
        for (size_t i = 0; i < RACES; i++) {
                all = all && !races->all[i].why_not;
                for (size_t k = 0; k < RACE_WAYS; k++)
                        all = all && !races->all[i].runners[k].why_not;
        }
        return code ? code : printed ? printed : all ? DONE : ANSWER_NO;
}

static void races_clear(struct races *races) {
        for (size_t i = 0; i < RACES; i++)
                for (size_t k = 0; k < RACE_WAYS; k++) {
                        free(races->all[i].runners[k].values);
                        free(races->all[i].runners[k].cpu);
                }
}

static int measure(const struct bench_options *bench, const char *leat) {
        struct races races = { .options = bench };
        int r = 0;
        memcpy(races.all, all_races, sizeof(all_races));
        for (size_t i = 0; i < RACES && r == 0; i++) {
                races.all[i].run.leat = leat;
                r = run_race(&races, &races.all[i]);
        }
        progress_end();
        races.stopped = r == -ECANCELED;
        int code = r < 0 && !races.stopped ? report("processes", r, STARTING, NULL) : show(&races);
        races_clear(&races);
        return code;
}

int bench_processes(const struct options *options) {
        char leat[4096];
        sigset_t before;
        if (options->bench.once)
                return start_once(&options->bench);
        ssize_t length = readlink("/proc/self/exe", leat, sizeof(leat) - 1);
        if (length < 0)
                return report("/proc/self/exe", -errno, ASKING, NULL);
        leat[length] = '\0';
        int r = leat_signals_block(STOPS, &before);
        int code = r < 0 ? report(NULL, r, ASKING, NULL) : measure(&options->bench, leat);
        leat_signals_restore(&before);
        return code;
}
