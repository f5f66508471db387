/* Made by leatgen from calls.x. Do not edit it: what is changed here is lost when it is made again. */
#include "calls.h"
#include <leat/xdr_code.h>
#include <stddef.h>

static const struct leat_xdr_node leat_store_calls_nodes[] = {
        { LEAT_XDR_KIND_STRUCT, 0, 2, 0, 0, sizeof(struct store_entry), 12 }, /* 1 */
        { LEAT_XDR_KIND_STRUCT, 0, 4, 2, 0, sizeof(struct store_lookup_2_arguments), 20 }, /* 2 */
        { LEAT_XDR_KIND_STRING, 0, 0, 0, 64, sizeof(store_key), 4 }, /* 3 */
        { LEAT_XDR_KIND_FIXED, LEAT_XDR_FLAG_FLAT, 0, 0, 8, sizeof(store_token), 8 }, /* 4 */
        { LEAT_XDR_KIND_OPTIONAL, 0, 0, 1, 0, sizeof(store_found), 4 }, /* 5 */
        { LEAT_XDR_KIND_ARRAY, LEAT_XDR_FLAG_FLAT, 0, 7, 3, sizeof(store_triple), 12 }, /* 6 */
        { LEAT_XDR_KIND_INT, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(int32_t), 4 }, /* 7 */
        { LEAT_XDR_KIND_UNSIGNED_HYPER, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(uint64_t), 8 }, /* 8 */
        { LEAT_XDR_KIND_BOOL, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(bool), 4 }, /* 9 */
};

static const struct leat_xdr_field leat_store_calls_fields[] = {
        { offsetof(struct store_entry, name), 3, 25 }, /* 0 */
        { offsetof(struct store_entry, size), 8, 20 }, /* 1 */
        { offsetof(struct store_lookup_2_arguments, name), 3, 25 }, /* 2 */
        { offsetof(struct store_lookup_2_arguments, access), 4, 8 }, /* 3 */
        { offsetof(struct store_lookup_2_arguments, follow), 9, 1 }, /* 4 */
        { offsetof(struct store_lookup_2_arguments, near), 5, 15 }, /* 5 */
};

static const char leat_store_calls_names[] =
        ""
        "\0" "follow"
        "\0" "access"
        "\0" "near"
        "\0" "size"
        "\0" "name";

static uint8_t *encode_store_entry(struct leat_xdr_encoder *encoder, uint8_t *at, const void *from) {
        const struct store_entry *value = from;
        if (!leat_xdr_may_put(value->name.text, value->name.size_bytes, 64))
                return NULL;
        at = leat_xdr_room(encoder, at, 12 + leat_xdr_padded(value->name.size_bytes));
        if (!at)
                return NULL;
        at = leat_xdr_put_string(at, value->name.text, value->name.size_bytes);
        if (!at)
                return NULL;
        leat_xdr_put_64(at, (uint64_t)value->size);
        at += 8;
        return at;
}

static const uint8_t *decode_store_entry(struct leat_xdr_decoder *decoder, const uint8_t *at, void *to) {
        struct store_entry *value = to;
        if (!leat_xdr_has(decoder, at, 12))
                return NULL;
        if (!leat_xdr_has_bytes(decoder, at, 64, 8))
                return NULL;
        at = leat_xdr_get_string(decoder, at, &value->name);
        if (!at)
                return NULL;
        value->size = leat_xdr_get_64(at);
        at += 8;
        return at;
}

static uint8_t *encode_store_lookup_2_arguments(struct leat_xdr_encoder *encoder, uint8_t *at, const void *from) {
        const struct store_lookup_2_arguments *value = from;
        if (!leat_xdr_may_put(value->name.text, value->name.size_bytes, 64))
                return NULL;
        at = leat_xdr_room(encoder, at, 20 + leat_xdr_padded(value->name.size_bytes));
        if (!at)
                return NULL;
        at = leat_xdr_put_string(at, value->name.text, value->name.size_bytes);
        if (!at)
                return NULL;
        memcpy(at, value->access, 8);
        leat_xdr_put_32(at + 8, (uint32_t)value->follow);
        leat_xdr_put_32(at + 12, value->near != NULL);
        at += 16;
        if (value->near) {
                at = encode_store_entry(encoder, at, value->near);
                if (!at)
                        return NULL;
        }
        return at;
}

static const uint8_t *decode_store_lookup_2_arguments(struct leat_xdr_decoder *decoder, const uint8_t *at, void *to) {
        struct store_lookup_2_arguments *value = to;
        if (!leat_xdr_has(decoder, at, 20))
                return NULL;
        if (!leat_xdr_has_bytes(decoder, at, 64, 16))
                return NULL;
        at = leat_xdr_get_string(decoder, at, &value->name);
        if (!at)
                return NULL;
        memcpy(value->access, at, 8);
        if (leat_xdr_get_32(at + 8) > 1)
                return NULL;
        value->follow = leat_xdr_get_32(at + 8) != 0;
        if (leat_xdr_get_32(at + 12) > 1)
                return NULL;
        at += 16;
        value->near = NULL;
        if (leat_xdr_get_32(at - 4)) {
                value->near = leat_xdr_take(decoder, sizeof(*value->near));
                if (!value->near)
                        return NULL;
                at = decode_store_entry(decoder, at, value->near);
                if (!at)
                        return NULL;
        }
        return at;
}

static uint8_t *encode_store_found(struct leat_xdr_encoder *encoder, uint8_t *at, const void *from) {
        const store_found *value = from;
        at = leat_xdr_room(encoder, at, 4);
        if (!at)
                return NULL;
        leat_xdr_put_32(at, *value != NULL);
        at += 4;
        if (*value) {
                at = encode_store_entry(encoder, at, *value);
                if (!at)
                        return NULL;
        }
        return at;
}

static const uint8_t *decode_store_found(struct leat_xdr_decoder *decoder, const uint8_t *at, void *to) {
        store_found *value = to;
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
                at = decode_store_entry(decoder, at, *value);
                if (!at)
                        return NULL;
        }
        return at;
}

static uint8_t *encode_store_triple(struct leat_xdr_encoder *encoder, uint8_t *at, const void *from) {
        const store_triple *value = from;
        at = leat_xdr_room(encoder, at, 12);
        if (!at)
                return NULL;
        leat_xdr_put_all_32(at, *value, 3);
        at += 12;
        return at;
}

static const uint8_t *decode_store_triple(struct leat_xdr_decoder *decoder, const uint8_t *at, void *to) {
        store_triple *value = to;
        if (!leat_xdr_has(decoder, at, 12))
                return NULL;
        leat_xdr_get_all_32(at, *value, 3);
        at += 12;
        return at;
}

static const struct leat_xdr_codes leat_store_calls_codes[7] = {
        [1] = { encode_store_entry, decode_store_entry },
        [2] = { encode_store_lookup_2_arguments, decode_store_lookup_2_arguments },
        [5] = { encode_store_found, decode_store_found },
        [6] = { encode_store_triple, decode_store_triple },
};

const struct leat_xdr_schema store_calls_schema = {
        leat_store_calls_nodes,
        leat_store_calls_fields,
        NULL,
        leat_store_calls_names,
        leat_store_calls_codes,
        10,
        7,
        LEAT_XDR_SCHEMA,
        0,
};
