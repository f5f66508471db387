/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_TEXTS_H
#define LEAT_TOOL_TEXTS_H

/* The real input of the demo: which files there are, and their bytes. */

#include "tools/leat/ends.h"

struct texts {
        char **paths;
        size_t count, room;
};
#define TEXTS_NONE                                                                                                     \
        { NULL, 0, 0 }

void texts_free(struct texts *texts);

/* Add the regular files below a folder; none if it is not there. Returns 0 or -ENOMEM. */
int texts_find(struct texts *texts, const char *folder);

/* Read a whole file into *space. Returns its size or a negative errno. */
ssize_t texts_read(const char *path, struct space *space);

#endif
