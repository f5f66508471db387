/* SPDX-License-Identifier: MIT */

/*
 * Memory that two processes share, without any of the safety of shm:. Messages one after another go through a ring whose head is published every 32
 * of them. A round trip is a payload and a word behind it that says which one it is, copied in and out; who waits for it looks at that word,
 * or sleeps on an eventfd in an epoll, or on a futex.
 */

#include "tools/leat/bench_bare.h"

#include <assert.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define RING ((size_t)256 << 10) /* as shm: has it */
#define PUBLISH_EVERY 32
#define PIECE (RING / 4) /* of a larger message so much is published at once */
#define LARGEST_TRIP 16384

/* One way. Each of the words is written by one side alone, in a line of its own. */
struct way {
        _Alignas(64) _Atomic uint64_t head;
        _Alignas(64) _Atomic uint64_t tail;
        _Alignas(64) unsigned char payload[LARGEST_TRIP + 64]; /* of a round trip: the message, and its word */
};

struct memory {
        struct way ways[2]; /* [0]: from side 0 */
};

/* What a side knows by itself. */
struct side {
        struct memory *memory;
        unsigned char *ring; /* mapped twice in a row: nothing is cut */
        uint64_t at, seen;   /* its own position; the other's, as it was seen last */
        uint64_t published;
        uint64_t sent, received; /* of round trips */
        unsigned looks;
};

/* Between two looks at memory: on one core the other side gets it; else this one goes on looking, and now and then lets others run. */
ALWAYS_INLINE void relax(const struct end *end, unsigned *looks) {
        if (!end->setting->apart || ++*looks % 65536 == 0)
                (void)sched_yield();
#if defined(__x86_64__) || defined(__i386__)
        else
                __builtin_ia32_pause();
#endif
}

/* ---- one after another ---- */

ALWAYS_INLINE void publish(struct side *side, _Atomic uint64_t *position) {
        side->published = side->at;
        atomic_store_explicit(position, side->at, memory_order_release);
}

/* Of a message that is larger than a piece each piece is published, else every 32nd, or a quarter of the ring. */
ALWAYS_INLINE bool is_due(const struct side *side, uint64_t number) {
        return number % PUBLISH_EVERY == PUBLISH_EVERY - 1 || side->at - side->published >= PIECE;
}

ALWAYS_INLINE void put(struct end *end, struct side *side, const unsigned char *bytes, size_t size) {
        struct way *way = &side->memory->ways[0];
        while (side->at + size - side->seen > RING) {
                side->seen = atomic_load_explicit(&way->tail, memory_order_acquire);
                if (side->at + size - side->seen <= RING)
                        break;
                publish(side, &way->head);
                relax(end, &side->looks);
        }
        memcpy(side->ring + side->at % RING, bytes, size);
        side->at += (size + 63) / 64 * 64;
}

ALWAYS_INLINE void take(struct end *end, struct side *side, unsigned char *buffer, size_t size) {
        struct way *way = &side->memory->ways[0];
        while (side->at == side->seen) {
                side->seen = atomic_load_explicit(&way->head, memory_order_acquire);
                if (side->at != side->seen)
                        break;
                publish(side, &way->tail);
                relax(end, &side->looks);
        }
        memcpy(buffer, side->ring + side->at % RING, size);
        side->at += (size + 63) / 64 * 64;
}

static int memory_out(struct end *end, const struct job *job) {
        struct side *side = end->state;
        struct way *way = &side->memory->ways[0];
        for (uint64_t i = 0; i < job->count; i++) {
                loop_fill(end, end->message, job->size, i);
                for (size_t done = 0, part; done < job->size; done += part) {
                        part = job->size - done < PIECE ? job->size - done : PIECE;
                        put(end, side, end->message + done, part);
                        if (is_due(side, i))
                                publish(side, &way->head);
                }
        }
        publish(side, &way->head);
        return 0;
}

static int memory_in(struct end *end, const struct job *job) {
        struct side *side = end->state;
        struct way *way = &side->memory->ways[0];
        int r = 0;
        for (uint64_t i = 0; i < job->count && r == 0; i++) {
                for (size_t done = 0, part; done < job->size; done += part) {
                        part = job->size - done < PIECE ? job->size - done : PIECE;
                        take(end, side, end->message + done, part);
                        if (is_due(side, i))
                                publish(side, &way->tail);
                }
                r = loop_check(end, end->message, (ssize_t)job->size, job->size, i);
        }
        publish(side, &way->tail);
        return r;
}

/* ---- there and back ---- */

/* The word lies right behind the bytes. */
ALWAYS_INLINE _Atomic uint64_t *word_of(struct way *way, size_t size) {
        return (_Atomic uint64_t *)(void *)(way->payload + (size + 7) / 8 * 8);
}

ALWAYS_INLINE void say(const struct end *end, const void *bytes, size_t size) {
        struct side *side = end->state;
        struct way *way = &side->memory->ways[end->side];
        memcpy(way->payload, bytes, size);
        atomic_store_explicit(word_of(way, size), ++side->sent, memory_order_release);
}

ALWAYS_INLINE bool is_said(const struct end *end, size_t size) {
        const struct side *side = end->state;
        struct way *way = &side->memory->ways[!end->side];
        return atomic_load_explicit(word_of(way, size), memory_order_acquire) == side->received + 1;
}

ALWAYS_INLINE ssize_t hear(const struct end *end, void *buffer, size_t size) {
        struct side *side = end->state;
        memcpy(buffer, side->memory->ways[!end->side].payload, size);
        side->received++;
        return (ssize_t)size;
}

static inline int spin_send(struct end *end, const void *bytes, size_t size) {
        say(end, bytes, size);
        return 0;
}

static inline ssize_t spin_receive(struct end *end, void *buffer, size_t size) {
        struct side *side = end->state;
        while (!is_said(end, size))
                relax(end, &side->looks);
        return hear(end, buffer, size);
}

static inline int epoll_send(struct end *end, const void *bytes, size_t size) {
        const uint64_t one = 1;
        say(end, bytes, size);
        return write(end->out, &one, sizeof(one)) == (ssize_t)sizeof(one) ? 0 : -errno;
}

static inline ssize_t epoll_receive(struct end *end, void *buffer, size_t size) {
        struct epoll_event event;
        uint64_t count;
        while (!is_said(end, size)) {
                if (epoll_wait(end->extra, &event, 1, -1) < 0)
                        return -errno;
                if (read(end->in, &count, sizeof(count)) < 0)
                        return -errno;
        }
        return hear(end, buffer, size);
}

static long futex(_Atomic uint64_t *word, int operation, uint32_t value) {
        return syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

static inline int futex_send(struct end *end, const void *bytes, size_t size) {
        struct side *side = end->state;
        say(end, bytes, size);
        (void)futex(word_of(&side->memory->ways[end->side], size), FUTEX_WAKE, 1);
        return 0;
}

static inline ssize_t futex_receive(struct end *end, void *buffer, size_t size) {
        struct side *side = end->state;
        _Atomic uint64_t *word = word_of(&side->memory->ways[!end->side], size);
        while (!is_said(end, size)) /* the lower half of the word; numbers go up by one */
                (void)futex(word, FUTEX_WAIT, (uint32_t)side->received);
        return hear(end, buffer, size);
}

BENCH_LOOP(ping, spin, spin_send, spin_receive)
BENCH_LOOP(pong, spin, spin_send, spin_receive)
BENCH_LOOP(ping, epoll, epoll_send, epoll_receive)
BENCH_LOOP(pong, epoll, epoll_send, epoll_receive)
BENCH_LOOP(ping, futex, futex_send, futex_receive)
BENCH_LOOP(pong, futex, futex_send, futex_receive)

static int ping(struct end *end, const struct job *job) {
        return end->setting->spin ? spin_ping(end, job) : epoll_ping(end, job);
}

static int pong(struct end *end, const struct job *job) {
        return end->setting->spin ? spin_pong(end, job) : epoll_pong(end, job);
}

/* ---- making ---- */

static unsigned char *map_ring(void) {
        CLOSE_AT_EXIT int fd = memfd_create("bench-ring", MFD_CLOEXEC);
        if (fd < 0 || ftruncate(fd, (off_t)RING) < 0)
                return MAP_FAILED;
        unsigned char *ring = mmap(NULL, 2 * RING, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (size_t i = 0; i < 2 && ring != MAP_FAILED; i++)
                if (mmap(ring + i * RING, RING, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0) ==
                    MAP_FAILED)
                        return MAP_FAILED;
        return ring;
}

/* Each side sleeps on its own eventfd. */
static int make_events(struct end ends[2]) {
        for (int i = 0; i < 2; i++) {
                struct epoll_event event = { .events = EPOLLIN };
                ends[i].in = eventfd(0, EFD_CLOEXEC);
                ends[i].extra = epoll_create1(EPOLL_CLOEXEC);
                if (ends[i].in < 0 || ends[i].extra < 0 ||
                    epoll_ctl(ends[i].extra, EPOLL_CTL_ADD, ends[i].in, &event) < 0)
                        return -errno;
        }
        for (int i = 0; i < 2; i++)
                if ((ends[i].out = dup(ends[!i].in)) < 0)
                        return -errno;
        return 0;
}

static int prepare_memory(struct end ends[2]) {
        struct memory *memory =
                mmap(NULL, sizeof(*memory), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        unsigned char *ring = map_ring();
        if (memory == MAP_FAILED || ring == MAP_FAILED)
                return -ENOMEM;
        for (int i = 0; i < 2; i++) {
                struct side *side = aligned_alloc(64, 128);
                if (!side)
                        return -ENOMEM;
                *side = (struct side){ .memory = memory, .ring = ring };
                ends[i].state = side;
        }
        return make_events(ends);
}

/* The mappings go with the process, which has no other use. */
static void drop_memory(struct end *end) {
        free(end->state);
        end->state = NULL;
        bare_drop(end);
}

static_assert(sizeof(struct side) <= 128, "a side has its own lines");

const struct contender bare_memory = {
        .name = "bare",
        .what = "memory: a ring, its head published every 32 messages; round trips: a payload and its word, an eventfd "
                "in an "
                "epoll to sleep on",
        .loops = { .out = memory_out, .in = memory_in, .ping = ping, .pong = pong },
        .prepare = prepare_memory,
        .drop = drop_memory,
};

const struct contender bare_memory_futex = {
        .name = "bare",
        .what = "memory: a payload and its word, a futex to sleep on",
        .loops = { .ping = futex_ping, .pong = futex_pong },
        .prepare = prepare_memory,
        .drop = drop_memory,
};
