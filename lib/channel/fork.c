/* SPDX-License-Identifier: MIT */
#include "channel/fork.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * The library's only state beside its channels. `fork_page` holds the generation, or 0 in a child that
 * has not asked yet. `last` is ordinary memory: a child has a copy, so that the number it takes next differs from every one
 * that its inherited channels remember.
 */
static struct {
        pthread_once_t once;
        pthread_mutex_t lock; /* of the list; held across fork() */
        struct list members;
        _Atomic uint64_t last;
} forks = { .once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER };

_Atomic uint64_t *fork_page;

/* This process's generation. In a child the first to ask takes the next number. */
static uint64_t generation_now(void) {
        /* Relaxed throughout: a process sees its own writes, and a fork is a point that all of them passed.
         * Two threads of a new child may ask at once; the exchange lets them agree. */
        uint64_t generation = atomic_load_explicit(fork_page, memory_order_relaxed);
        if (generation != 0)
                return generation;
        uint64_t mine = atomic_fetch_add_explicit(&forks.last, 1, memory_order_relaxed) + 1;
        bool first = atomic_compare_exchange_strong_explicit(fork_page, &generation, mine, memory_order_relaxed,
                                                             memory_order_relaxed);
        return first ? mine : generation;
}

uint64_t fork_generation(void) {
        return generation_now();
}

static uint64_t owned_by(uint64_t generation) {
        return generation << 1;
}

static bool is_given(uint64_t owner) {
        return owner & 1;
}

static void before_fork(void) {
        (void)pthread_mutex_lock(&forks.lock);
}

static void after_in_parent(void) {
        (void)pthread_mutex_unlock(&forks.lock);
}

static void after_in_child(void) {
        for (struct list *node = forks.members.next; node != &forks.members; node = node->next) {
                struct fork_member *member = CONTAINER_OF(node, struct fork_member, node);
                if (!is_given(atomic_load_explicit(&member->owner, memory_order_relaxed)))
                        member->after_fork(member);
        }
        (void)pthread_mutex_unlock(&forks.lock);
}

static void start(void) {
        long size = sysconf(_SC_PAGESIZE);
        void *page = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
                return;
        if (madvise(page, (size_t)size, MADV_WIPEONFORK) < 0 ||
            pthread_atfork(before_fork, after_in_parent, after_in_child) != 0) {
                (void)munmap(page, (size_t)size);
                return;
        }
        list_init(&forks.members);
        fork_page = page;
}

int fork_enter(struct fork_member *member) {
        list_init(&member->node);
        if (pthread_once(&forks.once, start) != 0 || !fork_page)
                return -ENOMEM;
        atomic_init(&member->owner, owned_by(generation_now()));
        (void)pthread_mutex_lock(&forks.lock);
        list_insert(&forks.members, &member->node);
        (void)pthread_mutex_unlock(&forks.lock);
        return 0;
}

void fork_leave(struct fork_member *member) {
        (void)pthread_mutex_lock(&forks.lock);
        list_remove(&member->node);
        (void)pthread_mutex_unlock(&forks.lock);
}

void fork_take(struct fork_member *member) {
        (void)pthread_mutex_lock(&forks.lock);
        atomic_store_explicit(&member->owner, owned_by(generation_now()), memory_order_release);
        (void)pthread_mutex_unlock(&forks.lock);
}

void fork_hold(void) {
        (void)pthread_mutex_lock(&forks.lock);
}

void fork_release(void) {
        (void)pthread_mutex_unlock(&forks.lock);
}

void fork_give(struct fork_member *member) {
        (void)atomic_fetch_or_explicit(&member->owner, 1, memory_order_relaxed);
}

bool fork_decides(struct fork_member *member) {
        uint64_t owner = atomic_load_explicit(&member->owner, memory_order_relaxed);
        uint64_t mine = owned_by(generation_now());
        if (!is_given(owner) || owner == (mine | 1))
                return owner == mine;
        /* Relaxed: a fork lies between the giving and this. Two threads of the child may ask first at once: the exchange
         * gives it to the process once, and whoever comes second finds it there. */
        return atomic_compare_exchange_strong_explicit(&member->owner, &owner, mine, memory_order_relaxed,
                                                       memory_order_relaxed) ||
               owner == mine;
}
