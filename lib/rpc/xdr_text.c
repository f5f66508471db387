/* SPDX-License-Identifier: MIT */
#include "rpc/xdr_text.h"

#include "base/digits.h"

#include <string.h>

void xdr_text_put(struct xdr_text *text, const char *characters, size_t size) {
        if (text->error != 0 || size == 0)
                return;
        text->error = leat_xdr_buffer_reserve(text->buffer, size);
        if (text->error < 0)
                return;
        memcpy(text->buffer->bytes + text->buffer->size_bytes, characters, size);
        text->buffer->size_bytes += size;
}

void xdr_text_string(struct xdr_text *text, const char *string) {
        xdr_text_put(text, string, strlen(string));
}

void xdr_text_character(struct xdr_text *text, char character) {
        xdr_text_put(text, &character, 1);
}

void xdr_text_spaces(struct xdr_text *text, size_t count) {
        static const char spaces[] = "                                ";
        for (size_t some; count > 0 && text->error == 0; count -= some) {
                some = count < sizeof(spaces) - 1 ? count : sizeof(spaces) - 1;
                xdr_text_put(text, spaces, some);
        }
}

void xdr_text_unsigned(struct xdr_text *text, uint64_t number) {
        char digits[DECIMAL_DIGITS], *end = digits + sizeof(digits), *first = decimal_before(end, number);
        xdr_text_put(text, first, (size_t)(end - first));
}

void xdr_text_signed(struct xdr_text *text, int64_t number) {
        if (number < 0)
                xdr_text_character(text, '-');
        xdr_text_unsigned(text, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void xdr_text_hex(struct xdr_text *text, const void *bytes, size_t size) {
        const uint8_t *from = bytes;
        char digits[64];
        for (size_t done = 0; done < size && text->error == 0;) {
                size_t used = 0;
                for (; done < size && used < sizeof(digits); done++) {
                        digits[used++] = "0123456789abcdef"[from[done] >> 4];
                        digits[used++] = "0123456789abcdef"[from[done] & 15];
                }
                xdr_text_put(text, digits, used);
        }
}

/* How many bytes a character has by its first one, and the bounds of its second: what keeps out overlong forms, surrogates and
 * what is above U+10FFFF. 0: it cannot begin one. */
static size_t utf8_length(uint8_t first, uint8_t *ret_low, uint8_t *ret_high) {
        *ret_low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        *ret_high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        if (first < 0x80)
                return 1;
        if (first < 0xc2 || first > 0xf4)
                return 0;
        return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

size_t xdr_utf8_length(const char *text, size_t size) {
        const uint8_t *bytes = (const uint8_t *)text;
        uint8_t low, high;
        size_t length = utf8_length(bytes[0], &low, &high);
        if (length > size)
                return 0;
        for (size_t i = 1; i < length; i++, low = 0x80, high = 0xbf)
                if (bytes[i] < low || bytes[i] > high)
                        return 0;
        return length;
}

size_t xdr_utf8_valid(const char *text, size_t size) {
        for (size_t at = 0, length; at < size; at += length) {
                length = xdr_utf8_length(text + at, size - at);
                if (length == 0)
                        return at;
        }
        return size;
}
