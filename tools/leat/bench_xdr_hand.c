/* SPDX-License-Identifier: MIT */

/*
 * What a person writes for these types, in one go, with every length checked, into one piece of memory that is used again. NULs in strings,
 * and padding that is not zero, are not looked for.
 */

#include "tools/leat/bench_copied.h"
#include "tools/leat/bench_xdr_ways.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIXED_BYTES 40 /* of an entry on the wire, without its name */
#define NAME_MOST 32

static uint8_t *memory;
static size_t memory_bytes;
static struct bench_copied_table value;

/* ---- encoding ---- */

static void put_32(uint8_t *at, uint32_t number) {
        number = htobe32(number);
        memcpy(at, &number, 4);
}

static void put_64(uint8_t *at, uint64_t number) {
        number = htobe64(number);
        memcpy(at, &number, 8);
}

static uint8_t *put_entry(uint8_t *at, const uint8_t *end, const struct bench_copied_entry *entry) {
        uint32_t length = entry->name.size_bytes, pad = -length & 3;
        uint64_t bits;
        if (length > NAME_MOST || (size_t)(end - at) < FIXED_BYTES + length + pad)
                return NULL;
        put_32(at, (uint32_t)entry->id);
        put_64(at + 4, (uint64_t)entry->size);
        put_32(at + 12, length);
        at += 16;
        memcpy(at, entry->name.text, length);
        at += length;
        memset(at, 0, pad);
        at += pad;
        memcpy(&bits, &entry->weight, 8);
        put_64(at, bits);
        memcpy(at + 8, entry->key, 16);
        return at + 24;
}

static uint8_t *put_table(uint8_t *at, const uint8_t *end, const struct bench_copied_table *table) {
        if (end - at < 4)
                return NULL;
        put_32(at, table->entries.count);
        at += 4;
        for (uint32_t i = 0; i < table->entries.count && at; i++)
                at = put_entry(at, end, &table->entries.items[i]);
        return at;
}

/* ---- decoding ---- */

struct input {
        const uint8_t *at, *end;
        uint8_t *room, *room_end;
};

static uint32_t get_32(const uint8_t *at) {
        uint32_t number;
        memcpy(&number, at, 4);
        return be32toh(number);
}

static uint64_t get_64(const uint8_t *at) {
        uint64_t number;
        memcpy(&number, at, 8);
        return be64toh(number);
}

static inline bool get_name(struct input *input, struct leat_xdr_string *ret_name, uint32_t length, bool borrow) {
        ret_name->size_bytes = length;
        ret_name->text = (const char *)input->at;
        if (borrow)
                return true;
        if ((size_t)(input->room_end - input->room) < (size_t)length + 1)
                return false;
        memcpy(input->room, input->at, length);
        input->room[length] = '\0';
        ret_name->text = (const char *)input->room;
        input->room += (length + 8) & ~7U;
        return true;
}

static inline bool get_entry(struct input *input, struct bench_copied_entry *ret_entry, bool borrow) {
        if (input->end - input->at < FIXED_BYTES)
                return false;
        ret_entry->id = (int32_t)get_32(input->at);
        ret_entry->size = (int64_t)get_64(input->at + 4);
        uint32_t length = get_32(input->at + 12);
        input->at += 16;
        size_t whole = ((size_t)length + 3) & ~(size_t)3;
        if (length > NAME_MOST || (size_t)(input->end - input->at) < whole + 24 ||
            !get_name(input, &ret_entry->name, length, borrow))
                return false;
        input->at += whole;
        uint64_t bits = get_64(input->at);
        memcpy(&ret_entry->weight, &bits, 8);
        memcpy(ret_entry->key, input->at + 8, 16);
        input->at += 24;
        return true;
}

static inline bool get_table(struct input *input, struct bench_copied_table *ret_table, bool borrow) {
        if (input->end - input->at < 4)
                return false;
        uint32_t count = get_32(input->at);
        input->at += 4;
        if (count > (size_t)(input->end - input->at) / FIXED_BYTES ||
            count > (size_t)(input->room_end - input->room) / sizeof(struct bench_copied_entry))
                return false;
        struct bench_copied_entry *items = (void *)input->room;
        input->room += count * sizeof(*items);
        for (uint32_t i = 0; i < count; i++)
                if (!get_entry(input, &items[i], borrow))
                        return false;
        ret_table->entries.items = items;
        ret_table->entries.count = count;
        return input->at == input->end;
}

/* ---- the ways ---- */

static inline int decode_times(struct xdr_ground *ground, int64_t times, bool borrow) {
        for (int64_t i = 0; i < times; i++) {
                struct input input = { ground->message, ground->message + ground->size_bytes, memory,
                                       memory + memory_bytes };
                if (!get_table(&input, &value, borrow))
                        return -EPROTO;
        }
        return 0;
}

static int hand_decode(struct xdr_ground *ground, int64_t times) {
        return decode_times(ground, times, false);
}

static int hand_borrow(struct xdr_ground *ground, int64_t times) {
        return decode_times(ground, times, true);
}

static int hand_encode(struct xdr_ground *ground, int64_t times) {
        for (int64_t i = 0; i < times; i++)
                if (!put_table(ground->room, ground->room + ground->size_bytes, &value))
                        return -EPROTO;
        return xdr_ground_check(ground);
}

static int prepare(struct xdr_ground *ground) {
        memory_bytes = ENTRIES * (sizeof(struct bench_copied_entry) + NAME_MOST + 8);
        free(memory);
        memory = malloc(memory_bytes);
        return memory ? hand_decode(ground, 1) : -ENOMEM;
}

static void end(void) {
        free(memory);
        memory = NULL;
}

const struct xdr_way way_hand_encode = { .way = { .name = "by hand", .what = "straight-line C, lengths checked" },
                                         .prepare = prepare,
                                         .run = hand_encode,
                                         .end = end };
const struct xdr_way way_hand_decode = {
        .way = { .name = "by hand", .what = "straight-line C, lengths checked, into one piece of memory" },
        .prepare = prepare,
        .run = hand_decode,
        .end = end
};
const struct xdr_way way_hand_borrow = {
        .way = { .name = "by hand", .what = "straight-line C, lengths checked; strings stay in the message" },
        .prepare = prepare,
        .run = hand_borrow,
        .end = end
};
