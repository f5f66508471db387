/* SPDX-License-Identifier: MIT */
#ifndef LEAT_BASE_OPTIONS_H
#define LEAT_BASE_OPTIONS_H

/* Structures that begin with their size, as a program built against another header gives them. */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Copy what was given over the defaults in *ret_options, which has `size` bytes and begins with a size_t.
 * What the caller's structure lacks keeps its default; what it has beyond ours must be 0. Returns 0 or -EINVAL.
 */
static inline int options_take(const void *given, void *ret_options, size_t size) {
        const uint8_t *bytes = given;
        size_t theirs = 0;
        if (given)
                memcpy(&theirs, given, sizeof(theirs));
        if (theirs < sizeof(theirs))
                return -EINVAL;
        for (size_t i = size; i < theirs; i++)
                if (bytes[i] != 0)
                        return -EINVAL;
        memcpy(ret_options, given, theirs < size ? theirs : size);
        return 0;
}

/* Copy what is told into a structure of the caller's, as far as that reaches; its size stays. */
static inline void options_tell(const void *told, size_t size, void *ret_structure) {
        size_t theirs;
        memcpy(&theirs, ret_structure, sizeof(theirs));
        memcpy(ret_structure, told, theirs < size ? theirs : size);
        memcpy(ret_structure, &theirs, sizeof(theirs));
}

#endif
