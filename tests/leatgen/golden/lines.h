/* Made by leatgen from lines.x. Do not edit it: what is changed here is lost when it is made again. */
#ifndef LEATGEN_LINES_H
#define LEATGEN_LINES_H

#include <leat/rpc.h>
#include <leat/xdr.h>
#include <stdbool.h>
#include <string.h>

#include <stddef.h>
#define LINES_HERE 1
static const int lines_count = 1; /* a comment */

struct lines_line {
        struct leat_xdr_string text;
};

struct kept {
        struct lines_line *first; /* as it is called in C */
};

#ifdef __cplusplus
extern "C" {
#endif

extern const struct leat_xdr_schema lines_schema;

static inline struct leat_xdr_type lines_line_type(void) {
        struct leat_xdr_type type = { &lines_schema, 1 };
        return type;
}

static inline int lines_line_encode(const struct lines_line *value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(lines_line_type(), value, buffer, ret_fault);
}

static inline int lines_line_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, struct lines_line *ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(lines_line_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

/* ---- LINES_PROGRAM, LINES_V1 ---- */

#define LINES_PROGRAM 0x20000200u
#define LINES_1_VERSION 1u

extern const struct leat_rpc_program lines_1_program;

#define LINES_TAKE_1 1u
int lines_take_1(struct leat_rpc_client *client, const struct lines_line *argument, struct leat_rpc_call *call);
static inline int lines_take_1_start(struct leat_rpc_client *client, const struct lines_line *argument,
        struct leat_rpc_call *call) {
        return leat_rpc_start(client, &lines_1_program, 0, argument, NULL, call);
}

/* What a server does: each returns 0, or a negative errno. One that is NULL is not there. */
struct lines_1_functions {
        int (*take)(const struct lines_line *argument, struct leat_rpc_request *request, void *userdata);
};

/* functions is kept. */
struct leat_rpc_service lines_1_server(const struct lines_1_functions *functions, void *userdata);

#ifdef __cplusplus
}
#endif

#endif
