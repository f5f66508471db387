/* SPDX-License-Identifier: MIT */

/* Ways of one process: the library's calls, and the same by hand with what POSIX has. */

#include "tools/leat/bench_region_ground.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REGION ground->region
#define THINGS ground->things
#define BARE ground->bare

/* So many times this, and then that. What they are is known where the loop is compiled, on all sides alike. */
#define WAY(id, title, text, this, that)                                                                               \
        static int run_##id(struct ground *ground, int64_t times) {                                                    \
                int r = 0;                                                                                             \
                for (int64_t i = 0; i < times && r == 0; i++) {                                                        \
                        r = this;                                                                                      \
                        if (r == 0)                                                                                    \
                                r = that;                                                                              \
                }                                                                                                      \
                return r;                                                                                              \
        }                                                                                                              \
        const struct region_way way_##id = { .way = { (title), (text) }, .run = run_##id }

/* ---- locks ---- */

WAY(mutex, "leat", "leat_mutex_lock and leat_mutex_unlock", leat_mutex_lock(REGION, &THINGS->mutex, LEAT_NEVER),
    leat_mutex_unlock(REGION, &THINGS->mutex));
WAY(plain_mutex, "pthread", "pthread_mutex_lock and unlock, process-shared", -pthread_mutex_lock(&BARE->plain),
    -pthread_mutex_unlock(&BARE->plain));
WAY(robust_mutex, "robust", "the same, robust", -pthread_mutex_lock(&BARE->robust),
    -pthread_mutex_unlock(&BARE->robust));

WAY(read, "leat", "leat_rwlock_read and leat_rwlock_unlock", leat_rwlock_read(REGION, &THINGS->rwlock, LEAT_NEVER),
    leat_rwlock_unlock(REGION, &THINGS->rwlock));
WAY(bare_read, "pthread", "pthread_rwlock_rdlock and unlock, process-shared", -pthread_rwlock_rdlock(&BARE->rwlock),
    -pthread_rwlock_unlock(&BARE->rwlock));

WAY(semaphore, "leat", "leat_semaphore_take and leat_semaphore_give",
    leat_semaphore_take(REGION, &THINGS->semaphore, false, LEAT_NEVER),
    leat_semaphore_give(REGION, &THINGS->semaphore, false));
WAY(undo, "leat, undo", "the same; a dead process gives back what it took",
    leat_semaphore_take(REGION, &THINGS->semaphore, true, LEAT_NEVER),
    leat_semaphore_give(REGION, &THINGS->semaphore, true));
WAY(bare_semaphore, "sem_t", "sem_wait and sem_post, process-shared", sem_wait(&BARE->semaphore) < 0 ? -errno : 0,
    sem_post(&BARE->semaphore) < 0 ? -errno : 0);

static int change_semaphore(const struct ground *ground, short by) {
        struct sembuf change = { .sem_op = by, .sem_flg = SEM_UNDO };
        return semop(ground->semaphores, &change, 1) < 0 ? -errno : 0;
}

WAY(semop, "semop", "semop twice, with SEM_UNDO", change_semaphore(ground, -1), change_semaphore(ground, 1));

/* ---- data ---- */

/* A value is used after each: no round of the loop is left out, or done ahead. */
static int use(const void *value) {
        __asm__ volatile("" : : "r"(value) : "memory");
        return 0;
}

static int snapshot(struct ground *ground) {
        const struct leat_range range = { THINGS->words, ground->value, ground->value_bytes };
        return leat_snapshot(REGION, &range, 1, LEAT_NEVER);
}

static int copy(struct ground *ground) {
        memcpy(ground->value, BARE->words, ground->value_bytes);
        return 0;
}

WAY(snapshot, "leat", "leat_snapshot of 64 bytes", snapshot(ground), use(ground->value));
WAY(copy, "copy", "memcpy of 64 bytes", copy(ground), use(ground->value));

static int commit(struct ground *ground) {
        struct leat_txn *txn;
        int r = leat_txn_begin(REGION, LEAT_NEVER, &txn);
        for (int i = 0; i < 4 && r == 0; i++) {
                uint64_t next = THINGS->words[i] + 1;
                r = leat_txn_set(txn, &THINGS->words[i], &next, sizeof(next));
        }
        return r == 0 ? leat_txn_commit(txn) : r;
}

static int commit_in_place(struct ground *ground) {
        struct leat_txn *txn;
        int r = leat_txn_begin(REGION, LEAT_NEVER, &txn);
        if (r == 0)
                r = leat_txn_touch(txn, THINGS->words, 4 * sizeof(THINGS->words[0]));
        for (int i = 0; i < 4 && r == 0; i++)
                THINGS->words[i]++;
        return r == 0 ? leat_txn_commit(txn) : r;
}

static int write_robustly(struct ground *ground) {
        int r = -pthread_mutex_lock(&BARE->robust);
        for (int i = 0; i < 4; i++)
                BARE->words[i]++;
        return r == 0 ? -pthread_mutex_unlock(&BARE->robust) : r;
}

WAY(commit, "leat", "begin, leat_txn_set of 4 words, commit", commit(ground), use(THINGS->words));
WAY(commit_in_place, "leat, touch", "begin, leat_txn_touch of 32 bytes, 4 words changed in place, commit",
    commit_in_place(ground), use(THINGS->words));
WAY(robust_write, "robust", "4 words changed under a robust process-shared mutex", write_robustly(ground),
    use(BARE->words));

static int copy_under_mutex(struct ground *ground) {
        int r = -pthread_mutex_lock(&BARE->plain);
        memcpy(ground->value, BARE->words, ground->value_bytes);
        return r == 0 ? -pthread_mutex_unlock(&BARE->plain) : r;
}

WAY(cell, "leat", "leat_cell_get of 64 bytes", leat_cell_get(REGION, ground->cell, ground->value, VALUE_BYTES, NULL),
    use(ground->value));
WAY(mutex_copy, "pthread", "memcpy of 64 bytes under a process-shared mutex", copy_under_mutex(ground),
    use(ground->value));

static int add(struct ground *ground) {
        __atomic_fetch_add(&BARE->words[0], 1, __ATOMIC_RELAXED);
        return 0;
}

WAY(add, "leat", "leat_counters_add", leat_counters_add(REGION, ground->counters, 0, 1), use(ground->counters));
WAY(atomic_add, "atomic", "an atomic addition", add(ground), use(BARE->words));

/* ---- a bounded buffer ---- */

static int await(pthread_cond_t *condition, pthread_mutex_t *mutex) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += PATIENCE_S;
        return -pthread_cond_timedwait(condition, mutex, &until);
}

int ring_put(struct bare_ring *ring, const void *value) {
        int r = -pthread_mutex_lock(&ring->mutex);
        while (r == 0 && ring->count == BUFFER_ITEMS)
                r = await(&ring->room, &ring->mutex);
        if (r < 0)
                return r;
        memcpy(ring->item[(ring->first + ring->count++) % BUFFER_ITEMS], value, VALUE_BYTES);
        pthread_cond_signal(&ring->items);
        return -pthread_mutex_unlock(&ring->mutex);
}

int ring_take(struct bare_ring *ring, void *ret_value) {
        int r = -pthread_mutex_lock(&ring->mutex);
        while (r == 0 && ring->count == 0)
                r = await(&ring->items, &ring->mutex);
        if (r < 0)
                return r;
        memcpy(ret_value, ring->item[ring->first], VALUE_BYTES);
        ring->first = (ring->first + 1) % BUFFER_ITEMS;
        ring->count--;
        pthread_cond_signal(&ring->room);
        return -pthread_mutex_unlock(&ring->mutex);
}

WAY(buffer, "leat", "leat_buffer_put and leat_buffer_take of 64 bytes",
    leat_buffer_put(REGION, ground->buffer, ground->value, VALUE_BYTES, LEAT_NEVER),
    leat_buffer_take(REGION, ground->buffer, ground->value, VALUE_BYTES, LEAT_NEVER));
WAY(ring, "pthread", "a ring under a process-shared mutex and conditions", ring_put(&BARE->ring, ground->value),
    ring_take(&BARE->ring, ground->value));

/* ---- attaching ---- */

static int attach(struct ground *ground) {
        struct leat_region *region;
        int r = leat_region_open(ground->address, 0, NULL, LEAT_NEVER, NULL, &region);
        if (r < 0)
                return r;
        use(leat_region_data(region));
        leat_region_close(region);
        return 0;
}

static int bare_attach(struct ground *ground) {
        struct stat status;
        CLOSE_AT_EXIT int fd = shm_open(ground->object, O_RDWR | O_CLOEXEC, 0);
        if (fd < 0 || fstat(fd, &status) < 0)
                return -errno;
        void *memory = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (memory == MAP_FAILED)
                return -errno;
        __atomic_fetch_add((uint64_t *)memory, 1, __ATOMIC_RELAXED); /* its first page, as that of a header */
        return munmap(memory, (size_t)status.st_size) < 0 ? -errno : 0;
}

WAY(attach, "leat", "leat_region_open and leat_region_close of region:", attach(ground), 0);
WAY(bare_attach, "shm_open", "shm_open, fstat, mmap, munmap and close", bare_attach(ground), 0);
