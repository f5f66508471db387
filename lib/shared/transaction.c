/* SPDX-License-Identifier: MIT */

/*
 * Transactions (docs/design/shared.md, "Transactions", which has the steps by number, what is left behind each of them, and why that is right).
 *
 * The log: entries one after the other, each old bytes in whole words, offset, size. header->live: how many words of it are to be rolled back.
 */

#include "shared/transaction.h"

#include "base/rare.h"
#include "shared/mutex.h"
#include "shared/version.h"

#include <stdlib.h>
#include <string.h>

static _Atomic uint64_t *word_at(const struct leat_region *region, uint64_t offset) {
        return (_Atomic uint64_t *)(void *)(region->data + offset);
}

/* ---- the way forward ---- */

static ASIDE void log_bytes(const struct leat_region *region, uint64_t *entry, uint64_t offset, uint64_t size_bytes) {
        region_copy_out(entry, region->data + offset, size_bytes);
}

/* Step 1: the old bytes, and where they stood. What lies behind `live` is nobody else's. */
USUAL void log_range(struct leat_txn *txn, uint64_t offset, uint64_t size_bytes) {
        uint64_t *entry = txn->region->log + txn->logged;
        uint64_t words = entry_words(size_bytes);
        if (is_one_word(offset, size_bytes))
                entry[0] = atomic_load_explicit(word_at(txn->region, offset), memory_order_relaxed);
        else
                log_bytes(txn->region, entry, offset, size_bytes);
        entry[words - 2] = offset;
        entry[words - 1] = size_bytes;
        txn->logged += words;
}

/* Steps 2 and 3. */
static void publish(struct leat_txn *txn) {
        struct region_header *header = txn->region->header;
        atomic_store_explicit(&header->live, txn->logged,
                              memory_order_release); /* behind the entries; pairs with recovery */
        version_open(&header->changes);
}

/* Steps 5 and 6. From the first store on the transaction is committed, or has been rolled back. */
static void settle(struct region_header *header) {
        atomic_store_explicit(&header->live, 0,
                              memory_order_release); /* behind the program's bytes; pairs with recovery */
        version_shut(&header->changes);
}

static void log_notes(struct leat_txn *txn) {
        for (uint64_t at = 0; at < txn->noted; at += entry_words(txn->notes[at + 1]))
                log_range(txn, txn->notes[at], txn->notes[at + 1]);
}

/* Step 4. */
static void write_notes(struct leat_txn *txn) {
        for (uint64_t at = 0; at < txn->noted; at += entry_words(txn->notes[at + 1])) {
                const uint64_t *note = txn->notes + at;
                if (is_one_word(note[0], note[1]))
                        atomic_store_explicit(word_at(txn->region, note[0]), note[2], memory_order_relaxed);
                else
                        region_copy_in(txn->region->data + note[0], note + 2, note[1]);
        }
        txn->noted = 0;
}

/* Make what was set so, in place. It can still be rolled back. */
static void apply(struct leat_txn *txn) {
        if (txn->noted == 0)
                return;
        log_notes(txn);
        publish(txn);
        write_notes(txn);
}

/* ---- the way back ---- */

/* One entry, read from its end. */
struct entry {
        uint64_t offset, size_bytes;
        const uint64_t *bytes;
        uint64_t begins; /* word of the log: where the one before it ends */
};

/* The entry that ends at word `end`. false: that cannot be one. */
static bool entry_before(const struct leat_region *region, uint64_t end, struct entry *ret_entry) {
        const _Atomic uint64_t *log = (const _Atomic uint64_t *)region->log;
        if (end < ENTRY_HEAD || end > region->log_bytes / 8)
                return false;
        uint64_t offset = atomic_load_explicit(&log[end - 2], memory_order_relaxed); /* once: somebody may lie */
        uint64_t size = atomic_load_explicit(&log[end - 1], memory_order_relaxed);
        if (size > region->log_bytes || entry_words(size) > end)
                return false;
        uint64_t begins = end - entry_words(size);
        *ret_entry = (struct entry){ offset, size, region->log + begins, begins };
        return true;
}

static bool entry_lies_in(const struct entry *entry, uint64_t size_bytes) {
        return entry->offset <= size_bytes && entry->size_bytes <= size_bytes - entry->offset;
}

static uint64_t mapped(const struct leat_region *region) {
        return atomic_load_explicit(&region->data_bytes, memory_order_acquire); /* pairs with growth */
}

/* Do the entry's bytes lie where this process has memory? Mapped first, if others grew it. */
static bool entry_is_mapped(struct leat_region *region, const struct entry *entry) {
        return entry_lies_in(entry, mapped(region)) || entry_lies_in(entry, leat_region_size(region));
}

enum log_state { LOG_RIGHT, LOG_IMPOSSIBLE, LOG_NOT_MAPPED };

/* Can all of it be put back? It ends: each step goes down. */
static enum log_state check_log(struct leat_region *region, uint64_t live) {
        struct entry entry;
        for (uint64_t end = live; end != 0; end = entry.begins) {
                if (!entry_before(region, end, &entry))
                        return LOG_IMPOSSIBLE;
                if (entry_is_mapped(region, &entry))
                        continue;
                uint64_t size = atomic_load_explicit(&region->header->size_bytes, memory_order_acquire);
                return size <= region->most_bytes && entry_lies_in(&entry, size) ? LOG_NOT_MAPPED : LOG_IMPOSSIBLE;
        }
        return LOG_RIGHT;
}

/* Put it back, the last entry first. What was right a moment ago is looked at again: who wrote it may do so at any time. */
static void undo(struct leat_region *region, uint64_t live) {
        struct entry entry;
        for (uint64_t end = live; end != 0; end = entry.begins) {
                if (!entry_before(region, end, &entry) || !entry_lies_in(&entry, mapped(region)))
                        return;
                region_copy_in(region->data + entry.offset, entry.bytes, entry.size_bytes);
        }
}

/* 0, or why it has to stay as it is. */
static int roll_back(struct leat_region *region) {
        struct region_header *header = region->header;
        uint64_t live = atomic_load_explicit(&header->live, memory_order_acquire); /* pairs with publish() */
        enum log_state state = check_log(region, live);
        if (live != 0 && region_access(region) != LEAT_ACCESS_WRITE)
                return -EACCES;
        if (state == LOG_NOT_MAPPED)
                return -ENOMEM;
        version_open(&header->changes);
        if (state == LOG_RIGHT)
                undo(region, live);
        settle(header);
        fence_release(); /* the log of the next transaction is written behind it: until then the log is still needed */
        notice_changed(region, 0);
        return 0;
}

RARE void transaction_recover(struct leat_region *region) {
        (void)roll_back(region);
}

int transaction_settle(struct leat_region *region, int locked) {
        struct region_header *header = region->header;
        if (locked == 0 && atomic_load_explicit(&header->live, memory_order_relaxed) == 0 &&
            (atomic_load_explicit(&header->changes, memory_order_relaxed) & 1) == 0)
                return 0;
        int r = roll_back(region);
        return r == 0 && locked == -EOWNERDEAD ? mutex_mend(region, &header->transaction) : r;
}

/* ---- the calls ---- */

/* Is this transaction under way, in this process? A child that reattached has a region with another mark. */
USUAL int check(const struct leat_txn *txn) {
        int r = txn ? region_check(txn->region) : -EINVAL;
        return r < 0 ? r : txn->owner != 0 && txn->owner == txn->region->mark ? 0 : -EINVAL;
}

/* What no other thread of this process has while this one lives. */
static const void *this_thread(void) {
        return &region_thread_mine;
}

/* Has this thread begun it, and the mutex still? */
static bool is_of_this_thread(const struct leat_txn *txn) {
        return txn->thread == this_thread() && mutex_is_mine(txn->region, &txn->region->header->transaction);
}

static RARE int make(struct leat_region *region) {
        size_t notes = region->log_bytes / 8 * 8;
        struct leat_txn *txn = malloc(sizeof(*txn) + notes);
        if (!txn)
                return -ENOMEM;
        *txn = (struct leat_txn){ .region = region, .capacity = notes / 8 };
        region->txn = txn;
        return 0;
}

void transaction_free(struct leat_txn *txn) {
        free(txn);
}

int leat_txn_begin(struct leat_region *region, int64_t deadline, struct leat_txn **ret_txn) {
        int r = region_check_write(region);
        if (r == 0)
                r = mutex_lock(region, &region->header->transaction, deadline);
        if (r < 0 && r != -EOWNERDEAD)
                return r;
        r = transaction_settle(region, r);
        if (r == 0 && !region->txn)
                r = make(region);
        if (r < 0) {
                (void)mutex_unlock(region, &region->header->transaction);
                return r;
        }
        struct leat_txn *txn = region->txn;
        txn->owner = region->mark;
        txn->thread = this_thread();
        txn->error = 0;
        txn->logged = txn->noted = 0;
        *ret_txn = txn;
        return 0;
}

static RARE int fail(struct leat_txn *txn, int error) {
        if (txn->error == 0)
                txn->error = error;
        return error;
}

/* Is there room for these bytes, are they the program's? */
USUAL int check_range(const struct leat_txn *txn, const void *where, size_t size_bytes) {
        int r = check(txn);
        if (r < 0)
                return r;
        if (!region_has(txn->region, where, size_bytes, 1))
                return -EINVAL;
        return entry_words(size_bytes) <= txn->capacity - txn->logged - txn->noted ? 0 : -ENOSPC;
}

int leat_txn_set(struct leat_txn *txn, void *where, const void *bytes, size_t size_bytes) {
        int r = check_range(txn, where, size_bytes);
        if (r < 0)
                return r == -ECHILD || !txn ? r : fail(txn, r);
        uint64_t *note = txn->notes + txn->noted;
        note[0] = region_offset(txn->region, where);
        note[1] = size_bytes;
        if (size_bytes == 8)
                memcpy(note + 2, bytes, 8); /* a move: most of what is set is a word */
        else
                memcpy(note + 2, bytes, size_bytes);
        txn->noted += entry_words(size_bytes);
        return 0;
}

int leat_txn_touch(struct leat_txn *txn, void *where, size_t size_bytes) {
        int r = check_range(txn, where, size_bytes);
        if (r < 0)
                return r == -ECHILD || !txn ? r : fail(txn, r);
        apply(txn); /* so that what was set before is found in place */
        log_range(txn, region_offset(txn->region, where), size_bytes);
        publish(txn);
        return 0;
}

/* Those bytes of a note that lie in [offset, offset + size) over the buffer. */
static void lay_over(const uint64_t *note, uint64_t offset, uint8_t *buffer, uint64_t size_bytes) {
        uint64_t from = note[0] > offset ? note[0] : offset;
        uint64_t end = note[0] + note[1] < offset + size_bytes ? note[0] + note[1] : offset + size_bytes;
        if (from < end)
                memcpy(buffer + (from - offset), (const uint8_t *)(note + 2) + (from - note[0]), end - from);
}

int leat_txn_get(const struct leat_txn *txn, const void *where, void *buffer, size_t size_bytes) {
        int r = check(txn);
        if (r < 0)
                return r;
        if (!region_has(txn->region, where, size_bytes, 1))
                return -EINVAL;
        region_copy_out(buffer, where, size_bytes);
        for (uint64_t at = 0; at < txn->noted; at += entry_words(txn->notes[at + 1]))
                lay_over(txn->notes + at, region_offset(txn->region, where), buffer, size_bytes);
        return 0;
}

/* It is over. */
static int end(struct leat_txn *txn, int error) {
        txn->owner = 0;
        int r = mutex_unlock(txn->region, &txn->region->header->transaction);
        return r < 0 ? r : error;
}

int leat_txn_abort(struct leat_txn *txn, int error) {
        if (!txn) /* it was not begun */
                return error;
        int r = check(txn);
        if (r == 0 && !is_of_this_thread(txn))
                r = -EPERM;
        if (r < 0)
                return r;
        if (txn->logged != 0)
                (void)roll_back(txn->region);
        return end(txn, error);
}

int leat_txn_commit(struct leat_txn *txn) {
        int r = check(txn);
        if (r < 0)
                return r;
        if (txn->error < 0)
                return leat_txn_abort(txn, txn->error);
        if (!is_of_this_thread(txn))
                return -EPERM;
        apply(txn);
        if (txn->logged != 0) {
                settle(txn->region->header);
                notice_changed(txn->region, 0);
        }
        return end(txn, 0);
}
