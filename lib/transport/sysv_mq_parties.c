/* SPDX-License-Identifier: MIT */
#include "transport/sysv_mq_parties.h"

#include "base/error.h"

#include <errno.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <unistd.h>

enum { SENDERS, CAME, TOLD, TEMPORARY, USED, GOING, SEMAPHORES };

#define CAME_MAX 32767 /* SEMVMX */
#define NOWAIT(number, change)                                                                                         \
        { (number), (change), IPC_NOWAIT }
#define UNDONE(number, change)                                                                                         \
        { (number), (change), IPC_NOWAIT | SEM_UNDO }
#define APPLY(set, ...)                                                                                                \
        apply(set, (struct sembuf[]){ __VA_ARGS__ }, sizeof((struct sembuf[]){ __VA_ARGS__ }) / sizeof(struct sembuf))

/* semctl(2): the program has to define it. */
union semun {
        int value;
        struct semid_ds *status;
        unsigned short *values;
};

/* All or nothing. 0; -EAGAIN: a count forbids it; -EIDRM: the set is gone. */
static int apply(int set, struct sembuf *changes, size_t count) {
        if (semop(set, changes, count) == 0)
                return 0;
        return errno == EINVAL ? -EIDRM : -errno;
}

static int look(int set, unsigned short ret_values[SEMAPHORES]) {
        return semctl(set, 0, GETALL, (union semun){ .values = ret_values }) < 0 ? -errno : 0;
}

/* The set of a key, if it is ours. Its size is the mark: nothing has to be written after it was made. */
static int find(key_t key) {
        struct semid_ds status;
        int set = semget(key, 0, 0);
        if (set < 0)
                return -errno;
        if (semctl(set, 0, IPC_STAT, (union semun){ .status = &status }) < 0)
                return errno == EACCES ? -EACCES : -ENOENT; /* it has just gone */
        return status.sem_nsems == SEMAPHORES ? set : -EEXIST;
}

/* Who may use the queue in any way must be able to count: each class that has a bit gets both. */
static mode_t counting_mode(mode_t mode) {
        mode_t both = 0;
        for (int shift = 0; shift <= 6; shift += 3)
                if (mode & ((mode_t)06 << shift))
                        both |= (mode_t)06 << shift;
        return both;
}

static int find_or_make(key_t key, mode_t mode) {
        int set;
        do {
                set = find(key);
                if (set != -ENOENT)
                        return set;
                set = semget(key, SEMAPHORES, IPC_CREAT | IPC_EXCL | (int)counting_mode(mode));
        } while (set < 0 && errno == EEXIST);
        return set < 0 ? -errno : set;
}

/*
 * Remove what is marked as going. The set goes last: a queue that was found while it still stands is the old one.
 * What another helper
 * has removed already is gone by its identifier, and that is as good.
 */
static int remove_going(int set, key_t key) {
        unsigned short values[SEMAPHORES];
        int queue = msgget(key, 0);
        if (look(set, values) < 0)
                return 0;
        if (queue >= 0 && msgctl(queue, IPC_RMID, NULL) < 0 && errno == EPERM)
                return -EPERM;
        return semctl(set, 0, IPC_RMID) < 0 && errno == EPERM ? -EPERM : 0;
}

/* Clear away what the parties of a temporary queue left, killed before or while they removed it. 1: something was,
 * look
 * again. Where all were killed before, this is for the next one that says ?temporary. */
static int clear_away(int set, key_t key, bool temporary) {
        unsigned short values[SEMAPHORES];
        int r = look(set, values);
        if (r < 0)
                return r == -EACCES ? r : 1;
        if (values[GOING] == 0) {
                if (!temporary || values[USED] == 0 || values[TEMPORARY] > 0)
                        return 0;
                r = APPLY(set, NOWAIT(TEMPORARY, 0), NOWAIT(GOING, 0), NOWAIT(GOING, 1));
        }
        if (r == -EAGAIN || r == -EIDRM)
                return 1; /* somebody came, or was quicker */
        if (r == 0)
                r = remove_going(set, key);
        return r < 0 ? r : 1;
}

static int count_sender(int set) {
        int r = APPLY(set, NOWAIT(GOING, 0), UNDONE(SENDERS, 1), NOWAIT(CAME, 1));
        if (r == -ERANGE)
                r = APPLY(set, NOWAIT(GOING, 0), UNDONE(SENDERS, 1), NOWAIT(CAME, -(CAME_MAX - 1)));
        return r;
}

/* USED is raised by whoever sees it at 0: it stays small. */
static int count_temporary(int set) {
        unsigned short values[SEMAPHORES];
        int r = look(set, values);
        if (r < 0)
                return r == -EACCES ? r : -EIDRM;
        if (values[USED] > 0)
                return APPLY(set, NOWAIT(GOING, 0), UNDONE(TEMPORARY, 1));
        return APPLY(set, NOWAIT(GOING, 0), UNDONE(TEMPORARY, 1), NOWAIT(USED, 1));
}

static int join(struct parties *parties) {
        unsigned short values[SEMAPHORES];
        int r = parties->temporary ? count_temporary(parties->set) : 0;
        if (r == 0 && parties->sender)
                r = count_sender(parties->set);
        if (r < 0)
                return r;
        r = look(parties->set, values);
        parties->told = r == 0 ? values[TOLD] : 0;
        return r;
}

static int explain(int error, struct leat_reason *reason) {
        switch (error) {
        case -EEXIST:
                return reason_set(
                        reason, error, LEAT_ROW_LIFETIME,
                        "semaphores of another program have this key, and ?end and ?temporary count with some; "
                        "use another key");
        case -ENOSPC:
                return reason_limit(reason, error, "kernel.sem",
                                    "the system has no semaphores left for ?end and ?temporary; `ipcs -s` lists them");
        case -EACCES:
        case -EPERM:
                return reason_set(reason, error, LEAT_ROW_LIFETIME,
                                  "the semaphores that count for ?end and ?temporary belong to another user; `ipcs -s` "
                                  "lists them");
        default:
                return reason_set(reason, error, LEAT_ROW_LIFETIME,
                                  "the semaphores for ?end and ?temporary cannot be used");
        }
}

int parties_join(key_t key, mode_t mode, bool sender, bool temporary, struct leat_reason *reason,
                 struct parties *ret_parties) {
        for (;;) {
                struct parties parties = { .sender = sender, .temporary = temporary, .pid = getpid() };
                parties.set = find_or_make(key, mode);
                if (parties.set < 0)
                        return explain(parties.set, reason);
                int r = clear_away(parties.set, key, temporary);
                if (r == 0)
                        r = join(&parties);
                if (r == 0) {
                        *ret_parties = parties;
                        return 0;
                }
                /* Where one of two counts was made, the other fails only because the set is gone, and both with it.
                 * */
                if (r == 1 || r == -EAGAIN || r == -EIDRM)
                        continue;
                return explain(r, reason);
        }
}

void parties_adopt(struct parties *parties) {
        pid_t self = parties->set >= 0 ? getpid() : 0;
        if (parties->set < 0 || parties->pid == self)
                return;
        parties->pid = self;
        if (parties->sender)
                (void)APPLY(parties->set, UNDONE(SENDERS, 1), NOWAIT(SENDERS, -1));
        if (parties->temporary)
                (void)APPLY(parties->set, UNDONE(TEMPORARY, 1), NOWAIT(TEMPORARY, -1));
}

bool parties_ended(const struct parties *parties, unsigned *ret_came) {
        unsigned short values[SEMAPHORES];
        if (parties->set < 0 || look(parties->set, values) < 0)
                return false;
        *ret_came = values[CAME];
        return values[SENDERS] == 0 && values[CAME] != parties->told;
}

void parties_told(struct parties *parties, unsigned came) {
        parties->told = came;
        (void)semctl(parties->set, TOLD, SETVAL, (union semun){ .value = (int)came });
}

/* The last takes the count to 0 and marks in one step: nobody joins in between. */
static void leave_temporary(int set, int queue) {
        for (;;) {
                int r = APPLY(set, UNDONE(TEMPORARY, -1), NOWAIT(TEMPORARY, 0), NOWAIT(GOING, 1));
                if (r == 0) {
                        (void)msgctl(queue, IPC_RMID, NULL);
                        (void)semctl(set, 0, IPC_RMID);
                }
                if (r != -EAGAIN)
                        return;
                /* Not the last: minus two, plus one, so that it fails if there is but one. */
                r = APPLY(set, UNDONE(TEMPORARY, -2), UNDONE(TEMPORARY, 1));
                if (r != -EAGAIN)
                        return;
        }
}

void parties_leave(struct parties *parties, int queue, bool ours) {
        if (parties->set < 0)
                return;
        if (ours) {
                parties_adopt(parties);
                if (parties->sender)
                        (void)APPLY(parties->set, UNDONE(SENDERS, -1));
                if (parties->temporary)
                        leave_temporary(parties->set, queue);
        } else if (parties->pid == getpid()) {
                /* Given to a child: the counts stay, and our exit no longer takes them back. */
                if (parties->sender)
                        (void)APPLY(parties->set, UNDONE(SENDERS, -1), NOWAIT(SENDERS, 1));
                if (parties->temporary)
                        (void)APPLY(parties->set, UNDONE(TEMPORARY, -1), NOWAIT(TEMPORARY, 1));
        }
        *parties = PARTIES_NONE;
}

int parties_remove(key_t key) {
        int set = find(key);
        if (set == -ENOENT || set == -EEXIST)
                return 0;
        if (set < 0)
                return set;
        return semctl(set, 0, IPC_RMID) < 0 && errno != EINVAL && errno != EIDRM ? -errno : 0;
}
