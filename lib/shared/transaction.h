/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_TRANSACTION_H
#define LEAT_SHARED_TRANSACTION_H

/* What transaction.c and snapshot.c share. */

#include "shared/region.h"

#include <leat/transaction.h>

/* The transaction of a process in a region: private memory, used by who has header->transaction. */
struct leat_txn {
        struct leat_region *region;
        uint64_t owner; /* leat_region.mark of who began it; 0: none is under way */
        /* ... and which of its threads did: those without a number have one name in the mutex. */
        const void *thread;
        int error;         /* of the first set or touch that failed: then it cannot be committed */
        uint64_t capacity; /* words of the log; and of the notes */
        uint64_t logged;   /* words of the log that count: `live` */
        uint64_t noted;    /* words of the notes */
        uint64_t notes[];  /* one after the other: offset, size, the new bytes in whole words */
};

#define ENTRY_HEAD 2 /* words of an entry beside the bytes: offset and size, in the log behind them */
static inline uint64_t entry_words(uint64_t size_bytes) {
        return ENTRY_HEAD + (size_bytes + 7) / 8;
}

/* A single word that is not split: most of what is set is. The program's bytes begin at a multiple of 64. */
static inline bool is_one_word(uint64_t offset, uint64_t size_bytes) {
        return size_bytes == 8 && offset % 8 == 0;
}

/*
 * By who got header->transaction: roll back what is left of a dead one, and mend, if `locked` is -EOWNERDEAD.
 * 0; -EACCES, -ENOMEM: it cannot be done here (leat_region_protect(); what was grown cannot be mapped). Then the mutex is not mended.
 */
int transaction_settle(struct leat_region *region, int locked);

#endif
