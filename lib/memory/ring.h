/* SPDX-License-Identifier: MIT */
#ifndef LEAT_MEMORY_RING_H
#define LEAT_MEMORY_RING_H

/*
 * The ring: records from one writer to one reader through memory that only the writer can write (docs/design/shm.md).
 *
 * It knows nothing of messages: a record is a word, which says how long it is and is 0 until all of it is there, and what follows. Positions
 * are private to each side. What the other side wrote is loaded once, and checked, before it is used; -EBADMSG: it broke the rules, and nothing it
 * says is to be believed any more. Lock-free; wait-free but for the room that a writer has to wait for. One thread at a time on each side.
 */

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define RING_ALIGN 16u
#define RING_LEAST 4096u
#define RING_MOST (UINT64_C(1) << 30)
#define RING_BEHIND RING_ALIGN /* is kept free behind the last record, for the zero there */

/* What a party writes for the other to read, beside its ring: one page. */
struct ring_state {
        _Alignas(64) _Atomic uint64_t taken;  /* of the other's ring */
        _Alignas(64) _Atomic uint64_t asleep; /* RING_RECEIVER, RING_SENDER */
        _Atomic uint32_t gone;                /* it has closed, in order */
        _Atomic uint32_t given; /* another process may have it: the end of the one that made it is not its end */
        _Alignas(64) _Atomic uint64_t wanted; /* a sender that sleeps has room when all before this position is taken */
        _Alignas(
                64) _Atomic uint64_t read; /* as `taken`, and with each record: for a writer that is about to give up */
};

/* In `asleep`; what stands above these two bits is another number for each sleep: nobody is woken twice out of one. It never comes again: of 30 bits
 * it would, and who was woken out of that number last would sleep on. */
#define RING_RECEIVER 1u /* wake me when something is published */
#define RING_SENDER 2u   /* wake me when there is room */
#define RING_SLEEP 4u

struct ring_writer {
        uint8_t *bytes; /* mapped twice in a row */
        uint64_t size;  /* a power of two */
        uint64_t head;
        uint64_t taken;                  /* so far the reader is, as is known */
        uint64_t told;                   /* as it told last: it may be behind that */
        uint64_t pending;                /* bytes of records behind `head` that are not published yet */
        uint64_t first_word;             /* of the first of these */
        uint64_t cleared;                /* the word there is 0, though it is not `head`; plus 1; 0: none */
        const struct ring_state *theirs; /* NULL: nobody reads yet */
};

struct ring_reader {
        const uint8_t *bytes; /* mapped twice in a row */
        uint64_t size;
        uint64_t tail;
        uint64_t told; /* what the writer was told */
        struct ring_state *mine;
};

static inline uint64_t ring_round(uint64_t size) {
        return (size + RING_ALIGN - 1) & ~(uint64_t)(RING_ALIGN - 1);
}

/* Bytes of a record, in or out: of small ones the call of memcpy() costs as much as all the rest. The first half and the last
 * one may overlap. */
static inline void ring_copy(void *to, const void *from, size_t size) {
        uint8_t *out = to;
        const uint8_t *in = from;
        if (size - 16 > 128 - 16) {
                if (size > 0)
                        memcpy(out, in, size);
                return;
        }
        if (size > 64) {
                memcpy(out, in, 64);
                memcpy(out + (size - 64), in + (size - 64), 64);
        } else if (size > 32) {
                memcpy(out, in, 32);
                memcpy(out + (size - 32), in + (size - 32), 32);
        } else {
                memcpy(out, in, 16);
                memcpy(out + (size - 16), in + (size - 16), 16);
        }
}

/* ---- the writer ---- */

/* The reader's word of how far it is: as it told last, or as it is now, which takes the line from it that it writes to most.
 * 0 or -EBADMSG. */
int ring_ask_taken(struct ring_writer *writer, bool exactly);

static inline bool ring_fits(const struct ring_writer *writer, uint64_t length) {
        return writer->head - writer->taken + writer->pending + length + RING_BEHIND <= writer->size;
}

/*
 * Is there room for a record of so many bytes, a multiple of RING_ALIGN and of at most size - RING_BEHIND? Behind those that were added.
 * 0, -EAGAIN, -EBADMSG.
 */
static inline int ring_room(struct ring_writer *writer, uint64_t length) {
        if (ring_fits(writer, length))
                return 0;
        int r = ring_ask_taken(writer, false);
        return r < 0 ? r : ring_fits(writer, length) ? 0 : -EAGAIN;
}

/* The same of one who does not come again: what was read and not told yet is room, too. */
static inline int ring_room_exactly(struct ring_writer *writer, uint64_t length) {
        int r = ring_fits(writer, length) ? 0 : ring_ask_taken(writer, true);
        return r < 0 ? r : ring_fits(writer, length) ? 0 : -EAGAIN;
}

/* Where the next record goes, after ring_room() said 0. Its first 8 bytes are ring_add()'s. */
static inline uint8_t *ring_place(const struct ring_writer *writer) {
        return writer->bytes + ((writer->head + writer->pending) & (writer->size - 1));
}

/* The record at ring_place() is written but for its word, which is not 0. */
static inline void ring_add(struct ring_writer *writer, uint64_t length, uint64_t word) {
        if (writer->pending == 0)
                writer->first_word = word;
        else /* reached only through the first one's word, which is stored later, with release */
                atomic_store_explicit((_Atomic uint64_t *)(void *)ring_place(writer), word, memory_order_relaxed);
        writer->pending += length;
}

/* All that were added are there from now on. */
static inline void ring_publish(struct ring_writer *writer) {
        if (writer->pending == 0)
                return;
        uint64_t mask = writer->size - 1;
        _Atomic uint64_t *first = (_Atomic uint64_t *)(void *)(writer->bytes + (writer->head & mask));
        _Atomic uint64_t *behind =
                (_Atomic uint64_t *)(void *)(writer->bytes + ((writer->head + writer->pending) & mask));
        /* Before the record is seen: else the reader would take old bytes behind it for the next one. */
        if (writer->cleared != ((writer->head + writer->pending) | 1))
                atomic_store_explicit(behind, 0, memory_order_relaxed);
        /* Pairs with the acquire of ring_look(): who sees the word sees all that was written before. */
        atomic_store_explicit(first, writer->first_word, memory_order_release);
        writer->head += writer->pending;
        writer->pending = 0;
}

/*
 * All was published; the next record is likely as long as this. So the word behind that is cleared now: the line may be the reader's by then, and to
 * get it back before the record is seen would take as long as to get the record's. What is cleared stays so until something is written there.
 */
static inline void ring_clear_ahead(struct ring_writer *writer, uint64_t length) {
        uint64_t ahead = writer->head + length;
        if (!ring_fits(writer, length))
                return;
        atomic_store_explicit((_Atomic uint64_t *)(void *)(writer->bytes + (ahead & (writer->size - 1))), 0,
                              memory_order_relaxed);
        writer->cleared = ahead | 1;
}

/* ---- the reader ---- */

/* Tell the writer how far it was read. */
static inline void ring_tell(struct ring_reader *reader) {
        if (reader->told == reader->tail)
                return;
        reader->told = reader->tail;
        /* Pairs with ring_ask_taken(): the writer writes there only after all of it was copied out. */
        atomic_store_explicit(&reader->mine->taken, reader->tail, memory_order_release);
}

/* The word of the next record; 0: there is none. */
static inline uint64_t ring_look(const struct ring_reader *reader) {
        const void *at = reader->bytes + (reader->tail & (reader->size - 1));
        return atomic_load_explicit((const _Atomic uint64_t *)at, memory_order_acquire);
}

static inline const uint8_t *ring_record(const struct ring_reader *reader) {
        return reader->bytes + (reader->tail & (reader->size - 1));
}

/* It was copied out. */
static inline void ring_advance(struct ring_reader *reader, uint64_t length) {
        reader->tail += length;
        /* As in ring_tell(). */
        atomic_store_explicit(&reader->mine->read, reader->tail, memory_order_release);
}

/* So much was read since, that the writer should know. */
static inline bool ring_owes(const struct ring_reader *reader) {
        return reader->tail - reader->told >= reader->size / 4;
}

#endif
