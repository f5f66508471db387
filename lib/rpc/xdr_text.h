/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_XDR_TEXT_H
#define LEAT_RPC_XDR_TEXT_H

/* Text that is written behind what a buffer has, and numbers as text, whatever the locale is. */

#include <leat/xdr.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where text goes. The first failure stays, and nothing is written after it. */
struct xdr_text {
        struct leat_xdr_buffer *buffer;
        int error; /* 0, or a negative errno of leat_xdr_buffer_reserve() */
};

void xdr_text_put(struct xdr_text *text, const char *characters, size_t size);
void xdr_text_string(struct xdr_text *text, const char *string);
void xdr_text_character(struct xdr_text *text, char character);
void xdr_text_spaces(struct xdr_text *text, size_t count);
void xdr_text_signed(struct xdr_text *text, int64_t number);
void xdr_text_unsigned(struct xdr_text *text, uint64_t number);
void xdr_text_hex(struct xdr_text *text, const void *bytes, size_t size); /* two digits each */

/* How many bytes the first character has; 0: it is none of UTF-8. size is at least 1. */
size_t xdr_utf8_length(const char *text, size_t size);
/* Where the first byte is that is not part of UTF-8 as RFC 3629 has it; size if all are. */
size_t xdr_utf8_valid(const char *text, size_t size);

/* Of the bits of a float if `narrow`, else of a double: the sign, and those that all are set in infinity and in what is no number. */
static inline uint64_t xdr_float_sign(bool narrow) {
        return narrow ? UINT64_C(1) << 31 : UINT64_C(1) << 63;
}

static inline uint64_t xdr_float_infinity(bool narrow) {
        return narrow ? UINT64_C(0x7f800000) : UINT64_C(0x7ff0000000000000);
}

/* Room for any number of xdr_float_text(). */
#define XDR_FLOAT_TEXT 40

/*
 * A finite number as the shortest text that reads back as the same, in the grammar of JSON. `bits` are those of a float if `narrow`, else
 * of a double. Returns its length.
 */
size_t xdr_float_text(uint64_t bits, bool narrow, char ret_text[XDR_FLOAT_TEXT]);

/*
 * Read a number in the grammar of JSON, which is the caller's to have checked, as the nearest float or double. Returns whether it is finite.
 */
bool xdr_float_read(const char *text, size_t size, bool narrow, uint64_t *ret_bits);

#endif
