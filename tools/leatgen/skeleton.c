/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/skeleton.h"

#include "tools/leatgen/stages.h"

void skeleton_head(struct page *page, const struct interface *interface, const char *text) {
        page_format(page, "/* %s */\n", text);
        page_format(page, "#include \"%s.h\"\n\n", interface->base);
        page_add(page, "#include <errno.h>\n#include <leat.h>\n#include <stdio.h>\n");
}

/* ---- the server ---- */

static void emit_function(struct page *page, const struct schema *schema, const struct procedure *procedure) {
        page_add(page, "\n");
        emit_comment(page, procedure->documentation, 0);
        page_format(page, "static int serve_%s(", procedure->c_name);
        emit_values(page, schema, procedure);
        page_add(page, "struct leat_rpc_request *request, void *userdata) {\n");
        for (const struct declaration *argument = procedure->arguments; argument; argument = argument->next)
                page_format(page, "        (void)%s;\n", argument->c_name);
        if (has_result(procedure))
                page_add(page, "        (void)ret_result;\n");
        page_add(page, "        (void)request;\n        (void)userdata;\n");
        if (has_result(procedure))
                page_add(page, "        return -ENOSYS; /* until this fills in *ret_result, what it points to in "
                               "leat_rpc_request_arena(request), and returns 0 */\n}\n");
        else
                page_add(page, "        return 0; /* what the procedure does goes before this */\n}\n");
}

static void emit_functions(struct job *job, const struct interface *interface, const struct schema *schema,
                           const struct definition *program, const struct version *version, struct page *page) {
        (void)program;
        for (const struct procedure *procedure = version->procedures; procedure; procedure = procedure->next)
                emit_function(page, schema, procedure);
        page_format(page, "\nstatic const struct %s_functions %s_functions = {\n", version->c_name, version->c_name);
        for (const struct procedure *procedure = version->procedures; procedure; procedure = procedure->next)
                page_format(page, "        .%s = serve_%s,\n", procedure_member(job, interface, procedure),
                            procedure->c_name);
        page_add(page, version->procedures ? "};\n" : "        NULL,\n};\n");
}

static void emit_add(struct job *job, const struct interface *interface, const struct schema *schema,
                     const struct definition *program, const struct version *version, struct page *page) {
        (void)job, (void)interface, (void)schema, (void)program;
        page_add(page, "        if (r == 0)\n");
        page_format(page, "                r = leat_rpc_server_add(server, %s_server(&%s_functions, NULL));\n",
                    version->c_name, version->c_name);
}

void emit_skeleton_server(struct job *job, const struct interface *interface, const struct schema *schema,
                          struct page *page) {
        skeleton_head(page, interface, "A server to start from: it has each procedure, and carries out none.");
        for_versions(job, interface, schema, page, emit_functions);
        page_add(page, "\nint main(int argc, char **argv) {\n"
                       "        struct leat_rpc_server *server = NULL;\n"
                       "        struct leat_reason reason = { 0 };\n\n"
                       "        if (argc != 2)\n"
                       "                return fprintf(stderr, \"usage: %s ADDRESS\\n\", argv[0]), 2;\n"
                       "        int r = leat_rpc_server_create(NULL, &server);\n");
        for_versions(job, interface, schema, page, emit_add);
        page_add(page,
                 "        if (r == 0)\n"
                 "                r = leat_rpc_server_listen(server, argv[1], leat_in_s(5), &reason);\n"
                 "        if (r == 0)\n"
                 "                r = leat_rpc_server_run(server, LEAT_NEVER); /* clients come and go */\n"
                 "        fprintf(stderr, \"%s: %s\\n\", argv[1], reason.text ? reason.text : leat_strerror(r));\n"
                 "        leat_rpc_server_free(server);\n"
                 "        return r != -ENODATA; /* the end: it is drained, or its only channel ended */\n"
                 "}\n");
}
