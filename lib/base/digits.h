/* SPDX-License-Identifier: MIT */
#ifndef LEAT_BASE_DIGITS_H
#define LEAT_BASE_DIGITS_H

/* Digits, whatever the locale is and also in handlers of signals. */

#include <stdint.h>

/* Room for any number of decimal_before(). */
#define DECIMAL_DIGITS 20

/* Write a number's digits so that they end before `end`; returns the first of them. */
static inline char *decimal_before(char *end, uint64_t number) {
        do
                *--end = (char)('0' + number % 10);
        while ((number /= 10) > 0);
        return end;
}

/* What a hexadecimal digit, large or small, stands for; -1: it is none. */
static inline int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char)(c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
