/* SPDX-License-Identifier: MIT */
#ifndef PARTIES_H
#define PARTIES_H

/* Programs at the two hosts: a receiver at HOST_B that writes down what came, and messages that carry their number. */

#include "ends.h"
#include "network.h"

#define SOON harness_deadline_ms(40000)
#define NUMBERS_MAX 4096
#define NUMBERED_MAX 4096 /* bytes of the largest */

/* What a receiver saw; shared. It goes on until the message `stop_at`, the end, or an error. */
struct seen {
        _Atomic uint64_t count;
        _Atomic uint64_t stop_at; /* 0: no message stops it */
        uint64_t numbers[NUMBERS_MAX];
        int error;     /* that it ended with; 0: the message stopped it */
        char why[256]; /* of that error */
        struct leat_info info;
        struct harness_event *ready, *came; /* it is open; one more came */
};

struct receiver {
        char address[128];
        int64_t patience_ms;      /* deadline of each receive; 0: SOON */
        struct harness_event *go; /* after the first message it waits for this, and only then loses patience; or NULL */
        struct seen *seen;
};

struct seen *seen_new(void);

/* Start it, and wait until it listens. options: "" or "&keepalive=1". */
pid_t receiver_start(const struct network *network, struct receiver *receiver);

/* The address of HOST_B, of a scheme, in a family (4 or 6): "tcp:[fd77::2]:5000?capacity=1M". */
void address_at_b(char *ret_address, size_t size, const char *scheme, int family, const char *options);

/* Open an end here; failing fails the test. */
struct leat_channel *open_here(const char *address, unsigned flags);

/* A message with this number and a size that follows from it, most_bytes at most. Returns what leat_send said. */
int send_numbered(struct leat_channel *channel, uint64_t number, size_t most_bytes, int64_t deadline);

/* What came were the numbers from 1 to `count`, each once, in order. */
void check_all_in_order(const struct seen *seen, uint64_t count);

#endif
