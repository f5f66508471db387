/* Made by leatgen from shapes.x. Do not edit it: what is changed here is lost when it is made again. */
#include "shapes.h"
#include <leat/xdr_code.h>
#include <stddef.h>

static const struct leat_xdr_node leat_shapes_nodes[] = {
        { LEAT_XDR_KIND_ENUM, LEAT_XDR_FLAG_FLAT, 3, 0, 0, sizeof(enum shapes_kind), 4 }, /* 1 */
        { LEAT_XDR_KIND_STRUCT, LEAT_XDR_FLAG_FLAT, 3, 0, 0, sizeof(struct shapes_point), 20 }, /* 2 */
        { LEAT_XDR_KIND_STRUCT, 0, 4, 3, 0, sizeof(struct shapes_form_path), 100 }, /* 3 */
        { LEAT_XDR_KIND_UNION, 0, 3, 7, 3, sizeof(struct shapes_form), 4 }, /* 4 */
        { LEAT_XDR_KIND_STRUCT, 0, 5, 11, 0, sizeof(struct shapes_shape), 20 }, /* 5 */
        { LEAT_XDR_KIND_UNION, LEAT_XDR_FLAG_DEFAULT | LEAT_XDR_FLAG_RECURSIVE, 4, 16, 6, sizeof(struct shapes_group), 4 }, /* 6 */
        { LEAT_XDR_KIND_UNION, LEAT_XDR_FLAG_DEFAULT, 1, 20, 10, sizeof(struct shapes_mark), 4 }, /* 7 */
        { LEAT_XDR_KIND_STRING, 0, 0, 0, 32, sizeof(shapes_label), 4 }, /* 8 */
        { LEAT_XDR_KIND_FIXED, LEAT_XDR_FLAG_FLAT, 0, 0, 20, sizeof(shapes_digest), 20 }, /* 9 */
        { LEAT_XDR_KIND_CHAIN, 0, 0, 5, 0, sizeof(shapes_shapes), 4 }, /* 10 */
        { LEAT_XDR_KIND_LIST, 0, 0, 12, UINT32_MAX, sizeof(shapes_numbers), 4 }, /* 11 */
        { LEAT_XDR_KIND_HYPER, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(int64_t), 8 }, /* 12 */
        { LEAT_XDR_KIND_DOUBLE, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(double), 8 }, /* 13 */
        { LEAT_XDR_KIND_BOOL, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(bool), 4 }, /* 14 */
        { LEAT_XDR_KIND_LIST, 0, 0, 2, 100, sizeof(struct leat_xdr_list), 4 }, /* 15 */
        { LEAT_XDR_KIND_INT, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(int32_t), 4 }, /* 16 */
        { LEAT_XDR_KIND_ARRAY, LEAT_XDR_FLAG_FLAT, 0, 16, 3, sizeof(int32_t[3]), 12 }, /* 17 */
        { LEAT_XDR_KIND_FIXED, LEAT_XDR_FLAG_FLAT, 0, 0, 64, sizeof(uint8_t[64]), 64 }, /* 18 */
        { LEAT_XDR_KIND_HELD, 0, 0, 3, 0, sizeof(void *), 100 }, /* 19 */
        { LEAT_XDR_KIND_BYTES, 0, 0, 0, UINT32_MAX, sizeof(struct leat_xdr_bytes), 4 }, /* 20 */
        { LEAT_XDR_KIND_OPTIONAL, 0, 0, 16, 0, sizeof(void *), 4 }, /* 21 */
        { LEAT_XDR_KIND_HELD, 0, 0, 6, 0, sizeof(void *), 4 }, /* 22 */
};

static const struct leat_xdr_field leat_shapes_fields[] = {
        { offsetof(struct shapes_point, x), 13, 3 }, /* 0 */
        { offsetof(struct shapes_point, y), 13, 1 }, /* 1 */
        { offsetof(struct shapes_point, fixed), 14, 68 }, /* 2 */
        { offsetof(struct shapes_form_path, points), 15, 15 }, /* 3 */
        { offsetof(struct shapes_form_path, sum), 9, 42 }, /* 4 */
        { offsetof(struct shapes_form_path, grid), 17, 63 }, /* 5 */
        { offsetof(struct shapes_form_path, wide), 18, 58 }, /* 6 */
        { offsetof(struct shapes_form, k), 1, 46 }, /* 7 */
        { offsetof(struct shapes_form, u.at), 2, 12 }, /* 8 */
        { offsetof(struct shapes_form, u.path), 19, 48 }, /* 9 */
        { 0, 0, 0 }, /* 10 */
        { offsetof(struct shapes_shape, name), 8, 53 }, /* 11 */
        { offsetof(struct shapes_shape, what), 4, 10 }, /* 12 */
        { offsetof(struct shapes_shape, extra), 20, 74 }, /* 13 */
        { offsetof(struct shapes_shape, layer), 21, 30 }, /* 14 */
        { offsetof(struct shapes_shape, next), 10, 5 }, /* 15 */
        { offsetof(struct shapes_group, k), 16, 46 }, /* 16 */
        { 0, 0, 0 }, /* 17 */
        { offsetof(struct shapes_group, u.members), 10, 22 }, /* 18 */
        { offsetof(struct shapes_group, u.inner), 22, 36 }, /* 19 */
        { offsetof(struct shapes_mark, k), 16, 46 }, /* 20 */
        { 0, 0, 0 }, /* 21 */
};

static const struct leat_xdr_value leat_shapes_values[] = {
        { -2147483647 - 1, 84 }, /* 0 */
        { 1, 80 }, /* 1 */
        { 2, 89 }, /* 2 */
        { -2147483647 - 1, 3 }, /* 3 */
        { 1, 1 }, /* 4 */
        { 2, 2 }, /* 5 */
        { 0, 2 }, /* 6 */
        { 1, 3 }, /* 7 */
        { 2, 3 }, /* 8 */
        { 3, 1 }, /* 9 */
        { 7, 1 }, /* 10 */
};

static const char leat_shapes_names[] =
        ""
        "\0" "y"
        "\0" "x"
        "\0" "next"
        "\0" "what"
        "\0" "points"
        "\0" "members"
        "\0" "layer"
        "\0" "inner"
        "\0" "sum"
        "\0" "k"
        "\0" "path"
        "\0" "name"
        "\0" "wide"
        "\0" "grid"
        "\0" "fixed"
        "\0" "extra"
        "\0" "DOT"
        "\0" "FLAT"
        "\0" "PATH";

static int is_shapes_kind(int32_t number) {
        switch (number) {
        case INT32_MIN: /* FLAT */
        case 1: /* DOT */
        case 2: /* PATH */
                return 1;
        default:
                return 0;
        }
}

static uint8_t *encode_shapes_point(struct leat_xdr_encoder *encoder, uint8_t *at, const void *from) {
        const struct shapes_point *value = from;
        at = leat_xdr_room(encoder, at, 20);
        if (!at)
                return NULL;
        leat_xdr_put_double(at, value->x);
        leat_xdr_put_double(at + 8, value->y);
        leat_xdr_put_32(at + 16, (uint32_t)value->fixed);
        at += 20;
        return at;
}

static const uint8_t *decode_shapes_point(struct leat_xdr_decoder *decoder, const uint8_t *at, void *to) {
        struct shapes_point *value = to;
        if (!leat_xdr_has(decoder, at, 20))
                return NULL;
        value->x = leat_xdr_get_double(at);
        value->y = leat_xdr_get_double(at + 8);
        if (leat_xdr_get_32(at + 16) > 1)
                return NULL;
        value->fixed = leat_xdr_get_32(at + 16) != 0;
        at += 20;
        return at;
}

static uint8_t *encode_shapes_form_path(struct leat_xdr_encoder *encoder, uint8_t *at, const void *from) {
        const struct shapes_form_path *value = from;
        if (!leat_xdr_may_put(value->points.items, value->points.count, 100))
                return NULL;
        at = leat_xdr_room(encoder, at, 4);
        if (!at)
                return NULL;
        leat_xdr_put_32(at, value->points.count);
        at += 4;
        for (uint32_t i = 0; i < value->points.count; i++) {
                at = leat_xdr_room(encoder, at, 20);
                if (!at)
                        return NULL;
                leat_xdr_put_double(at, value->points.items[i].x);
                leat_xdr_put_double(at + 8, value->points.items[i].y);
                leat_xdr_put_32(at + 16, (uint32_t)value->points.items[i].fixed);
                at += 20;
        }
        at = leat_xdr_room(encoder, at, 96);
        if (!at)
                return NULL;
        memcpy(at, value->sum, 20);
        leat_xdr_put_all_32(at + 20, value->grid, 3);
        memcpy(at + 32, value->wide, 64);
        at += 96;
        return at;
}

static const uint8_t *decode_shapes_form_path(struct leat_xdr_decoder *decoder, const uint8_t *at, void *to) {
        struct shapes_form_path *value = to;
        if (!leat_xdr_has(decoder, at, 4))
                return NULL;
        value->points.count = leat_xdr_get_32(at);
        at += 4;
        if (!leat_xdr_has_all(decoder, at, value->points.count, 100, 20))
                return NULL;
        value->points.items = leat_xdr_take_all(decoder, value->points.count, sizeof(*value->points.items));
        if (!value->points.items && value->points.count)
                return NULL;
        for (uint32_t i = 0; i < value->points.count; i++) {
                if (!leat_xdr_has(decoder, at, 20))
                        return NULL;
                value->points.items[i].x = leat_xdr_get_double(at);
                value->points.items[i].y = leat_xdr_get_double(at + 8);
                if (leat_xdr_get_32(at + 16) > 1)
                        return NULL;
                value->points.items[i].fixed = leat_xdr_get_32(at + 16) != 0;
                at += 20;
        }
        if (!leat_xdr_has(decoder, at, 96))
                return NULL;
        memcpy(value->sum, at, 20);
        leat_xdr_get_all_32(at + 20, value->grid, 3);
        memcpy(value->wide, at + 32, 64);
        at += 96;
        return at;
}

static uint8_t *encode_shapes_form(struct leat_xdr_encoder *encoder, uint8_t *at, const void *from) {
        const struct shapes_form *value = from;
        at = leat_xdr_room(encoder, at, 4);
        if (!at)
                return NULL;
        if (!is_shapes_kind((int32_t)value->k))
                return NULL;
        leat_xdr_put_32(at, (uint32_t)value->k);
        at += 4;
        switch ((int32_t)value->k) {
        case 1: /* DOT */
                at = leat_xdr_room(encoder, at, 20);
                if (!at)
                        return NULL;
                leat_xdr_put_double(at, value->u.at.x);
                leat_xdr_put_double(at + 8, value->u.at.y);
                leat_xdr_put_32(at + 16, (uint32_t)value->u.at.fixed);
                at += 20;
                return at;
        case 2: /* PATH */
                if (!value->u.path)
                        return NULL;
                at = encode_shapes_form_path(encoder, at, value->u.path);
                return at;
        case INT32_MIN: /* FLAT */
                return at;
        default:
                return NULL;
        }
}

static const uint8_t *decode_shapes_form(struct leat_xdr_decoder *decoder, const uint8_t *at, void *to) {
        struct shapes_form *value = to;
        if (!leat_xdr_has(decoder, at, 4))
                return NULL;
        if (!is_shapes_kind((int32_t)leat_xdr_get_32(at)))
                return NULL;
        value->k = (enum shapes_kind)leat_xdr_get_32(at);
        at += 4;
        switch ((int32_t)value->k) {
        case 1: /* DOT */
                if (!leat_xdr_has(decoder, at, 20))
                        return NULL;
                value->u.at.x = leat_xdr_get_double(at);
                value->u.at.y = leat_xdr_get_double(at + 8);
                if (leat_xdr_get_32(at + 16) > 1)
                        return NULL;
                value->u.at.fixed = leat_xdr_get_32(at + 16) != 0;
                at += 20;
                return at;
        case 2: /* PATH */
                value->u.path = leat_xdr_take(decoder, sizeof(*value->u.path));
                if (!value->u.path)
                        return NULL;
                at = decode_shapes_form_path(decoder, at, value->u.path);
                return at;
        case INT32_MIN: /* FLAT */
                return at;
        default:
                return NULL;
        }
}

static uint8_t *encode_shapes_shape(struct leat_xdr_encoder *encoder, uint8_t *at, const void *from) {
        for (const struct shapes_shape *value = from;; value = value->next) {
                if (!leat_xdr_may_put(value->name.text, value->name.size_bytes, 32))
                        return NULL;
                at = leat_xdr_room(encoder, at, 4 + leat_xdr_padded(value->name.size_bytes));
                if (!at)
                        return NULL;
                at = leat_xdr_put_string(at, value->name.text, value->name.size_bytes);
                if (!at)
                        return NULL;
                at = encode_shapes_form(encoder, at, &value->what);
                if (!at)
                        return NULL;
                if (!leat_xdr_may_put(value->extra.bytes, value->extra.size_bytes, LEAT_XDR_UNBOUNDED))
                        return NULL;
                at = leat_xdr_room(encoder, at, 8 + leat_xdr_padded(value->extra.size_bytes));
                if (!at)
                        return NULL;
                at = leat_xdr_put_bytes(at, value->extra.bytes, value->extra.size_bytes);
                leat_xdr_put_32(at, value->layer != NULL);
                at += 4;
                if (value->layer) {
                        at = leat_xdr_room(encoder, at, 4);
                        if (!at)
                                return NULL;
                        leat_xdr_put_32(at, (uint32_t)*value->layer);
                        at += 4;
                }
                at = leat_xdr_room(encoder, at, 4);
                if (!at)
                        return NULL;
                leat_xdr_put_32(at, value->next != NULL);
                at += 4;
                if (!value->next)
                        return at;
        }
}

static const uint8_t *decode_shapes_shape(struct leat_xdr_decoder *decoder, const uint8_t *at, void *to) {
        for (struct shapes_shape *value = to;; value = value->next) {
                if (!leat_xdr_has(decoder, at, 4))
                        return NULL;
                if (!leat_xdr_has_bytes(decoder, at, 32, 0))
                        return NULL;
                at = leat_xdr_get_string(decoder, at, &value->name);
                if (!at)
                        return NULL;
                at = decode_shapes_form(decoder, at, &value->what);
                if (!at)
                        return NULL;
                if (!leat_xdr_has(decoder, at, 8))
                        return NULL;
                if (!leat_xdr_has_bytes(decoder, at, LEAT_XDR_UNBOUNDED, 4))
                        return NULL;
                at = leat_xdr_get_bytes(decoder, at, &value->extra);
                if (!at)
                        return NULL;
                if (leat_xdr_get_32(at) > 1)
                        return NULL;
                at += 4;
                value->layer = NULL;
                if (leat_xdr_get_32(at - 4)) {
                        value->layer = leat_xdr_take(decoder, sizeof(*value->layer));
                        if (!value->layer)
                                return NULL;
                        if (!leat_xdr_has(decoder, at, 4))
                                return NULL;
                        *value->layer = (int32_t)leat_xdr_get_32(at);
                        at += 4;
                }
                if (!leat_xdr_has(decoder, at, 4))
                        return NULL;
                if (leat_xdr_get_32(at) > 1)
                        return NULL;
                at += 4;
                value->next = NULL;
                if (!leat_xdr_get_32(at - 4))
                        return at;
                value->next = leat_xdr_take(decoder, sizeof(*value->next));
                if (!value->next)
                        return NULL;
        }
}

static uint8_t *encode_shapes_mark(struct leat_xdr_encoder *encoder, uint8_t *at, const void *from) {
        const struct shapes_mark *value = from;
        at = leat_xdr_room(encoder, at, 4);
        if (!at)
                return NULL;
        leat_xdr_put_32(at, (uint32_t)value->k);
        at += 4;
        switch ((int32_t)value->k) {
        case 7:
                return at;
        default:
                return at;
        }
}

static const uint8_t *decode_shapes_mark(struct leat_xdr_decoder *decoder, const uint8_t *at, void *to) {
        struct shapes_mark *value = to;
        if (!leat_xdr_has(decoder, at, 4))
                return NULL;
        value->k = (int32_t)leat_xdr_get_32(at);
        at += 4;
        switch ((int32_t)value->k) {
        case 7:
                return at;
        default:
                return at;
        }
}

static uint8_t *encode_shapes_shapes(struct leat_xdr_encoder *encoder, uint8_t *at, const void *from) {
        const shapes_shapes *value = from;
        at = leat_xdr_room(encoder, at, 4);
        if (!at)
                return NULL;
        leat_xdr_put_32(at, *value != NULL);
        at += 4;
        if (*value) {
                at = encode_shapes_shape(encoder, at, *value);
                if (!at)
                        return NULL;
        }
        return at;
}

static const uint8_t *decode_shapes_shapes(struct leat_xdr_decoder *decoder, const uint8_t *at, void *to) {
        shapes_shapes *value = to;
        if (!leat_xdr_has(decoder, at, 4))
                return NULL;
        if (leat_xdr_get_32(at) > 1)
                return NULL;
        at += 4;
        *value = NULL;
        if (leat_xdr_get_32(at - 4)) {
                *value = leat_xdr_take(decoder, sizeof(*(*value)));
                if (!*value)
                        return NULL;
                at = decode_shapes_shape(decoder, at, *value);
                if (!at)
                        return NULL;
        }
        return at;
}

static uint8_t *encode_shapes_numbers(struct leat_xdr_encoder *encoder, uint8_t *at, const void *from) {
        const shapes_numbers *value = from;
        if (!leat_xdr_may_put(value->items, value->count, LEAT_XDR_UNBOUNDED))
                return NULL;
        at = leat_xdr_room(encoder, at, 4 + 8 * (size_t)value->count);
        if (!at)
                return NULL;
        leat_xdr_put_32(at, value->count);
        at += 4;
        at = leat_xdr_put_all_64(at, value->items, value->count);
        return at;
}

static const uint8_t *decode_shapes_numbers(struct leat_xdr_decoder *decoder, const uint8_t *at, void *to) {
        shapes_numbers *value = to;
        if (!leat_xdr_has(decoder, at, 4))
                return NULL;
        value->count = leat_xdr_get_32(at);
        at += 4;
        if (!leat_xdr_has_all(decoder, at, value->count, LEAT_XDR_UNBOUNDED, 8))
                return NULL;
        value->items = leat_xdr_take_all(decoder, value->count, sizeof(*value->items));
        if (!value->items && value->count)
                return NULL;
        at = leat_xdr_get_all_64(at, value->items, value->count);
        return at;
}

static const struct leat_xdr_codes leat_shapes_codes[12] = {
        [2] = { encode_shapes_point, decode_shapes_point },
        [3] = { encode_shapes_form_path, decode_shapes_form_path },
        [4] = { encode_shapes_form, decode_shapes_form },
        [5] = { encode_shapes_shape, decode_shapes_shape },
        [7] = { encode_shapes_mark, decode_shapes_mark },
        [10] = { encode_shapes_shapes, decode_shapes_shapes },
        [11] = { encode_shapes_numbers, decode_shapes_numbers },
};

const struct leat_xdr_schema shapes_schema = {
        leat_shapes_nodes,
        leat_shapes_fields,
        leat_shapes_values,
        leat_shapes_names,
        leat_shapes_codes,
        23,
        12,
        LEAT_XDR_SCHEMA,
        0,
};
