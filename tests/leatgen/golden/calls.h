/* Made by leatgen from calls.x. Do not edit it: what is changed here is lost when it is made again. */
#ifndef LEATGEN_CALLS_H
#define LEATGEN_CALLS_H

#include <leat/rpc.h>
#include <leat/xdr.h>
#include <stdbool.h>
#include <string.h>

/* Procedures with each way to pass an argument. */
typedef struct leat_xdr_string store_key; /* at most 64 */

typedef uint8_t store_token[8];

struct store_entry {
        store_key name;
        uint64_t size;
};

typedef struct store_entry *store_found;

typedef int32_t store_triple[3];

struct store_lookup_2_arguments {
        store_key name;
        store_token access;
        bool follow;
        store_found near;
};

#ifdef __cplusplus
extern "C" {
#endif

extern const struct leat_xdr_schema store_calls_schema;

static inline struct leat_xdr_type store_key_type(void) {
        struct leat_xdr_type type = { &store_calls_schema, 3 };
        return type;
}

static inline int store_key_encode(const store_key *value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(store_key_type(), value, buffer, ret_fault);
}

static inline int store_key_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, store_key *ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(store_key_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

static inline struct leat_xdr_type store_token_type(void) {
        struct leat_xdr_type type = { &store_calls_schema, 4 };
        return type;
}

static inline int store_token_encode(const store_token value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(store_token_type(), value, buffer, ret_fault);
}

static inline int store_token_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, store_token ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(store_token_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

static inline struct leat_xdr_type store_entry_type(void) {
        struct leat_xdr_type type = { &store_calls_schema, 1 };
        return type;
}

static inline int store_entry_encode(const struct store_entry *value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(store_entry_type(), value, buffer, ret_fault);
}

static inline int store_entry_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, struct store_entry *ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(store_entry_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

static inline struct leat_xdr_type store_found_type(void) {
        struct leat_xdr_type type = { &store_calls_schema, 5 };
        return type;
}

static inline int store_found_encode(const store_found *value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(store_found_type(), value, buffer, ret_fault);
}

static inline int store_found_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, store_found *ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(store_found_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

static inline struct leat_xdr_type store_triple_type(void) {
        struct leat_xdr_type type = { &store_calls_schema, 6 };
        return type;
}

static inline int store_triple_encode(const store_triple value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(store_triple_type(), value, buffer, ret_fault);
}

static inline int store_triple_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, store_triple ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(store_triple_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

/* ---- STORE_PROGRAM, STORE_V1 ---- */

/* What is stored by a name. */
#define STORE_PROGRAM 0x20000100u
#define STORE_1_VERSION 1u

extern const struct leat_rpc_program store_1_program;

#define STORE_NULL_1 0u
int store_null_1(struct leat_rpc_client *client, struct leat_rpc_call *call);
static inline int store_null_1_start(struct leat_rpc_client *client, struct leat_rpc_call *call) {
        return leat_rpc_start(client, &store_1_program, 0, NULL, NULL, call);
}

#define STORE_LOOKUP_1 1u
/* Its size, or nothing. */
int store_lookup_1(struct leat_rpc_client *client, const store_key *argument, struct store_entry **ret_result,
        struct leat_rpc_call *call);
static inline int store_lookup_1_start(struct leat_rpc_client *client, const store_key *argument,
        struct store_entry **ret_result, struct leat_rpc_call *call) {
        return leat_rpc_start(client, &store_1_program, 1, argument, ret_result, call);
}

#define STORE_COUNT_1 2u
/* Idempotent: it may be tried again. Deadline: 5s, with LEAT_RPC_TIMEOUT. */
int store_count_1(struct leat_rpc_client *client, int32_t *ret_result, struct leat_rpc_call *call);
static inline int store_count_1_start(struct leat_rpc_client *client, int32_t *ret_result, struct leat_rpc_call *call) {
        return leat_rpc_start(client, &store_1_program, 2, NULL, ret_result, call);
}

#define STORE_FORGET_1 3u
/*
 * Forgets it,
 * whoever asks.
 * Deadline: 1500ms, with LEAT_RPC_TIMEOUT.
 */
int store_forget_1(struct leat_rpc_client *client, const store_key *argument, struct leat_rpc_call *call);
static inline int store_forget_1_start(struct leat_rpc_client *client, const store_key *argument,
        struct leat_rpc_call *call) {
        return leat_rpc_start(client, &store_1_program, 3, argument, NULL, call);
}

#define STORE_NEXT_1 4u
/*
 * in their order
 * Idempotent: it may be tried again.
 */
int store_next_1(struct leat_rpc_client *client, const store_key *argument, store_key *ret_result,
        struct leat_rpc_call *call);
static inline int store_next_1_start(struct leat_rpc_client *client, const store_key *argument, store_key *ret_result,
        struct leat_rpc_call *call) {
        return leat_rpc_start(client, &store_1_program, 4, argument, ret_result, call);
}

#define STORE_ALL_1 5u
/* Stream: of results. */
int store_all_1(struct leat_rpc_client *client, store_key *ret_result, struct leat_rpc_call *call);
static inline int store_all_1_start(struct leat_rpc_client *client, store_key *ret_result, struct leat_rpc_call *call) {
        return leat_rpc_start(client, &store_1_program, 5, NULL, ret_result, call);
}

#define STORE_WATCH_1 6u
/*
 * what comes
 * Idempotent: it may be tried again. Stream: of results. Deadline: 2m, with LEAT_RPC_TIMEOUT.
 */
int store_watch_1(struct leat_rpc_client *client, store_key *ret_result, struct leat_rpc_call *call);
static inline int store_watch_1_start(struct leat_rpc_client *client, store_key *ret_result,
        struct leat_rpc_call *call) {
        return leat_rpc_start(client, &store_1_program, 6, NULL, ret_result, call);
}

/* What a server does: each returns 0, or a negative errno. One that is NULL is not there. */
struct store_1_functions {
        int (*null)(struct leat_rpc_request *request, void *userdata);
        /* Its size, or nothing. */
        int (*lookup)(const store_key *argument, struct store_entry **ret_result, struct leat_rpc_request *request,
                void *userdata);
        /* Idempotent: it may be tried again. Deadline: 5s, with LEAT_RPC_TIMEOUT. */
        int (*count)(int32_t *ret_result, struct leat_rpc_request *request, void *userdata);
        /*
         * Forgets it,
         * whoever asks.
         * Deadline: 1500ms, with LEAT_RPC_TIMEOUT.
         */
        int (*forget)(const store_key *argument, struct leat_rpc_request *request, void *userdata);
        /*
         * in their order
         * Idempotent: it may be tried again.
         */
        int (*next)(const store_key *argument, store_key *ret_result, struct leat_rpc_request *request, void *userdata);
        /* Stream: of results. */
        int (*all)(store_key *ret_result, struct leat_rpc_request *request, void *userdata);
        /*
         * what comes
         * Idempotent: it may be tried again. Stream: of results. Deadline: 2m, with LEAT_RPC_TIMEOUT.
         */
        int (*watch)(store_key *ret_result, struct leat_rpc_request *request, void *userdata);
};

/* functions is kept. */
struct leat_rpc_service store_1_server(const struct store_1_functions *functions, void *userdata);

/* ---- STORE_PROGRAM, STORE_V2 ---- */

#define STORE_2_VERSION 2u

extern const struct leat_rpc_program store_2_program;

#define STORE_NULL_2 0u
int store_null_2(struct leat_rpc_client *client, struct leat_rpc_call *call);
static inline int store_null_2_start(struct leat_rpc_client *client, struct leat_rpc_call *call) {
        return leat_rpc_start(client, &store_2_program, 0, NULL, NULL, call);
}

#define STORE_LOOKUP_2 1u
int store_lookup_2(struct leat_rpc_client *client, const store_key *name, const store_token access, bool follow,
        const struct store_entry *near, struct store_entry **ret_result, struct leat_rpc_call *call);
static inline int store_lookup_2_start(struct leat_rpc_client *client, const store_key *name, const store_token access,
        bool follow, const struct store_entry *near, struct store_entry **ret_result, struct leat_rpc_call *call) {
        struct store_lookup_2_arguments arguments;
        arguments.name = *name;
        memcpy(arguments.access, access, sizeof(arguments.access));
        arguments.follow = follow;
        memcpy(&arguments.near, &near, sizeof(arguments.near));
        return leat_rpc_start(client, &store_2_program, 1, &arguments, ret_result, call);
}

#define STORE_SPLIT_2 2u
int store_split_2(struct leat_rpc_client *client, const store_triple argument, store_triple ret_result,
        struct leat_rpc_call *call);
static inline int store_split_2_start(struct leat_rpc_client *client, const store_triple argument,
        store_triple ret_result, struct leat_rpc_call *call) {
        return leat_rpc_start(client, &store_2_program, 2, argument, ret_result, call);
}

#define STORE_DELETE_2 3u
int store_delete_2(struct leat_rpc_client *client, const struct store_entry *argument, struct leat_rpc_call *call);
static inline int store_delete_2_start(struct leat_rpc_client *client, const struct store_entry *argument,
        struct leat_rpc_call *call) {
        return leat_rpc_start(client, &store_2_program, 3, argument, NULL, call);
}

/* What a server does: each returns 0, or a negative errno. One that is NULL is not there. */
struct store_2_functions {
        int (*null)(struct leat_rpc_request *request, void *userdata);
        int (*lookup)(const store_key *name, const store_token access, bool follow, const struct store_entry *near,
                struct store_entry **ret_result, struct leat_rpc_request *request, void *userdata);
        int (*split)(const store_triple argument, store_triple ret_result, struct leat_rpc_request *request,
                void *userdata);
        int (*delete_)(const struct store_entry *argument, struct leat_rpc_request *request, void *userdata);
};

/* functions is kept. */
struct leat_rpc_service store_2_server(const struct store_2_functions *functions, void *userdata);

#ifdef __cplusplus
}
#endif

#endif
