/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench_region_ground.h"

#include "base/cleanup.h"
#include "tools/leat/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int make_mutex(pthread_mutex_t *mutex, int robust) {
        pthread_mutexattr_t attributes;
        int r = pthread_mutexattr_init(&attributes);
        if (r == 0)
                r = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        if (r == 0)
                r = pthread_mutexattr_setrobust(&attributes, robust);
        if (r == 0)
                r = pthread_mutex_init(mutex, &attributes);
        pthread_mutexattr_destroy(&attributes);
        return -r;
}

static int make_condition(pthread_cond_t *condition) {
        pthread_condattr_t attributes;
        int r = pthread_condattr_init(&attributes);
        if (r == 0)
                r = pthread_condattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        if (r == 0)
                r = pthread_cond_init(condition, &attributes);
        pthread_condattr_destroy(&attributes);
        return -r;
}

static int make_rwlock(pthread_rwlock_t *lock) {
        pthread_rwlockattr_t attributes;
        int r = pthread_rwlockattr_init(&attributes);
        if (r == 0)
                r = pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        if (r == 0)
                r = pthread_rwlock_init(lock, &attributes);
        pthread_rwlockattr_destroy(&attributes);
        return -r;
}

static int make_bare(struct ground *ground) {
        void *memory = mmap(NULL, sizeof(struct bare_things), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (memory == MAP_FAILED)
                return -errno;
        struct bare_things *bare = ground->bare = memory;
        int r = make_mutex(&bare->plain, PTHREAD_MUTEX_STALLED);
        if (r == 0)
                r = make_mutex(&bare->robust, PTHREAD_MUTEX_ROBUST);
        if (r == 0)
                r = make_mutex(&bare->ring.mutex, PTHREAD_MUTEX_STALLED);
        if (r == 0)
                r = make_condition(&bare->ring.room);
        if (r == 0)
                r = make_condition(&bare->ring.items);
        if (r == 0)
                r = make_rwlock(&bare->rwlock);
        if (r == 0 && sem_init(&bare->semaphore, 1, 1) < 0)
                r = -errno;
        return r;
}

/* One that may be taken; and a System V one, the lectures'. Where there is none (a sandbox) that way alone is left out. */
static int make_semaphores(struct ground *ground) {
        ground->semaphores = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
        if (ground->semaphores >= 0) {
                struct sembuf one = { .sem_op = 1 };
                (void)semop(ground->semaphores, &one, 1);
        }
        return leat_semaphore_set(ground->region, &ground->things->semaphore, 1);
}

static size_t whole_lines(size_t bytes) {
        return (bytes + 63) / 64 * 64;
}

static int make_region(struct ground *ground) {
        const size_t things = whole_lines(sizeof(struct region_things)),
                     cell = whole_lines(leat_cell_bytes(VALUE_BYTES)),
                     buffer = whole_lines(leat_buffer_bytes(VALUE_BYTES, BUFFER_ITEMS)),
                     counters = leat_counters_bytes(1);
        int r = leat_region_open("anon:", things + cell + buffer + counters, NULL, LEAT_NEVER, NULL, &ground->region);
        if (r < 0)
                return r;
        unsigned char *data = leat_region_data(ground->region);
        ground->things = (struct region_things *)data;
        ground->cell = (struct leat_cell *)(data + things);
        ground->buffer = (struct leat_buffer *)(data + things + cell);
        ground->counters = (struct leat_counters *)(data + things + cell + buffer);
        r = leat_cell_set(ground->region, ground->cell, VALUE_BYTES, LEAT_NEVER);
        if (r == 0)
                r = leat_cell_put(ground->region, ground->cell, ground->value, VALUE_BYTES, LEAT_NEVER);
        if (r == 0)
                r = leat_buffer_set(ground->region, ground->buffer, VALUE_BYTES, BUFFER_ITEMS);
        if (r == 0)
                r = leat_counters_set(ground->region, ground->counters, 1);
        return r == 0 ? make_semaphores(ground) : r;
}

/* What is attached again and again: a region, and a plain object of the same size. */
static int make_names(struct ground *ground) {
        struct leat_region *region = NULL;
        (void)snprintf(ground->address, sizeof(ground->address), "region:/leat-bench-%d", (int)getpid());
        (void)snprintf(ground->object, sizeof(ground->object), "/leat-bench-%d-bare", (int)getpid());
        int r = leat_region_open(ground->address, 65536, NULL, LEAT_NEVER, NULL, &region);
        leat_region_close(region);
        CLOSE_AT_EXIT int fd = shm_open(ground->object, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        return r < 0 ? r : fd < 0 || ftruncate(fd, 65536) < 0 ? -errno : 0;
}

static int make_partner(struct ground *ground) {
        int control[2];
        pid_t parent = getpid();
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
                return -errno;
        pid_t pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                prctl(PR_SET_NAME, "bench-partner");
                close_fd(control[0]);
                bench_pin(ground->cpus[1]);
                if (getppid() == parent && leat_region_reattach(ground->region, LEAT_NEVER) == 0)
                        partner_be(ground, control[1]);
                _exit(1);
        }
        int error = errno;
        close_fd(control[1]);
        ground->control = control[0];
        ground->partner = pid > 0 ? pid : 0;
        return pid < 0 ? -error : 0;
}

int ground_make(struct ground *ground, const int cpus[2]) {
        *ground = (struct ground){
                .semaphores = -1, .control = -1, .value_bytes = VALUE_BYTES, .cpus = { cpus[0], cpus[1] }
        };
        int r = make_bare(ground);
        if (r == 0)
                r = make_region(ground);
        if (r == 0)
                r = make_names(ground);
        if (r == 0 && cpus[1] >= 0)
                r = make_partner(ground);
        bench_pin(cpus[0]);
        return r;
}

static void reap_partner(struct ground *ground) {
        ground->control = close_fd(ground->control); /* at which it ends */
        if (ground->partner)
                while (waitpid(ground->partner, NULL, 0) < 0 && errno == EINTR)
                        ;
        ground->partner = 0;
}

void partner_kill(struct ground *ground) {
        if (ground->partner)
                kill(ground->partner, SIGKILL);
        reap_partner(ground);
}

void ground_clear(struct ground *ground) {
        reap_partner(ground);
        leat_region_close(ground->region);
        if (ground->address[0])
                (void)leat_region_remove(ground->address, false, leat_in_s(10), NULL);
        if (ground->object[0])
                (void)shm_unlink(ground->object);
        if (ground->semaphores >= 0)
                (void)semctl(ground->semaphores, 0, IPC_RMID);
        if (ground->bare)
                munmap(ground->bare, sizeof(*ground->bare));
}
