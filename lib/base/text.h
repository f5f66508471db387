/* SPDX-License-Identifier: MIT */
#ifndef LEAT_BASE_TEXT_H
#define LEAT_BASE_TEXT_H

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

/* asprintf(3) as the rest of the library fails: 0; -ENOMEM, and *text is NULL. */
#define text_format(text, ...) (asprintf((text), __VA_ARGS__) < 0 ? (*(text) = NULL, -ENOMEM) : 0)

#endif
