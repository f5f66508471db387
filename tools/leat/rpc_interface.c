/* SPDX-License-Identifier: MIT */
#include "tools/leat/rpc_interface.h"

#include "tools/leat/report.h"
#include "tools/leat/rpc_schema.h"
#include "tools/leatgen/report.h"
#include "tools/leatgen/stages.h"

#include <stdlib.h>
#include <string.h>

struct rpc_compiled {
        struct options options;
        struct job job;
};

/* ---- what leatgen has to say ---- */

/* What stands nowhere in the file it says in its own name, which the caller does not know. */
static void say(const char *line, size_t size) {
        static const char own[] = "leatgen: error: ";
        size_t prefix = strlen(own);
        if (size > prefix && memcmp(line, own, prefix) == 0)
                complain(NULL, "%.*s", (int)(size - prefix - 1), line + prefix);
        else
                fwrite(line, 1, size, stderr);
}

/* Returns whether there was an error. Warnings are for who maintains the file. */
static bool say_reports(struct job *job) {
        struct page page = { 0 };
        bool failed = report_errors(job) > 0;
        report_show(job, &page);
        for (size_t at = 0; failed && at < page.size;) {
                const char *end = memchr(page.bytes + at, '\n', page.size - at);
                size_t size = end ? (size_t)(end + 1 - page.bytes) - at : page.size - at;
                say(page.bytes + at, size);
                at += size;
        }
        page_free(&page);
        return failed;
}

/* ---- programs ---- */

static uint32_t count_procedures(const struct version *version, bool *ret_has_null) {
        uint32_t count = 0;
        *ret_has_null = false;
        for (const struct procedure *one = version->procedures; one; one = one->next, count++)
                *ret_has_null |= one->number.value == 0;
        return count;
}

static struct leat_rpc_procedure procedure_of(const struct procedure *procedure) {
        return (struct leat_rpc_procedure){
                .number = (uint32_t)procedure->number.value,
                .flags = (procedure->idempotent ? LEAT_RPC_IDEMPOTENT : 0) | (procedure->stream ? LEAT_RPC_STREAM : 0),
                .argument = procedure->argument_node,
                .result = procedure->result_node,
                .timeout_ns = procedure->timeout_ns,
                .name = procedure->name,
        };
}

static void add_version(struct rpc_interface *interface, struct job *job, const struct leat_xdr_schema *schema,
                        const struct definition *program, const struct version *version) {
        bool has_null;
        uint32_t count = count_procedures(version, &has_null), at = 0;
        struct leat_rpc_procedure *procedures = job_take(job, (count + 1) * sizeof(*procedures));
        for (const struct procedure *one = version->procedures; one; one = one->next)
                procedures[at++] = procedure_of(one);
        if (!has_null)
                procedures[at++] = (struct leat_rpc_procedure){ .flags = LEAT_RPC_IDEMPOTENT, .name = "NULL" };
        interface->versions[interface->count++] = (struct rpc_version){
                .name = version->name,
                .program = { .name = program->name,
                             .number = (uint32_t)program->program_number.value,
                             .version = (uint32_t)version->number.value,
                             .count = at,
                             .procedures = procedures,
                             .schema = schema },
        };
}

/* For each version that is the file's own. */
static void walk_versions(struct rpc_interface *interface, struct job *job, const struct interface *read,
                          const struct leat_xdr_schema *schema, size_t *ret_count) {
        *ret_count = 0;
        for (const struct definition *program = read->definitions; program; program = program->next) {
                if (program->kind != DEFINITION_PROGRAM || program->imported)
                        continue;
                for (const struct version *version = program->versions; version; version = version->next, ++*ret_count)
                        if (interface->versions)
                                add_version(interface, job, schema, program, version);
        }
}

static void make_versions(struct rpc_interface *interface, struct job *job, const struct interface *read,
                          const struct schema *plan) {
        const struct leat_xdr_schema *schema = rpc_schema_make(job, plan);
        size_t count;
        walk_versions(interface, job, read, schema, &count);
        interface->versions = job_take(job, (count + 1) * sizeof(*interface->versions));
        walk_versions(interface, job, read, schema, &count);
}

/* ---- the file ---- */

int rpc_interface_read(const char *path, const struct rpc_reading *reading, struct rpc_interface *ret_interface) {
        struct rpc_compiled *compiled = allocate_cleared(1, sizeof(*compiled));
        compiled->options = (struct options){
                .search = reading->search, .defines = reading->defines, .extended = reading->extended, .small = true
        };
        job_begin(&compiled->job, &compiled->options);
        *ret_interface = (struct rpc_interface){ .compiled = compiled };
        struct interface *read = read_interface(&compiled->job, path);
        const struct schema *plan = complete_interface(&compiled->job, read);
        if (say_reports(&compiled->job) || !plan)
                return ANSWER_NO;
        make_versions(ret_interface, &compiled->job, read, plan);
        if (ret_interface->count > 0)
                return DONE;
        complain(path, "no program is defined in it, so there is nothing to call");
        return ANSWER_NO;
}

void rpc_interface_free(struct rpc_interface *interface) {
        if (interface->compiled)
                job_end(&interface->compiled->job);
        free(interface->compiled);
        *interface = (struct rpc_interface)RPC_INTERFACE_NONE;
}
