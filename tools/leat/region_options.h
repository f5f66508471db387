/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_REGION_OPTIONS_H
#define LEAT_TOOL_REGION_OPTIONS_H

/* What `leat region` is told, beside its operands. The setters are for the table of options.c. */

#include <stdbool.h>
#include <stdint.h>

struct region_options {
        uint64_t size_bytes, locks; /* of create; 0: not said */
        const char *mode;           /* octal, as it was said; or NULL */
        const char *lock, *part;    /* names, or NULL */
        bool shared, at_once, mend;
        bool stale, force, hexadecimal;
        uint64_t offset, length; /* of dump; length 0: not said */
        uint64_t count;          /* of create */
        bool has_count;
        uint64_t changes; /* of watch: after how many it ends; 0: not said */
};
#define REGION_OPTIONS_INIT                                                                                            \
        { .size_bytes = 0 }

struct options;

const char *region_set_size(struct options *options, const char *value);
const char *region_set_locks(struct options *options, const char *value);
const char *region_set_mode(struct options *options, const char *value);
const char *region_set_lock(struct options *options, const char *value);
const char *region_set_part(struct options *options, const char *value);
const char *region_set_shared(struct options *options, const char *value);
const char *region_set_nonblock(struct options *options, const char *value);
const char *region_set_mend(struct options *options, const char *value);
const char *region_set_stale(struct options *options, const char *value);
const char *region_set_force(struct options *options, const char *value);
const char *region_set_hex(struct options *options, const char *value);
const char *region_set_offset(struct options *options, const char *value);
const char *region_set_length(struct options *options, const char *value);
const char *region_set_count(struct options *options, const char *value);
const char *region_set_changes(struct options *options, const char *value);

#endif
