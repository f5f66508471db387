/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_LOG_RECORD_H
#define LEAT_TRANSPORT_LOG_RECORD_H

/*
 * The records and headers of a log as bytes (docs/design/log.md). Pure: no I/O.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_MAGIC_BYTES 8
#define RECORD_HEADER_BYTES 64
#define RECORD_LARGEST_BYTES (UINT64_C(1) << 30)

enum record_kind { RECORD_MESSAGE = 1, RECORD_HELLO = 2, RECORD_SEAL = 3 };

struct record {
        uint64_t mask;
        uint32_t size;
        uint8_t kind; /* enum record_kind */
        uint16_t priority;
        int64_t type;
        uint64_t sequence;
        int64_t time_ns;
        uint64_t sender;
};

/* With its header, and the 1 to 8 zeros behind it: a torn record lacks one of them at least. */
static inline size_t record_bytes(uint64_t size) {
        return RECORD_HEADER_BYTES + (((size_t)size + 8) & ~(size_t)7);
}

/* Make the header of a record that is not masked. false: the magic occurs in it or in the bytes, so it must be. */
bool record_encode(const struct record *record, const void *bytes, uint8_t ret_header[RECORD_HEADER_BYTES]);

/* Make all of a masked record: record_bytes(record->size). seed: any number; it decides which mask is tried first. */
void record_encode_masked(const struct record *record, const void *bytes, uint64_t seed, uint8_t *ret_bytes);

/* Make all of a record, masked if it must be. */
void record_encode_whole(const struct record *record, const void *bytes, uint64_t seed, uint8_t *ret_bytes);

/* What record_find found. */
struct record_found {
        struct record record;
        size_t at;   /* where it begins: before that is no record */
        size_t need; /* bytes from there on, if it is not whole */
};

/*
 * Look for the first record in these bytes. searched: how many bytes behind ret->at have been searched in vain, in and
 * out; 0 at first, and again when something before that was taken away. largest: of a message; larger ones count as noise.
 * Returns true: it is whole, at ret_found->at. false: more bytes are wanted, at least ret_found->need from ret_found->at on.
 */
bool record_find(const uint8_t *bytes, size_t size, uint64_t largest, size_t *searched, struct record_found *ret_found);

/* The message's bytes of a record that was found there. */
void record_copy(const struct record *record, const uint8_t *at, void *ret_bytes);

/* Is it the whole record whose header, bytes and zeros these are, which lie apart? Then it is unmasked where it lies. record: what
 * record_find said of the header, when it wanted more. */
bool record_settle(const struct record *record, const uint8_t *header, uint8_t *bytes, const uint8_t *zeros);

/* ---- the header of a file ---- */

#define LOG_HEADER_BYTES 64
#define LOG_SEALING_AT 60
#define LOG_IDENTITY_BYTES 16
#define LOG_EMPTIED_BYTES (LOG_HEADER_BYTES + RECORD_HEADER_BYTES + 8) /* PATH with nothing but a SEAL left */

struct log_header {
        uint64_t number;
        uint64_t base;
        uint64_t records;
        uint8_t identity[LOG_IDENTITY_BYTES];
        bool temporary;
        bool sealing;
        size_t bytes; /* where records begin: 64, or 0 of a file that begins with one */
};

void log_header_encode(const struct log_header *header, uint8_t ret_bytes[LOG_HEADER_BYTES]);

/* 0; -EBADMSG: no header; -EPROTONOSUPPORT: of another version. A file that begins with a record has the header of file 1. */
int log_header_decode(const uint8_t *bytes, size_t size, struct log_header *ret_header);

/* ---- the position of a queue ---- */

#define POSITION_BYTES 64

struct log_position {
        uint8_t identity[LOG_IDENTITY_BYTES];
        uint64_t number, offset;
        uint64_t taken;
        uint64_t passed;
        bool given; /* the next message was delivered, and its receiver has not acknowledged it yet: ?acknowledge */
};

void log_position_encode(const struct log_position *position, uint8_t ret_bytes[POSITION_BYTES]);
int log_position_decode(const uint8_t bytes[POSITION_BYTES], struct log_position *ret_position);

#endif
