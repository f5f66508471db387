/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_REQUIRE_H
#define FUZZ_REQUIRE_H

/* What must hold whatever the input: else say where, and crash, so that the input is kept. */

#include <stdio.h>
#include <stdlib.h>

#define REQUIRE(condition)                                                                                             \
        do {                                                                                                           \
                if (!(condition)) {                                                                                    \
                        fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                        \
                        abort();                                                                                       \
                }                                                                                                      \
        } while (0)

#endif
