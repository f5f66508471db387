/* SPDX-License-Identifier: MIT */
#include "tools/leat/info_budget.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "channel/address.h"
#include "channel/link_ring.h"
#include "memory/limits.h"
#include "tools/leat/info_parties.h"
#include "tools/leat/output.h"
#include "tools/leat/report.h"
#include "tools/leat/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define CHANNEL_HOLDS 6 /* descriptors beside those of its links: what it sleeps on, its name, its counters, its door */
#define CHANNEL_MAPPINGS 1 /* its counters */
#define LIMITS_MOST (MEMORY_LIMITS_MOST + 8)

/* What it would take. One that receives holds an end of each connection. */
struct budget {
        bool sender_huge, receiver_huge;
        uint64_t connections, sender_ring, receiver_ring;
        uint64_t sender_bytes, receiver_bytes; /* of memory, for one connection */
        uint64_t huge_bytes, bytes;            /* of all: of huge pages, and of others */
        uint64_t addresses;                    /* of the receiver, as the next two */
        uint64_t descriptors, mappings;
};

/* One limit beside what is needed under it. */
struct line {
        const char *name, *where;
        uint64_t limit, left, needed;
};

struct lines {
        struct memory_limits memory;
        struct line all[LIMITS_MOST];
        size_t count;
};

static const struct {
        const char *key, *title;
        size_t offset;
} numbers[] = {
        { "connections", "connections", offsetof(struct budget, connections) },
        { "sender_ring_bytes", "ring of a sender, bytes", offsetof(struct budget, sender_ring) },
        { "receiver_ring_bytes", "ring of the receiver, bytes", offsetof(struct budget, receiver_ring) },
        { "sender_bytes", "memory of a sender, bytes", offsetof(struct budget, sender_bytes) },
        { "receiver_bytes", "memory of the receiver, each connection", offsetof(struct budget, receiver_bytes) },
        { "bytes", "memory of all, bytes", offsetof(struct budget, bytes) },
        { "huge_bytes", "huge pages of all, bytes", offsetof(struct budget, huge_bytes) },
        { "receiver_address_bytes", "addresses of the receiver, bytes", offsetof(struct budget, addresses) },
        { "receiver_descriptors", "descriptors of the receiver", offsetof(struct budget, descriptors) },
        { "receiver_mappings", "mappings of the receiver", offsetof(struct budget, mappings) },
};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static uint64_t number_of(const struct budget *budget, size_t i) {
        return *(const uint64_t *)(const void *)((const char *)budget + numbers[i].offset);
}

/* ---- what it would take ---- */

static void share(struct budget *budget, bool huge, uint64_t bytes) {
        *(huge ? &budget->huge_bytes : &budget->bytes) += bytes * budget->connections;
}

/* Of a pair both ends send; else the receiver's ring carries answers alone. */
static struct budget plan(const struct address *address) {
        bool pair = address_given(address, OPTION_PATTERN) && address->pattern == LEAT_PAIR;
        struct budget budget = { .sender_huge = address_given(address, OPTION_HUGE) };
        budget.connections = address_given(address, OPTION_CONNECTIONS) && !pair ? address->connections : 1;
        budget.receiver_huge = pair && budget.sender_huge;
        budget.sender_ring = address->ring ? address->ring : link_ring_usual(budget.sender_huge);
        budget.receiver_ring = pair ? budget.sender_ring : LINK_RING_BACK;
        budget.sender_bytes = link_ring_memory(budget.sender_ring, budget.sender_huge);
        budget.receiver_bytes = link_ring_memory(budget.receiver_ring, budget.receiver_huge);
        share(&budget, budget.sender_huge, budget.sender_bytes);
        share(&budget, budget.receiver_huge, budget.receiver_bytes);
        budget.addresses = budget.connections * (link_ring_addresses(budget.sender_ring, budget.sender_huge) +
                                                 link_ring_addresses(budget.receiver_ring, budget.receiver_huge));
        uint64_t holds = LINK_RING_HOLDS + (budget.sender_ring > MEMFILE_AT_ONCE ? LINK_RING_REACHES : 0);
        budget.descriptors = CHANNEL_HOLDS + holds * budget.connections;
        budget.mappings = CHANNEL_MAPPINGS + LINK_RING_MAPPINGS * budget.connections;
        return budget;
}

/* ---- what there is ---- */

static void add(struct lines *lines, const char *name, const char *where, uint64_t limit, uint64_t left,
                uint64_t needed) {
        if (needed > 0)
                lines->all[lines->count++] = (struct line){ name, where, limit, left, needed };
}

/* How much this process has of its address space, in pages. */
static uint64_t pages_mapped(void) {
        char text[64] = "";
        FILE *file = fopen("/proc/self/statm", "re");
        const char *line = file ? fgets(text, sizeof(text), file) : NULL;
        if (file)
                fclose(file);
        return line ? strtoull(line, NULL, 10) : 0;
}

static void add_rlimit(struct lines *lines, const char *name, int resource, uint64_t used, uint64_t needed) {
        struct rlimit limit;
        if (getrlimit((__typeof__(RLIMIT_NOFILE))resource, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
                return;
        add(lines, name, "", limit.rlim_cur, limit.rlim_cur > used ? limit.rlim_cur - used : 0, needed);
}

static void compare(const struct budget *budget, struct lines *lines) {
        const struct memory_paths *paths = &memory_paths_system;
        uint64_t largest =
                budget->sender_bytes > budget->receiver_bytes ? budget->sender_bytes : budget->receiver_bytes;
        int64_t maps = limit_sysctl("vm.max_map_count");
        memory_limits_read(paths, &lines->memory);
        for (size_t i = 0; i < lines->memory.count; i++) {
                const struct memory_limit *limit = &lines->memory.all[i];
                add(lines, limit->name, limit->where, limit->limit, memory_left(&lines->memory, limit), budget->bytes);
        }
        add(lines, "HugePages_Free", "", memory_machine(paths, "HugePages_Total") * memfile_huge_bytes(),
            memory_machine(paths, "HugePages_Free") * memfile_huge_bytes(), budget->huge_bytes);
        add_rlimit(lines, "RLIMIT_AS", RLIMIT_AS, pages_mapped() * (uint64_t)sysconf(_SC_PAGESIZE), budget->addresses);
        add_rlimit(lines, "RLIMIT_FSIZE", RLIMIT_FSIZE, 0, largest);
        add_rlimit(lines, "RLIMIT_NOFILE", RLIMIT_NOFILE, 3, budget->descriptors);
        if (maps > 0)
                add(lines, "vm.max_map_count", "", (uint64_t)maps, (uint64_t)maps, budget->mappings);
}

static const struct line *refusal(const struct lines *lines) {
        for (size_t i = 0; i < lines->count; i++)
                if (lines->all[i].needed > lines->all[i].left)
                        return &lines->all[i];
        return NULL;
}

/* ---- telling ---- */

static json_t *lines_json(const struct lines *lines) {
        json_t *array = json_array();
        for (size_t i = 0; i < lines->count; i++) {
                const struct line *line = &lines->all[i];
                json_array_append_new(array, json_pack("{s:s, s:s, s:I, s:I, s:I, s:b}", "name", line->name, "where",
                                                       line->where, "limit", (json_int_t)line->limit, "left",
                                                       (json_int_t)line->left, "needed", (json_int_t)line->needed,
                                                       "fits", line->needed <= line->left));
        }
        return array;
}

static int tell_json(const struct budget *budget, const struct lines *lines) {
        json_t *object = json_object();
        for (size_t i = 0; i < NUMBERS; i++)
                json_object_set_new(object, numbers[i].key, json_integer((json_int_t)number_of(budget, i)));
        json_object_set_new(object, "limits", lines_json(lines));
        json_object_set_new(object, "fits", json_boolean(!refusal(lines)));
        return output_json(object);
}

static int tell_budget(const struct budget *budget) {
        static const char *const names[] = { "WHAT", "VALUE" };
        struct libscols_table *table = table_new(names, 2, 0);
        for (size_t i = 0; i < NUMBERS; i++) {
                char text[24];
                const char *const cells[] = { numbers[i].title, text };
                (void)snprintf(text, sizeof(text), "%" PRIu64, number_of(budget, i));
                if (number_of(budget, i) > 0)
                        table_add(table, cells, 2);
        }
        return table_print(table);
}

static int tell_lines(const struct lines *lines) {
        static const char *const names[] = { "LIMIT", "WHERE", ">VALUE", ">LEFT", ">NEEDED", "FITS" };
        struct libscols_table *table = table_new(names, 6, 1);
        for (size_t i = 0; i < lines->count; i++) {
                const struct line *line = &lines->all[i];
                char limit[24], left[24], needed[24];
                const char *const cells[] = { line->name, line->where, limit,
                                              left,       needed,      line->needed <= line->left ? "yes" : "no" };
                (void)snprintf(limit, sizeof(limit), "%" PRIu64, line->limit);
                (void)snprintf(left, sizeof(left), "%" PRIu64, line->left);
                (void)snprintf(needed, sizeof(needed), "%" PRIu64, line->needed);
                table_add(table, cells, 6);
        }
        putchar('\n');
        return table_print(table);
}

int info_dry_run(const struct options *options) {
        const char *text = options->operands[0];
        CLEANUP(address_clear) struct address address = { 0 };
        struct leat_reason reason = { 0 };
        if (!info_has_parties(text)) {
                complain(text, "only of shm: the memory is known before it starts");
                return SYSTEM_REFUSED;
        }
        int r = leat_address_check(text, &reason);
        if (r == 0)
                r = address_parse(text, &reason, &address);
        if (r < 0)
                return report(text, r, ASKING, &reason);
        const struct budget budget = plan(&address);
        struct lines lines = { .count = 0 };
        compare(&budget, &lines);
        int code = options->format == FORMAT_JSON ? tell_json(&budget, &lines) : tell_budget(&budget);
        if (!code && options->format != FORMAT_JSON)
                code = tell_lines(&lines);
        const struct line *by = refusal(&lines);
        if (!code && by)
                complain(text, "that does not fit: %s%s%s leaves %" PRIu64 " of %" PRIu64 " needed", by->name,
                         *by->where ? " of " : "", by->where, by->left, by->needed);
        return code ? code : by ? ANSWER_NO : DONE;
}
