/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_OUTPUT_PLACE_H
#define LEATGEN_OUTPUT_PLACE_H

/* Where an output goes. */

#include "tools/leatgen/output.h"
#include <sys/types.h>

struct output_place {
        const char *path, *folder, *name; /* the path leads to the name in the folder */
        dev_t device;                     /* of the folder: two paths may lead to it */
        ino_t inode;
        bool is_no_file; /* a pipe or a device: it has only its path */
};

/* 0, or -1 after a report. */
int output_place_find(struct job *job, const struct output_file *file, struct output_place *ret_place);
bool output_place_same(const struct output_place *a, const struct output_place *b);

#endif
