/* SPDX-License-Identifier: MIT */
/*
 * The client calls what its command line names. Names of the interface stand beside the skeleton's own ones, so
 * variables of arguments begin with `given_`, which none of the others does.
 */
#include "tools/leatgen/skeleton.h"
#include "tools/leatgen/stages.h"

/* Says what became of a call. */
static const char tell[] =
        "\n"
        "/* Say what became of a call, and print its result: a value of `type`, or NULL. */\n"
        "static int told(const char *name, int r, const struct leat_rpc_call *call, struct leat_xdr_type type, const "
        "void *result) {\n"
        "        static const char *const ran[] = { \"it did not run\", \"it ran\", \"whether it ran is unknown\" };\n"
        "        struct leat_xdr_buffer text = { 0 };\n"
        "        char fault[256];\n"
        "        const char *why = leat_strerror(r);\n"
        "\n"
        "        if (call->fault.what != LEAT_XDR_OK)\n"
        "                why = leat_xdr_fault_text(&call->fault, fault, sizeof(fault));\n"
        "        else if (r == -EPROTO)\n"
        "                why = leat_rpc_status_text(call->status);\n"
        "        if (r < 0)\n"
        "                fprintf(stderr, \"%s: %s; %s\\n\", name, why, ran[call->ran]);\n"
        "        else\n"
        "                printf(\"%s: done\\n\", name);\n"
        "        if (r == 0 && result && leat_xdr_print(type, result, &text) == 0)\n"
        "                printf(\"%.*s\\n\", (int)text.size_bytes, (const char *)text.bytes);\n"
        "        leat_xdr_buffer_free(&text);\n"
        "        return r;\n"
        "}\n";

/* A variable with nothing in it. */
static void emit_variable(struct page *page, const struct schema *schema, const struct declaration *declaration,
                          const char *name) {
        if (passing_of(schema, declaration) == PASS_POINTER)
                page_format(page, "        %s *%s = NULL;\n", pointed_to(schema, declaration), name);
        else
                page_format(page, "        %s %s = { 0 };\n", c_type_of(&declaration->type), name);
}

static void emit_call(struct job *job, const struct interface *interface, const struct schema *schema,
                      const struct version *version, const struct procedure *procedure, unsigned index,
                      struct page *page) {
        page_format(page, "\nstatic int call_%s(struct leat_rpc_client *client) {\n", procedure->c_name);
        page_add(page, "        struct leat_xdr_arena arena = { 0 };\n"
                       "        struct leat_rpc_call call = leat_rpc_call_until(leat_in_s(5), &arena);\n");
        for (const struct declaration *argument = procedure->arguments; argument; argument = argument->next)
                emit_variable(page, schema, argument, job_format(job, "given_%s", argument->c_name));
        if (has_result(procedure))
                emit_variable(page, schema, &procedure->result, "result");
        page_add(page, "\n");
        if (procedure->arguments)
                page_add(page, "        /* what the call is given is filled in here */\n");
        page_format(page, "        int r = %s(client, ", procedure->c_name);
        for (const struct declaration *argument = procedure->arguments; argument; argument = argument->next)
                page_format(page, "%sgiven_%s, ", passing_of(schema, argument) == PASS_ADDRESS ? "&" : "",
                            argument->c_name);
        if (has_result(procedure))
                page_add(page, passing_of(schema, &procedure->result) == PASS_ARRAY ? "result, " : "&result, ");
        page_add(page, "&call);\n");
        page_format(page,
                    "        struct leat_xdr_type type = { %s_program.schema, %s_program.procedures[%u].result };\n",
                    version->c_name, version->c_name, index);
        page_format(page, "        r = told(\"%s\", r, &call, type, %s);\n",
                    procedure_member(job, interface, procedure), has_result(procedure) ? "&result" : "NULL");
        page_add(page, "        leat_xdr_arena_free(&arena);\n        return r;\n}\n");
}

static void emit_calls(struct job *job, const struct interface *interface, const struct schema *schema,
                       const struct definition *program, const struct version *version, struct page *page) {
        (void)program;
        unsigned index = 0;
        for (const struct procedure *procedure = version->procedures; procedure; procedure = procedure->next)
                emit_call(job, interface, schema, version, procedure, index++, page);
}

static void emit_rows(struct job *job, const struct interface *interface, const struct schema *schema,
                      const struct definition *program, const struct version *version, struct page *page) {
        (void)job, (void)interface, (void)schema, (void)program;
        for (const struct procedure *procedure = version->procedures; procedure; procedure = procedure->next)
                page_format(page, "        { \"%s\", call_%s },\n", procedure->c_name, procedure->c_name);
}

static const char main_function[] =
        "\n"
        "static int call_all(struct leat_rpc_client *client, const char *name) {\n"
        "        int found = !name, failed = 0;\n"
        "\n"
        "        for (size_t i = 0; calls[i].name; i++)\n"
        "                if (!name || strcmp(name, calls[i].name) == 0) {\n"
        "                        found = 1;\n"
        "                        failed |= calls[i].function(client) < 0;\n"
        "                }\n"
        "        if (!found)\n"
        "                fprintf(stderr, \"%s: there is no such procedure\\n\", name);\n"
        "        return failed || !found;\n"
        "}\n"
        "\n"
        "int main(int argc, char **argv) {\n"
        "        struct leat_rpc_client *client = NULL;\n"
        "        struct leat_reason reason = { 0 };\n"
        "        int failed = 0;\n"
        "\n"
        "        if (argc < 2)\n"
        "                return fprintf(stderr, \"usage: %s ADDRESS [PROCEDURE]...\\n\", argv[0]), 2;\n"
        "        int r = leat_rpc_connect(argv[1], NULL, leat_in_s(5), &reason, &client);\n"
        "        if (r < 0)\n"
        "                fprintf(stderr, \"%s: %s\\n\", argv[1], reason.text ? reason.text : leat_strerror(r));\n"
        "        else if (argc == 2)\n"
        "                failed = call_all(client, NULL);\n"
        "        for (int i = 2; r == 0 && i < argc; i++)\n"
        "                failed |= call_all(client, argv[i]);\n"
        "        leat_rpc_client_free(client);\n"
        "        return r < 0 || failed;\n"
        "}\n";

void emit_skeleton_client(struct job *job, const struct interface *interface, const struct schema *schema,
                          struct page *page) {
        skeleton_head(page, interface,
                      "A client to start from: it calls the procedures that its command line names, or each, with "
                      "empty arguments.");
        page_add(page, "#include <string.h>\n");
        page_add(page, tell);
        for_versions(job, interface, schema, page, emit_calls);
        page_add(page, "\nstatic const struct {\n"
                       "        const char *name;\n"
                       "        int (*function)(struct leat_rpc_client *client);\n"
                       "} calls[] = {\n");
        for_versions(job, interface, schema, page, emit_rows);
        page_add(page, "        { NULL, NULL },\n};\n");
        page_add(page, main_function);
}
