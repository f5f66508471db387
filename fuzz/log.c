/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: a log's bytes (lib/transport/log_record.h), which any program that may write the file may have written.
 *
 * The first byte chooses. What must hold: nothing is read beyond the bytes, which lie in memory of their exact size; each
 * search makes progress; where a reader's buffer is cut does not matter; whatever is found encodes to the same bytes again;
 * and of what is written every message is found, whatever stands before it, and nothing when the end is torn off.
 */

#include "require.h"
#include "transport/log_record.h"

#include <stdlib.h>
#include <string.h>

#define LARGEST 100000

struct seen {
        uint64_t count, digest;
        size_t at; /* up to here all is dealt with */
};

static uint8_t *copy(const uint8_t *bytes, size_t size) {
        uint8_t *exact = malloc(size ? size : 1);
        REQUIRE(exact);
        if (size > 0)
                memcpy(exact, bytes, size);
        return exact;
}

/* What was found must be what encoding it gives. */
static void check_again(const uint8_t *at, const struct record *record) {
        uint8_t header[RECORD_HEADER_BYTES];
        uint8_t *bytes = malloc(record->size + 1);
        REQUIRE(bytes);
        record_copy(record, at, bytes);
        bool plain = record_encode(record, bytes, header);
        if (record->mask == 0)
                REQUIRE(plain && memcmp(header, at, sizeof(header)) == 0 &&
                        memcmp(bytes, at + sizeof(header), record->size) == 0);
        free(bytes);
}

/* All records, as a reader finds them whose buffer grows by `step` bytes at a time. */
static struct seen read_in_steps(const uint8_t *data, size_t size, size_t step) {
        struct seen seen = { 0 };
        size_t end = 0, searched = 0;
        do {
                end += size - end < step ? size - end : step;
                uint8_t *bytes = copy(data + seen.at, end - seen.at);
                size_t begin = 0, here = end - seen.at;
                struct record_found found;
                while (record_find(bytes + begin, here - begin, LARGEST, &searched, &found)) {
                        REQUIRE(found.need == record_bytes(found.record.size) && found.record.size <= LARGEST);
                        REQUIRE(found.at + found.need <= here - begin);
                        check_again(bytes + begin + found.at, &found.record);
                        seen.count++;
                        seen.digest = (seen.digest ^ (seen.at + begin + found.at)) * UINT64_C(1099511628211);
                        begin += found.at + found.need;
                        searched = 0;
                }
                REQUIRE(found.at <= here - begin);
                REQUIRE(found.need > here - begin - found.at); /* else a reader would ask for nothing, for ever */
                seen.at += begin + found.at;
                free(bytes);
        } while (end < size);
        return seen;
}

/* The input as messages: written, each behind some noise, they are all found; of a torn one nothing is. */
static void write_and_find(const uint8_t *data, size_t size) {
        uint8_t noise = size > 0 ? data[0] % 16 : 0;
        size_t half = size / 2, noisy = noise < size ? noise : size;
        const struct record record = { .kind = RECORD_MESSAGE,
                                       .type = 1 + (int64_t)size,
                                       .size = (uint32_t)(size - half) };
        size_t total = record_bytes(record.size);
        uint8_t *bytes = calloc(1, noisy + total), *back = malloc(record.size + 1);
        struct record_found found;
        size_t searched = 0;
        REQUIRE(bytes && back);
        if (record_encode(&record, data + half, bytes + noisy))
                memcpy(bytes + noisy + RECORD_HEADER_BYTES, data + half, record.size);
        else
                record_encode_masked(&record, data + half, size, bytes + noisy);
        REQUIRE(record_find(bytes + noisy, total, LARGEST, &searched, &found));
        REQUIRE(found.at == 0 && found.record.size == record.size);
        record_copy(&found.record, bytes + noisy, back);
        REQUIRE(memcmp(back, data + half, record.size) == 0);
        searched = 0;
        REQUIRE(!record_find(bytes + noisy, total - 1, LARGEST, &searched, &found));
        /* Noise that is the beginning of a record ends where this one begins. */
        memcpy(bytes, bytes + noisy, noisy < total ? noisy : 0);
        searched = 0;
        REQUIRE(record_find(bytes, noisy + total, LARGEST, &searched, &found));
        REQUIRE(found.at == noisy);
        free(bytes);
        free(back);
}

static void headers(const uint8_t *data, size_t size) {
        uint8_t again[LOG_HEADER_BYTES];
        struct log_header header;
        struct log_position position;
        uint8_t *bytes = copy(data, size);
        if (log_header_decode(bytes, size, &header) == 0 && header.bytes > 0) {
                log_header_encode(&header, again);
                REQUIRE(memcmp(again, bytes, LOG_SEALING_AT) == 0);
        }
        if (size >= POSITION_BYTES && log_position_decode(bytes, &position) == 0) {
                log_position_encode(&position, again);
                REQUIRE(memcmp(again, bytes, POSITION_BYTES) == 0);
        }
        free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size < 1)
                return 0;
        size_t step = data[0] % 97 + 1;
        data++, size--;
        if (size / step > 500) /* each piece is copied anew: keep the work of one input small */
                step = size / 500 + 1;
        struct seen whole = read_in_steps(data, size, size + 1);
        struct seen cut = read_in_steps(data, size, step);
        REQUIRE(whole.count == cut.count && whole.digest == cut.digest && whole.at == cut.at);
        headers(data, size);
        if (size < LARGEST)
                write_and_find(data, size);
        return 0;
}
