/* SPDX-License-Identifier: MIT */
#include "rpc/xdr_text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Floating point as text. The C library's own conversions are exact, but write and read the decimal point of the locale. So what it
 * is given and what is taken from it are digits without a point, and an exponent: "1255e-2". That reads the same everywhere.
 */

/* More digits than these cannot tell two doubles apart (767 are enough), but for whether anything follows them. */
#define DIGITS_MAX 800

struct decimal {
        size_t count;     /* of digits; at least 1 */
        int64_t exponent; /* of ten, behind the last digit */
        char digits[DIGITS_MAX + 1];
};

static uint64_t bits_of(double number, bool narrow) {
        uint64_t bits = 0;
        uint32_t narrow_bits = 0;
        float as_float = (float)number;
        if (!narrow) {
                memcpy(&bits, &number, sizeof(bits));
                return bits;
        }
        memcpy(&narrow_bits, &as_float, sizeof(narrow_bits));
        return narrow_bits;
}

static double number_of(uint64_t bits, bool narrow) {
        uint32_t narrow_bits = (uint32_t)bits;
        float as_float = 0;
        double number = 0;
        memcpy(&as_float, &narrow_bits, sizeof(as_float));
        memcpy(&number, &bits, sizeof(number));
        return narrow ? (double)as_float : number;
}

/* The nearest number to digits without a sign, as bits. */
static uint64_t nearest(const struct decimal *decimal, bool narrow) {
        char text[DIGITS_MAX + 32];
        int64_t exponent = decimal->exponent;
        /* Beyond this it is zero or infinite, however many digits there are. */
        exponent = exponent > 99999 ? 99999 : exponent < -99999 ? -99999 : exponent;
        (void)snprintf(text, sizeof(text), "%.*se%d", (int)decimal->count, decimal->digits, (int)exponent);
        return narrow ? bits_of((double)strtof(text, NULL), true) : bits_of(strtod(text, NULL), false);
}

/* `precision` digits of a number that is not negative, rounded to the nearest. */
static void round_to(double number, int precision, struct decimal *ret_decimal) {
        char text[64];
        (void)snprintf(text, sizeof(text), "%.*e", precision - 1, number);
        ret_decimal->count = 0;
        const char *at = text;
        for (; *at != 'e'; at++)
                if (*at >= '0' && *at <= '9')
                        ret_decimal->digits[ret_decimal->count++] = *at;
        ret_decimal->exponent = strtol(at + 1, NULL, 10) - (precision - 1);
}

/* The next one up of as many digits. */
static void step_up(struct decimal *decimal) {
        size_t at = decimal->count;
        while (at > 0 && decimal->digits[at - 1] == '9')
                decimal->digits[--at] = '0';
        if (at > 0) {
                decimal->digits[at - 1]++;
                return;
        }
        decimal->digits[0] = '1'; /* 99 to 100: 10 and one more of the exponent */
        decimal->exponent++;
}

/*
 * The fewest digits that read back as the same bits, which have no sign. FLT_DIG and DBL_DIG digits survive a normal number, so that a
 * shorter text shows there as zeros at its end. A power of two has more room above than below: there a text that is not
 * the nearest one may read back where the nearest does not.
 */
static void shortest(uint64_t bits, bool narrow, struct decimal *ret_decimal) {
        double number = number_of(bits, narrow);
        uint64_t fraction = bits & (narrow ? ((uint64_t)1 << 23) - 1 : ((uint64_t)1 << 52) - 1);
        bool normal = bits >> (narrow ? 23 : 52) != 0;
        for (int precision = !normal ? 1 : narrow ? FLT_DIG : DBL_DIG; precision <= DBL_DECIMAL_DIG; precision++) {
                round_to(number, precision, ret_decimal);
                if (nearest(ret_decimal, narrow) == bits)
                        break;
                if (fraction != 0)
                        continue;
                struct decimal above = *ret_decimal;
                step_up(&above);
                if (nearest(&above, narrow) == bits) {
                        *ret_decimal = above;
                        break;
                }
        }
        while (ret_decimal->count > 1 && ret_decimal->digits[ret_decimal->count - 1] == '0') {
                ret_decimal->count--;
                ret_decimal->exponent++;
        }
}

static size_t put(char *text, size_t at, const char *from, size_t size) {
        memcpy(text + at, from, size);
        return at + size;
}

/* Digits with a point, or an exponent where there would be many zeros: 1e21, 1.5e-7. */
static size_t lay_out(const struct decimal *decimal, char *text, size_t at) {
        static const char zeros[] = "000000000000000000000";
        int count = (int)decimal->count;
        int point = count + (int)decimal->exponent; /* how many digits stand before it */
        if (point > 21 || point < -5) {
                at = put(text, at, decimal->digits, 1);
                if (count > 1)
                        at = put(text, put(text, at, ".", 1), decimal->digits + 1, decimal->count - 1);
                return at + (size_t)snprintf(text + at, XDR_FLOAT_TEXT - at, "e%d", point - 1);
        }
        if (point <= 0) {
                at = put(text, put(text, at, "0.", 2), zeros, (size_t)-point);
                return put(text, at, decimal->digits, decimal->count);
        }
        if (point >= count)
                return put(text, put(text, at, decimal->digits, decimal->count), zeros, (size_t)(point - count));
        at = put(text, put(text, at, decimal->digits, (size_t)point), ".", 1);
        return put(text, at, decimal->digits + point, (size_t)(count - point));
}

size_t xdr_float_text(uint64_t bits, bool narrow, char ret_text[XDR_FLOAT_TEXT]) {
        uint64_t sign = xdr_float_sign(narrow);
        struct decimal decimal = { .count = 1, .digits = "0" };
        size_t at = bits & sign ? put(ret_text, 0, "-", 1) : 0;
        if ((bits & ~sign) != 0)
                shortest(bits & ~sign, narrow, &decimal);
        return lay_out(&decimal, ret_text, at);
}

/* One digit of a text: leading zeros do not count, and of those that are too many only whether they are zeros. */
static void take_digit(struct decimal *decimal, char digit, bool behind_point, bool *more) {
        if (decimal->count == 0 && digit == '0') {
                decimal->exponent -= behind_point;
                return;
        }
        if (decimal->count == DIGITS_MAX) {
                *more = *more || digit != '0';
                decimal->exponent += !behind_point;
                return;
        }
        decimal->digits[decimal->count++] = digit;
        decimal->exponent -= behind_point;
}

static int64_t read_exponent(const char *text, size_t size) {
        int64_t exponent = 0;
        size_t at = size > 0 && (text[0] == '-' || text[0] == '+');
        for (; at < size; at++)
                if (exponent < INT64_C(1000000000000000))
                        exponent = exponent * 10 + (text[at] - '0');
        return size > 0 && text[0] == '-' ? -exponent : exponent;
}

bool xdr_float_read(const char *text, size_t size, bool narrow, uint64_t *ret_bits) {
        struct decimal decimal = { .count = 0 };
        bool behind_point = false, more = false;
        size_t at = size > 0 && text[0] == '-';
        for (; at < size && text[at] != 'e' && text[at] != 'E'; at++)
                if (text[at] == '.')
                        behind_point = true;
                else
                        take_digit(&decimal, text[at], behind_point, &more);
        if (at < size)
                decimal.exponent += read_exponent(text + at + 1, size - at - 1);
        if (more) { /* it is above the digits that are kept, by less than one of the last */
                decimal.digits[decimal.count++] = '1';
                decimal.exponent--;
        }
        if (decimal.count == 0)
                decimal = (struct decimal){ .count = 1, .digits = "0" };
        *ret_bits = nearest(&decimal, narrow);
        bool finite = isfinite(number_of(*ret_bits, narrow));
        if (size > 0 && text[0] == '-')
                *ret_bits |= xdr_float_sign(narrow);
        return finite;
}
