/* SPDX-License-Identifier: MIT */

/* leat signal list: what signals there are. */

#include "tools/leat/output.h"
#include "tools/leat/report.h"
#include "tools/leat/signal_names.h"
#include "tools/leat/signal_parts.h"
#include "tools/leat/table.h"

#include <stdio.h>

static void add_row(struct libscols_table *table, const struct leat_signal_entry *entry) {
        char number[16];
        snprintf(number, sizeof(number), "%d", entry->number);
        table_add(table,
                  (const char *const[]){ number, entry->name, leat_action_name(entry->action),
                                         entry->catchable ? "yes" : "no", entry->meaning },
                  5);
}

static json_t *entry_json(const struct leat_signal_entry *entry) {
        return json_pack("{s:i, s:s, s:s, s:b, s:b, s:s}", "number", entry->number, "name", entry->name, "action",
                         leat_action_name(entry->action), "catchable", entry->catchable, "real_time", entry->real_time,
                         "meaning", entry->meaning);
}

/* Of each that is in the set; JSON if `array` is not NULL, else the table. */
static void add_all(const sigset_t *set, struct libscols_table *table, json_t *array) {
        for (int number = 1; number <= SIGRTMAX; number++) {
                const struct leat_signal_entry *entry = leat_signal_entry(number);
                if (!entry || !sigismember(set, number))
                        continue;
                if (array)
                        (void)json_array_append_new(array, entry_json(entry));
                else
                        add_row(table, entry);
        }
}

static int run_list(const struct options *options) {
        static const char *const columns[] = { ">NUMBER", "NAME", "ACTION", "CATCH", "MEANING" };
        sigset_t set;
        sigemptyset(&set);
        for (size_t i = 0; i < options->operands_count; i++) {
                int number, code = signal_read(options->operands[i], &number);
                if (code)
                        return code;
                sigaddset(&set, number);
        }
        if (options->operands_count == 0)
                sigfillset(&set);
        /* glibc's sigfillset leaves its own two out; SIGKILL and SIGSTOP are in. */
        json_t *array = options->format == FORMAT_JSON ? json_array() : NULL;
        if (options->format == FORMAT_JSON) {
                add_all(&set, NULL, array);
                return output_json(array);
        }
        struct libscols_table *table = table_new(columns, 5, true);
        add_all(&set, table, NULL);
        return table_print(table);
}

const struct command command_signal_list = {
        .name = "signal list",
        .operands = "[SIGNAL]...",
        .summary = "List all signals, or these: number, name, default action, may it be caught, meaning",
        .takes = TAKES_JSON,
        .operands_min = 0,
        .operands_max = -1,
        .details = "A SIGNAL is TERM, SIGTERM, RTMIN+3, RTMAX-1 or a number. ACTION is what it does to a process that "
                   "has\n"
                   "said nothing else: terminate, core (terminate, and leave a core file), stop, continue, ignore.\n"
                   "Numbers that are missing are kept by the C library for itself.\n\n"
                   "Exit: 0 done; 2 usage.\n\n"
                   "Example: leat signal list TERM 9 RTMIN+3\n",
        .run = run_list,
};
