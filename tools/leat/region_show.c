/* SPDX-License-Identifier: MIT */

/* leat region show: which regions there are; or what one is, who takes part, its parts and its locks (region_show_one.c). */

#include "tools/leat/region_show.h"

#include "base/cleanup.h"
#include "tools/leat/output.h"
#include "tools/leat/region_find.h"
#include "tools/leat/region_open.h"
#include "tools/leat/region_parts.h"
#include "tools/leat/report.h"
#include "tools/leat/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void number_text(int64_t number, char text[24]) {
        if (number < 0)
                snprintf(text, 24, "-");
        else
                snprintf(text, 24, "%" PRId64, number);
}

static void add_row(struct libscols_table *table, const struct found_region *found) {
        char size[24], users[24], dead[24];
        bool has_size = found->kind != FOUND_SEMAPHORE && found->kind != FOUND_LOCK_FILE && found->error == 0;
        number_text(found->participants, users);
        number_text(found->dead, dead);
        table_add(table,
                  (const char *const[]){ found->address, found_kinds[found->kind],
                                         has_size ? region_size_text(found->size_bytes, size) : "-", users, dead,
                                         found->layout[0] ? found->layout : "-", found->state },
                  7);
}

static json_t *known(int64_t number) {
        return number < 0 ? json_null() : json_integer(number);
}

static json_t *found_json(const struct found_region *found) {
        bool lock_file = found->evidence[0] != '\0';
        return json_pack("{s:o, s:s, s:I, s:o, s:o, s:o, s:o, s:I, s:b, s:s}", "address",
                         region_text_json(found->address), "kind", found_kinds[found->kind], "size_bytes",
                         (json_int_t)found->size_bytes, "participants", known(found->participants), "dead",
                         known(found->dead), "layout", region_text_json(found->layout[0] ? found->layout : NULL),
                         "lock_file", region_text_json(lock_file ? found->evidence : NULL), "uid",
                         (json_int_t)found->uid, "stale", found->stale, "state", found->state);
}

static int print_json(const struct options *options, const struct found_list *list) {
        json_t *array = json_array();
        for (size_t i = 0; array && i < list->count; i++)
                if (list->all[i].stale || !options->region.stale)
                        (void)json_array_append_new(array, found_json(&list->all[i]));
        return output_json(array);
}

static int print_table(const struct options *options, const struct found_list *list) {
        static const char *const columns[] = { "ADDRESS", "KIND", ">SIZE", ">USERS", ">DEAD", "LAYOUT", "STATE" };
        struct libscols_table *table = table_new(columns, 7, true);
        for (size_t i = 0; i < list->count; i++)
                if (list->all[i].stale || !options->region.stale)
                        add_row(table, &list->all[i]);
        return table_print(table);
}

int region_show_all(const struct options *options) {
        CLEANUP(found_free) struct found_list list = { 0 };
        int r = found_all(&list);
        if (r < 0)
                return report(NULL, r, ASKING, NULL);
        return options->format == FORMAT_JSON ? print_json(options, &list) : print_table(options, &list);
}

/* With --json: of one address its object, of several an array. */
static int print_shown(const struct options *options, json_t *shown) {
        json_t *one = options->operands_count == 1 ? json_incref(json_array_get(shown, 0)) : NULL;
        if (options->operands_count > 1)
                return output_json(shown);
        json_decref(shown);
        return one ? output_json(one) : DONE;
}

static int show_each(const struct options *options) {
        json_t *shown = json_array();
        int code = DONE, printed = 0;
        for (size_t i = 0; i < options->operands_count; i++) {
                json_t *json = NULL;
                if (printed)
                        putchar('\n');
                int one = region_show_one(options, options->operands[i], &json);
                printed = one == DONE && !json;
                code = one ? one : code;
                (void)json_array_append_new(shown, json); /* none: it was printed, or there is nothing to tell */
        }
        if (options->format != FORMAT_JSON) {
                json_decref(shown);
                return code;
        }
        int put = print_shown(options, shown);
        return put ? put : code;
}

static int run_show(const struct options *options) {
        if (options->operands_count == 0)
                return region_show_all(options);
        if (options->region.stale)
                return complain_usage("--stale", "lists all that are; leave the address out");
        return show_each(options);
}

const struct command command_region_show = {
        .name = "region show",
        .operands = "[ADDRESS]...",
        .summary = "List all regions, or tell who uses one, what is in it, and who waits for what",
        .takes = TAKES_STALE | TAKES_TIMEOUT | TAKES_JSON,
        .operands_min = 0,
        .operands_max = -1,
        .details =
                "Without an ADDRESS: each region in POSIX shared memory and System V segments, and segments and\n"
                "semaphores of other programs. USERS are the living processes that take part, DEAD those that were "
                "killed\n"
                "and whose place nobody has taken since. With --stale what no living process holds: regions, segments\n"
                "that nobody has attached, lock files whose region is gone. A process that has a region open holds a "
                "lock of\n"
                "the kernel, so this is no guess. Regions in files (map:) are listed nowhere; name one.\n\n"
                "Exit: 0 done; 1 nothing is there; 2 usage; 71 the system refused; 124 the deadline passed.\n\n"
                "Example: leat region show --stale\n",
        .run = run_show,
};
