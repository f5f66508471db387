/* SPDX-License-Identifier: MIT */
#include "tools/leat/region_open.h"

#include "base/cleanup.h"
#include "channel/address.h"
#include "shared/evidence.h"
#include "shared/region.h"
#include "tools/leat/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool region_is_semaphore(const char *address) {
        return strncmp(address, "sysv-sem:", 9) == 0 || strncmp(address, "posix-sem:", 10) == 0;
}

/* Which of these options does it give? What is no address gives none: who opens it says what is wrong. */
static uint64_t given(const char *address, uint64_t options) {
        struct address parsed;
        if (address_parse(address, NULL, &parsed) < 0)
                return 0;
        uint64_t given = parsed.given & options;
        address_clear(&parsed);
        return given;
}

#define HOW (OPTION_BIT(OPTION_OPEN) | OPTION_BIT(OPTION_CREATE) | OPTION_BIT(OPTION_NEW))

bool region_says_how(const char *address) {
        return given(address, HOW) != 0;
}

/* With these options more. NULL: no memory. */
static char *with_options(const char *address, const char *options) {
        char *text;
        const char *mark = !*options ? "" : strchr(address, '?') ? "&" : "?";
        return asprintf(&text, "%s%s%s", address, mark, options) < 0 ? NULL : text;
}

int region_open(const char *address, bool write, int64_t deadline, struct leat_reason *ret_reason,
                struct leat_region **ret_region) {
        bool how = region_says_how(address), access = write || given(address, OPTION_BIT(OPTION_ACCESS)) != 0;
        const char *more = how ? (access ? "" : "access=ro") : access ? "open" : "open&access=ro";
        FREE_AT_EXIT char *text = with_options(address, more);
        return text ? leat_region_open(text, 0, NULL, deadline, ret_reason, ret_region) : -ENOMEM;
}

int region_open_semaphore(const char *address, int64_t deadline, struct leat_reason *ret_reason,
                          struct leat_sem **ret_sem) {
        /* Of sysv-sem: alone one can be looked at that may not be used, or that has no count yet. */
        bool how = region_says_how(address),
             as_it_is = strncmp(address, "sysv-sem:", 9) != 0 || given(address, OPTION_BIT(OPTION_ACCESS)) != 0;
        const char *more = how ? (as_it_is ? "" : "access=ro") : as_it_is ? "open" : "open&access=ro";
        FREE_AT_EXIT char *text = with_options(address, more);
        return text ? leat_sem_open(text, 0, deadline, ret_reason, ret_sem) : -ENOMEM;
}

int region_open_or_tell(const char *address, bool write, int64_t deadline, struct leat_region **ret_region) {
        struct leat_reason reason = { 0 };
        int r = region_open(address, write, deadline, &reason, ret_region);
        return r < 0 ? report(address, r, ASKING, &reason) : DONE;
}

bool region_is_stale(const struct leat_region *region, const struct leat_region_info *info) {
        /* Locks of our own descriptor are not seen by it. */
        return info->participants == 0 && region->lock_fd >= 0 &&
               !evidence_is_shared(region->lock_fd, region_lock_at(region, REGION_LOCK_READERS), 1);
}

void region_close_at(struct leat_region **region) {
        *region = leat_region_close(*region);
}

const char *region_size_text(uint64_t bytes, char text[24]) {
        static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
        double size = (double)bytes / 1024;
        size_t unit = 0;
        if (bytes < 1024) {
                snprintf(text, 24, "%" PRIu64, bytes);
                return text;
        }
        for (; size >= 1024 && unit < 3; unit++)
                size /= 1024;
        snprintf(text, 24, size == (double)(uint64_t)size ? "%.0f %s" : "%.1f %s", size, units[unit]);
        return text;
}

char *region_printable(char *text) {
        for (char *at = text; *at; at++)
                if ((unsigned char)*at < ' ' || *at == 0x7f)
                        *at = '?';
        return text;
}

json_t *region_text_json(const char *text) {
        if (!text)
                return json_null();
        json_t *value = json_string(text);
        FREE_AT_EXIT char *ascii = value ? NULL : strdup(text);
        for (char *at = ascii; at && *at; at++)
                if (*at < ' ' || *at > '~') /* of a signed char the upper half is below 0 */
                        *at = '?';
        return value ? value : json_string(ascii ? ascii : "?");
}
