/* SPDX-License-Identifier: MIT */
#ifndef ORCHARD_LIMITS_H
#define ORCHARD_LIMITS_H

/* What orchard.x bounds its types with: a macro of a macro, one with parameters, one of another header, an enumeration. */

#include "orchard_more.h"

#define ORCHARD_SEED_BYTES (6)
#define ORCHARD_PICKER_LETTERS (ORCHARD_SEED_BYTES * 7 - 3)
#define ORCHARD_ROW(tree) ((tree)->row)

enum orchard_tree {
        ORCHARD_TREE_APPLE = 1,
        ORCHARD_TREE_QUINCE, /* hard, and good */
        ORCHARD_TREE_PEAR = 1 << 3,
        ORCHARD_TREE_STUMP
};

#endif
