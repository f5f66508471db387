/* SPDX-License-Identifier: MIT */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

/*
 * The conformance suite: every declaration (scheme, pattern, framing) is held to every row of the contract.
 *
 *     CONFORMS(LEAT_ROW_END, last_sender_closes) { ... subject ... }
 *
 * is one test for each declaration whose row is *yes* or *peer*: "unix/queue/lines/07-end/last-sender-closes". For
 * a row that is *no* there is DENIES(), which proves that the need is refused and says why. What differs between
 * transports stands in one table, transports.c, one row a scheme; nothing else here names a scheme. What differs
 * between patterns and framings is read from the declarations.
 */

#include "ends.h"

#include <errno.h>
#include <leat.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LARGE_BYTES (UINT64_C(1) << 17)

/* A number of rounds: fewer where a sanitizer makes each of them slow. */
#define ROUNDS(many, few) (SANITIZED ? (few) : (many))

/* ---- what differs between transports ---- */

struct place;
struct conformance_kernel;

struct conformance_transport {
        const char *scheme;
        const char *address; /* with %s for a path of its own; NULL: without a name, both ends are made at once */
        const char *bare;    /* with %s for a name without a directory; or NULL */
        const char *given;   /* with %d for a descriptor that was given; or NULL */
        unsigned traits;     /* of those below that a declaration does not show */
        const char *end;     /* the option of both ends where the end is told only to who asks; or NULL */
        const char *types;   /* the option of a receiver that is alone and so may choose by type; or NULL */
        bool types_of_senders_too;
        /* A name that no other test has now, for the place of this number in the test; or NULL: its path is the name. */
        void (*name)(int number, char *ret_name, size_t size);
        int full_after_ms; /* one that is full may find room by itself, until its last acknowledgement came; 0: never */
        /* What must be there before the first end is opened; or NULL. */
        void (*prepare)(const char *path);
        /* Put these bytes there as one message of a program that knows nothing of Leat; or NULL. */
        void (*put)(const struct place *place, const void *bytes, size_t size);
        bool group; /* broadcast is to a multicast group, which has nobody who binds it alone */
        const struct conformance_kernel *kernel; /* the other end is the kernel (kernel.h); or NULL */
};

extern const struct conformance_transport conformance_transports[];

/* ---- what a test is about ---- */

struct subject {
        const struct leat_declaration *declaration;
        const struct conformance_transport *transport;
        const struct conformance_test *test;
};

/* What a declaration must be like for a test to make sense. */
enum trait {
        NAMED = 1,   /* strangers meet at a name */
        UNNAMED = 2, /* relatives only */
        MANY = 4,    /* several senders at once */
        TWO_WAY = 8, /* each end sends and receives */
        ONE_WAY = 16,
        FRAMED = 32,    /* keeps boundaries */
        DELIMITED = 64, /* by a byte that messages cannot hold */
        LEAT = 128,     /* the framing of Leat */
        CALLS = 256,    /* replies go back on it */
        PLAIN = 512,    /* bytes alone */
        STREAM = 1024,  /* the framing lies on a stream and cannot take back what it began */
        GIVEN = 2048,   /* an end can be opened on a descriptor that was given */
        SHARED = 4096,  /* several receivers, each message for one of them */
        SPREAD = 8192,  /* several receivers, each message for all of them */
        PUT = 16384,    /* other programs can put messages there */
        BARE = 1 << 24, /* names without a directory live in the user's own */
        LARGE = 32768,  /* a message may be larger than what fits in at once */
        KERNEL =
                1 << 27, /* the other end is the kernel: only tests that say so are for it, and they for nothing else */

        /* These stand in transports.c. */
        LISTENS = 1 << 16,  /* one end binds the name, the others connect to it */
        EITHER = 1 << 17,   /* and either end may be the one that binds; so it is where both are made at once */
        KEEPS = 1 << 18,    /* what was sent outlives its senders and its receivers */
        PLACED = 1 << 19,   /* its name is a path in the test's directory, and so is what stands for it */
        DETACHES = 1 << 20, /* ends can be turned into plain descriptors */
        BY_PID = 1 << 21,   /* the name is the receiving process's: it has one */
        SELECTS = 1 << 22,  /* the mechanism itself selects by type: nothing is set aside */
        FLAT = 1 << 23,     /* its names have no directories */
        NUMBERED = 1 << 25, /* its names are numbers, which are there without anybody (a port) */
        LOOSE = 1 << 28,    /* no connections: each message is a datagram */
        LOSSY = 1 << 29,    /* what finds no room is lost, and no sender knows whether anybody receives */
        UNSEEN =
                1 << 30, /* messages do not pass the kernel: who sent each, and when, is not known, but who connected */
        HALVES =
                1
                << 26, /* bare bytes: a partner that closed looks like one that still reads, until it refuses a message */
};
unsigned subject_traits(const struct subject *subject);

#define ROW(row) (UINT32_C(1) << (row))

struct conformance_test {
        enum leat_row row;
        const char *name;
        void (*run)(const struct subject *subject);
        bool denied;      /* for declarations whose row is no; else for those whose row is yes or peer */
        unsigned traits;  /* all of these */
        unsigned without; /* and none of these */
        uint32_t also;    /* rows that must be promised too */
        int timeout_s;
        struct conformance_test *next;
};

void conformance_register(struct conformance_test *test);

#define CONFORMANCE_TEST(row_, name_, ...)                                                                             \
        static void run_##name_(const struct subject *subject);                                                        \
        static struct conformance_test test_##name_ = {                                                                \
                .row = (row_), .name = #name_, .run = run_##name_, __VA_ARGS__                                         \
        };                                                                                                             \
        __attribute__((constructor)) static void register_##name_(void) {                                              \
                conformance_register(&test_##name_);                                                                   \
        }                                                                                                              \
        static void run_##name_(const struct subject *subject)
#define CONFORMS(row, name, ...) CONFORMANCE_TEST(row, name, .denied = false, __VA_ARGS__)
#define DENIES(row, name, ...) CONFORMANCE_TEST(row, name, .denied = true, __VA_ARGS__)

bool promises(const struct subject *subject, enum leat_row row);

/* ---- the two ends ---- */

/* Where a receiver and a sender meet. Of a pair the "receiver" is the end that listens. */
struct place {
        const struct subject *subject;
        char path[128];
        char receiver_address[256], sender_address[256];
        struct harness_event *bound; /* LOSSY: the receiver is there; a sender in another process waits for it */
        bool receiver_elsewhere;
        struct leat_channel *receiver, *sender; /* of what has no name: made at once, until they are taken */
};

/* options: more of them for both ends ("aside=64k&need=sync"), or "". */
void place_new(struct place *place, const struct subject *subject, const char *options);
/* Where what is kept would crowd the system: the place is over. No end is open any more. */
void place_remove(const struct place *place);
/* A place where the sender binds and the receivers connect. */
void place_new_swapped(struct place *place, const struct subject *subject, const char *options);

/* Open an end, or take it; failing fails the test. */
struct leat_channel *place_receiver(struct place *place);
struct leat_channel *place_sender(struct place *place);
void place_both(struct place *place, struct leat_channel **ret_receiver, struct leat_channel **ret_sender);
void place_both_new(const struct subject *subject, const char *options, struct leat_channel **ret_receiver,
                    struct leat_channel **ret_sender);

/* Run function(channel, argument) in a child that has this end, opened there or given to it; then it is closed. */
typedef void end_function(struct leat_channel *channel, void *argument);
pid_t place_fork_receiver(struct place *place, end_function *function, void *argument);
pid_t place_fork_sender(struct place *place, end_function *function, void *argument);

unsigned receiver_flags(const struct subject *subject);
unsigned sender_flags(const struct subject *subject);
/* The options that each end has: "?pattern=queue&framing=leat" and so on. */
void subject_options(const struct subject *subject, bool receives, char *ret_text, size_t size);
/* Does who chooses by type have to be the only one, and to say so? */
bool is_to_be_alone(const struct subject *subject);
/* Is the test about types, and its receiver opened as the only one for that? */
bool chooses_types(const struct subject *subject);

/* ---- messages ---- */

#define SOON harness_deadline_ms(40000) /* what is to come comes before this */

/* Bytes that tell their message's number and differ from place to place; never a delimiter. */
void fill(uint8_t *bytes, size_t size, uint64_t number);
void check_filled(const uint8_t *bytes, size_t size, uint64_t number);

/* The same after 16 bytes that tell the number; check_numbered returns it. */
void fill_numbered(uint8_t *bytes, size_t size, uint64_t number);
uint64_t check_numbered(const uint8_t *bytes, size_t size);

#define RECORD_BYTES 16
void send_record(struct leat_channel *sender, uint64_t number);
/* Where boundaries are not kept too. Returns its number. */
uint64_t take_record(struct leat_channel *receiver);
void take_record_numbered(struct leat_channel *receiver, uint64_t number);
/* Receive so many bytes: one message, or where boundaries are not kept as many as it takes. */
void take_exactly(struct leat_channel *receiver, void *buffer, size_t size);
/* Send it as plain text of its own, of type 1 where there are none. */
void send_text(struct leat_channel *sender, int64_t type, const char *text);
void take_text(struct leat_channel *receiver, int64_t select, const char *text);

ssize_t receive_now(struct leat_channel *receiver);
/* Receive until it says -EAGAIN, which settles what is accepted and arms leat_fd. It must say so. */
void settle(struct leat_channel *receiver);
/* All senders are gone, and all was taken: the end, or nothing more where the end is not promised. */
void expect_end(struct leat_channel *receiver);
/* Send records, from `number` on, until the channel is full, or a thousand where it never is. Returns how many it took. */
uint64_t fill_up(struct leat_channel *sender, uint64_t number);
/*
 * Send record number *count, with these flags, to one that fill_up() found full: returns what was answered. One that finds
 * room by itself (full_after_ms) may do so after any time, and takes some more: *count tells then what it has.
 */
int send_beyond(struct leat_channel *sender, uint64_t *count, unsigned flags, int64_t deadline);

/* The channel's last call was refused for this row, and says why. */
void check_why(struct leat_channel *channel, enum leat_row row, int error);
/* A reason names the row and has a text. */
void check_reason(const struct leat_reason *reason, enum leat_row row, int error);

/* Kill a child that we made, and wait for it. */
void kill_child(pid_t pid);

#endif
