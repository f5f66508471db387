/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/code.h"

#include "tools/leatgen/stages.h"
#include <stdarg.h>
#include <string.h>

/* ---- statements ---- */

static void indent(const struct code *code, unsigned int depth) {
        for (unsigned int i = 0; i < depth; i++)
                page_add(code->page, "        ");
}

void code_line(const struct code *code, unsigned int depth, const char *format, ...) {
        va_list list;
        indent(code, depth);
        va_start(list, format);
        page_format_list(code->page, format, list);
        va_end(list);
        page_add(code->page, "\n");
}

void code_give_up(const struct code *code, unsigned int depth, const char *condition) {
        code_line(code, depth, "if (%s)", condition);
        code_line(code, depth + 1, "return NULL;");
}

/* Where `at` was just looked at, that is enough. */
void code_return(const struct code *code, unsigned int depth) {
        struct page *page = code->page;
        struct page check = { 0 };
        struct code beside = *code;
        beside.page = &check;
        code_give_up(&beside, depth, "!at");
        if (page->size >= check.size && memcmp(page->bytes + page->size - check.size, check.bytes, check.size) == 0)
                page->size -= check.size;
        page_free(&check);
        code_line(code, depth, "return at;");
}

const char *code_at(const struct code *code, uint64_t offset) {
        return offset ? job_format(code->job, "at + %llu", (unsigned long long)offset) : "at";
}

/* ---- enumerations ---- */

/* C has no negative numbers to write, so the least one is not written as minus one more than there is. */
const char *code_number(const struct code *code, int32_t number) {
        return number == INT32_MIN ? "INT32_MIN" : job_format(code->job, "%d", number);
}

static void check_range(struct code *code, int32_t least, int32_t most) {
        struct page *page = &code->checks;
        page_add(page, "        return ");
        if (least == most)
                page_format(page, "number == %s", code_number(code, least));
        else if (least == INT32_MIN)
                page_format(page, "number <= %d", most);
        else if (most == INT32_MAX)
                page_format(page, "number >= %d", least);
        else
                page_format(page, "number >= %d && number <= %d", least, most);
        page_add(page, ";\n");
}

static void check_values(struct code *code, const struct planned_value *values, size_t count) {
        struct page *page = &code->checks;
        page_add(page, "        switch (number) {\n");
        for (size_t i = 0; i < count; i++)
                page_format(page, "        case %s: /* %s */\n", code_number(code, values[i].value), values[i].name);
        page_add(page, "                return 1;\n        default:\n                return 0;\n        }\n");
}

const char *code_check(struct code *code, uint32_t node) {
        const struct leat_xdr_node *at = code_node(code, node);
        const struct planned_value *values = &code->schema->values[at->first];
        const char *name = job_format(code->job, "is_%s", code_name(code, node));
        if (code->told[node] & CODE_CHECKED)
                return name;
        code->told[node] |= CODE_CHECKED;
        page_format(&code->checks, "static int %s(int32_t number) {\n", name);
        if (at->flags & LEAT_XDR_FLAG_DENSE)
                check_range(code, values[0].value, values[at->count - 1].value);
        else
                check_values(code, values, at->count);
        page_add(&code->checks, "}\n\n");
        return name;
}

/* ---- calls ---- */

void code_call(struct code *code, unsigned int depth, uint32_t node, const char *place) {
        const char *verb = code->decodes ? "decode" : "encode", *coder = code->decodes ? "decoder" : "encoder";
        const char *address = place_address(code, place);
        if (code_has_function(code, node)) {
                code_line(code, depth, "at = %s_%s(%s, at, %s);", verb, code_name(code, node), coder, address);
                if (!(code->told[node] & CODE_WRITTEN))
                        code->told[node] |= CODE_AHEAD;
        } else {
                code_line(code, depth, "at = leat_xdr_%s_node(%s, at, &%s_schema, %u, %s);", verb, coder,
                          code->interface->table, (unsigned int)node, address);
        }
        code_give_up(code, depth, "!at");
}

/* ---- all of it ---- */

static void write_functions(struct code *code) {
        for (uint32_t node = 1; node < code->schema->code_count; node++) {
                if (!code_has_function(code, node))
                        continue;
                for (int decodes = 0; decodes < 2; decodes++) {
                        code->decodes = decodes;
                        code_function(code, node);
                }
                code->told[node] |= CODE_WRITTEN;
        }
}

/* What is called before it stands. */
static void write_ahead(const struct code *code, struct page *page) {
        size_t before = page->size;
        for (uint32_t node = 1; node < code->schema->code_count; node++)
                if (code->told[node] & CODE_AHEAD)
                        page_format(page,
                                    "static leat_xdr_encode_code encode_%s;\n"
                                    "static leat_xdr_decode_code decode_%s;\n",
                                    code_name(code, node), code_name(code, node));
        if (page->size != before)
                page_add(page, "\n");
}

static void write_table(const struct code *code, struct page *page) {
        size_t count = code->schema->code_count, written = 0;
        page_format(page, "static const struct leat_xdr_codes leat_%s_codes[%zu] = {\n", code->interface->table,
                    count ? count : 1);
        for (uint32_t node = 1; node < count; node++)
                if (code_has_function(code, node)) {
                        page_format(page, "        [%u] = { encode_%s, decode_%s },\n", (unsigned int)node,
                                    code_name(code, node), code_name(code, node));
                        written++;
                }
        if (!written)
                page_add(page, "        { NULL, NULL },\n");
        page_add(page, "};\n");
}

void emit_code(struct job *job, const struct interface *interface, const struct schema *schema, struct page *page) {
        struct page functions = { 0 };
        struct code code = { .job = job, .interface = interface, .schema = schema, .page = &functions };
        code.told = job_take(job, schema->node_count + 1);
        write_functions(&code);
        page_add(page, "\n");
        if (code.checks.bytes)
                page_add_bytes(page, code.checks.bytes, code.checks.size);
        write_ahead(&code, page);
        if (functions.bytes)
                page_add_bytes(page, functions.bytes, functions.size);
        write_table(&code, page);
        page_free(&code.checks);
        page_free(&functions);
}
