/* SPDX-License-Identifier: MIT */
#include "tools/leat/region_values.h"

#include "base/cleanup.h"
#include "tools/leat/output.h"
#include "tools/leat/region_layout.h"
#include "tools/leat/region_open.h"
#include "tools/leat/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 16
#define SHOWN_BYTES 64 /* of a field that is neither numbers nor text, for people */

/* ---- hexadecimal ---- */

static void print_line(const uint8_t *bytes, size_t count, uint64_t offset) {
        char text[COLUMNS + 1] = "";
        printf("%08" PRIx64 ":", offset);
        for (size_t i = 0; i < COLUMNS; i++) {
                printf(i % 2 == 0 ? " " : "");
                if (i >= count) {
                        printf("  ");
                        continue;
                }
                printf("%02x", bytes[i]);
                text[i] = bytes[i] >= ' ' && bytes[i] <= '~' ? (char)bytes[i] : '.';
        }
        printf("  %s\n", text);
}

int values_print_hex(const uint8_t *bytes, uint64_t size, uint64_t offset) {
        for (uint64_t at = 0; at < size; at += COLUMNS)
                print_line(bytes + at, size - at < COLUMNS ? (size_t)(size - at) : COLUMNS, offset + at);
        return output_flush();
}

static char *hex_of(const uint8_t *bytes, uint64_t size) {
        static const char digits[] = "0123456789abcdef";
        char *text = malloc(2 * size + 1);
        for (uint64_t i = 0; text && i < size; i++) {
                text[2 * i] = digits[bytes[i] >> 4];
                text[2 * i + 1] = digits[bytes[i] & 15];
        }
        if (text)
                text[2 * size] = '\0';
        return text;
}

json_t *values_hex_json(const uint8_t *bytes, uint64_t size) {
        FREE_AT_EXIT char *text = hex_of(bytes, size);
        return text ? json_string(text) : NULL;
}

/* ---- one value ---- */

enum kind { KIND_NUMBERS, KIND_TEXT, KIND_BYTES };

/* Characters that a string is made of, up to a NUL; and behind that nothing. */
static bool is_text(const uint8_t *bytes, uint64_t size) {
        uint64_t length = strnlen((const char *)bytes, size);
        for (uint64_t i = 0; i < size; i++)
                if (i < length ? bytes[i] < ' ' || bytes[i] > '~' : bytes[i] != 0)
                        return false;
        return true;
}

static enum kind kind_of(const struct layout_field *field, const uint8_t *bytes) {
        if (field->size == 1 && field->count > 1)
                return is_text(bytes, field->count) ? KIND_TEXT : KIND_BYTES;
        return field->size == 1 || field->size == 2 || field->size == 4 || field->size == 8 ? KIND_NUMBERS : KIND_BYTES;
}

/* Without sign. */
static uint64_t number_at(const uint8_t *bytes, uint64_t size) {
        uint64_t number = 0;
        memcpy(&number, bytes, size); /* little-endian, as all of a region */
        return number;
}

static int64_t with_sign(uint64_t number, uint64_t size) {
        unsigned shift = (unsigned)(64 - 8 * size);
        return (int64_t)(number << shift) >> shift;
}

static void print_number(const uint8_t *bytes, uint64_t size) {
        uint64_t number = number_at(bytes, size);
        int64_t value = with_sign(number, size);
        printf(" %" PRIu64, number);
        if (value < 0)
                printf(" (%" PRId64 ")", value);
}

/* ---- fields ---- */

/* What a stranger's layout says may not be there. */
static bool is_there(const struct layout_field *field, uint64_t size) {
        return field->offset <= size && field->size * field->count <= size - field->offset;
}

static void print_field(const struct layout_field *field, const uint8_t *bytes) {
        uint64_t size = field->size * field->count;
        FREE_AT_EXIT char *hex = NULL;
        switch (kind_of(field, bytes)) {
        case KIND_TEXT:
                printf(" \"%.*s\"", (int)size, (const char *)bytes);
                break;
        case KIND_BYTES:
                hex = hex_of(bytes, size < SHOWN_BYTES ? size : SHOWN_BYTES);
                printf(" 0x%s", hex ? hex : "");
                if (size > SHOWN_BYTES)
                        printf("... %" PRIu64 " bytes", size);
                break;
        case KIND_NUMBERS:
                for (uint64_t i = 0; i < field->count; i++)
                        print_number(bytes + i * field->size, field->size);
        }
        putchar('\n');
}

int values_print(const char *layout, const uint8_t *bytes, uint64_t size) {
        struct layout_field field;
        while (layout_next(&layout, &field)) {
                printf("%8" PRIu64 " %s", field.offset, region_printable(field.name));
                if (is_there(&field, size))
                        print_field(&field, bytes + field.offset);
                else
                        puts(" -");
        }
        return output_flush();
}

static json_t *numbers_json(const struct layout_field *field, const uint8_t *bytes) {
        json_t *array = json_array();
        for (uint64_t i = 0; i < field->count; i++)
                (void)json_array_append_new(array,
                                            json_integer(with_sign(number_at(bytes + i * field->size, field->size),
                                                                   field->size)));
        return array;
}

static json_t *field_json(const struct layout_field *field, const uint8_t *bytes) {
        json_t *object = json_pack("{s:o, s:I, s:I, s:I}", "name", region_text_json(field->name), "offset",
                                   (json_int_t)field->offset, "size_bytes", (json_int_t)field->size, "count",
                                   (json_int_t)field->count);
        enum kind kind = bytes ? kind_of(field, bytes) : KIND_BYTES;
        if (bytes && kind == KIND_NUMBERS)
                (void)json_object_set_new(object, "values", numbers_json(field, bytes));
        else if (bytes && kind == KIND_TEXT)
                (void)json_object_set_new(object, "text",
                                          json_stringn((const char *)bytes,
                                                       strnlen((const char *)bytes, field->count)));
        else if (bytes)
                (void)json_object_set_new(object, "hex", values_hex_json(bytes, field->size * field->count));
        return object;
}

json_t *values_json(const char *layout, const uint8_t *bytes, uint64_t size) {
        struct layout_field field;
        json_t *array = json_array();
        while (layout_next(&layout, &field))
                (void)json_array_append_new(array,
                                            field_json(&field, is_there(&field, size) ? bytes + field.offset : NULL));
        return array;
}
