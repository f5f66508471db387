/* SPDX-License-Identifier: MIT */

/* Ways of two processes, on a CPU each: who passes a lock more often, and items through a buffer. */

#include "tools/leat/bench_region_ground.h"

#include <errno.h>
#include <leat.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#define ALWAYS_INLINE __attribute__((always_inline)) static inline
#define LOOK_EVERY 32 /* passes; a look at the clock takes as long as one */

struct order {
        const struct region_way *way; /* the second process is a copy of the first: at the same address */
        int64_t times;
};

struct answer {
        int error;
        int64_t passes;
};

/* ---- orders ---- */

static void set_flag(_Atomic bool *flag, bool value) {
        atomic_store_explicit(flag, value, memory_order_release);
}

static bool flag_of(const _Atomic bool *flag) {
        return atomic_load_explicit(flag, memory_order_acquire);
}

int partner_begin(struct ground *ground, const struct region_way *way, int64_t times) {
        const struct order order = { way, times };
        set_flag(&ground->bare->stop, false);
        set_flag(&ground->bare->running, false);
        if (send(ground->control, &order, sizeof(order), MSG_NOSIGNAL) < 0)
                return -errno;
        while (!flag_of(&ground->bare->running)) /* a wake-up is not measured */
                if (recv(ground->control, &(char){ 0 }, 1, MSG_DONTWAIT | MSG_PEEK) == 0)
                        return -ECHILD; /* it is gone */
        return 0;
}

int partner_end(struct ground *ground, int64_t *ret_passes) {
        struct answer answer;
        set_flag(&ground->bare->stop, true);
        if (recv(ground->control, &answer, sizeof(answer), 0) != (ssize_t)sizeof(answer))
                return -ECHILD;
        *ret_passes = answer.passes;
        return answer.error;
}

void partner_be(struct ground *ground, int control) {
        struct order order;
        while (recv(control, &order, sizeof(order), 0) == (ssize_t)sizeof(order)) {
                struct answer answer = { 0 };
                set_flag(&ground->bare->running, true);
                if (order.way->contend)
                        answer.passes = order.way->contend(ground, LEAT_NEVER);
                else
                        answer.error = order.way->partner(ground, order.times, &answer.passes);
                if (send(control, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
                        break;
        }
        leat_region_close(ground->region);
        _exit(0);
}

/* ---- passes ---- */

typedef int pass(struct ground *ground);

/* How many until then, or until it is to stop. Negative: an error. */
ALWAYS_INLINE int64_t contend(struct ground *ground, int64_t until, pass *through) {
        int64_t passes = 0;
        int r = 0;
        do {
                for (int i = 0; i < LOOK_EVERY && r == 0; i++, passes++)
                        r = through(ground);
        } while (r == 0 && !flag_of(&ground->bare->stop) && (until == LEAT_NEVER || leat_now() < until));
        return r < 0 ? r : passes;
}

static int pass_leat(struct ground *ground) {
        int r = leat_mutex_lock(ground->region, &ground->things->mutex, LEAT_NEVER);
        if (r < 0)
                return r;
        ground->things->passes++;
        return leat_mutex_unlock(ground->region, &ground->things->mutex);
}

static int pass_robust(struct ground *ground) {
        int r = -pthread_mutex_lock(&ground->bare->robust);
        if (r < 0)
                return r;
        ground->bare->passes++;
        return -pthread_mutex_unlock(&ground->bare->robust);
}

static int64_t contend_leat(struct ground *ground, int64_t until) {
        return contend(ground, until, pass_leat);
}

static int64_t contend_robust(struct ground *ground, int64_t until) {
        return contend(ground, until, pass_robust);
}

const struct region_way way_contended = { .way = { "leat", "leat_mutex_lock, count, leat_mutex_unlock" },
                                          .contend = contend_leat };
const struct region_way way_robust_contended = { .way = { "robust",
                                                          "pthread_mutex_lock, count, unlock, robust process-shared" },
                                                 .contend = contend_robust };

/* ---- items ---- */

static int put_leat(struct ground *ground, int64_t times) {
        int64_t patience = leat_in_s(PATIENCE_S);
        int r = 0;
        for (int64_t i = 0; i < times && r == 0; i++)
                r = leat_buffer_put(ground->region, ground->buffer, ground->value, VALUE_BYTES, patience);
        return r;
}

static int take_leat(struct ground *ground, int64_t times, int64_t *ret_passes) {
        int r = 0;
        for (*ret_passes = 0; *ret_passes < times && r == 0; ++*ret_passes)
                r = leat_buffer_take(ground->region, ground->buffer, ground->value, VALUE_BYTES, LEAT_NEVER);
        return r;
}

static int put_ring(struct ground *ground, int64_t times) {
        int r = 0;
        for (int64_t i = 0; i < times && r == 0; i++)
                r = ring_put(&ground->bare->ring, ground->value);
        return r;
}

static int take_ring(struct ground *ground, int64_t times, int64_t *ret_passes) {
        int r = 0;
        for (*ret_passes = 0; *ret_passes < times && r == 0; ++*ret_passes)
                r = ring_take(&ground->bare->ring, ground->value);
        return r;
}

const struct region_way way_flow = { .way = { "leat", "leat_buffer_put and leat_buffer_take of 64 bytes" },
                                     .run = put_leat,
                                     .partner = take_leat };
const struct region_way way_ring_flow = { .way = { "pthread", "a ring under a process-shared mutex and conditions" },
                                          .run = put_ring,
                                          .partner = take_ring };
