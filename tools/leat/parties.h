/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_PARTIES_H
#define LEAT_TOOL_PARTIES_H

/*
 * The processes that have a channel of shm: open at an address, and what each of them counts (channel/counters.h). They are found by the pages
 * that they hold, in /proc/PID/fd, and do not notice. A page is a stranger's word: its numbers are numbers, and nothing else of it is believed.
 */

#include <leat/channel.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct party {
        pid_t pid;
        uint64_t page;  /* the inode of its page, by which it is known again */
        unsigned flags; /* LEAT_SEND, ..., COUNTERS_LISTENS */
        uint64_t ring_bytes, opened_ns;
        uint64_t sent, sent_bytes, received, received_bytes, dropped, quarantined, hung_up, connections, connected,
                waits, sleeps, full, wakes;
        uint64_t sent_now, received_now; /* bytes of the connections of today */
};

struct parties {
        struct party *all; /* the listener first, then by pid */
        size_t count;
};

/* Find them. 0, -ENOMEM, or as leat_inspect() about the name. */
int parties_find(const char *address, struct parties *ret_parties);
void parties_free(struct parties *parties);

/* The bytes that were sent and not taken yet, where every party is seen: of so many connections as the kernel knows (or LEAT_UNKNOWN). */
uint64_t parties_queued(const struct parties *parties, uint64_t connections);

/* Those that cannot be seen here: of how many connections, or the listener. */
bool parties_are_hidden(const struct parties *parties, uint64_t connections);

/* What a party is: "listens", "sends". */
const char *party_role(const struct party *party);

/* Its numbers, in the order in which they are told. */
#define PARTY_NUMBERS 13
extern const struct party_number {
        const char *key, *title; /* of JSON; of a column */
        size_t offset;           /* in struct party */
} party_numbers[PARTY_NUMBERS];

static inline uint64_t party_number(const struct party *party, size_t i) {
        return *(const uint64_t *)(const void *)((const char *)party + party_numbers[i].offset);
}

#endif
