/* SPDX-License-Identifier: MIT */
#ifndef WIRE_RECORDED_H
#define WIRE_RECORDED_H

#include "harness.h"

struct bytes {
        uint8_t *at;
        size_t size;
};

/* All of a file, or the test fails. `at` is to be freed. */
struct bytes bytes_of(const char *path);

/* Of v1-NAME.bin. */
struct bytes recorded(const char *name);

#endif
