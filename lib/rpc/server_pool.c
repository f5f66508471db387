/* SPDX-License-Identifier: MIT */

/*
 * Threads for handlers: they take requests from a list; of how many there are the limits of the server see to. All signals are blocked
 * in them, so that the program's handlers of signals run in threads of its own.
 */

#include "base/cleanup.h"
#include "rpc/server.h"

#include <errno.h>
#include <signal.h>

#define STACK_LEAST ((size_t)1 << 20)

struct rpc_pool {
        pthread_mutex_t lock;
        pthread_cond_t filled;
        bool ends;
        unsigned idle;       /* threads that wait for a request */
        struct list waiting; /* by their ranks */
        uint64_t rank;       /* of the one that was taken last */
        unsigned threads_count;
        pthread_t threads[];
};

static struct leat_rpc_request *request_of(struct list *node) {
        return CONTAINER_OF(node, struct leat_rpc_request, queued);
}

static struct leat_rpc_request *next_request(struct rpc_pool *pool) {
        struct leat_rpc_request *request = NULL;
        (void)pthread_mutex_lock(&pool->lock);
        while (list_empty(&pool->waiting) && !pool->ends) {
                pool->idle++;
                (void)pthread_cond_wait(&pool->filled, &pool->lock);
                pool->idle--;
        }
        if (!list_empty(&pool->waiting)) {
                request = request_of(pool->waiting.next);
                list_remove(&request->queued);
                pool->rank = request->rank;
        }
        (void)pthread_mutex_unlock(&pool->lock);
        return request;
}

static void *work(void *argument) {
        struct rpc_pool *pool = argument;
        struct leat_rpc_request *request;
        while ((request = next_request(pool)))
                rpc_request_run(request);
        return NULL;
}

/*
 * Connections, and senders of datagrams, take turns: one that has many requests here has one of each round, and whoever comes with one waits for no more than a round.
 */
static void stand_in_line(struct rpc_pool *pool, struct leat_rpc_request *request) {
        struct list *place = &pool->waiting;
        request->rank = pool->rank + 1;
        request->line = request->origin;
        for (struct list *node = place->previous; node != &pool->waiting; node = node->previous) {
                const struct leat_rpc_request *other = request_of(node);
                if (other->line == request->line && other->peer == request->peer) {
                        request->rank = other->rank + 1;
                        break;
                }
        }
        while (place->previous != &pool->waiting && request_of(place->previous)->rank > request->rank)
                place = place->previous;
        list_insert(place, &request->queued);
}

void rpc_pool_give(struct rpc_pool *pool, struct leat_rpc_request *request) {
        (void)pthread_mutex_lock(&pool->lock);
        stand_in_line(pool, request);
        bool wakes = pool->idle > 0;
        (void)pthread_mutex_unlock(&pool->lock);
        if (wakes)
                (void)pthread_cond_signal(&pool->filled);
}

/* All signals are blocked while they are made: they inherit that. Of musl a thread has little room, for values that are nested as deep as is allowed. */
static int start_threads(struct rpc_pool *pool, unsigned threads) {
        sigset_t all, before;
        pthread_attr_t how;
        size_t stack = 0;
        int r = -pthread_attr_init(&how);
        if (r < 0)
                return r;
        if (pthread_attr_getstacksize(&how, &stack) == 0 && stack < STACK_LEAST)
                (void)pthread_attr_setstacksize(&how, STACK_LEAST);
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        for (; r == 0 && pool->threads_count < threads; pool->threads_count += r == 0)
                r = -pthread_create(&pool->threads[pool->threads_count], &how, work, pool);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        (void)pthread_attr_destroy(&how);
        return r;
}

static struct rpc_pool *pool_alloc(unsigned threads) {
        size_t size;
        if (__builtin_mul_overflow((size_t)threads, sizeof(pthread_t), &size) ||
            __builtin_add_overflow(size, sizeof(struct rpc_pool), &size))
                return NULL;
        struct rpc_pool *pool = calloc(1, size);
        if (!pool)
                return NULL;
        list_init(&pool->waiting);
        return pool;
}

int rpc_pool_new(unsigned threads, struct rpc_pool **ret_pool) {
        struct rpc_pool *pool = pool_alloc(threads);
        int r = pool ? pthread_mutex_init(&pool->lock, NULL) : ENOMEM;
        if (r == 0)
                r = pthread_cond_init(&pool->filled, NULL);
        if (r != 0) {
                free(pool);
                return -r;
        }
        r = start_threads(pool, threads);
        if (r < 0) {
                (void)rpc_pool_free(pool);
                return r;
        }
        *ret_pool = pool;
        return 0;
}

struct rpc_pool *rpc_pool_free(struct rpc_pool *pool) {
        if (!pool)
                return NULL;
        (void)pthread_mutex_lock(&pool->lock);
        pool->ends = true;
        (void)pthread_mutex_unlock(&pool->lock);
        (void)pthread_cond_broadcast(&pool->filled);
        for (unsigned i = 0; i < pool->threads_count; i++)
                (void)pthread_join(pool->threads[i], NULL);
        (void)pthread_cond_destroy(&pool->filled);
        (void)pthread_mutex_destroy(&pool->lock);
        free(pool);
        return NULL;
}
