/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_RECORD_H
#define LEAT_RPC_RECORD_H

/*
 * Record marking: RFC 5531, section 11. A record is sent in fragments, each behind 4 bytes, big-endian: bit 31 says that it is the last one, the others how many
 * bytes it has. We send one fragment a record. What comes may be cut in any way.
 *
 * Reading is in place: bytes are read into a buffer, and a record of one fragment that is whole is handed out where it stands. Only one of several fragments is moved
 * together there.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RECORD_MARK_BYTES 4u
#define RECORD_LAST UINT32_C(0x80000000)
#define RECORD_LARGEST UINT32_C(0x7fffffff)

struct record_reader {
        uint8_t *bytes;
        size_t room_bytes;
        size_t begin, end; /* what was read and not handed out yet stands here; a record under way begins at `begin` */
        size_t gathered_bytes; /* of the record under way, moved together from `begin` on, without marks */
        size_t scanned;        /* the next mark is expected here */
        uint32_t fragments;    /* of the record under way */
        size_t largest_bytes;  /* of a record */
};

/* largest_bytes: of a record. No memory is taken yet. */
void record_reader_init(struct record_reader *reader, size_t largest_bytes);
void record_reader_free(struct record_reader *reader);

/* Where to read to, and how much: at least `least` bytes of room. What was handed out before is no longer good. Returns 0 or -ENOMEM. */
int record_reader_room(struct record_reader *reader, size_t least, uint8_t **ret_bytes, size_t *ret_size_bytes);

/* So many were read there. */
void record_reader_filled(struct record_reader *reader, size_t size_bytes);

/*
 * The next whole record: its bytes are good until record_reader_room() or record_reader_steal(). Returns its size; -EAGAIN: it is not whole yet; -EMSGSIZE: it is larger than largest_bytes, or
 * -EBADMSG: of so many fragments that somebody wants to make work; the stream is of no use after these two.
 */
ssize_t record_reader_next(struct record_reader *reader, const uint8_t **ret_record);

/* The record that was handed out last, and is not to be taken yet: the next one again. */
void record_reader_put_back(struct record_reader *reader, const uint8_t *record, size_t size_bytes);

/*
 * Look at what waits: the record that begins at this place of the buffer. Returns how many bytes it has there with its marks; 0: it is not whole. *ret_record: NULL: it is in fragments.
 */
size_t record_reader_look(const struct record_reader *reader, size_t at, const uint8_t **ret_record,
                          size_t *ret_size_bytes);

/* How many bytes the record under way still lacks, as far as its marks tell: a good size for the next read. */
size_t record_reader_missing(const struct record_reader *reader);

/* How much memory it has. */
size_t record_reader_memory(const struct record_reader *reader);

/*
 * Give the buffer with the record that was handed out last to the caller, who frees it with free(); what was read behind it is copied to a new one. Returns 0 or -ENOMEM, and nothing has changed.
 */
int record_reader_steal(struct record_reader *reader, void **ret_buffer);

/* The same without memory: what was read behind the record is lost, and the stream is of no use any more. */
void *record_reader_surrender(struct record_reader *reader);

/* Read on in this buffer, which is the reader's from here on and has room for what is there; its own is freed. No record is handed out at the moment. */
void record_reader_move(struct record_reader *reader, uint8_t *bytes, size_t room_bytes);

/* The mark of a record of one fragment. */
void record_put_mark(uint8_t *at, size_t size_bytes);

#endif
