/* SPDX-License-Identifier: MIT */
#include "tools/leat/rpc_value.h"

#include "tools/leat/input.h"
#include "tools/leat/output.h"
#include "tools/leat/report.h"
#include "tools/leat/rpc_json.h"

#include <errno.h>
#include <leat/xdr_code.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FAULT_BYTES 512
#define EXAMPLE_MOST 300u

struct leat_xdr_type rpc_target_argument(const struct rpc_target *target) {
        return (struct leat_xdr_type){ target->version->program.schema, rpc_target_procedure(target)->argument };
}

struct leat_xdr_type rpc_target_result(const struct rpc_target *target) {
        return (struct leat_xdr_type){ target->version->program.schema, rpc_target_procedure(target)->result };
}

static const struct leat_xdr_node *node_of(struct leat_xdr_type type) {
        return &type.schema->nodes[type.node - 1]; /* the table begins with node 1 */
}

int rpc_value_make(struct leat_xdr_type type, struct leat_xdr_arena *arena, void **ret_value) {
        *ret_value = NULL;
        if (type.node == 0)
                return DONE;
        size_t size = leat_xdr_value_size(type);
        *ret_value = leat_xdr_arena_take(arena, size + 1);
        if (!*ret_value)
                return report(NULL, -ENOMEM, ASKING, NULL);
        memset(*ret_value, 0, size);
        return DONE;
}

/* ---- what is wrong with it ---- */

static int refuse_text(struct leat_xdr_type type, const char *where, const struct leat_xdr_fault *fault) {
        char text[FAULT_BYTES];
        bool is_string = type.node && node_of(type)->kind == LEAT_XDR_KIND_STRING;
        leat_xdr_fault_text(fault, text, sizeof(text));
        complain("argument", "%s%s%s%s", where, *where ? ": " : "", text,
                 fault->what == LEAT_XDR_BAD_JSON && is_string ? "; a string has quotation marks, as '\"text\"'" : "");
        return ANSWER_NO;
}

/* A small value of the type, for a person to see how one is written; NULL: there is no memory. */
static char *example_of(struct leat_xdr_type type) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_buffer buffer = { 0 };
        uint64_t seed = 1;
        void *value = leat_xdr_arena_take(&arena, leat_xdr_value_size(type) + 1);
        char *example = NULL;
        if (value && leat_xdr_random(type, &seed, 0, &arena, value) == 0 &&
            leat_xdr_to_json(type, value, &buffer, NULL) == 0 && leat_xdr_buffer_reserve(&buffer, 1) == 0 &&
            buffer.size_bytes <= EXAMPLE_MOST) {
                buffer.bytes[buffer.size_bytes] = '\0';
                example = strdup((const char *)buffer.bytes);
        }
        leat_xdr_buffer_free(&buffer);
        leat_xdr_arena_free(&arena);
        return example;
}

static int refuse_missing(const struct rpc_target *target) {
        char *example = example_of(rpc_target_argument(target));
        int code = complain_usage(rpc_target_procedure(target)->name,
                                  "its argument is missing; write it as JSON behind the name%s%s",
                                  example ? ", in the form of " : "", example ? example : "");
        free(example);
        return code;
}

static int refuse_late(void) {
        complain("standard input", "nothing ran: the deadline passed before the argument ended");
        return CALL_NOT_RUN;
}

/* ---- reading ---- */

/* The elements of an array, one for each field. */
static int read_elements(struct leat_xdr_type type, const char *text, size_t size, struct leat_xdr_arena *arena,
                         uint8_t *value) {
        const struct leat_xdr_node *node = node_of(type);
        const struct leat_xdr_field *fields = type.schema->fields + node->first;
        struct rpc_json_elements elements = rpc_json_elements_of(text, size);
        const char *element;
        size_t element_size;
        uint16_t count = 0;
        for (; rpc_json_next_element(&elements, &element, &element_size); count++) {
                struct leat_xdr_type field = { type.schema, count < node->count ? fields[count].node : 0 };
                struct leat_xdr_fault fault;
                if (count >= node->count)
                        continue;
                if (leat_xdr_from_json(field, element, element_size, arena, value + fields[count].offset, &fault) < 0) {
                        fault.offset += (uint64_t)(element - text);
                        return refuse_text(field,
                                           type.schema->names +
                                                   ((uint32_t)fields[count].name << type.schema->name_shift),
                                           &fault);
                }
        }
        if (count == node->count && elements.well)
                return DONE;
        if (elements.well)
                complain("argument", "%u are in the array, and there are %u to give", count, node->count);
        else
                complain("argument", "not JSON; an array is [1, \"two\"]");
        return ANSWER_NO;
}

static int read_text(const struct rpc_target *target, const char *text, size_t size, struct leat_xdr_arena *arena,
                     void **ret_value) {
        struct leat_xdr_type type = rpc_target_argument(target);
        struct leat_xdr_fault fault;
        int code = rpc_value_make(type, arena, ret_value);
        if (code)
                return code;
        if (node_of(type)->kind == LEAT_XDR_KIND_STRUCT && rpc_json_is_array(text, size))
                return read_elements(type, text, size, arena, *ret_value);
        int r = leat_xdr_from_json(type, text, size, arena, *ret_value, &fault);
        return r < 0 ? refuse_text(type, "", &fault) : DONE;
}

/* What says that there is none is no mistake. */
static int read_nothing(const struct rpc_target *target, const char *text) {
        static const char *const nothing[] = { "", "-", "null", "{}", "[]" };
        for (size_t i = 0; text && i < sizeof(nothing) / sizeof(nothing[0]); i++)
                if (strcmp(text, nothing[i]) == 0)
                        return DONE;
        return text ? complain_usage(rpc_target_procedure(target)->name, "it has no argument; leave '%s' out", text)
                    : DONE;
}

static int read_input(const struct options *options, const struct rpc_target *target, bool wanted,
                      struct leat_xdr_arena *arena, void **ret_value) {
        struct input input = INPUT_NONE;
        const char *bytes = NULL;
        size_t size = 0;
        if (!wanted && isatty(STDIN_FILENO))
                return refuse_missing(target);
        int r = input_open(&input, NULL, CUT_ALL, options->deadline);
        if (r == 0)
                r = input_next(&input, &bytes, &size);
        int code = r == -ETIMEDOUT                  ? refuse_late()
                   : r < 0                          ? report("standard input", r, READING_INPUT, NULL)
                   : rpc_json_is_blank(bytes, size) ? refuse_missing(target)
                                                    : read_text(target, bytes, size, arena, ret_value);
        input_close(&input);
        return code;
}

int rpc_value_read(const struct options *options, const struct rpc_target *target, const char *text,
                   struct leat_xdr_arena *arena, void **ret_value) {
        *ret_value = NULL;
        if (rpc_target_procedure(target)->argument == 0)
                return read_nothing(target, text);
        bool wanted = text && strcmp(text, "-") == 0;
        if (!text || wanted)
                return read_input(options, target, wanted, arena, ret_value);
        return read_text(target, text, strlen(text), arena, ret_value);
}

/* ---- printing ---- */

int rpc_value_print(struct leat_xdr_type type, const void *value, bool pretty) {
        struct leat_xdr_buffer buffer = { 0 };
        struct leat_xdr_fault fault;
        if (type.node == 0)
                return DONE;
        int r = leat_xdr_to_json(type, value, &buffer, &fault);
        if (r == 0 && pretty)
                rpc_json_print_indented((const char *)buffer.bytes, buffer.size_bytes);
        else if (r == 0)
                fwrite(buffer.bytes, 1, buffer.size_bytes, stdout);
        if (r == 0)
                putchar('\n');
        leat_xdr_buffer_free(&buffer);
        return r < 0 ? report("result", r, WRITING_OUTPUT, NULL) : output_flush();
}
