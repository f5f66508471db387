/* Made by leatgen from shapes.x. Do not edit it: what is changed here is lost when it is made again. */
#ifndef LEATGEN_SHAPES_H
#define LEATGEN_SHAPES_H

/*
 * Shapes: each kind of declaration, with its documentation.
 * A comment that ends early * / is carried over whole.
 */

#include <leat/xdr.h>
#include <stdbool.h>

/* How many points a path may have. */
#define SHAPES_POINTS 100
#define SHAPES_MASK 0xffffffffu
#define SHAPES_LEAST (-9223372036854775807LL - 1)

enum shapes_kind {
        /* a point */
        SHAPES_DOT = 1,
        /* several */
        SHAPES_PATH = 2,
        SHAPES_FLAT = -2147483647 - 1,
};

typedef struct leat_xdr_string shapes_label; /* at most 32 */

typedef uint8_t shapes_digest[20];

typedef struct shapes_shape *shapes_shapes;

typedef struct shapes_numbers {
        int64_t *items;
        uint32_t count;
} shapes_numbers;

struct shapes_point {
        double x;
        double y;
        /* it stays where it is */
        bool fixed;
};

struct shapes_form_path {
        struct {
                struct shapes_point *items;
                uint32_t count;
        } points; /* at most 100 */
        shapes_digest sum;
        int32_t grid[3];
        uint8_t wide[64];
};

/* One of several. */
struct shapes_form {
        enum shapes_kind k;
        union {
                struct shapes_point at; /* SHAPES_DOT */
                struct shapes_form_path *path; /* SHAPES_PATH */
        } u;
};

struct shapes_shape {
        shapes_label name;
        struct shapes_form what;
        struct leat_xdr_bytes extra;
        int32_t *layer;
        shapes_shapes next;
};

/* Nested in itself. */
struct shapes_group {
        int32_t k;
        union {
                /* its own */
                shapes_shapes members; /* 0 */
                /*
                 * Either way:
                 * to the left
                 * to the right
                 * again
                 */
                struct shapes_group *inner; /* 1, 2 */
                /* it is closed */
                /* void: 3 */
        } u;
};

/* By nothing but its number. */
struct shapes_mark {
        int32_t k;
        /* set */
        /* void: 7 */
        /* not set */
        /* void: all others */
};

#ifdef __cplusplus
extern "C" {
#endif

extern const struct leat_xdr_schema shapes_schema;

static inline struct leat_xdr_type shapes_kind_type(void) {
        struct leat_xdr_type type = { &shapes_schema, 1 };
        return type;
}

static inline int shapes_kind_encode(const enum shapes_kind *value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(shapes_kind_type(), value, buffer, ret_fault);
}

static inline int shapes_kind_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, enum shapes_kind *ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(shapes_kind_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

static inline struct leat_xdr_type shapes_label_type(void) {
        struct leat_xdr_type type = { &shapes_schema, 8 };
        return type;
}

static inline int shapes_label_encode(const shapes_label *value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(shapes_label_type(), value, buffer, ret_fault);
}

static inline int shapes_label_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, shapes_label *ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(shapes_label_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

static inline struct leat_xdr_type shapes_digest_type(void) {
        struct leat_xdr_type type = { &shapes_schema, 9 };
        return type;
}

static inline int shapes_digest_encode(const shapes_digest value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(shapes_digest_type(), value, buffer, ret_fault);
}

static inline int shapes_digest_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, shapes_digest ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(shapes_digest_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

static inline struct leat_xdr_type shapes_shapes_type(void) {
        struct leat_xdr_type type = { &shapes_schema, 10 };
        return type;
}

static inline int shapes_shapes_encode(const shapes_shapes *value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(shapes_shapes_type(), value, buffer, ret_fault);
}

static inline int shapes_shapes_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, shapes_shapes *ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(shapes_shapes_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

static inline struct leat_xdr_type shapes_numbers_type(void) {
        struct leat_xdr_type type = { &shapes_schema, 11 };
        return type;
}

static inline int shapes_numbers_encode(const shapes_numbers *value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(shapes_numbers_type(), value, buffer, ret_fault);
}

static inline int shapes_numbers_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, shapes_numbers *ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(shapes_numbers_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

static inline struct leat_xdr_type shapes_point_type(void) {
        struct leat_xdr_type type = { &shapes_schema, 2 };
        return type;
}

static inline int shapes_point_encode(const struct shapes_point *value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(shapes_point_type(), value, buffer, ret_fault);
}

static inline int shapes_point_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, struct shapes_point *ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(shapes_point_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

static inline struct leat_xdr_type shapes_form_path_type(void) {
        struct leat_xdr_type type = { &shapes_schema, 3 };
        return type;
}

static inline int shapes_form_path_encode(const struct shapes_form_path *value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(shapes_form_path_type(), value, buffer, ret_fault);
}

static inline int shapes_form_path_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, struct shapes_form_path *ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(shapes_form_path_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

static inline struct leat_xdr_type shapes_form_type(void) {
        struct leat_xdr_type type = { &shapes_schema, 4 };
        return type;
}

static inline int shapes_form_encode(const struct shapes_form *value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(shapes_form_type(), value, buffer, ret_fault);
}

static inline int shapes_form_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, struct shapes_form *ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(shapes_form_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

static inline struct leat_xdr_type shapes_shape_type(void) {
        struct leat_xdr_type type = { &shapes_schema, 5 };
        return type;
}

static inline int shapes_shape_encode(const struct shapes_shape *value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(shapes_shape_type(), value, buffer, ret_fault);
}

static inline int shapes_shape_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, struct shapes_shape *ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(shapes_shape_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

static inline struct leat_xdr_type shapes_group_type(void) {
        struct leat_xdr_type type = { &shapes_schema, 6 };
        return type;
}

static inline int shapes_group_encode(const struct shapes_group *value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(shapes_group_type(), value, buffer, ret_fault);
}

static inline int shapes_group_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, struct shapes_group *ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(shapes_group_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

static inline struct leat_xdr_type shapes_mark_type(void) {
        struct leat_xdr_type type = { &shapes_schema, 7 };
        return type;
}

static inline int shapes_mark_encode(const struct shapes_mark *value, struct leat_xdr_buffer *buffer,
        struct leat_xdr_fault *ret_fault) {
        return leat_xdr_encode(shapes_mark_type(), value, buffer, ret_fault);
}

static inline int shapes_mark_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
        const struct leat_xdr_rules *rules, struct shapes_mark *ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(shapes_mark_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);
}

#ifdef __cplusplus
}
#endif

#endif
