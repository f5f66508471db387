/* SPDX-License-Identifier: MIT */

/* leat rpc list: what a server serves. */

#include "tools/leat/output.h"
#include "tools/leat/progress.h"
#include "tools/leat/report.h"
#include "tools/leat/rpc_companion.h"
#include "tools/leat/rpc_names.h"
#include "tools/leat/rpc_parts.h"
#include "tools/leat/rpc_truth.h"
#include "tools/leat/rpc_where.h"
#include "tools/leat/table.h"

#include <errno.h>
#include <inttypes.h>
#include <leat/rpcbind.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_BYTES 16

/* ---- of a server of Leat ---- */

/* "1 ADD, 2 FIND". NULL without memory. */
static char *routines_text(const struct served_service *service) {
        char *text = NULL;
        size_t size;
        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return NULL;
        for (uint32_t i = 0; i < service->routines.count; i++) {
                const struct served_routine *routine = &service->routines.items[i];
                char *name = rpc_name_clean(routine->name.text, routine->name.size_bytes);
                fprintf(stream, "%s%" PRIu32 " %s", i ? ", " : "", routine->number, name ? name : "");
                free(name);
        }
        return fclose(stream) == 0 ? text : NULL;
}

static void add_service(struct libscols_table *table, const struct served_service *service) {
        char number[NUMBER_BYTES], version[NUMBER_BYTES];
        char *name = rpc_name_clean(service->name.text, service->name.size_bytes), *routines = routines_text(service);
        snprintf(number, sizeof(number), "%" PRIu32, service->number);
        snprintf(version, sizeof(version), "%" PRIu32, service->its_version);
        table_add(table, (const char *const[]){ number, version, name, routines }, 4);
        free(routines);
        free(name);
}

static int print_services(const struct served_listing *listing) {
        static const char *const columns[] = { ">PROGRAM", ">VERSION", "NAME", "PROCEDURES" };
        struct libscols_table *table = table_new(columns, 4, true);
        for (uint32_t i = 0; i < listing->services.count; i++)
                add_service(table, &listing->services.items[i]);
        int code = table_print(table);
        if (listing->cut)
                printf("There are more, which did not fit into the answer.\n");
        return code;
}

static json_t *name_json(const char *name, size_t size_bytes) {
        char *clean = rpc_name_clean(name, size_bytes);
        json_t *value = clean ? json_string(clean) : NULL;
        free(clean);
        return value;
}

static json_t *routine_json(const struct served_routine *routine) {
        return json_pack("{s:o, s:I, s:b, s:b}", "name", name_json(routine->name.text, routine->name.size_bytes),
                         "number", (json_int_t)routine->number, "idempotent",
                         routine->flags & LEAT_RPC_IDEMPOTENT ? 1 : 0, "stream",
                         routine->flags & LEAT_RPC_STREAM ? 1 : 0);
}

static json_t *service_json(const struct served_service *service) {
        json_t *routines = json_array();
        for (uint32_t i = 0; i < service->routines.count; i++)
                (void)json_array_append_new(routines, routine_json(&service->routines.items[i]));
        return json_pack("{s:o, s:I, s:I, s:o}", "name", name_json(service->name.text, service->name.size_bytes),
                         "program", (json_int_t)service->number, "version", (json_int_t)service->its_version,
                         "procedures", routines);
}

static int print_services_json(const struct served_listing *listing) {
        json_t *services = json_array();
        for (uint32_t i = 0; i < listing->services.count; i++)
                (void)json_array_append_new(services, service_json(&listing->services.items[i]));
        return output_json(json_pack("{s:o, s:b}", "programs", services, "cut", listing->cut));
}

/* ---- of rpcbind ---- */

static void add_entry(struct libscols_table *table, const struct leat_rpcbind_entry *entry) {
        char number[NUMBER_BYTES], version[NUMBER_BYTES], name[RPC_NAME_MOST];
        const char *address = entry->address ? entry->address : entry->universal;
        char *texts[] = { rpc_name_clean(entry->netid, strlen(entry->netid)), rpc_name_clean(address, strlen(address)),
                          rpc_name_clean(entry->owner, strlen(entry->owner)) };
        snprintf(number, sizeof(number), "%" PRIu32, entry->program);
        snprintf(version, sizeof(version), "%" PRIu32, entry->version);
        table_add(table,
                  (const char *const[]){ number, version, rpc_name_of(entry->program, name), texts[0], texts[1],
                                         texts[2] },
                  6);
        for (size_t i = 0; i < 3; i++)
                free(texts[i]);
}

static json_t *text_json(const char *text) {
        return text ? name_json(text, strlen(text)) : json_null();
}

static json_t *entry_json(const struct leat_rpcbind_entry *entry) {
        char name[RPC_NAME_MOST];
        return json_pack("{s:I, s:I, s:s, s:o, s:o, s:o, s:o}", "program", (json_int_t)entry->program, "version",
                         (json_int_t)entry->version, "name", rpc_name_of(entry->program, name), "netid",
                         text_json(entry->netid), "universal", text_json(entry->universal), "address",
                         text_json(entry->address), "owner", text_json(entry->owner));
}

static int print_entries(const struct leat_rpcbind_entry *entries, size_t count) {
        static const char *const columns[] = { ">PROGRAM", ">VERSION", "NAME", "NETID", "ADDRESS", "OWNER" };
        struct libscols_table *table = table_new(columns, 6, true);
        for (size_t i = 0; i < count; i++)
                add_entry(table, &entries[i]);
        return table_print(table);
}

static int print_entries_json(const struct leat_rpcbind_entry *entries, size_t count) {
        json_t *array = json_array();
        for (size_t i = 0; i < count; i++)
                (void)json_array_append_new(array, entry_json(&entries[i]));
        return output_json(json_pack("{s:o}", "registrations", array));
}

/* rpcbind: NULL is this host's. */
static int list_rpcbind(const struct options *options, int64_t deadline, const char *address, const char *rpcbind,
                        bool must_be_one) {
        RPC_ARENA_AT_EXIT struct leat_xdr_arena arena = { 0 };
        struct leat_rpcbind_entry *entries;
        struct leat_reason reason = { 0 };
        size_t count;
        progress_begin("waiting for rpcbind");
        int r = leat_rpcbind_list(rpcbind, deadline, &arena, &entries, &count, &reason);
        progress_end();
        if (r == 0)
                return options->format == FORMAT_JSON ? print_entries_json(entries, count)
                                                      : print_entries(entries, count);
        if (r == -EPROTONOSUPPORT || r == -EPROTO || r == -EBADMSG) {
                complain(address,
                         must_be_one ? "what answers there is no rpcbind; give the address with its port"
                                     : "the server does not tell: it is none of Leat, and no rpcbind; its interface "
                                       "file says what it serves");
                return ANSWER_NO;
        }
        return rpc_truth_unreached(address, r, &reason);
}

/* ---- the command ---- */

/* Returns DONE; -ENOENT: it is no server of Leat; or the exit code. */
static int list_server(const struct options *options, int64_t deadline, const char *address) {
        RPC_CLIENT_AT_EXIT struct leat_rpc_client *client = NULL;
        RPC_ARENA_AT_EXIT struct leat_xdr_arena arena = { 0 };
        const struct rpc_options plain = { .plain = true };
        struct served_listing listing;
        int code = rpc_where_connect(address, &plain, deadline, &client);
        if (code)
                return code;
        struct leat_rpc_call call = leat_rpc_call_until(deadline, &arena);
        progress_begin("waiting for the answer");
        int r = served_list_1(client, &listing, &call);
        progress_end();
        if (r == 0)
                return options->format == FORMAT_JSON ? print_services_json(&listing) : print_services(&listing);
        if (r == -EPROTO && call.status == LEAT_RPC_PROGRAM_UNAVAILABLE)
                return -ENOENT;
        return rpc_truth_tell(&(struct rpc_asked){ address, "LIST", &served_1_program, true, client }, r, &call);
}

static int run_list(const struct options *options) {
        const char *address = options->operands[0], *rpcbind;
        char text[RPC_ADDRESS_MOST];
        int64_t deadline = rpc_where_until(options->deadline);
        int code = rpc_where_check(address);
        if (code)
                return code;
        if (rpc_where_asks(address)) {
                rpc_where_rpcbind(address, text, &rpcbind);
                return list_rpcbind(options, deadline, address, rpcbind, true);
        }
        code = list_server(options, deadline, address);
        return code == -ENOENT ? list_rpcbind(options, deadline, address, address, false) : code;
}

const struct command command_rpc_list = {
        .name = "rpc list",
        .operands = "ADDRESS",
        .summary = "Print which programs a server has, or what is registered with rpcbind",
        .takes = TAKES_TIMEOUT | TAKES_JSON,
        .operands_min = 1,
        .operands_max = 1,
        .details =
                "A server of Leat tells its programs and their procedures. Of rpcbind, which is also asked with an\n"
                "ADDRESS that has no port (tcp: is this host), the registrations are printed. It waits up to 10s.\n\n"
                "Exit: 0 printed; 1 the server does not tell; 2 usage; 3 nobody answers; 4 no answer came; 5 the\n"
                "answer cannot be read; 71 the system refused.\n\n"
                "Example: leat rpc list tcp:localhost\n",
        .run = run_list,
};
