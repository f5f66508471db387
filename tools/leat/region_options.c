/* SPDX-License-Identifier: MIT */
#include "tools/leat/region_options.h"

#include "channel/address.h"
#include "shared/name.h"
#include "tools/leat/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOCKS_MOST 4096

/* 4096, 64k, 1M, or 0x1000. */
static bool read_size(const char *text, uint64_t *ret_size) {
        char *end;
        if (strncmp(text, "0x", 2) != 0)
                return address_parse_size(text, ret_size);
        errno = 0;
        *ret_size = strtoull(text, &end, 16);
        return end != text + 2 && !*end && errno == 0;
}

static const char *set_bytes(uint64_t *ret_bytes, const char *value, uint64_t least) {
        bool good = read_size(value, ret_bytes) && *ret_bytes >= least && *ret_bytes <= INT64_MAX;
        return good ? NULL : "is not a number of bytes; write 4096, 64k, 1M or 0x1000";
}

const char *region_set_size(struct options *options, const char *value) {
        return set_bytes(&options->region.size_bytes, value, 1);
}

const char *region_set_offset(struct options *options, const char *value) {
        return set_bytes(&options->region.offset, value, 0);
}

const char *region_set_length(struct options *options, const char *value) {
        return set_bytes(&options->region.length, value, 1);
}

const char *region_set_locks(struct options *options, const char *value) {
        bool good = options_count(value, 1, LOCKS_MOST, &options->region.locks);
        return good ? NULL : "is not a number of locks; write one from 1 to 4096";
}

const char *region_set_mode(struct options *options, const char *value) {
        size_t digits = strspn(value, "01234567");
        if (digits < 1 || digits > 4 || value[digits] || strtoul(value, NULL, 8) > 0777)
                return "is not a mode; write permission bits in octal, as 0660";
        options->region.mode = value;
        return NULL;
}

const char *region_set_count(struct options *options, const char *value) {
        options->region.has_count = true;
        bool good = options_count(value, 0, UINT64_MAX, &options->region.count);
        return good ? NULL : "is not a count; write a number from 0";
}

const char *region_set_changes(struct options *options, const char *value) {
        bool good = options_count(value, 1, UINT64_MAX, &options->region.changes);
        return good ? NULL : "is not a count; write a number from 1";
}

const char *region_set_part(struct options *options, const char *value) {
        uint64_t words[NAME_WORDS];
        options->region.part = value;
        return !*value || name_encode(value, words) == 0
                       ? NULL
                       : "is no name of a part; write 1 to 31 bytes without control characters, or '' for the whole";
}

#define TEXT_SETTER(option, field)                                                                                     \
        const char *region_set_##option(struct options *options, const char *value) {                                  \
                options->region.field = value;                                                                         \
                return NULL;                                                                                           \
        }
TEXT_SETTER(lock, lock)

#define FLAG_SETTER(option, field)                                                                                     \
        const char *region_set_##option(struct options *options, const char *value) {                                  \
                (void)value;                                                                                           \
                options->region.field = true;                                                                          \
                return NULL;                                                                                           \
        }
FLAG_SETTER(shared, shared)
FLAG_SETTER(nonblock, at_once)
FLAG_SETTER(mend, mend)
FLAG_SETTER(stale, stale)
FLAG_SETTER(force, force)
FLAG_SETTER(hex, hexadecimal)
