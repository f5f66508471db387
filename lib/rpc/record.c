/* SPDX-License-Identifier: MIT */
#include "rpc/record.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * What stands in the buffer, from `begin` on: of a record under way a mark's place, the `gathered_bytes` of its fragments so far, then perhaps a gap that
 * the marks between them left, then from `scanned` to `end` what was not looked at yet, a mark first.
 *
 * Each fragment costs its receiver a few instructions, and its sender may make them as small as it likes: so there may be so many of them, and one more for
 * each FRAGMENT_BYTES that the record has. RFC 5531 sets no bound; libtirpc cuts at 4,000 bytes and more.
 */

#define FRAGMENTS_FREE 1024u
#define FRAGMENT_BYTES 64u
#define ROOM_LEAST ((size_t)4096)

void record_reader_init(struct record_reader *reader, size_t largest_bytes) {
        *reader = (struct record_reader){ .largest_bytes = largest_bytes };
}

void record_reader_free(struct record_reader *reader) {
        free(reader->bytes);
        record_reader_init(reader, reader->largest_bytes);
}

size_t record_reader_memory(const struct record_reader *reader) {
        return reader->room_bytes;
}

void record_put_mark(uint8_t *at, size_t size_bytes) {
        put_be32(at, RECORD_LAST | (uint32_t)size_bytes);
}

/* What has been gathered, with the place of its first mark. */
static size_t kept_bytes(const struct record_reader *reader) {
        return reader->fragments > 0 ? RECORD_MARK_BYTES + reader->gathered_bytes : 0;
}

/* Move all to the front of `to`, which has room for it, without the gap. */
static void settle(struct record_reader *reader, uint8_t *to) {
        size_t kept = kept_bytes(reader), rest = reader->end - reader->scanned;
        if (to && kept > 0)
                memmove(to, reader->bytes + reader->begin, kept);
        if (to && rest > 0)
                memmove(to + kept, reader->bytes + reader->scanned, rest);
        reader->begin = 0;
        reader->scanned = kept;
        reader->end = kept + rest;
}

int record_reader_room(struct record_reader *reader, size_t least, uint8_t **ret_bytes, size_t *ret_size_bytes) {
        if (reader->begin == reader->end)
                reader->begin = reader->end = reader->scanned = 0;
        if (reader->room_bytes - reader->end < least && reader->room_bytes > 0)
                settle(reader, reader->bytes);
        if (reader->room_bytes - reader->end < least || reader->room_bytes == 0) {
                size_t room = reader->end + least;
                if (room < reader->room_bytes * 2)
                        room = reader->room_bytes * 2;
                if (room < ROOM_LEAST)
                        room = ROOM_LEAST;
                uint8_t *bytes = realloc(reader->bytes, room);
                if (!bytes)
                        return -ENOMEM;
                reader->bytes = bytes;
                reader->room_bytes = room;
        }
        *ret_bytes = reader->bytes + reader->end;
        *ret_size_bytes = reader->room_bytes - reader->end;
        return 0;
}

void record_reader_filled(struct record_reader *reader, size_t size_bytes) {
        reader->end += size_bytes;
}

/* The mark at `scanned` is there, and says `size`: may there be such a fragment? */
static int check(const struct record_reader *reader, size_t size) {
        if (size > reader->largest_bytes - reader->gathered_bytes)
                return -EMSGSIZE;
        bool too_many = reader->fragments >= FRAGMENTS_FREE + (reader->gathered_bytes + size) / FRAGMENT_BYTES;
        return too_many ? -EBADMSG : 0;
}

/* The fragment at `scanned` is whole: its bytes go behind those of the others. */
static void gather(struct record_reader *reader, size_t size) {
        uint8_t *to = reader->bytes + reader->begin + RECORD_MARK_BYTES + reader->gathered_bytes;
        const uint8_t *from = reader->bytes + reader->scanned + RECORD_MARK_BYTES;
        if (to != from && size > 0)
                memmove(to, from, size);
        reader->gathered_bytes += size;
        reader->scanned += RECORD_MARK_BYTES + size;
        reader->fragments++;
}

/* The record that stands at `begin` is handed out; another one may begin behind it. */
static size_t hand_out(struct record_reader *reader, const uint8_t **ret_record) {
        size_t size = reader->gathered_bytes;
        *ret_record = reader->bytes + reader->begin + RECORD_MARK_BYTES;
        reader->begin = reader->scanned;
        reader->gathered_bytes = 0;
        reader->fragments = 0;
        return size;
}

ssize_t record_reader_next(struct record_reader *reader, const uint8_t **ret_record) {
        while (reader->end - reader->scanned >= RECORD_MARK_BYTES) {
                uint32_t mark = get_be32(reader->bytes + reader->scanned);
                size_t size = mark & RECORD_LARGEST;
                int r = check(reader, size);
                if (r < 0)
                        return r;
                if (reader->end - reader->scanned - RECORD_MARK_BYTES < size)
                        return -EAGAIN;
                gather(reader, size);
                if (mark & RECORD_LAST)
                        return (ssize_t)hand_out(reader, ret_record);
        }
        return -EAGAIN;
}

/* As one of one fragment, where what follows it begins. */
void record_reader_put_back(struct record_reader *reader, const uint8_t *record, size_t size_bytes) {
        uint8_t *to = reader->bytes + reader->scanned - size_bytes;
        if (to != record && size_bytes > 0)
                memmove(to, record, size_bytes);
        record_put_mark(to - RECORD_MARK_BYTES, size_bytes);
        reader->begin = reader->scanned = reader->scanned - size_bytes - RECORD_MARK_BYTES;
}

size_t record_reader_look(const struct record_reader *reader, size_t at, const uint8_t **ret_record,
                          size_t *ret_size_bytes) {
        size_t begin = at;
        while (reader->end - at >= RECORD_MARK_BYTES) {
                uint32_t mark = get_be32(reader->bytes + at);
                size_t size = mark & RECORD_LARGEST;
                if (reader->end - at - RECORD_MARK_BYTES < size)
                        return 0;
                bool alone = at == begin;
                at += RECORD_MARK_BYTES + size;
                if (!(mark & RECORD_LAST))
                        continue;
                *ret_record = alone ? reader->bytes + begin + RECORD_MARK_BYTES : NULL;
                *ret_size_bytes = size;
                return at - begin;
        }
        return 0;
}

size_t record_reader_missing(const struct record_reader *reader) {
        size_t there = reader->end - reader->scanned;
        if (there < RECORD_MARK_BYTES)
                return RECORD_MARK_BYTES - there;
        size_t size = get_be32(reader->bytes + reader->scanned) & RECORD_LARGEST, wanted = RECORD_MARK_BYTES + size;
        return wanted > there ? wanted - there : 0;
}

int record_reader_steal(struct record_reader *reader, void **ret_buffer) {
        struct record_reader rest = *reader;
        rest.room_bytes = kept_bytes(reader) + (reader->end - reader->scanned);
        rest.bytes = NULL;
        if (rest.room_bytes > 0 && !(rest.bytes = malloc(rest.room_bytes)))
                return -ENOMEM;
        uint8_t *stolen = reader->bytes;
        settle(reader, rest.bytes);
        reader->bytes = rest.bytes;
        reader->room_bytes = rest.room_bytes;
        *ret_buffer = stolen;
        return 0;
}

void *record_reader_surrender(struct record_reader *reader) {
        void *stolen = reader->bytes;
        record_reader_init(reader, reader->largest_bytes);
        return stolen;
}

void record_reader_move(struct record_reader *reader, uint8_t *bytes, size_t room_bytes) {
        settle(reader, bytes);
        free(reader->bytes);
        reader->bytes = bytes;
        reader->room_bytes = room_bytes;
}
