/* SPDX-License-Identifier: MIT */
#include "transport/log_record.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/processor.h"

#include <errno.h>
#include <leat/message.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Its first byte occurs once in it, so no two overlap; and none is 0, so none reaches into the zeros behind a record. */
static const uint8_t magic[RECORD_MAGIC_BYTES] = { 0xb1, 'L', 'e', 'a', 't', 'l', 'o', 'g' };
static const uint8_t file_magic[8] = { 'L', 'e', 'a', 't', 'L', 'o', 'g', 1 };
#define POSITION_OFFSET_MOST (UINT64_C(1) << 62) /* so that what is read from there on has an offset too */
static const uint8_t no_bytes[8];
static const uint8_t position_magic[8] = { 'L', 'e', 'a', 't', 'P', 'o', 's', 1 };

#define MASKED_FROM 16 /* of a header */
#define CHECKED_FROM 20
#define BLOCK_BYTES 8192 /* looked at twice while it is near */

#define STEP_BYTES ((size_t)128)

#if defined(__x86_64__)

/* 32 places at a time: all ones where the first and the last byte of the magic stand. */
__attribute__((target("avx2"))) static inline __m256i candidates(const uint8_t *at) {
        const __m256i first = _mm256_loadu_si256((const __m256i_u *)at),
                      last = _mm256_loadu_si256((const __m256i_u *)(at + RECORD_MAGIC_BYTES - 1));
        return _mm256_and_si256(_mm256_cmpeq_epi8(first, _mm256_set1_epi8((char)magic[0])),
                                _mm256_cmpeq_epi8(last, _mm256_set1_epi8((char)magic[RECORD_MAGIC_BYTES - 1])));
}

__attribute__((target("avx2"))) static size_t pass_steps(const uint8_t *bytes, size_t from, size_t last) {
        for (; from + STEP_BYTES <= last; from += STEP_BYTES) {
                const uint8_t *at = bytes + from;
                __m256i some = _mm256_or_si256(_mm256_or_si256(candidates(at), candidates(at + 32)),
                                               _mm256_or_si256(candidates(at + 64), candidates(at + 96)));
                if (!_mm256_testz_si256(some, some))
                        break;
        }
        return from;
}

/* Pass as much of [from, last) as it surely does not begin in. Returns where that ends; *ret_end: how far to look there in detail.
 * Large messages are not text: each value of a byte occurs every 256 bytes, and memchr stops there. */
static size_t pass_clean(const uint8_t *bytes, size_t from, size_t last, size_t *ret_end) {
        *ret_end = last;
        if (last - from < STEP_BYTES || !processor_has(PROCESSOR_AVX2))
                return from;
        from = pass_steps(bytes, from, last);
        *ret_end = last - from < STEP_BYTES ? last : from + STEP_BYTES;
        return from;
}

#else

static size_t pass_clean(const uint8_t *bytes, size_t from, size_t last, size_t *ret_end) {
        (void)bytes;
        *ret_end = last;
        return from;
}

#endif

/* Where the magic stands in [from, size), or `size`. */
static size_t find_magic(const uint8_t *bytes, size_t from, size_t size) {
        size_t last = size >= RECORD_MAGIC_BYTES ? size - RECORD_MAGIC_BYTES + 1 : 0, end;
        /* Most often it is where it is looked for. */
        if (from < last && memcmp(bytes + from, magic, sizeof(magic)) == 0)
                return from;
        while (from < last) {
                from = pass_clean(bytes, from, last, &end);
                const uint8_t *at = memchr(bytes + from, magic[0], end - from);
                if (at && memcmp(at, magic, sizeof(magic)) == 0)
                        return (size_t)(at - bytes);
                from = at ? (size_t)(at - bytes) + 1 : end;
        }
        return size;
}

/* Where a magic may begin in the last bytes, of which the rest has not come; or `size`. */
static size_t find_begun(const uint8_t *bytes, size_t from, size_t size) {
        if (size - from >= RECORD_MAGIC_BYTES)
                from = size - RECORD_MAGIC_BYTES + 1;
        while (from < size && memcmp(bytes + from, magic, size - from) != 0)
                from++;
        return from;
}

static void apply_mask(uint64_t mask, uint8_t *bytes, size_t size) {
        uint8_t pattern[8];
        put_le64(pattern, mask);
        for (size_t i = 0; mask != 0 && i < size; i++)
                bytes[i] ^= pattern[i % 8];
}

/* The checksum of a message's bytes; *ret_occurs: so does the magic in them. Block by block, so that a large message is fetched from
 * memory once and not twice. */
static uint32_t look_through(const uint8_t *bytes, size_t size, bool *ret_occurs) {
        uint32_t crc = 0;
        *ret_occurs = false;
        for (size_t begin = 0, end; begin < size; begin = end) {
                size_t from = begin < RECORD_MAGIC_BYTES ? 0 : begin - RECORD_MAGIC_BYTES + 1; /* it may lie across */
                end = size - begin > BLOCK_BYTES ? begin + BLOCK_BYTES : size;
                crc = crc32c(crc, bytes + begin, end - begin);
                *ret_occurs = *ret_occurs || find_magic(bytes, from, end) < end;
        }
        return crc;
}

/* Does it occur across the end of the header and the beginning of the bytes? */
static bool occurs_at_seam(const uint8_t *header, const void *bytes, size_t size) {
        uint8_t seam[2 * RECORD_MAGIC_BYTES - 2];
        size_t half = RECORD_MAGIC_BYTES - 1, after = size < half ? size : half;
        if (size == 0)
                return false;
        memcpy(seam, header + RECORD_HEADER_BYTES - half, half);
        memcpy(seam + half, bytes, after);
        return find_magic(seam, 0, half + after) < half + after;
}

/* check: of the message's bytes. */
static void put_header(const struct record *record, uint32_t check, uint8_t *header) {
        memcpy(header, magic, sizeof(magic));
        put_le64(header + 8, 0);
        put_le32(header + 20, check);
        put_le32(header + 24, record->size);
        header[28] = record->kind;
        header[29] = 0;
        put_le16(header + 30, record->priority);
        put_le64(header + 32, (uint64_t)record->type);
        put_le64(header + 40, record->sequence);
        put_le64(header + 48, (uint64_t)record->time_ns);
        put_le64(header + 56, record->sender);
        put_le32(header + 16, crc32c(0, header + CHECKED_FROM, RECORD_HEADER_BYTES - CHECKED_FROM));
}

bool record_encode(const struct record *record, const void *bytes, uint8_t ret_header[RECORD_HEADER_BYTES]) {
        bool occurs;
        put_header(record, look_through(bytes, record->size, &occurs), ret_header);
        return !occurs && find_magic(ret_header, 1, RECORD_HEADER_BYTES) == RECORD_HEADER_BYTES &&
               !occurs_at_seam(ret_header, bytes, record->size);
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next_mask(uint64_t *state) {
        uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

static void put_plain(const struct record *record, const void *bytes, uint8_t *ret_bytes) {
        /* The zeros first, where the bytes may cover some: so they are one move. */
        memset(ret_bytes + record_bytes(record->size) - 8, 0, 8);
        put_header(record, crc32c(0, bytes, record->size), ret_bytes);
        if (record->size > 0)
                memcpy(ret_bytes + RECORD_HEADER_BYTES, bytes, record->size);
}

/* The magic stands at its beginning, and nowhere in the zeros. */
static bool must_be_masked(const uint8_t *bytes, size_t size) {
        return find_magic(bytes, 1, RECORD_HEADER_BYTES + size) < RECORD_HEADER_BYTES + size;
}

void record_encode_whole(const struct record *record, const void *bytes, uint64_t seed, uint8_t *ret_bytes) {
        put_plain(record, bytes, ret_bytes);
        if (must_be_masked(ret_bytes, record->size))
                record_encode_masked(record, bytes, seed, ret_bytes);
}

void record_encode_masked(const struct record *record, const void *bytes, uint64_t seed, uint8_t *ret_bytes) {
        size_t total = record_bytes(record->size);
        uint64_t mask = 0;
        put_plain(record, bytes, ret_bytes);
        /* Of 2^64 masks at most one for each byte of the record lets the magic occur: the second try is never seen. */
        do {
                uint64_t next = next_mask(&seed);
                apply_mask(mask ^ next, ret_bytes + MASKED_FROM, RECORD_HEADER_BYTES + record->size - MASKED_FROM);
                mask = next;
                put_le64(ret_bytes + 8, mask);
        } while (mask == 0 || find_magic(ret_bytes, 1, total) < total);
}

/* ---- from bytes ---- */

static bool get_header(const uint8_t *bytes, uint64_t largest, struct record *ret_record, uint32_t *ret_check) {
        uint8_t header[RECORD_HEADER_BYTES];
        memcpy(header, bytes, sizeof(header));
        const struct record mask = { .mask = get_le64(header + 8) };
        apply_mask(mask.mask, header + MASKED_FROM, sizeof(header) - MASKED_FROM);
        if (get_le32(header + 16) != crc32c(0, header + CHECKED_FROM, sizeof(header) - CHECKED_FROM))
                return false;
        const struct record record = {
                .mask = mask.mask,
                .size = get_le32(header + 24),
                .kind = header[28],
                .priority = get_le16(header + 30),
                .type = (int64_t)get_le64(header + 32),
                .sequence = get_le64(header + 40),
                .time_ns = (int64_t)get_le64(header + 48),
                .sender = get_le64(header + 56),
        };
        *ret_record = record;
        *ret_check = get_le32(header + 20);
        return record.kind >= RECORD_MESSAGE && record.kind <= RECORD_SEAL && header[29] == 0 &&
               record.size <= largest && (record.size == 0 || record.kind == RECORD_MESSAGE) &&
               record.priority <= LEAT_PRIORITY_MAX && record.type >= 1;
}

void record_copy(const struct record *record, const uint8_t *at, void *ret_bytes) {
        if (record->size == 0)
                return;
        memcpy(ret_bytes, at + RECORD_HEADER_BYTES, record->size);
        apply_mask(record->mask, ret_bytes, record->size);
}

static bool data_is_right(const struct record *record, const uint8_t *at, uint32_t check) {
        uint8_t piece[4096];
        const uint8_t *bytes = at + RECORD_HEADER_BYTES;
        uint32_t crc = 0;
        if (record->mask == 0)
                return crc32c(0, bytes, record->size) == check;
        for (size_t done = 0; done < record->size; done += sizeof(piece)) {
                size_t size = record->size - done < sizeof(piece) ? record->size - done : sizeof(piece);
                memcpy(piece, bytes + done, size);
                apply_mask(record->mask, piece, size);
                crc = crc32c(crc, piece, size);
        }
        return crc == check;
}

/* Else its end is torn off and the beginning of the next record stands there. */
static bool ends_in_zeros(const struct record *record, const uint8_t *at) {
        size_t total = record_bytes(record->size);
        for (size_t i = RECORD_HEADER_BYTES + record->size; i < total; i++)
                if (at[i] != 0)
                        return false;
        return true;
}

bool record_settle(const struct record *record, const uint8_t *header, uint8_t *bytes, const uint8_t *zeros) {
        struct record same;
        uint32_t check;
        bool occurs;
        if (!get_header(header, record->size, &same, &check) || same.size != record->size)
                return false;
        size_t end = record_bytes(record->size) - RECORD_HEADER_BYTES - record->size;
        uint32_t crc = look_through(bytes, record->size, &occurs);
        if (occurs || occurs_at_seam(header, bytes, record->size) || memcmp(zeros, no_bytes, end) != 0)
                return false;
        if (record->mask == 0)
                return crc == check;
        apply_mask(record->mask, bytes, record->size);
        return crc32c(0, bytes, record->size) == check;
}

enum verdict { WHOLE, WANTS_MORE, NO_RECORD };

/* There is a magic at the beginning of these bytes. *ret_next: if it is no record, where the next may begin. */
static enum verdict look_at(const uint8_t *bytes, size_t size, uint64_t largest, size_t *searched,
                            struct record_found *found, size_t *ret_next) {
        uint32_t check = 0;
        bool header = size >= RECORD_HEADER_BYTES;
        *ret_next = 1;
        if (header && !get_header(bytes, largest, &found->record, &check))
                return NO_RECORD;
        found->need = header ? record_bytes(found->record.size) : RECORD_HEADER_BYTES;
        size_t here = size < found->need ? size : found->need;
        size_t from = *searched > 1 ? *searched : 1;
        /* Another magic within: this one's append ended before it was whole (rule 3). */
        size_t other = find_magic(bytes, from, here);
        if (other < here) {
                *ret_next = other;
                return NO_RECORD;
        }
        if (size < found->need) {
                *searched = here >= RECORD_MAGIC_BYTES ? here - RECORD_MAGIC_BYTES + 1 : 0;
                return WANTS_MORE;
        }
        return ends_in_zeros(&found->record, bytes) && data_is_right(&found->record, bytes, check) ? WHOLE : NO_RECORD;
}

bool record_find(const uint8_t *bytes, size_t size, uint64_t largest, size_t *searched,
                 struct record_found *ret_found) {
        for (size_t from = 0;;) {
                size_t next, at = find_magic(bytes, from, size);
                if (at > 0)
                        *searched = 0;
                if (at == size) {
                        ret_found->at = find_begun(bytes, from, size);
                        ret_found->need = RECORD_HEADER_BYTES;
                        *searched = 0;
                        return false;
                }
                ret_found->at = at;
                enum verdict verdict = look_at(bytes + at, size - at, largest, searched, ret_found, &next);
                if (verdict != NO_RECORD)
                        return verdict == WHOLE;
                from = at + next;
                *searched = 0;
        }
}

/* ---- headers of files ---- */

void log_header_encode(const struct log_header *header, uint8_t ret_bytes[LOG_HEADER_BYTES]) {
        memset(ret_bytes, 0, LOG_HEADER_BYTES);
        memcpy(ret_bytes, file_magic, sizeof(file_magic));
        put_le64(ret_bytes + 16, header->number);
        put_le64(ret_bytes + 24, header->base);
        put_le64(ret_bytes + 32, header->records);
        memcpy(ret_bytes + 40, header->identity, LOG_IDENTITY_BYTES);
        ret_bytes[56] = header->temporary;
        put_le32(ret_bytes + 12, crc32c(0, ret_bytes + 16, LOG_SEALING_AT - 16));
        put_le32(ret_bytes + LOG_SEALING_AT, header->sealing);
}

int log_header_decode(const uint8_t *bytes, size_t size, struct log_header *ret_header) {
        if (size >= sizeof(magic) && memcmp(bytes, magic, sizeof(magic)) == 0) {
                *ret_header = (struct log_header){ .number = 1 };
                return 0;
        }
        if (size < LOG_HEADER_BYTES || memcmp(bytes, file_magic, sizeof(file_magic) - 1) != 0)
                return -EBADMSG;
        if (bytes[7] != file_magic[7])
                return -EPROTONOSUPPORT;
        if (get_le32(bytes + 12) != crc32c(0, bytes + 16, LOG_SEALING_AT - 16))
                return -EBADMSG;
        struct log_header header = { .number = get_le64(bytes + 16),
                                     .base = get_le64(bytes + 24),
                                     .records = get_le64(bytes + 32),
                                     .temporary = bytes[56],
                                     .bytes = LOG_HEADER_BYTES,
                                     .sealing = get_le32(bytes + LOG_SEALING_AT) != 0 };
        memcpy(header.identity, bytes + 40, LOG_IDENTITY_BYTES);
        if (header.number == 0 || bytes[56] > 1 || get_le32(bytes + 8) != 0 || get_le32(bytes + 56) >> 8 != 0)
                return -EBADMSG;
        *ret_header = header;
        return 0;
}

#define POSITION_GIVEN (UINT64_C(1) << 63)

void log_position_encode(const struct log_position *position, uint8_t ret_bytes[POSITION_BYTES]) {
        memset(ret_bytes, 0, POSITION_BYTES);
        memcpy(ret_bytes, position_magic, sizeof(position_magic));
        memcpy(ret_bytes + 16, position->identity, LOG_IDENTITY_BYTES);
        put_le64(ret_bytes + 32, position->number);
        put_le64(ret_bytes + 40, position->offset);
        put_le64(ret_bytes + 48, position->taken);
        put_le64(ret_bytes + 56, position->passed | (position->given ? POSITION_GIVEN : 0));
        put_le32(ret_bytes + 12, crc32c(0, ret_bytes + 16, POSITION_BYTES - 16));
}

int log_position_decode(const uint8_t bytes[POSITION_BYTES], struct log_position *ret_position) {
        if (memcmp(bytes, position_magic, sizeof(position_magic)) != 0 || get_le32(bytes + 8) != 0 ||
            get_le32(bytes + 12) != crc32c(0, bytes + 16, POSITION_BYTES - 16))
                return -EBADMSG;
        memcpy(ret_position->identity, bytes + 16, LOG_IDENTITY_BYTES);
        ret_position->number = get_le64(bytes + 32);
        ret_position->offset = get_le64(bytes + 40);
        ret_position->taken = get_le64(bytes + 48);
        ret_position->passed = get_le64(bytes + 56) & ~POSITION_GIVEN;
        ret_position->given = get_le64(bytes + 56) & POSITION_GIVEN;
        return ret_position->offset <= POSITION_OFFSET_MOST ? 0 : -EBADMSG;
}
