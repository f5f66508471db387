/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench_rpc.h"

#include "base/cleanup.h"
#include "tools/leat/bench.h"
#include "tools/leat/bench_made.h"
#include "tools/leat/bench_rpc_ways.h"
#include "tools/leat/folder.h"

#include <fcntl.h>
#include <leat.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define TIMES_MOST (INT64_C(1) << 26)
#define TIMES_FIRST 8

#define WAY(variable, name_, what_, kind_, carrier_, waiting_, in_flight_, large_)                                     \
        static struct rpc_state state_##variable = { .fd = -1 };                                                       \
        static const struct rpc_way way_##variable = { .way = { name_, what_ },                                        \
                                                       .kind = &rpc_kind_##kind_,                                      \
                                                       .carrier = (carrier_),                                          \
                                                       .waiting = (waiting_),                                          \
                                                       .in_flight = (in_flight_),                                      \
                                                       .large = (large_),                                              \
                                                       .state = &state_##variable }

WAY(unix_sleeping, "leat", "null calls over unix:?wait=sleep", leat, BY_UNIX, SLEEPING, 1, false);
WAY(unix_bare_sleeping, "bare", "44 bytes there, 28 back, recv that sleeps", socket, BY_UNIX, SLEEPING, 1, false);
WAY(unix_tirpc, "libtirpc", "null calls, clntunix_create", tirpc, BY_UNIX, SLEEPING, 1, false);
WAY(tcp_sleeping, "leat", "null calls over tcp:?wait=sleep", leat, BY_TCP, SLEEPING, 1, false);
WAY(tcp_bare_sleeping, "bare", "44 bytes there, 28 back, recv that sleeps", socket, BY_TCP, SLEEPING, 1, false);
WAY(tcp_tirpc, "libtirpc", "null calls, clnttcp_create", tirpc, BY_TCP, SLEEPING, 1, false);
WAY(unix_spinning, "leat", "null calls over unix:?wait=spin", leat, BY_UNIX, SPINNING, 1, false);
WAY(unix_bare_spinning, "bare", "44 bytes there, 28 back, recv again and again", socket, BY_UNIX, SPINNING, 1, false);
WAY(tcp_spinning, "leat", "null calls over tcp:?wait=spin", leat, BY_TCP, SPINNING, 1, false);
WAY(tcp_bare_spinning, "bare", "44 bytes there, 28 back, recv again and again", socket, BY_TCP, SPINNING, 1, false);
WAY(unix_adaptive, "leat", "null calls over unix:", leat, BY_UNIX, ADAPTIVE, 1, false);
WAY(unix_tirpc_2, "libtirpc", "null calls, clntunix_create", tirpc, BY_UNIX, ADAPTIVE, 1, false);
WAY(tcp_adaptive, "leat", "null calls over tcp:", leat, BY_TCP, ADAPTIVE, 1, false);
WAY(tcp_tirpc_2, "libtirpc", "null calls, clnttcp_create", tirpc, BY_TCP, ADAPTIVE, 1, false);
WAY(unix_many, "leat", "64 null calls in flight, unix:", leat, BY_UNIX, ADAPTIVE, 64, false);
WAY(unix_tirpc_many, "libtirpc", "null calls, one after the other", tirpc, BY_UNIX, SPINNING, 1, false);
WAY(tcp_many, "leat", "64 null calls in flight, tcp:", leat, BY_TCP, ADAPTIVE, 64, false);
WAY(tcp_tirpc_many, "libtirpc", "null calls, one after the other", tirpc, BY_TCP, SPINNING, 1, false);
WAY(shm, "leat", "null calls over shm:", leat, BY_SHM, ADAPTIVE, 1, false);
WAY(memory, "bare", "40 bytes and a word there, 24 and a word back", memory, BY_SHM, SPINNING, 1, false);
WAY(shm_many, "leat", "64 null calls in flight, shm:", leat, BY_SHM, ADAPTIVE, 64, false);
WAY(shm_large, "leat", "an argument of 1 MiB over shm:, copied in and out and looked at", leat, BY_SHM, ADAPTIVE, 1,
    true);
WAY(memory_large, "bare", "1 MiB copied into a ring of 256 KiB and out of it, by a quarter", memory, BY_SHM, SPINNING,
    1, true);

/* Measured once. Of each way: ns of a call; or calls a second. */
static struct contest all_contests[] = {
        { .name = "unix, sleeping",
          .what = "null calls one after the other over a unix socket, both ends sleep until there is something",
          .entries = { { .way = &way_unix_sleeping.way },
                       { .way = &way_unix_bare_sleeping.way },
                       { .way = &way_unix_tirpc.way } },
          .goals = { { 0, 1, 1.1 }, { 2, 1, 0 }, { 0, 2, 0 } } },
        { .name = "tcp, sleeping",
          .what = "the same over tcp on loopback",
          .entries = { { .way = &way_tcp_sleeping.way },
                       { .way = &way_tcp_bare_sleeping.way },
                       { .way = &way_tcp_tirpc.way } },
          .goals = { { 0, 1, 1.1 }, { 2, 1, 0 }, { 0, 2, 0 } } },
        { .name = "unix, spinning",
          .what = "null calls over a unix socket, both ends look again and again",
          .entries = { { .way = &way_unix_spinning.way }, { .way = &way_unix_bare_spinning.way } },
          .goals = { { 0, 1, 1.1 } } },
        { .name = "tcp, spinning",
          .what = "the same over tcp on loopback",
          .entries = { { .way = &way_tcp_spinning.way }, { .way = &way_tcp_bare_spinning.way } },
          .goals = { { 0, 1, 1.1 } } },
        { .name = "unix, adaptive",
          .what = "null calls over a unix socket, as nobody has said how to wait",
          .entries = { { .way = &way_unix_adaptive.way }, { .way = &way_unix_tirpc_2.way } },
          .goals = { { 0, 1, 0.1 } } },
        { .name = "tcp, adaptive",
          .what = "the same over tcp on loopback",
          .entries = { { .way = &way_tcp_adaptive.way }, { .way = &way_tcp_tirpc_2.way } },
          .goals = { { 0, 1, 0.1 } } },
        { .name = "unix, in flight",
          .what = "null calls on one connection, a second",
          .rates = true,
          .entries = { { .way = &way_unix_many.way }, { .way = &way_unix_tirpc_many.way } },
          .goals = { { 0, 1, 8 } } },
        { .name = "tcp, in flight",
          .what = "the same over tcp on loopback",
          .rates = true,
          .entries = { { .way = &way_tcp_many.way }, { .way = &way_tcp_tirpc_many.way } },
          .goals = { { 0, 1, 8 } } },
        { .name = "shm",
          .what = "null calls by shared memory, both ends awake",
          .entries = { { .way = &way_shm.way }, { .way = &way_memory.way } },
          .goals = { { 0, 1, 1.6 } } },
        { .name = "shm, in flight",
          .what = "null calls by shared memory, a second",
          .rates = true,
          .entries = { { .way = &way_shm_many.way } } },
        { .name = "shm, 1 MiB",
          .what = "calls with an argument of 1 MiB by shared memory, a second",
          .rates = true,
          .entries = { { .way = &way_shm_large.way }, { .way = &way_memory_large.way } },
          .goals = { { 0, 1, 0.8 } } },
};

#define CONTESTS (sizeof(all_contests) / sizeof(all_contests[0]))

bool is_rpc(const char *operand) {
        return strcmp(operand, "rpc") == 0;
}

/* ---- the two ends ---- */

static const struct rpc_way *way_of(const struct entry *entry) {
        return (const struct rpc_way *)entry->way; /* its first member */
}

void rpc_path(const struct rpc_way *way, const struct rpc_ground *ground, char path[108]) {
        static const char *const carriers[] = { [BY_UNIX] = "unix", [BY_TCP] = "tcp", [BY_SHM] = "shm" };
        (void)snprintf(path, 108, "%s/%s.%s.%d.%u.%d", ground->folder, way->way.name, carriers[way->carrier],
                       (int)way->waiting, way->in_flight, (int)way->large);
}

int rpc_tell(int tell, const char *address) {
        size_t size = strlen(address) + 1;
        return write(tell, address, size) == (ssize_t)size && close(tell) == 0 ? 0 : -EIO;
}

static _Noreturn void be_server(const struct rpc_way *way, const struct rpc_ground *ground, int tell, pid_t parent) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(1);
        bench_pin(ground->cpus[1]);
        (void)way->kind->serve(way, ground, tell);
        _exit(1);
}

static int start_server(const struct rpc_way *way, const struct rpc_ground *ground) {
        int ends[2];
        pid_t parent = getpid();
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        CLOSE_AT_EXIT int hear = ends[0], tell = ends[1];
        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                be_server(way, ground, tell, parent);
        way->state->server = pid;
        tell = close_fd(tell);
        size_t done = 0;
        ssize_t n;
        do {
                n = read(hear, way->state->address + done, sizeof(way->state->address) - 1 - done);
                done += n > 0 ? (size_t)n : 0;
        } while (n > 0 || (n < 0 && errno == EINTR));
        way->state->address[done] = '\0';
        return done > 0 ? 0 : -ECHILD;
}

static void stop_server(const struct rpc_way *way) {
        pid_t pid = way->state->server;
        if (pid <= 0)
                return;
        (void)kill(pid, SIGKILL);
        (void)kill(pid, SIGCONT);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        way->state->server = 0;
}

static int begin(const struct rpc_way *way, const struct rpc_ground *ground) {
        int r = way->kind->load ? way->kind->load(way) : 0;
        if (r == 0)
                r = start_server(way, ground);
        return r < 0 ? r : way->kind->open(way, ground);
}

static void end(const struct rpc_way *way, const struct rpc_ground *ground) {
        char path[108];
        way->kind->close(way);
        stop_server(way);
        rpc_path(way, ground, path);
        (void)unlink(path);
}

/* ---- a round ---- */

static int let_run(const struct rpc_way *way, bool on) {
        return kill(way->state->server, on ? SIGCONT : SIGSTOP) < 0 ? -errno : 0;
}

/* The first calls wake it up, and are not measured. */
static int run_once(const struct contests *contests, const struct contest *contest, const struct entry *entry,
                    double *ret_value, double *ret_beside) {
        const struct rpc_way *way = way_of(entry);
        const struct rpc_ground *ground = contests->ground;
        (void)ret_beside;
        if (contests_to_stop())
                return -ECANCELED;
        int r = let_run(way, true);
        if (r == 0)
                r = way->kind->run(way, ground, TIMES_FIRST);
        int64_t begun = leat_now();
        if (r == 0)
                r = way->kind->run(way, ground, entry->times);
        double took = (double)(leat_now() - begun);
        took = took > 0 ? took : 1;
        *ret_value = contest->rates ? (double)entry->times * 1e9 / took : took / (double)entry->times;
        int stopped = let_run(way, false);
        return r < 0 ? r : stopped;
}

static int prepare(const struct contests *contests, const struct contest *contest, struct entry *entry) {
        int r = begin(way_of(entry), contests->ground);
        entry->times = 1; /* also of one that does not begin */
        return r < 0 ? r : contest_find_times(contests, contest, entry, TIMES_FIRST, TIMES_MOST);
}

static int run_contest(const struct contests *contests, struct contest *contest) {
        const struct rpc_ground *ground = contests->ground;
        if (ground->cpus[1] < 0) {
                contest->why_not = "there is one CPU here for us";
                return 0;
        }
        int r = contest_run_rounds(contests, contest);
        for (size_t i = 0; i < contest_count_ways(contest); i++)
                end(way_of(&contest->entries[i]), ground);
        return r;
}

static const char *explain(int error) {
        if (error == -ENOPKG)
                return MADE_MISSING;
        return error == -ECHILD ? "the server is gone" : leat_strerror(error);
}

/* ---- what is shown ---- */

static void median_cells(const struct contest *contest, const struct entry *entry,
                         char cells[CONTEST_CELLS][BENCH_CELL]) {
        (void)entry;
        (void)snprintf(cells[0], BENCH_CELL, "%s", contest->rates ? "calls a second" : "a call");
}

static const struct contest_subject subject = { .name = "rpc",
                                                CONTEST_SUBJECT_USUAL,
                                                .least_round = "",
                                                .ratios = "Ratios of the time of a call, or of calls a second",
                                                .median_column = ">MEDIAN",
                                                .ratio_columns = { "BETTER", "GOAL" },
                                                .median_columns = { "OF" },
                                                .run = run_contest,
                                                .prepare = prepare,
                                                .turn = run_once,
                                                .explain = explain,
                                                .ratio_cells = contest_better_cells,
                                                .median_cells = median_cells };

/* ---- the command ---- */

int check_rpc(const struct options *options) {
        return contests_check_plain(options, "rpc");
}

/* On the first of the CPUs, and afterwards where we were. */
static int measure_on(const struct bench_options *options, struct rpc_ground *ground) {
        struct contest *all[CONTESTS + 1] = { NULL };
        struct contests contests = { .subject = &subject, .options = options, .all = all, .ground = ground };
        cpu_set_t before;
        bool known = sched_getaffinity(0, sizeof(before), &before) == 0;
        for (size_t i = 0; i < CONTESTS; i++)
                all[i] = &all_contests[i];
        bench_pin(ground->cpus[0]);
        int r = contests_run(&contests);
        if (known)
                (void)sched_setaffinity(0, sizeof(before), &before);
        return contests_end(&contests, r);
}

static int measure(const void *what, const char *folder, int stop) {
        struct rpc_ground ground = { .folder = folder, .block = malloc(RPC_LARGE_BYTES) };
        (void)stop;
        if (!ground.block)
                return report(NULL, -ENOMEM, ASKING, NULL);
        memset(ground.block, 1, RPC_LARGE_BYTES);
        bench_find_cpus(ground.cpus);
        int code = measure_on(what, &ground);
        free(ground.block);
        return code;
}

int bench_rpc(const struct options *options) {
        return folder_run("bench", measure, &options->bench);
}
