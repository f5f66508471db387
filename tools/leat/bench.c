/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench.h"

#include "tools/leat/bench_processes.h"
#include "tools/leat/bench_region.h"
#include "tools/leat/bench_rpc.h"
#include "tools/leat/bench_xdr.h"
#include "tools/leat/folder.h"
#include "tools/leat/progress.h"
#include "tools/leat/report.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <leat.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* Two threads of one core share what they compute with: that is neither of the placements. Where it is not told each CPU is a core. */
static long core_of(int cpu) {
        static const char *const files[] = { "physical_package_id", "core_id" };
        long numbers[] = { 0, cpu };
        for (int i = 0; i < 2; i++) {
                char path[80], text[16];
                (void)snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/%s", cpu, files[i]);
                FILE *file = fopen(path, "re");
                if (file && fgets(text, sizeof(text), file))
                        numbers[i] = strtol(text, NULL, 10);
                if (file)
                        fclose(file);
        }
        return numbers[0] * 100000 + numbers[1];
}

void bench_find_cpus(int cpus[2]) {
        cpu_set_t set;
        cpus[0] = cpus[1] = -1;
        CPU_ZERO(&set);
        if (sched_getaffinity(0, sizeof(set), &set) < 0)
                return;
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
                if (!CPU_ISSET((size_t)cpu, &set))
                        continue;
                if (cpus[0] < 0)
                        cpus[0] = cpu;
                else if (cpus[1] < 0 || core_of(cpus[1]) == core_of(cpus[0]))
                        cpus[1] = cpu;
        }
}

void bench_pin(int cpu) {
        cpu_set_t set;
        if (cpu < 0)
                return;
        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        (void)sched_setaffinity(0, sizeof(set), &set); /* it was found among those that we may use */
}

static void add_placement(struct bench *bench, const char *name, int first, int second) {
        bench->placements[bench->placements_count++] = (struct placement){ .name = name, .cpus = { first, second } };
}

static int set_placements(struct bench *bench) {
        int cpus[2];
        unsigned wanted = bench->options->placements;
        bench_find_cpus(cpus);
        bool two = cpus[1] >= 0;
        if (cpus[0] < 0 && (wanted & ~PLACE_FREE))
                return complain_usage("--placement",
                                      "this system does not let us choose a CPU; write --placement free");
        if (wanted == PLACE_TWO_CORES && !two)
                return complain_usage("--placement", "there is one CPU here for us; write --placement one-core");
        if (!wanted)
                wanted = cpus[0] < 0 ? PLACE_FREE : PLACE_ONE_CORE | PLACE_TWO_CORES;
        if ((wanted & PLACE_TWO_CORES) && !two)
                complain(NULL, "there is one CPU here for us: nothing is measured on two cores");
        if ((wanted & PLACE_TWO_CORES) && two)
                add_placement(bench, "two-cores", cpus[0], cpus[1]);
        if (wanted & PLACE_ONE_CORE)
                add_placement(bench, "one-core", cpus[0], cpus[0]);
        if (wanted & PLACE_FREE)
                add_placement(bench, "free", -1, -1);
        return DONE;
}

static void bench_clear(struct bench *bench) {
        for (size_t i = 0; i < bench->cells_count; i++)
                cell_free(bench->cells[i]);
        free(bench->cells);
}

/* The files first: nobody may read what is printed to the end. */
static int show_all(struct bench *bench) {
        const struct bench_options *options = bench->options;
        int code = options->json_file ? bench_write_json(bench, options->json_file) : DONE;
        if (options->plot_file && code == DONE)
                code = bench_write_plot(bench, options->plot_file);
        int printed = bench_print(bench);
        return code ? code : printed ? printed : bench->failed ? ANSWER_NO : DONE;
}

/* An interrupt ends the measuring; what there is is shown, and then the signal takes its course. */
static int measure(const struct options *options, const char *folder, int stop) {
        struct bench bench = { .options = &options->bench, .folder = folder, .stop = stop };
        int code = set_placements(&bench);
        if (code)
                return code;
        progress_begin("measuring");
        int r = bench_run(&bench, options);
        progress_end();
        bench.stopped = r == -ECANCELED;
        code = r < 0 && !bench.stopped ? report(NULL, r, ASKING, NULL) : show_all(&bench);
        bench_clear(&bench);
        return code;
}

static int run_in(const void *what, const char *folder, int stop) {
        const struct options *options = what;
        return options->bench.once ? bench_once(&options->bench, options->operands[0], folder)
                                   : measure(options, folder, stop);
}

static bool is_subject(const char *scheme) {
        for (size_t i = 0; i < SUBJECTS; i++)
                if (strcmp(bench_subjects[i], scheme) == 0)
                        return true;
        return false;
}

static int refuse_subject(const char *name) {
        if (strchr(name, ':'))
                return complain_usage(name, "it is an address; write a transport alone, as 'unix'");
        return complain_usage(name, leat_scheme_summary(name) ? "it carries what the kernel tells, and is not measured"
                                                              : "no such transport; 'leat transports' lists them");
}

static int check_once(const struct options *options) {
        const struct bench_options *bench = &options->bench;
        if (options->operands_count != 1 || bench->sizes_count > 1)
                return complain_usage("--once", "write one transport and one size");
        if (bench->json_file || bench->plot_file || bench->peers)
                return complain_usage("--once", "it measures nothing: leave out --json, --plot and --peers");
        return DONE;
}

/* Something that was asked for and would not be done is a mistake. */
static int check_files_and_peers(const struct options *options) {
        const struct bench_options *bench = &options->bench;
        bool beside = options->operands_count == 0;
        for (size_t i = 0; i < options->operands_count; i++)
                beside = beside || peers_stand_beside(options->operands[i]);
        if (bench->peers && !beside)
                return complain_usage("--peers",
                                      "other libraries stand beside unix, unix-stream and shm; write one of them too");
        if (bench->json_file && bench->plot_file && strcmp(bench->json_file, bench->plot_file) == 0)
                return complain_usage("--plot", "it is the file of --json; write another one");
        return DONE;
}

static int check(const struct options *options) {
        const struct bench_options *bench = &options->bench;
        for (size_t i = 0; i < options->operands_count; i++)
                if (!is_subject(options->operands[i]))
                        return refuse_subject(options->operands[i]);
        if (bench->memory_said)
                return complain_usage("--memory", "it belongs to 'leat bench processes'; write --size for messages");
        if (bench->once)
                return check_once(options);
        if (bench->bare)
                return complain_usage("--bare", "it belongs to --once; without it both sides are measured");
        return check_files_and_peers(options);
}

/* Before it measures for minutes. */
static int check_file(const char *path) {
        CLOSE_AT_EXIT int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : -1;
        return path && fd < 0 ? report(path, -errno, WRITING_OUTPUT, NULL) : DONE;
}

/* What is measured by itself, and is no transport. */
static const struct subject {
        bool (*is)(const char *operand);
        int (*check)(const struct options *options);
        int (*run)(const struct options *options);
} subjects[] = {
        { is_region, check_region, bench_region },
        { is_processes, check_processes, bench_processes },
        { is_xdr, check_xdr, bench_xdr },
        { is_rpc, check_rpc, bench_rpc },
};

static const struct subject *find_subject(const struct options *options) {
        for (size_t k = 0; k < sizeof(subjects) / sizeof(subjects[0]); k++)
                for (size_t i = 0; i < options->operands_count; i++)
                        if (subjects[k].is(options->operands[i]))
                                return &subjects[k];
        return NULL;
}

static int run_bench(const struct options *options) {
        const struct subject *subject = find_subject(options);
        int code = subject ? subject->check(options) : check(options);
        if (code == DONE)
                code = check_file(options->bench.json_file);
        if (code == DONE && subject)
                return subject->run(options);
        if (code == DONE)
                code = check_file(options->bench.plot_file);
        return code ? code : folder_run("bench", run_in, options);
}

const struct command command_bench = {
        .name = "bench",
        .operands = "[TRANSPORT]...|processes|region|rpc|xdr",
        .summary = "Measure each transport beside the bare mechanism of the kernel that it uses",
        .takes = TAKES_BENCH,
        .operands_min = 0,
        .operands_max = -1,
        .details =
                "Two processes carry messages over the transport, and two others over its bare mechanism, a plain loop "
                "of\n"
                "system calls in this program; they take turns, round by round, on the same CPUs. Told are the median "
                "of\n"
                "the ratios of neighbouring rounds and its quartiles, then medians. Messages of up to 16k are sent "
                "there\n"
                "and back, one by one, and many at once; larger ones one by one. The claim of the lectures (\"pipes\n"
                "fastest, queues slower, sockets slowest\") ends it. All transports take some minutes. leat-bench(1)\n"
                "says what is compared.\n\n"
                "With 'processes': starting programs and pipelines, beside posix_spawn, a bare vfork and dash. With "
                "'region':\n"
                "locks, transactions and structures of regions, beside those of POSIX in shared memory. With 'rpc':\n"
                "calls, beside bare round trips and libtirpc. With 'xdr':\n"
                "encoding and decoding by leatgen's code, beside rpcgen's with libtirpc and code written by hand.\n\n"
                "Exit: 0 measured; 1 something was not, or the files cannot be written; 2 usage; 71 the system "
                "refused;\n"
                "128+n stopped by signal n, with what was measured until then.\n\n"
                "Example: leat bench pipe unix --size 64 --placement one-core\n",
        .run = run_bench,
};
