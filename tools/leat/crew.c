/* SPDX-License-Identifier: MIT */
#include "tools/leat/crew.h"

#include "tools/leat/crew_names.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_S 60

static const char *const party_names[] = { "the reader", "worker 1", "worker 2", "worker 3", "the collector" };
static_assert(sizeof(party_names) / sizeof(party_names[0]) == PARTIES, "each party has its name");

struct crew {
        pid_t pids[PARTIES]; /* 0: not there */
        int left;            /* how many are there */
        int ended;           /* readable when one may have ended: a signalfd of SIGCHLD, which is blocked */
        int stop;            /* readable when to give up */
};

static void close_duct(struct duct *duct) {
        duct->receiver = leat_close(duct->receiver);
        duct->sender = leat_close(duct->sender);
}

static void close_ducts(struct plan *plan) {
        for (size_t i = 0; i < WORKERS; i++) {
                close_duct(&plan->jobs[i]);
                close_duct(&plan->results[i]);
        }
}

/* Both ends of all, to be inherited. -ENOTSUP: this scheme has names instead. */
static int pair_ducts(struct plan *plan) {
        char address[64];
        int r = 0;
        snprintf(address, sizeof(address), "%s:", plan->declaration->scheme);
        for (size_t i = 0; i < WORKERS && r == 0; i++) {
                r = leat_pair(address, NULL, &plan->jobs[i].receiver, &plan->jobs[i].sender);
                if (r == 0)
                        r = leat_pair(address, NULL, &plan->results[i].receiver, &plan->results[i].sender);
        }
        if (r < 0)
                close_ducts(plan);
        return r == -EINVAL ? -ENOTSUP : r;
}

static int make_plan(struct plan *plan, const char *folder, struct leat_reason *reason) {
        const char *parties = plan->declaration->parties;
        const char *colon = strchr(parties, ':');
        bool one_sender = strncmp(parties, "1:", 2) == 0;
        bool one_receiver = !colon || strcmp(colon, ":1") == 0;
        plan->jobs_count = one_receiver ? WORKERS : 1;
        plan->results_count = one_sender ? WORKERS : 1;
        plan->paced = plan->declaration->rows[LEAT_ROW_DEATH].verdict == LEAT_NO;
        plan->deadline = leat_in_s(PATIENCE_S);
        if (pipe2(plan->gate, O_CLOEXEC) < 0)
                return -errno;
        int r = one_sender && one_receiver ? pair_ducts(plan) : -ENOTSUP;
        return r == -ENOTSUP ? crew_name(plan, folder, reason) : r;
}

/* The ends that are this party's, if they were made beforehand: at most one for each worker. */
static size_t list_ends(struct plan *plan, int party, struct leat_channel **ends[WORKERS]) {
        size_t count = 0;
        for (size_t i = 0; i < WORKERS; i++)
                if (party == READER || party == COLLECTOR)
                        ends[count++] = party == READER ? &plan->jobs[i].sender : &plan->results[i].receiver;
        if (count == 0) {
                ends[count++] = &plan->jobs[party - FIRST_WORKER].receiver;
                ends[count++] = &plan->results[party - FIRST_WORKER].sender;
        }
        return count;
}

static _Noreturn void be_party(struct plan *plan, int party, pid_t parent) {
        sigset_t none;
        sigemptyset(&none);
        signal(SIGTERM, SIG_DFL);
        sigprocmask(SIG_SETMASK, &none, NULL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(SYSTEM_REFUSED);
        struct leat_reason reason = { 0 };
        char about[64];
        int r = crew_work(plan, party, &reason);
        snprintf(about, sizeof(about), "%s: %s", plan->declaration->scheme, party_names[party]);
        _exit(r < 0 ? report(about, r, ANYTHING, &reason) : DONE);
}

static int start_party(struct plan *plan, struct crew *crew, int party) {
        struct leat_channel **ends[WORKERS];
        size_t count = list_ends(plan, party, ends);
        pid_t parent = getpid();
        int r = 0;
        for (size_t i = 0; i < count && r == 0; i++)
                r = *ends[i] ? leat_give(*ends[i]) : 0;
        if (r < 0)
                return r;
        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                be_party(plan, party, parent);
        crew->pids[party] = plan->tallies[party].pid = pid;
        crew->left++;
        for (size_t i = 0; i < count; i++)
                *ends[i] = leat_close(*ends[i]);
        return 0;
}

static void tell_killed(const struct plan *plan, int party, int status) {
        if (WIFSIGNALED(status))
                complain(plan->declaration->scheme, "%s was killed by signal %d", party_names[party], WTERMSIG(status));
}

/* All that have ended by now. Returns 0, or -ECHILD if one did not end well. */
static int reap_all(const struct plan *plan, struct crew *crew) {
        int r = 0;
        for (int party = 0; party < PARTIES; party++) {
                int status;
                if (!crew->pids[party] || waitpid(crew->pids[party], &status, WNOHANG) <= 0)
                        continue;
                crew->pids[party] = 0;
                crew->left--;
                tell_killed(plan, party, status);
                if (!WIFEXITED(status) || WEXITSTATUS(status) != DONE)
                        r = -ECHILD;
        }
        return r;
}

static int await_crew(const struct plan *plan, struct crew *crew) {
        while (crew->left > 0) {
                struct pollfd polled[] = { { .fd = crew->ended, .events = POLLIN },
                                           { .fd = crew->stop, .events = POLLIN } };
                struct signalfd_siginfo signal_info;
                int n = poll(polled, 2, (PATIENCE_S + 5) * 1000);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -ETIMEDOUT;
                if (polled[1].revents)
                        return -ECANCELED;
                /* Read first: one that ends after the look below makes it readable again. */
                if (read(crew->ended, &signal_info, sizeof(signal_info)) < 0 && errno != EAGAIN)
                        return -errno;
                int r = reap_all(plan, crew);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* By SIGTERM, which no party handles: who was killed by another signal is the cause, though its channels were
 * closed, and others failed, before it could be waited for. */
static void dismiss(const struct plan *plan, struct crew *crew, bool tell) {
        for (int party = 0; party < PARTIES; party++) {
                int status = 0;
                if (!crew->pids[party])
                        continue;
                kill(crew->pids[party], SIGTERM);
                kill(crew->pids[party], SIGCONT);
                while (waitpid(crew->pids[party], &status, 0) < 0 && errno == EINTR)
                        ;
                if (tell && WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM)
                        tell_killed(plan, party, status);
        }
        close_fd(crew->ended);
}

static void add_up(const struct plan *plan, struct crew_result *ret_result) {
        const struct tally *tallies = plan->tallies;
        struct crew_result result = { .ns = tallies[COLLECTOR].time - tallies[READER].time,
                                      .match = tallies[COLLECTOR].match };
        uint64_t taken = 0;
        for (int party = 0; party < PARTIES; party++) {
                result.messages += tallies[party].messages;
                result.bytes += tallies[party].bytes;
                taken += tallies[party].taken;
        }
        result.lost = result.messages > taken ? result.messages - taken : 0;
        result.as_declared = result.match || (plan->paced && result.lost > 0 && tallies[COLLECTOR].within);
        *ret_result = result;
}

static void close_gate(struct plan *plan) {
        plan->gate[0] = close_fd(plan->gate[0]);
        plan->gate[1] = close_fd(plan->gate[1]);
}

static int run_plan(struct plan *plan, const char *folder, int stop, struct leat_reason *reason) {
        struct crew crew = { .ended = -1, .stop = stop };
        sigset_t ends, before;
        sigemptyset(&ends);
        sigaddset(&ends, SIGCHLD);
        sigprocmask(SIG_BLOCK, &ends, &before);
        crew.ended = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
        int r = crew.ended < 0 ? -errno : make_plan(plan, folder, reason);
        for (int party = 0; party < PARTIES && r == 0; party++)
                r = start_party(plan, &crew, party);
        close_ducts(plan);
        close_gate(plan);
        if (r == 0)
                r = await_crew(plan, &crew);
        dismiss(plan, &crew, r != -ECANCELED);
        crew_unname(plan);
        sigprocmask(SIG_SETMASK, &before, NULL);
        return r;
}

int crew_run(const struct leat_declaration *declaration, const struct texts *texts, const struct words *expected,
             const char *folder, int stop, struct crew_result *ret_result) {
        size_t size = sizeof(struct tally) * PARTIES;
        struct tally *tallies = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        FREE_AT_EXIT struct plan *plan = calloc(1, sizeof(*plan));
        struct leat_reason reason = { 0 };
        int r = tallies == MAP_FAILED || !plan ? -ENOMEM : 0;
        if (r == 0) {
                plan->declaration = declaration;
                plan->texts = texts;
                plan->expected = expected;
                plan->tallies = tallies;
                plan->gate[0] = plan->gate[1] = -1;
                r = run_plan(plan, folder, stop, &reason);
        }
        if (r == 0)
                add_up(plan, ret_result);
        if (tallies != MAP_FAILED)
                munmap(tallies, size);
        if (r < 0 && r != -ECHILD && r != -ECANCELED && r != -ENOSYS)
                report(declaration->scheme, r, SENDING, &reason);
        return r;
}
