/* SPDX-License-Identifier: MIT */
#ifndef LEAT_BASE_RARE_H
#define LEAT_BASE_RARE_H

/*
 * What each message passes is short, and costs mostly the registers that its functions save (docs/design/speed.md).
 * A function that is USUAL is a part of those that call it. One that stands ASIDE stays out of line, so that whoever calls it saves none
 * for it. One that is RARE does too, is made for size and not for speed, and whoever may call it is laid out as if that never were.
 */
#define USUAL static inline __attribute__((always_inline))
#define ASIDE __attribute__((noinline))
#define RARE __attribute__((cold, noinline))

#endif
