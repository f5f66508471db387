/* SPDX-License-Identifier: MIT */
#include "tools/leat/region_hold.h"

#include "base/cleanup.h"
#include "shared/mutex_word.h"
#include "tools/leat/region_open.h"
#include "tools/leat/report.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#define TURN_NS INT64_C(100000000)

static int64_t patience(const struct options *options) {
        return options->region.at_once ? LEAT_NOW : options->deadline;
}

/* ---- signals ---- */

static const int ending[] = { SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM };
#define ENDING (sizeof(ending) / sizeof(ending[0]))

static const struct hold *taking;

/*
 * Signals while the lock is waited for: they end the process, which nobody minds unless this very moment it has the lock; then it is taken to the end, and the signal is received from
 * the source, as those that come later. What is looked at cannot change meanwhile: this thread alone takes it, and is in here.
 */
struct shield {
        sigset_t blocked;
        struct sigaction before[ENDING];
};

/* Would the next one be told of this one, if it ended now, and only for that? */
static bool has_lock(const struct hold *hold) {
        const struct leat_rwlock *rwlock = hold->lock.at;
        uint64_t word = atomic_load_explicit(word_of(hold->lock.at), memory_order_relaxed);
        if ((word & REGION_MARK_BITS) != hold->region->mark || (word & (WORD_OFFERED | WORD_DAMAGED)))
                return false;
        const _Atomic uint32_t *writing = (const _Atomic uint32_t *)&rwlock->words[2] + 1; /* lib/shared/rwlock.c */
        return !hold->lock.is_rwlock || atomic_load_explicit(writing, memory_order_relaxed) != 0;
}

static void on_signal(int number, siginfo_t *info, void *context) {
        ucontext_t *interrupted = context;
        sigset_t set;
        (void)info;
        if (has_lock(taking)) {
                (void)sigaddset(&interrupted->uc_sigmask, number); /* it stays blocked, and pending */
                (void)raise(number);
                return;
        }
        (void)signal(number, SIG_DFL);
        (void)raise(number);
        (void)sigemptyset(&set);
        (void)sigaddset(&set, number);
        (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void shield_begin(struct shield *shield, const struct hold *hold, const sigset_t *mask) {
        const struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
        taking = hold;
        for (size_t i = 0; i < ENDING; i++) {
                (void)sigaction(ending[i], NULL, &shield->before[i]);
                if (shield->before[i].sa_handler == SIG_DFL)
                        (void)sigaction(ending[i], &action, NULL);
        }
        (void)sigprocmask(SIG_SETMASK, mask, &shield->blocked);
}

static void shield_end(const struct shield *shield) {
        (void)sigprocmask(SIG_SETMASK, &shield->blocked, NULL);
        for (size_t i = 0; i < ENDING; i++)
                (void)sigaction(ending[i], &shield->before[i], NULL);
}

/* Those that would end this process. What it was told to ignore (nohup(1), a shell's background) is none of them: a source would receive it all the same. */
static void names_of_ending(char names[16 * ENDING]) {
        struct sigaction action;
        *names = '\0';
        for (size_t i = 0; i < ENDING; i++)
                if (sigaction(ending[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
                        names = stpcpy(stpcpy(names, leat_signal_name(ending[i])), " ");
}

static int open_signals(struct hold *hold) {
        struct leat_reason reason = { 0 };
        char names[16 * ENDING];
        names_of_ending(names);
        int r = *names ? leat_signals_open(names, 0, &reason, &hold->signals) : 0;
        return r < 0 ? report(NULL, r, ASKING, &reason) : DONE;
}

int hold_signalled(const struct hold *hold) {
        struct leat_signal signal = LEAT_SIGNAL_INIT;
        return leat_signals_receive(hold->signals, LEAT_NOW, &signal) == 0 ? KILLED + signal.number : DONE;
}

/* ---- semaphores ---- */

/* With the signals blocked: nobody sees that one is taken but who took it. So it is looked now and then whether a signal has come; then it ends the process. */
static int take_by_turns(struct hold *hold, int64_t deadline, const sigset_t *mask) {
        sigset_t blocked;
        int r;
        do {
                int64_t turn = leat_in_ns(TURN_NS);
                (void)sigprocmask(SIG_SETMASK, mask, &blocked);
                (void)sigprocmask(SIG_SETMASK, &blocked, NULL);
                r = leat_sem_take(hold->sem, LEAT_SEM_USUAL, deadline < turn ? deadline : turn);
        } while (r == -ETIMEDOUT && leat_now() < deadline);
        return r;
}

static int take_semaphore(struct hold *hold) {
        struct leat_reason reason = { 0 };
        int64_t deadline = patience(hold->options);
        if (hold->options->region.shared || hold->options->region.mend)
                return complain_usage(hold->address,
                                      "a semaphore has no readers and is never damaged; leave --shared and --mend out");
        int r = leat_sem_open(hold->address, 1, deadline, &reason, &hold->sem);
        if (r == 0) {
                sigset_t mask;
                (void)sigprocmask(SIG_BLOCK, NULL, &mask);
                int code = open_signals(hold);
                if (code)
                        return code;
                r = take_by_turns(hold, deadline, &mask);
        }
        hold->held = r == 0;
        if (r == -EAGAIN || r == -ETIMEDOUT)
                complain(hold->address, r == -EAGAIN ? "all of them are taken" : "the deadline passed; all are taken");
        return r == -EAGAIN      ? FULL
               : r == -ETIMEDOUT ? TIMED_OUT
               : r < 0           ? report(hold->address, r, ASKING, &reason)
                                 : DONE;
}

/* ---- locks of a region ---- */

/* One that is there, whatever is in it; else one of locks is made, as flock(1) makes its file. */
static int open_region(struct hold *hold) {
        struct leat_reason reason = { 0 };
        int64_t deadline = hold->options->deadline; /* not for the lock: to open is no matter of who has it */
        int r = region_open(hold->address, true, deadline, &reason, &hold->region);
        if (r == -ENOENT && !region_says_how(hold->address))
                r = leat_region_open(hold->address, LOCKS_DEFAULT * sizeof(struct locks_entry), &locks_layout, deadline,
                                     &reason, &hold->region);
        if (r == -EACCES) {
                complain(hold->address,
                         "who takes a lock writes in the region and in its lock file, and their modes do not let you; "
                         "'leat region create --mode 0660' makes one that a group may use");
                return SYSTEM_REFUSED;
        }
        return r < 0 ? report(hold->address, r, ASKING, &reason) : DONE;
}

static bool has_locks(struct leat_region *region) {
        struct lock lock;
        size_t number = 0;
        return locks_next(region, &number, &lock) == 0;
}

static int find_lock(struct hold *hold, const char *name) {
        switch (locks_find(hold->region, name, true, &hold->lock)) {
        case 0:
                return DONE;
        case -EINVAL:
                return complain_usage(name, "is no name of a lock; write 1 to 31 bytes without control characters");
        case -ENOSPC:
                complain(name,
                         "all %zu places for locks are taken; make a region with more by 'leat region create "
                         "--locks N'",
                         leat_region_size(hold->region) / sizeof(struct locks_entry));
                return SYSTEM_REFUSED;
        case -ENOTSUP:
                return complain_usage(hold->address, "as it is (?raw) it has no locks; name a region of Leat");
        default:
                complain(name,
                         has_locks(hold->region)
                                 ? "there is no lock of that name; 'leat region lock %s' lists them"
                                 : "%s has no locks; 'leat region create --locks N' makes a region that has",
                         hold->address);
                return ANSWER_NO;
        }
}

static int tell_owner_died(const struct hold *hold) {
        if (hold->options->region.mend) {
                complain(hold->lock.name, "its last owner died with it; going on, as --mend says");
                return DONE;
        }
        complain(hold->lock.name,
                 "its last owner died with it, and what it protects may be half done; look at that, then say --mend");
        return OWNER_DIED;
}

static int tell_taken(const struct hold *hold, int r) {
        CLEANUP(locks_users_free) struct locks_users users;
        locks_users_look(hold->region, &users);
        struct lock_state state = locks_look(&hold->lock, &users);
        char owner[64];
        complain(hold->lock.name, "%s%s has it", r == -ETIMEDOUT ? "the deadline passed; " : "",
                 locks_owner(&hold->lock, &state, owner));
        return r == -ETIMEDOUT ? TIMED_OUT : FULL;
}

static int take_lock(struct hold *hold) {
        struct shield shield;
        sigset_t mask;
        (void)sigprocmask(SIG_BLOCK, NULL, &mask);
        int code = open_signals(hold);
        if (code)
                return code;
        shield_begin(&shield, hold, &mask);
        int r = locks_take(&hold->lock, hold->options->region.shared, patience(hold->options));
        shield_end(&shield);
        hold->held = r == 0 || r == -EOWNERDEAD;
        hold->died = r == -EOWNERDEAD;
        if (r == -EOWNERDEAD)
                return tell_owner_died(hold);
        if (r == -EAGAIN || r == -ETIMEDOUT)
                return tell_taken(hold, r);
        if (r == -ENOTSUP)
                return complain_usage(hold->lock.name, "is a mutex, which nobody shares; leave --shared out");
        return r < 0 ? report(hold->lock.name, r, ASKING, NULL) : DONE;
}

int hold_take(const struct options *options, const char *address, const char *name, struct hold *ret_hold) {
        *ret_hold = (struct hold){ .options = options, .address = address };
        if (options->region.mend && options->region.shared)
                return complain_usage("--mend",
                                      "who shares a lock changes nothing, and mends nothing; leave --shared out");
        if (region_is_semaphore(address))
                return take_semaphore(ret_hold);
        int code = open_region(ret_hold);
        if (!code)
                code = find_lock(ret_hold, name);
        return code ? code : take_lock(ret_hold);
}

int hold_mend(struct hold *hold) {
        int r = hold->died && hold->held ? locks_mend(&hold->lock) : 0;
        return r < 0 ? report(hold->lock.name, r, ASKING, NULL) : DONE;
}

/* What it had the lock for is done, and how that went is the exit status, whatever comes now. */
static void shield_rest(void) {
        for (size_t i = 0; i < ENDING; i++)
                (void)signal(ending[i], SIG_IGN);
}

void hold_end(struct hold *hold) {
        if (hold->held)
                shield_rest();
        if (hold->held && hold->sem)
                (void)leat_sem_give(hold->sem, LEAT_SEM_USUAL);
        else if (hold->held)
                (void)locks_give(&hold->lock);
        hold->held = false;
        hold->sem = leat_sem_close(hold->sem);
        hold->region = leat_region_close(hold->region);
        hold->signals = leat_signals_close(hold->signals);
}
