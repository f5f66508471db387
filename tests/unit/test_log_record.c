/* SPDX-License-Identifier: MIT */
#include "base/crc32c.h"
#include "harness.h"
#include "transport/log_record.h"

#include <errno.h>
#include <stdlib.h>

static const uint8_t magic[] = { 0xb1, 'L', 'e', 'a', 't', 'l', 'o', 'g' };

/* A record in bytes, masked if it must be. */
static size_t make(uint8_t *to, int64_t type, const void *bytes, size_t size) {
        const struct record record = { .kind = RECORD_MESSAGE, .type = type, .size = (uint32_t)size, .sequence = 9 };
        if (!record_encode(&record, bytes, to)) {
                record_encode_masked(&record, bytes, (uint64_t)type, to);
                return record_bytes(size);
        }
        memset(to + RECORD_HEADER_BYTES, 0, record_bytes(size) - RECORD_HEADER_BYTES);
        if (size > 0)
                memcpy(to + RECORD_HEADER_BYTES, bytes, size);
        return record_bytes(size);
}

static bool find(const uint8_t *bytes, size_t size, struct record_found *ret_found) {
        size_t searched = 0;
        return record_find(bytes, size, RECORD_LARGEST_BYTES, &searched, ret_found);
}

static unsigned count_magic(const uint8_t *bytes, size_t size) {
        unsigned count = 0;
        for (size_t i = 0; i + sizeof magic <= size; i++)
                count += memcmp(bytes + i, magic, sizeof magic) == 0;
        return count;
}

TEST(crc32c_is_that_of_the_standard) {
        uint8_t zeros[32] = { 0 }, rising[32];
        for (unsigned i = 0; i < sizeof rising; i++)
                rising[i] = (uint8_t)i;
        CHECK_EQ(crc32c(0, "123456789", 9), 0xe3069283);
        CHECK_EQ(crc32c(0, zeros, sizeof zeros), 0x8a9136aa); /* RFC 3720, B.4 */
        CHECK_EQ(crc32c(0, rising, sizeof rising), 0x46dd794e);
        CHECK_EQ(crc32c(crc32c(0, rising, 5), rising + 5, 27), 0x46dd794e);
}

/* On a processor that lacks a way the next slower one is taken. Every size up to beyond several blocks of each, from every place in a
 * word. */
TEST(crc32c_is_the_same_by_every_way) {
        static uint8_t bytes[16384];
        for (size_t i = 0; i < sizeof bytes; i++)
                bytes[i] = (uint8_t)harness_random();
        for (size_t size = 0; size <= sizeof bytes - 8; size += size < 1100 ? 1 : 61) {
                const uint8_t *from = bytes + size % 8;
                uint32_t right = crc32c_by(CRC32C_TABLE, 7, from, size);
                for (enum crc32c_way way = CRC32C_INSTRUCTION; way <= CRC32C_FASTEST; way++)
                        CHECK_EQ(crc32c_by(way, 7, from, size), right);
        }
}

TEST(what_is_written_is_found) {
        uint8_t buffer[256];
        struct record_found found;
        char text[8];
        size_t size = make(buffer, 42, "message", 7);
        CHECK_EQ(size, 72);
        CHECK(find(buffer, size, &found));
        CHECK_EQ(found.at, 0);
        CHECK_EQ(found.need, size);
        CHECK_EQ(found.record.type, 42);
        CHECK_EQ(found.record.size, 7);
        CHECK_EQ(found.record.sequence, 9);
        CHECK_EQ(found.record.mask, 0);
        record_copy(&found.record, buffer, text);
        CHECK_MEM(text, "message", 7);
}

/* Cut at every length and followed by another: the second is found, and no part of the first. */
TEST(a_torn_record_hides_none_behind_it) {
        uint8_t buffer[1024], first[512];
        struct record_found found;
        char bytes[300];
        memset(bytes, 0xb1, sizeof bytes);
        size_t size = make(first, 1, bytes, sizeof bytes);
        for (size_t cut = 0; cut < size; cut++) {
                memcpy(buffer, first, cut);
                size_t more = make(buffer + cut, 2, "second", 6);
                CHECK(find(buffer, cut + more, &found));
                CHECK_EQ(found.at, cut);
                CHECK_EQ(found.record.type, 2);
        }
}

/* Without one behind it, it may be about to be written: more is asked for, and nothing of it is passed over. */
TEST(a_record_that_is_not_whole_is_waited_for) {
        uint8_t buffer[128];
        struct record_found found;
        size_t size = make(buffer, 1, "0123456789", 10);
        for (size_t cut = 0; cut < size; cut++) {
                CHECK(!find(buffer, cut, &found));
                CHECK_EQ(found.at, 0);
                CHECK_EQ(found.need, cut < RECORD_HEADER_BYTES ? RECORD_HEADER_BYTES : size);
        }
}

/* The magic at every place of the bytes, across the header's end, and in a field: masked, it occurs once. */
TEST(the_magic_occurs_nowhere_else) {
        uint8_t buffer[256];
        struct record_found found;
        for (size_t at = 0; at <= 32; at++) {
                uint8_t bytes[40] = { 0 }, back[40];
                memcpy(bytes + at, magic, sizeof magic);
                size_t size = make(buffer, 5, bytes, sizeof bytes);
                CHECK_EQ(count_magic(buffer, size), 1);
                CHECK(find(buffer, size, &found));
                CHECK(found.record.mask != 0);
                record_copy(&found.record, buffer, back);
                CHECK_MEM(back, bytes, sizeof bytes);
        }
        int64_t type;
        uint8_t field[8] = { 'x', 0xb1, 'L', 'e', 'a', 't', 'l', 'o' }; /* and 'g' begins the next field */
        memcpy(&type, field, sizeof type);
        struct record record = { .kind = RECORD_MESSAGE, .type = type, .sequence = 'g' };
        CHECK(!record_encode(&record, NULL, buffer));
        record_encode_masked(&record, NULL, 3, buffer);
        CHECK_EQ(count_magic(buffer, 72), 1);
        CHECK(find(buffer, 72, &found));
        CHECK_EQ(found.record.type, type);
        CHECK_EQ(found.record.sequence, 'g');
}

/* In what is looked through many places at a time: at each of them, beside others that begin and end as it does. */
TEST(the_magic_is_found_at_every_place) {
        static uint8_t bytes[8192 + 400], header[RECORD_HEADER_BYTES];
        struct record record = { .kind = RECORD_MESSAGE, .type = 1, .size = sizeof bytes };
        for (size_t i = 0; i < sizeof bytes; i++)
                bytes[i] = i % 8 == 0 ? magic[0] : i % 8 == 7 ? magic[7] : 'x';
        CHECK(record_encode(&record, bytes, header));
        for (size_t at = 0; at <= sizeof bytes - sizeof magic; at += at == 300 ? 8192 - 300 - 20 : 1) {
                uint8_t kept[sizeof magic];
                memcpy(kept, bytes + at, sizeof magic);
                memcpy(bytes + at, magic, sizeof magic);
                CHECK(!record_encode(&record, bytes, header));
                memcpy(bytes + at, kept, sizeof magic);
        }
        CHECK(record_encode(&record, bytes, header));
}

/* Forged, with right checksums: what has the magic in it is none, also where its parts lie apart. */
TEST(a_record_with_the_magic_in_it_is_none) {
        uint8_t bytes[64] = { 0 }, header[RECORD_HEADER_BYTES];
        const uint8_t zeros[8] = { 0 };
        const struct record record = { .kind = RECORD_MESSAGE, .type = 1, .size = sizeof bytes };
        CHECK(record_encode(&record, bytes, header));
        CHECK(record_settle(&record, header, bytes, zeros));
        memcpy(bytes + 20, magic, sizeof magic);
        CHECK(!record_encode(&record, bytes, header)); /* and yet it is made */
        CHECK(!record_settle(&record, header, bytes, zeros));
}

TEST(a_log_within_a_log_is_bytes) {
        uint8_t inner[200], outer[512], back[200];
        struct record_found found;
        size_t size = make(inner, 1, "one", 3);
        size += make(inner + size, 2, "two", 3);
        size_t whole = make(outer, 3, inner, size);
        CHECK(find(outer, whole, &found));
        CHECK_EQ(found.record.type, 3);
        record_copy(&found.record, outer, back);
        CHECK_MEM(back, inner, size);
        /* Torn, nothing in it looks like a record. */
        for (size_t cut = 0; cut < whole; cut++)
                CHECK(!find(outer, cut, &found));
}

TEST(every_changed_bit_is_noticed) {
        uint8_t buffer[128];
        struct record_found found;
        size_t size = make(buffer, 1, "01234567", 8);
        for (size_t bit = 0; bit < size * 8; bit++) {
                buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
                CHECK(!find(buffer, size, &found));
                buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        CHECK(find(buffer, size, &found));
}

TEST(noise_is_passed_over_up_to_what_may_be_a_magic) {
        uint8_t buffer[256];
        struct record_found found;
        for (size_t i = 0; i < 100; i++)
                buffer[i] = (uint8_t)harness_random();
        buffer[99] = 'x';
        CHECK(!find(buffer, 100, &found));
        CHECK_EQ(found.at, 100);
        memcpy(buffer + 100, magic, 5);
        CHECK(!find(buffer, 105, &found));
        CHECK_EQ(found.at, 100);
        size_t size = make(buffer + 100, 1, "x", 1);
        CHECK(find(buffer, 100 + size, &found));
        CHECK_EQ(found.at, 100);
}

TEST(larger_than_this_reader_takes_is_passed_over) {
        uint8_t buffer[512], bytes[100] = { 0 };
        struct record_found found;
        size_t searched = 0, size = make(buffer, 1, bytes, sizeof bytes);
        size += make(buffer + size, 2, bytes, 99);
        CHECK(record_find(buffer, size, 99, &searched, &found));
        CHECK_EQ(found.record.type, 2);
}

static void put_checksum(uint8_t bytes[64], uint32_t checksum) {
        for (int i = 0; i < 4; i++)
                bytes[12 + i] = (uint8_t)(checksum >> 8 * i);
}

TEST(headers_of_files_and_positions) {
        uint8_t bytes[64];
        struct log_header header = {
                .number = 3, .base = 100, .records = 7, .identity = "identity", .temporary = true
        };
        struct log_header back;
        struct log_position position = { .number = 3, .offset = 64, .taken = 8, .passed = 9 }, again;
        log_header_encode(&header, bytes);
        CHECK_EQ(log_header_decode(bytes, 64, &back), 0);
        CHECK(back.number == 3 && back.base == 100 && back.records == 7 && back.temporary && !back.sealing);
        CHECK_MEM(back.identity, header.identity, sizeof header.identity);
        CHECK_EQ(back.bytes, 64);
        bytes[60] = 1;
        CHECK_EQ(log_header_decode(bytes, 64, &back), 0);
        CHECK(back.sealing);
        bytes[8] = 1; /* what is 0 today may mean something tomorrow */
        CHECK_EQ(log_header_decode(bytes, 64, &back), -EBADMSG);
        bytes[8] = 0;
        bytes[57] = 1;
        put_checksum(bytes, crc32c(0, bytes + 16, 44));
        CHECK_EQ(log_header_decode(bytes, 64, &back), -EBADMSG);
        bytes[57] = 0;
        put_checksum(bytes, crc32c(0, bytes + 16, 44));
        CHECK_EQ(log_header_decode(bytes, 64, &back), 0);
        CHECK_EQ(log_header_decode(bytes, 63, &back), -EBADMSG);
        bytes[20]++;
        CHECK_EQ(log_header_decode(bytes, 64, &back), -EBADMSG);
        bytes[7] = 2;
        CHECK_EQ(log_header_decode(bytes, 64, &back), -EPROTONOSUPPORT);
        CHECK_EQ(log_header_decode(magic, sizeof magic, &back), 0);
        CHECK(back.number == 1 && back.bytes == 0);
        log_position_encode(&position, bytes);
        CHECK_EQ(log_position_decode(bytes, &again), 0);
        CHECK(again.number == 3 && again.offset == 64 && again.taken == 8 && again.passed == 9);
        bytes[40]++;
        CHECK_EQ(log_position_decode(bytes, &again), -EBADMSG);
}

TEST_MAIN()
