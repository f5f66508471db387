/* SPDX-License-Identifier: MIT */

/* What one region is, or one semaphore, or what else is at an address of shared memory. */

#include "base/cleanup.h"
#include "channel/address.h"
#include "memory/place.h"
#include "shared/attach.h"
#include "tools/leat/output.h"
#include "tools/leat/region_layout.h"
#include "tools/leat/region_open.h"
#include "tools/leat/region_show.h"
#include "tools/leat/region_tables.h"
#include "tools/leat/report.h"

#include <errno.h>
#include <inttypes.h>
#include <leat/semaphore.h>
#include <stdio.h>

/* ---- a region ---- */

static json_t *region_json(const char *address, const struct leat_region_info *info, struct leat_region *region) {
        char layout[64], time[40];
        bool named = layout_name(info->layout, layout);
        return json_pack("{s:o, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:o, s:I, s:s?, s:s?, s:I, "
                         "s:I, s:o, s:o, s:o, s:o}",
                         "address", region_text_json(address), "kind", "region", "memory",
                         region_text_json(info->memory), "lock_file", region_text_json(info->evidence), "size_bytes",
                         (json_int_t)info->size_bytes, "most_bytes", (json_int_t)info->most_bytes, "total_bytes",
                         (json_int_t)info->total_bytes, "log_bytes", (json_int_t)info->log_bytes, "participants",
                         (json_int_t)info->participants, "participants_most", (json_int_t)info->participants_most,
                         "dead", (json_int_t)info->dead, "stale", region_is_stale(region, info), "layout",
                         region_text_json(named ? layout : NULL), "commits", (json_int_t)info->changes, "made",
                         format_time(info->made_ns, time), "mode", region_mode_text(info->mode, (char[8]){ 0 }), "uid",
                         (json_int_t)info->uid, "gid", (json_int_t)info->gid, "fields",
                         region_fields_json(info->layout), "users", region_users_json(region), "parts",
                         region_counts_json(region), "locks", region_locks_json(region));
}

static void print_line(const char *title, const char *text) {
        FREE_AT_EXIT char *printable = text ? strdup(text) : NULL;
        printf("%-13s%s\n", title, printable ? region_printable(printable) : "-");
}

static void print_sizes(const struct leat_region_info *info) {
        char size[24], most[24], total[24], log[24];
        printf("%-13s%s, may grow to %s; %s with the header, places and log of %s\n", "size",
               region_size_text(info->size_bytes, size), region_size_text(info->most_bytes, most),
               region_size_text(info->total_bytes, total), region_size_text(info->log_bytes, log));
}

static void print_head(const char *address, const struct leat_region_info *info, bool stale) {
        char layout[64], time[40], mode[8];
        bool named = layout_name(info->layout, layout);
        print_line("address", address);
        print_line("memory", info->memory ? info->memory : "-");
        print_line("lock file", info->evidence ? info->evidence : "-");
        print_sizes(info);
        print_line("layout", named ? region_printable(layout) : "-");
        printf("%-13s%s, user %" PRIu32 ", group %" PRIu32 "\n", "mode", region_mode_text(info->mode, mode), info->uid,
               info->gid);
        const char *made = format_time(info->made_ns, time);
        print_line("made", made ? made : "-");
        printf("%-13s%" PRIu64 "\n", "commits", info->changes);
        printf("%-13s%" PRIu32 " of at most %" PRIu32 ", and %" PRIu32 " dead%s\n", "users", info->participants,
               info->participants_most, info->dead, stale ? ": stale" : "");
}

static int hand_out(json_t *value, json_t **ret_json) {
        *ret_json = value;
        return value ? DONE : report(NULL, -ENOMEM, WRITING_OUTPUT, NULL);
}

static int show_region(const struct options *options, const char *address, struct leat_region *region,
                       json_t **ret_json) {
        struct leat_region_info info = LEAT_REGION_INFO_INIT;
        int r = leat_region_info(region, &info);
        if (r < 0)
                return report(NULL, r, ASKING, NULL);
        if (options->format == FORMAT_JSON)
                return hand_out(region_json(address, &info, region), ret_json);
        print_head(address, &info, region_is_stale(region, &info));
        int code = region_users_print(region);
        if (!code)
                code = region_counts_print(region);
        return code ? code : region_locks_print(region, true);
}

/* ---- a semaphore ---- */

static json_t *known(int64_t number) {
        return number < 0 ? json_null() : json_integer(number);
}

/* A System V semaphore that was made, and that nobody has used or set since. */
static bool has_count(const struct leat_sem_info *info) {
        return info->waiters < 0 || info->last_s != 0 || info->last_pid != 0 || info->count != 0;
}

static json_t *semaphore_json(const char *address, const struct leat_sem_info *info) {
        char mode[8];
        return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:s, s:I, s:I}", "address",
                         region_text_json(address), "kind", "semaphore", "memory", region_text_json(info->where),
                         "count", known(has_count(info) ? (int64_t)info->count : -1), "waiting", known(info->waiters),
                         "last_pid", info->last_pid ? json_integer(info->last_pid) : json_null(), "set_size",
                         (json_int_t)info->set_size, "made", (json_int_t)info->made_s, "mode",
                         region_mode_text(info->mode, mode), "uid", (json_int_t)info->uid, "gid",
                         (json_int_t)info->gid);
}

static void print_semaphore(const char *address, const struct leat_sem_info *info) {
        char mode[8];
        print_line("address", address);
        print_line("object", info->where);
        printf("%-13s%" PRIu32 "%s\n", "count", info->count, has_count(info) ? "" : "; none was given yet");
        if (info->waiters >= 0)
                printf("%-13s%" PRId64 "\n", "waiting", info->waiters);
        if (info->last_pid)
                printf("%-13spid %d\n", "last used by", (int)info->last_pid);
        printf("%-13s%s, user %" PRIu32 ", group %" PRIu32 "\n", "mode", region_mode_text(info->mode, mode), info->uid,
               info->gid);
}

static int show_semaphore(const struct options *options, const char *address, json_t **ret_json) {
        struct leat_sem_info info = LEAT_SEM_INFO_INIT;
        struct leat_reason reason = { 0 };
        struct leat_sem *sem = NULL;
        int r = region_open_semaphore(address, options->deadline, &reason, &sem);
        if (r == 0)
                r = leat_sem_info(sem, &info);
        if (r < 0) {
                leat_sem_close(sem);
                return report(address, r, ASKING, &reason);
        }
        int code = DONE;
        if (options->format == FORMAT_JSON)
                code = hand_out(semaphore_json(address, &info), ret_json);
        else
                print_semaphore(address, &info);
        leat_sem_close(sem);
        return code;
}

/* ---- something else ---- */

struct foreign {
        uint64_t bytes;
        uint32_t whose[3]; /* mode, user, group */
        char *path;
};

/* What lies there, if anything does. -EALREADY: a region, which cannot be opened as such. */
static int look(const char *address, struct foreign *ret_foreign) {
        struct memory_place place = MEMORY_PLACE_NONE;
        struct region_shape shape;
        struct address parsed;
        int r = address_parse(address, NULL, &parsed);
        if (r < 0)
                return r;
        r = memory_place_new(parsed.scheme, parsed.rest, NULL, &place);
        if (r == 0)
                r = place.kind->find(&place, false, NULL);
        if (r == 0)
                r = place.kind->look(&place, &ret_foreign->bytes, ret_foreign->whose);
        if (r == 0 && region_look(&place, NULL, &ret_foreign->bytes, &shape) == 0)
                r = -EALREADY;
        if (r == 0)
                ret_foreign->path = TAKE(place.path);
        memory_place_clear(&place);
        address_clear(&parsed);
        return r;
}

static int show_foreign(const struct options *options, const char *address, const struct foreign *foreign,
                        json_t **ret_json) {
        char size[24], mode[8];
        (void)region_mode_text(foreign->whose[0], mode);
        if (options->format == FORMAT_JSON)
                return hand_out(json_pack("{s:o, s:s, s:o, s:I, s:s, s:I, s:I}", "address", region_text_json(address),
                                          "kind", "foreign", "memory", region_text_json(foreign->path), "size_bytes",
                                          (json_int_t)foreign->bytes, "mode", mode, "uid",
                                          (json_int_t)foreign->whose[1], "gid", (json_int_t)foreign->whose[2]),
                                ret_json);
        print_line("address", address);
        print_line("memory", foreign->path);
        print_line("kind", "no region of Leat; ?raw has it as it is");
        print_line("size", region_size_text(foreign->bytes, size));
        printf("%-13s%s, user %" PRIu32 ", group %" PRIu32 "\n", "mode", mode, foreign->whose[1], foreign->whose[2]);
        return DONE;
}

int region_show_one(const struct options *options, const char *address, json_t **ret_json) {
        CLEANUP(region_close_at) struct leat_region *region = NULL;
        struct leat_reason reason = { 0 };
        struct foreign foreign = { 0 };
        if (region_is_semaphore(address))
                return show_semaphore(options, address, ret_json);
        int r = region_open(address, false, options->deadline, &reason, &region);
        if (r == 0)
                return show_region(options, address, region, ret_json);
        if ((r != -EINVAL && r != -ENOENT) || look(address, &foreign) < 0)
                return report(address, r, ASKING, &reason);
        int code = show_foreign(options, address, &foreign, ret_json);
        free(foreign.path);
        return code;
}
