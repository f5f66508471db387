/* Made by leatgen from lamps.x. Do not edit it: what is changed here is lost when it is made again. */
#ifndef LEATGEN_LAMPS_H
#define LEATGEN_LAMPS_H

#include <leat/xdr.h>
#include <stdbool.h>

/* leatgen: --small */
enum lamps_state {
        LAMPS_OFF = 0,
        LAMPS_ON = 1,
};

struct lamps_lamp {
        enum lamps_state now;
        struct leat_xdr_string where;
        struct lamps_lamp *next;
};

#ifdef __cplusplus
extern "C" {
#endif

extern const struct leat_xdr_schema lamps_schema;

static inline struct leat_xdr_type lamps_state_type(void) {
        struct leat_xdr_type type = { &lamps_schema, 1 };
        return type;
}

static inline int lamps_state_encode(const enum lamps_state *value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(lamps_state_type(), value, buffer, ret_fault);
}

static inline int lamps_state_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, enum lamps_state *ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(lamps_state_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

static inline struct leat_xdr_type lamps_lamp_type(void) {
        struct leat_xdr_type type = { &lamps_schema, 2 };
        return type;
}

static inline int lamps_lamp_encode(const struct lamps_lamp *value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(lamps_lamp_type(), value, buffer, ret_fault);
}

static inline int lamps_lamp_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, struct lamps_lamp *ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(lamps_lamp_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

#ifdef __cplusplus
}
#endif

#endif
