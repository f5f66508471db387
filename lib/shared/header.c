/* SPDX-License-Identifier: MIT */
#include "shared/header.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- layouts ---- */

/* A name stands in a line of words. */
static bool is_name(const char *name, bool spaces) {
        size_t length = name ? strnlen(name, 64) : 0;
        if (length == 0 || length == 64)
                return false;
        for (size_t i = 0; i < length; i++)
                if ((unsigned char)name[i] < (spaces ? ' ' : '!') || name[i] == 0x7f)
                        return false;
        return true;
}

/* Append to a text of *at bytes. false: it does not fit. */
__attribute__((format(printf, 3, 4))) static bool append(char *text, size_t *at, const char *format, ...) {
        size_t room = REGION_LAYOUT_BYTES + 1 - *at;
        va_list arguments;
        va_start(arguments, format);
        int n = vsnprintf(text + *at, room, format, arguments);
        va_end(arguments);
        if (n < 0 || (size_t)n >= room)
                return false;
        *at += (size_t)n;
        return true;
}

static bool append_field(char *text, size_t *at, const struct leat_field *field) {
        return append(text, at, field->count > 1 ? "\n%s %u %u %u" : "\n%s %u %u", field->name, field->offset,
                      field->size_bytes, field->count);
}

int layout_text(const struct leat_layout *layout, struct leat_reason *reason, char ret_text[REGION_LAYOUT_BYTES + 1]) {
        size_t at = 0;
        ret_text[0] = '\0';
        if (!layout)
                return 0;
        if (!is_name(layout->name, true) || (layout->fields_count > 0 && !layout->fields))
                return reason_set(reason, -EINVAL, LEAT_ROW_VERSIONS,
                                  "the layout wants a name of 1 to 63 printable characters, and its fields");
        bool fits = append(ret_text, &at, "%s\n* 0 %llu", layout->name, (unsigned long long)layout->size_bytes);
        for (size_t i = 0; fits && i < layout->fields_count; i++) {
                if (!is_name(layout->fields[i].name, false))
                        return reason_set(reason, -EINVAL, LEAT_ROW_VERSIONS,
                                          "a field of the layout wants a name of 1 to 63 characters without spaces");
                fits = append_field(ret_text, &at, &layout->fields[i]);
        }
        return fits ? 0
                    : reason_set(reason, -EINVAL, LEAT_ROW_VERSIONS,
                                 "the layout has too many fields: name and fields take at most 3072 bytes as text");
}

/* FNV-1a: it finds mistakes. The texts themselves are compared, too. */
uint64_t layout_fingerprint(const char *text) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325);
        if (!*text)
                return 0;
        for (; *text; text++)
                hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
        return hash ? hash : 1;
}

/* ---- shapes ---- */

bool shape_plan(struct region_shape *shape) {
        if (shape->most_bytes > REGION_BYTES_MOST || shape->size_bytes > shape->most_bytes)
                return false;
        shape->log_bytes = round_up(shape->log_bytes, 64);
        shape->participants_at = REGION_HEADER_BYTES;
        shape->log_at = shape->participants_at + (uint64_t)shape->participants * sizeof(struct participant);
        shape->data_at = round_up(shape->log_at + shape->log_bytes, shape->page_bytes);
        return true;
}

uint64_t shape_total(const struct region_shape *shape, uint64_t size_bytes) {
        return round_up(shape->data_at + size_bytes, shape->page_bytes);
}

/* Is what stands there a place for everything, one behind the other, within `bytes`? None of these sums overflows: each number was bounded before it is added. */
static bool is_possible(const struct region_shape *shape, uint64_t bytes) {
        return shape->participants >= 1 && shape->participants <= REGION_PARTICIPANTS_MOST &&
               shape->participants_at >= REGION_HEADER_BYTES && shape->participants_at <= bytes &&
               shape->participants_at % sizeof(struct participant) == 0 && shape->log_bytes >= REGION_LOG_LEAST &&
               shape->log_bytes <= REGION_LOG_MOST && shape->log_bytes % 64 == 0 && shape->log_at % 64 == 0 &&
               shape->log_at <= bytes &&
               shape->log_at >= shape->participants_at + (uint64_t)shape->participants * sizeof(struct participant) &&
               shape->data_at <= bytes && shape->data_at >= shape->log_at + shape->log_bytes &&
               shape->data_at % shape->page_bytes == 0 && shape->most_bytes <= REGION_BYTES_MOST &&
               shape->size_bytes <= shape->most_bytes && shape->size_bytes <= bytes - shape->data_at;
}

/* ---- headers ---- */

void header_write(struct region_header *header, const struct region_shape *shape) {
        memcpy(header->magic, REGION_MAGIC, sizeof(header->magic));
        header->version = REGION_VERSION;
        header->word_bytes = sizeof(void *);
        header->page_bytes = shape->page_bytes;
        header->participants = shape->participants;
        memcpy(header->identity, shape->identity, sizeof(header->identity));
        header->most_bytes = shape->most_bytes;
        header->log_bytes = shape->log_bytes;
        header->participants_at = shape->participants_at;
        header->log_at = shape->log_at;
        header->data_at = shape->data_at;
        header->fingerprint = shape->fingerprint;
        header->made_ns = time_of_day_ns();
        memcpy(header->layout, shape->layout, sizeof(header->layout));
        atomic_store_explicit(&header->size_bytes, shape->size_bytes, memory_order_relaxed);
        /* Release: with this all of it stands. A maker that dies before leaves REGION_BEING_MADE. Pairs with who opens, under byte 0. */
        atomic_store_explicit(&header->state, REGION_READY, memory_order_release);
}

/* Nothing was ever written here, or not all of it. */
static bool is_half_made(const struct region_header *header, uint64_t bytes) {
        const uint8_t *each = (const uint8_t *)header;
        size_t there = bytes < sizeof(*header) ? (size_t)bytes : sizeof(*header), zeroes = 0;
        while (zeroes < there && each[zeroes] == 0)
                zeroes++;
        return zeroes == there ||
               (there == sizeof(*header) && memcmp(header->magic, REGION_MAGIC, sizeof(header->magic)) == 0 &&
                atomic_load_explicit(&header->state, memory_order_relaxed) == REGION_BEING_MADE);
}

static int refuse(struct leat_reason *reason, const char *text, const char *limit, int64_t value) {
        reason_set(reason, -EINVAL, LEAT_ROW_VERSIONS, text);
        if (reason) {
                reason->limit = limit;
                reason->limit_value = value;
        }
        return -EINVAL;
}

/* Is it of our kind at all? */
static int check_kind(const struct region_header *header, uint64_t page_bytes, struct leat_reason *reason) {
        if (memcmp(header->magic, REGION_MAGIC, sizeof(header->magic)) != 0)
                return refuse(reason, "this is no region of Leat; ?raw has it as it is", NULL, 0);
        if (header->version != REGION_VERSION)
                return refuse(reason, "the region is of another version of Leat; this one knows version 1",
                              "its version", header->version);
        if (header->word_bytes != sizeof(void *))
                return refuse(reason, "the region was made by a program of another word size", "bytes of its words",
                              header->word_bytes);
        uint32_t page = header->page_bytes;
        if (page == 0 || (page & (page - 1)) != 0 || page % (uint32_t)sysconf(_SC_PAGESIZE) != 0 || page > page_bytes)
                return refuse(reason, "the region was made with another page size", "bytes of its pages", page);
        return 0;
}

static void copy_shape(const struct region_header *header, struct region_shape *shape) {
        shape->size_bytes = atomic_load_explicit(&header->size_bytes, memory_order_relaxed);
        shape->most_bytes = header->most_bytes;
        shape->log_bytes = header->log_bytes;
        shape->participants = header->participants;
        shape->page_bytes = header->page_bytes;
        shape->participants_at = header->participants_at;
        shape->log_at = header->log_at;
        shape->data_at = header->data_at;
        memcpy(shape->identity, header->identity, sizeof(shape->identity));
        shape->fingerprint = header->fingerprint;
        shape->made_ns = header->made_ns;
        memcpy(shape->layout, header->layout, sizeof(header->layout));
        shape->layout[REGION_LAYOUT_BYTES] = '\0';
}

int header_read(const struct region_header *header, uint64_t bytes, uint64_t page_bytes, struct leat_reason *reason,
                struct region_shape *ret_shape) {
        if (is_half_made(header, bytes))
                return -ENODATA;
        if (bytes < REGION_HEADER_BYTES)
                return refuse(reason, "this is no region of Leat: it is smaller than a header; ?raw has it as it is",
                              "bytes of a header", REGION_HEADER_BYTES);
        int r = check_kind(header, page_bytes, reason);
        if (r < 0)
                return r;
        copy_shape(header, ret_shape);
        if (!is_possible(ret_shape, bytes))
                return refuse(reason,
                              "the region's header is damaged: what it says does not fit into its memory; remove it "
                              "(leat region rm), or look at it by ?raw",
                              NULL, 0);
        return 0;
}
