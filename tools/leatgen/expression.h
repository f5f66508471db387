/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_EXPRESSION_H
#define LEATGEN_EXPRESSION_H

/* Integer expressions of C, as `#if` and `#define` have them. */

#include <stdbool.h>
#include <stddef.h>

#define EXPRESSION_DEPTH_MOST 64u

struct expression {
        const char *at, *end;
        /* The value of a name; false: it has none, and the expression none either. *ret_is_open: as below, of what it stands for. */
        bool (*name)(void *context, const char *name, size_t size, __int128 *ret_value, bool *ret_is_open);
        bool (*is_defined)(void *context, const char *name, size_t size); /* NULL: `defined` is a name like others */
        void *context;
        const char *begin;
        unsigned depth; /* of parentheses */
        bool wrong;
        bool is_open; /* it has operators outside of parentheses: a macro of it would be torn apart by those beside it */
};

/*
 * Of the whole text; false if it is none, or has no value. A value of more than 100 bits is none. In C, 2 * N of `#define N 5 + 3` is 13: here it has no
 * value, rather than one that nobody means.
 */
bool expression_value(struct expression *expression, __int128 *ret_value);

#endif
