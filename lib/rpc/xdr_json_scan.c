/* SPDX-License-Identifier: MIT */
#include "base/digits.h"
#include "rpc/xdr_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The grammar of RFC 8259, for texts that are not ended by a NUL. */

/* ---- numbers that JSON has not ---- */

#define PLAIN_NAN(narrow) ((narrow) ? UINT64_C(0x7fc00000) : UINT64_C(0x7ff8000000000000))

const char *json_special_text(uint64_t bits, bool narrow, char ret_text[JSON_SPECIAL_MAX]) {
        uint64_t infinite = xdr_float_infinity(narrow);
        if ((bits & infinite) != infinite)
                return NULL;
        if ((bits & ~xdr_float_sign(narrow)) == infinite)
                return bits & xdr_float_sign(narrow) ? "-Infinity" : "Infinity";
        if (bits == PLAIN_NAN(narrow))
                return "NaN";
        (void)snprintf(ret_text, JSON_SPECIAL_MAX, "NaN:%0*llx", narrow ? 8 : 16, (unsigned long long)bits);
        return ret_text;
}

bool json_hex(const char *text, uint8_t *ret_bytes, size_t count) {
        for (size_t i = 0; i < count; i++) {
                int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
                if (high < 0 || low < 0)
                        return false;
                ret_bytes[i] = (uint8_t)(high * 16 + low);
        }
        return true;
}

static bool is_text(const char *text, size_t size, const char *wanted) {
        return size == strlen(wanted) && memcmp(text, wanted, size) == 0;
}

bool json_special_read(const char *text, size_t size, bool narrow, uint64_t *ret_bits) {
        size_t bytes = narrow ? 4 : 8;
        uint8_t payload[8];
        *ret_bits = is_text(text, size, "NaN") ? PLAIN_NAN(narrow) : xdr_float_infinity(narrow);
        if (is_text(text, size, "NaN") || is_text(text, size, "Infinity"))
                return true;
        *ret_bits |= xdr_float_sign(narrow);
        if (is_text(text, size, "-Infinity"))
                return true;
        if (size != 4 + 2 * bytes || memcmp(text, "NaN:", 4) != 0 || !json_hex(text + 4, payload, bytes))
                return false;
        *ret_bits = 0;
        for (size_t i = 0; i < bytes; i++)
                *ret_bits = *ret_bits << 8 | payload[i];
        /* All of the exponent, and something of the fraction: else it is a number. */
        return (*ret_bits & xdr_float_infinity(narrow)) == xdr_float_infinity(narrow) &&
               (*ret_bits & ~xdr_float_sign(narrow)) != xdr_float_infinity(narrow);
}

/* ---- tokens ---- */

char json_peek(struct json_text *json) {
        for (; json->at < json->size; json->at++) {
                char character = json->text[json->at];
                if (character != ' ' && character != '\t' && character != '\n' && character != '\r')
                        return character;
        }
        return '\0';
}

bool json_take(struct json_text *json, char character) {
        if (json_peek(json) != character || json->at == json->size)
                return false;
        json->at++;
        return true;
}

bool json_take_word(struct json_text *json, const char *word) {
        size_t size = strlen(word);
        (void)json_peek(json);
        if (size > json->size - json->at || memcmp(json->text + json->at, word, size) != 0)
                return false;
        json->at += size;
        return true;
}

static size_t digits_at(const struct json_text *json, size_t at) {
        size_t count = 0;
        while (at + count < json->size && json->text[at + count] >= '0' && json->text[at + count] <= '9')
                count++;
        return count;
}

static bool is_at(const struct json_text *json, size_t at, char one, char other) {
        return at < json->size && (json->text[at] == one || json->text[at] == other);
}

size_t json_number(struct json_text *json, const char **ret_text) {
        (void)json_peek(json);
        size_t begin = json->at, at = begin, count;
        at += is_at(json, at, '-', '-');
        count = digits_at(json, at);
        if (count == 0 || (count > 1 && json->text[at] == '0'))
                return 0;
        at += count;
        if (is_at(json, at, '.', '.')) {
                count = digits_at(json, at + 1);
                if (count == 0)
                        return 0;
                at += 1 + count;
        }
        if (is_at(json, at, 'e', 'E')) {
                at += 1;
                at += is_at(json, at, '+', '-');
                count = digits_at(json, at);
                if (count == 0)
                        return 0;
                at += count;
        }
        *ret_text = json->text + begin;
        json->at = at;
        return at - begin;
}

/* ---- strings ---- */

/* The four digits of \u at this place; -1: they are not there. */
static int32_t unit_at(const struct json_text *json, size_t at) {
        uint8_t bytes[2];
        if (json->size - at < 6 || json->text[at] != '\\' || json->text[at + 1] != 'u' ||
            !json_hex(json->text + at + 2, bytes, 2))
                return -1;
        return bytes[0] << 8 | bytes[1];
}

/*
 * One escape: the character that it stands for, and how long it is. Surrogates come in pairs, or not at all: what they
 * say alone no UTF-8 can say. -1: it is none.
 */
static int32_t escape_at(const struct json_text *json, size_t at, size_t *ret_size) {
        static const char names[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
        int32_t unit = unit_at(json, at), low;
        *ret_size = unit < 0 ? 2 : 6;
        if (unit >= 0xd800 && unit < 0xdc00) {
                low = unit_at(json, at + 6);
                *ret_size = 12;
                return low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00) : -1;
        }
        if (unit >= 0)
                return unit >= 0xdc00 && unit < 0xe000 ? -1 : unit;
        for (size_t i = 0; json->size - at >= 2 && i + 1 < sizeof(names); i += 2)
                if (names[i] == json->text[at + 1])
                        return names[i + 1];
        return -1;
}

static size_t utf8_size(int32_t character) {
        return character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
}

int64_t json_quoted(struct json_text *json, const char **ret_text) {
        size_t begin = json->at + 1, at = begin, size = 0, escaped;
        for (; at < json->size && json->text[at] != '"'; at += escaped) {
                escaped = 1;
                int32_t character = 0;
                if ((uint8_t)json->text[at] < 0x20)
                        break;
                if (json->text[at] == '\\')
                        character = escape_at(json, at, &escaped);
                if (character < 0)
                        break;
                size += utf8_size(character);
        }
        json->at = at;
        if (at == json->size || json->text[at] != '"')
                return -EBADMSG;
        /* Escapes are ASCII, so it is UTF-8 if the text as it stands is. */
        size_t valid = xdr_utf8_valid(json->text + begin, at - begin);
        if (valid != at - begin) {
                json->at = begin + valid;
                return -EBADMSG;
        }
        *ret_text = json->text + begin;
        json->at = at + 1;
        return (int64_t)size;
}

static void put_utf8(uint8_t *bytes, int32_t character, size_t size) {
        static const uint8_t first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
        for (size_t i = size; i-- > 1; character >>= 6)
                bytes[i] = (uint8_t)(0x80 | (character & 0x3f));
        bytes[0] = (uint8_t)(first[size] | character);
}

/* The bytes of one character of a string that was looked over: wherever an escape begins, a whole one is. Returns how many. */
static size_t take_character(const char *text, size_t *at, uint8_t ret_bytes[4]) {
        struct json_text json = { .text = text, .size = SIZE_MAX };
        size_t escaped = 1, size = 1;
        if (text[*at] == '\\') {
                int32_t character = escape_at(&json, *at, &escaped);
                size = utf8_size(character);
                put_utf8(ret_bytes, character, size);
        } else {
                ret_bytes[0] = (uint8_t)text[*at];
        }
        *at += escaped;
        return size;
}

void json_unescape(const char *text, uint8_t *ret_bytes, size_t size_bytes) {
        uint8_t bytes[4];
        for (size_t at = 0, done = 0, size; done < size_bytes; done += size) {
                size = take_character(text, &at, bytes);
                memcpy(ret_bytes + done, bytes, size);
        }
}

bool json_is(const char *text, size_t size_bytes, const char *name) {
        uint8_t bytes[4];
        if (strlen(name) != size_bytes)
                return false;
        for (size_t at = 0, done = 0, size; done < size_bytes; done += size) {
                size = take_character(text, &at, bytes);
                if (memcmp(name + done, bytes, size) != 0)
                        return false;
        }
        return true;
}
