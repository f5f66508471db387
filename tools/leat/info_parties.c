/* SPDX-License-Identifier: MIT */
#include "tools/leat/info_parties.h"

#include "channel/counters.h"
#include "tools/leat/output.h"
#include "tools/leat/report.h"
#include "tools/leat/signal_names.h"
#include "tools/leat/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIRST 3 /* columns before the numbers */

bool info_has_parties(const char *address) {
        return strncmp(address, "shm:", 4) == 0;
}

/* What JSON can say. */
json_int_t info_whole(uint64_t number) {
        return number > INT64_MAX ? INT64_MAX : (json_int_t)number;
}

json_t *info_parties_json(const struct parties *parties) {
        json_t *array = json_array();
        for (size_t i = 0; i < parties->count; i++) {
                const struct party *party = &parties->all[i];
                char name[64], time[40];
                json_t *object =
                        json_pack("{s:i, s:s, s:s, s:b, s:I, s:s?}", "pid", (int)party->pid, "command",
                                  process_name(party->pid, name), "role", party_role(party), "listens",
                                  (party->flags & COUNTERS_LISTENS) != 0, "ring_bytes", info_whole(party->ring_bytes),
                                  "opened", format_time((int64_t)info_whole(party->opened_ns), time));
                for (size_t n = 0; n < PARTY_NUMBERS; n++)
                        json_object_set_new(object, party_numbers[n].key,
                                            json_integer(info_whole(party_number(party, n))));
                json_array_append_new(array, object);
        }
        return array;
}

/* Those that count nothing in any party are left out, so that lines stay short. */
static bool is_shown(const struct parties *parties, size_t number) {
        for (size_t i = 0; i < parties->count; i++)
                if (party_number(&parties->all[i], number) != 0)
                        return true;
        return false;
}

static int print_table(const struct parties *parties) {
        const char *names[FIRST + PARTY_NUMBERS] = { ">PID", "COMMAND", "ROLE" }, *cells[FIRST + PARTY_NUMBERS];
        char titles[PARTY_NUMBERS][16], texts[PARTY_NUMBERS][24], pid[16], name[64];
        size_t shown[PARTY_NUMBERS], count = 0;
        for (size_t n = 0; n < PARTY_NUMBERS; n++)
                if (is_shown(parties, n)) {
                        (void)snprintf(titles[count], sizeof(titles[count]), ">%s", party_numbers[n].title);
                        names[FIRST + count] = titles[count];
                        shown[count++] = n;
                }
        struct libscols_table *table = table_new(names, FIRST + count, 1);
        for (size_t i = 0; i < parties->count; i++) {
                const struct party *party = &parties->all[i];
                (void)snprintf(pid, sizeof(pid), "%d", (int)party->pid);
                cells[0] = pid;
                cells[1] = process_name(party->pid, name);
                cells[2] = party_role(party);
                for (size_t n = 0; n < count; n++) {
                        (void)snprintf(texts[n], sizeof(texts[n]), "%" PRIu64, party_number(party, shown[n]));
                        cells[FIRST + n] = texts[n];
                }
                table_add(table, cells, FIRST + count);
        }
        return table_print(table);
}

int info_parties_print(const struct parties *parties, uint64_t connections) {
        int code = DONE;
        if (parties->count > 0) {
                putchar('\n');
                code = print_table(parties);
        }
        if (!code && parties_are_hidden(parties, connections)) {
                puts("\nNot every party can be seen: processes of other users, of other pid name spaces and those that "
                     "are not\n"
                     "dumpable are for root, on the host, to look at.");
                code = output_flush();
        }
        return code;
}
