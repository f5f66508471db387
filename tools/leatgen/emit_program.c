/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/emit.h"

static void emit_procedure(struct page *page, const struct procedure *procedure) {
        page_format(page, "        { %uu, ", (unsigned)procedure->number.value);
        page_format(page, "%s%s%s, ", procedure->idempotent ? "LEAT_RPC_IDEMPOTENT" : "",
                    procedure->idempotent && procedure->stream ? " | " : "",
                    procedure->stream       ? "LEAT_RPC_STREAM"
                    : procedure->idempotent ? ""
                                            : "0");
        page_format(page, "%u, %u, %lld, \"%s\" },\n", procedure->argument_node, procedure->result_node,
                    (long long)procedure->timeout_ns, procedure->name);
}

static void emit_program(struct job *job, const struct interface *interface, const struct schema *schema,
                         const struct definition *program, const struct version *version, struct page *page) {
        (void)job, (void)schema;
        unsigned count = 0;
        for (const struct procedure *procedure = version->procedures; procedure; procedure = procedure->next)
                count++;
        if (count > 0) {
                page_format(page, "\nstatic const struct leat_rpc_procedure %s_procedures[] = {\n", version->c_name);
                for (const struct procedure *procedure = version->procedures; procedure; procedure = procedure->next)
                        emit_procedure(page, procedure);
                page_add(page, "};\n");
        }
        page_format(page, "\n__attribute__((weak)) const struct leat_rpc_program %s_program = {\n", version->c_name);
        page_format(page, "        \"%s\", %uu, %uu, %u, ", program->name, (unsigned)program->program_number.value,
                    (unsigned)version->number.value, count);
        if (count > 0)
                page_format(page, "%s_procedures", version->c_name);
        else
                page_add(page, "NULL");
        page_format(page, ", &%s_schema,\n};\n", interface->table);
}

void emit_programs(struct job *job, const struct interface *interface, const struct schema *schema, struct page *page) {
        for_versions(job, interface, schema, page, emit_program);
}
