/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_INFO_PARTIES_H
#define LEAT_TOOL_INFO_PARTIES_H

/* What `leat info` tells of the parties of a channel of shm:. */

#include "tools/leat/options.h"
#include "tools/leat/parties.h"

#include <jansson.h>

/* Are there parties that count where others can read it? Only of shm:. */
bool info_has_parties(const char *address);

/* A table under the other one. connections: as the kernel knows, or LEAT_UNKNOWN. Returns DONE or the exit code. */
int info_parties_print(const struct parties *parties, uint64_t connections);

/* What JSON can say: no more than INT64_MAX. */
json_int_t info_whole(uint64_t number);

/* An array of objects; NULL: no memory. */
json_t *info_parties_json(const struct parties *parties);

/* leat info --watch. Returns the exit code. */
int info_watch(const struct options *options);

#endif
