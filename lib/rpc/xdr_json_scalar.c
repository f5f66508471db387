/* SPDX-License-Identifier: MIT */
#include "rpc/xdr_json.h"
#include "rpc/xdr_wire.h"

#include <errno.h>
#include <string.h>

/* Values without parts, from JSON. */

/* ---- integers ---- */

/* Of each kind: how far below zero it goes, and how far above. */
static const struct {
        uint64_t below, above;
} ranges[LEAT_XDR_KIND_MAX + 1] = {
        [LEAT_XDR_KIND_INT] = { UINT64_C(1) << 31, INT32_MAX },
        [LEAT_XDR_KIND_ENUM] = { UINT64_C(1) << 31, INT32_MAX },
        [LEAT_XDR_KIND_UNSIGNED] = { 0, UINT32_MAX },
        [LEAT_XDR_KIND_HYPER] = { UINT64_C(1) << 63, INT64_MAX },
        [LEAT_XDR_KIND_UNSIGNED_HYPER] = { 0, UINT64_MAX },
        [LEAT_XDR_KIND_CHAR] = { 128, INT8_MAX },
        [LEAT_XDR_KIND_UNSIGNED_CHAR] = { 0, UINT8_MAX },
        [LEAT_XDR_KIND_SHORT] = { 32768, INT16_MAX },
        [LEAT_XDR_KIND_UNSIGNED_SHORT] = { 0, UINT16_MAX },
};

/* Digits as a number; what is too large is 0, and said to be. Returns false: something else than a digit is among them. */
static bool whole_number(const char *text, size_t size, uint64_t *ret_number, bool *ret_too_large) {
        uint64_t number = 0;
        *ret_too_large = false;
        for (size_t i = 0; i < size; i++) {
                if (text[i] < '0' || text[i] > '9')
                        return false;
                *ret_too_large = *ret_too_large || __builtin_mul_overflow(number, (uint64_t)10, &number) ||
                                 __builtin_add_overflow(number, (uint64_t)(text[i] - '0'), &number);
        }
        *ret_number = *ret_too_large ? 0 : number;
        return true;
}

/* A number without fraction and exponent within the range of a kind, as two's complement. */
static int read_whole(struct json_reader *reader, enum leat_xdr_kind kind, uint64_t *ret_number) {
        const char *text = NULL;
        size_t size = json_number(&reader->json, &text);
        bool too_large;
        if (size == 0)
                return json_refuse_kind(reader);
        bool negative = text[0] == '-';
        if (!whole_number(text + negative, size - negative, ret_number, &too_large))
                return json_refuse(reader, reader->json.at - size, LEAT_XDR_WRONG_JSON, 0, 0);
        uint64_t most = negative ? ranges[kind].below : ranges[kind].above;
        bool fits = !too_large && *ret_number <= most;
        if (negative)
                *ret_number = 0 - *ret_number;
        if (fits)
                return 0;
        bool told = !negative || *ret_number > INT64_MAX; /* as two's complement it is what it is */
        return json_refuse(reader, reader->json.at - size, LEAT_XDR_OUT_OF_RANGE, told ? *ret_number : 0,
                           negative ? 0 : most);
}

int json_read_integer(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value) {
        uint64_t number = 0;
        int r = read_whole(reader, node->kind, &number);
        if (r == 0)
                store_number(ret_value, number, node->size);
        return r;
}

int json_read_bool(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value) {
        (void)node;
        bool value = json_take_word(&reader->json, "true");
        if (!value && !json_take_word(&reader->json, "false"))
                return json_refuse_kind(reader);
        *(bool *)ret_value = value;
        return 0;
}

/* ---- strings as tokens ---- */

/* What comes is a string: how many bytes it stands for; else it is refused. */
static int64_t take_string(struct json_reader *reader, const char **ret_text) {
        if (json_peek(&reader->json) != '"')
                return json_refuse_kind(reader);
        int64_t size = json_quoted(&reader->json, ret_text);
        return size < 0 ? json_refuse(reader, reader->json.at, LEAT_XDR_BAD_JSON, 0, 0) : size;
}

/* Where a string begins that was taken: at its quotation mark. */
static size_t place_of(const struct json_reader *reader, const char *text) {
        return (size_t)(text - reader->json.text) - 1;
}

static const struct leat_xdr_value *find_name(const struct json_reader *reader, const struct leat_xdr_node *node,
                                              const char *text, size_t size) {
        const struct leat_xdr_value *values = &reader->schema->values[node->first];
        for (uint32_t i = 0; i < node->count; i++)
                if (json_is(text, size, xdr_name(reader->schema, values[i].name)))
                        return &values[i];
        return NULL;
}

/* By its name, or, as the enumeration may have two names for it, by its number; but it has to be one of the enumeration. */
int json_read_enum(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value) {
        const char *text = NULL;
        if (json_peek(&reader->json) != '"') {
                uint64_t number = 0;
                size_t at = reader->json.at;
                int r = read_whole(reader, LEAT_XDR_KIND_ENUM, &number);
                if (r < 0)
                        return r;
                if (!xdr_find_value(&reader->schema->values[node->first], node->count, (int32_t)number))
                        return json_refuse(reader, at, LEAT_XDR_UNKNOWN_ENUM, number, 0);
                store_number(ret_value, number, 4);
                return 0;
        }
        int64_t size = take_string(reader, &text);
        if (size < 0)
                return (int)size;
        const struct leat_xdr_value *found = find_name(reader, node, text, (size_t)size);
        if (!found)
                return json_refuse(reader, place_of(reader, text), LEAT_XDR_WRONG_JSON, 0, 0);
        store_number(ret_value, (uint64_t)found->value, 4);
        return 0;
}

/* ---- floating point ---- */

static int read_special(struct json_reader *reader, bool narrow, uint64_t *ret_bits) {
        const char *text = NULL;
        uint8_t special[JSON_SPECIAL_MAX];
        int64_t size = take_string(reader, &text);
        if (size < 0)
                return (int)size;
        if (size <= JSON_SPECIAL_MAX) {
                json_unescape(text, special, (size_t)size);
                if (json_special_read((const char *)special, (size_t)size, narrow, ret_bits))
                        return 0;
        }
        return json_refuse(reader, place_of(reader, text), LEAT_XDR_WRONG_JSON, 0, 0);
}

static int read_number(struct json_reader *reader, bool narrow, uint64_t *ret_bits) {
        const char *text = NULL;
        size_t size = json_number(&reader->json, &text);
        if (size == 0)
                return json_refuse_kind(reader);
        if (!xdr_float_read(text, size, narrow, ret_bits))
                return json_refuse(reader, reader->json.at - size, LEAT_XDR_OUT_OF_RANGE, 0, 0);
        return 0;
}

int json_read_float(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value) {
        bool narrow = node->kind == LEAT_XDR_KIND_FLOAT;
        uint64_t bits = 0;
        int r = json_peek(&reader->json) == '"' ? read_special(reader, narrow, &bits)
                                                : read_number(reader, narrow, &bits);
        if (r == 0)
                store_number(ret_value, bits, narrow ? 4 : 8);
        return r;
}

/* ---- bytes and text ---- */

/* A string of hexadecimal digits, two for a byte and without escapes: how many bytes. */
static int64_t take_hex(struct json_reader *reader, const char **ret_text) {
        int64_t size = take_string(reader, ret_text);
        if (size < 0)
                return size;
        if (size % 2 != 0)
                return json_refuse(reader, place_of(reader, *ret_text), LEAT_XDR_WRONG_JSON, 0, 0);
        return size / 2;
}

static int put_hex(struct json_reader *reader, const char *text, uint8_t *ret_bytes, size_t size) {
        /* Of a string with escapes a backslash comes before as many characters as it stands for are over: that is no digit. */
        if (!json_hex(text, ret_bytes, size))
                return json_refuse(reader, place_of(reader, text), LEAT_XDR_WRONG_JSON, 0, 0);
        return 0;
}

int json_read_fixed(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value) {
        const char *text = NULL;
        uint32_t wanted = node->kind == LEAT_XDR_KIND_QUADRUPLE ? sizeof(struct leat_xdr_quadruple) : node->bound;
        int64_t size = take_hex(reader, &text);
        if (size < 0)
                return (int)size;
        if (size != wanted)
                return json_refuse(reader, place_of(reader, text), LEAT_XDR_WRONG_JSON, (uint64_t)size, wanted);
        return put_hex(reader, text, ret_value, wanted);
}

/* Memory for bytes of a length that is at most the bound, and for a NUL behind them. */
static int reserve_bytes(struct json_reader *reader, const struct leat_xdr_node *node, const char *text, int64_t size,
                         uint8_t **ret_bytes) {
        void *memory = NULL;
        if ((uint64_t)size > node->bound)
                return json_refuse(reader, place_of(reader, text), LEAT_XDR_TOO_LONG, (uint64_t)size, node->bound);
        int r = json_reserve(reader, (size_t)size + 1, &memory);
        if (r < 0)
                return r;
        *ret_bytes = memory;
        (*ret_bytes)[size] = '\0';
        return 0;
}

int json_read_bytes(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value) {
        struct leat_xdr_bytes *ret_bytes = ret_value;
        const char *text = NULL;
        uint8_t *bytes = NULL;
        int64_t size = take_hex(reader, &text);
        if (size < 0)
                return (int)size;
        int r = reserve_bytes(reader, node, text, size, &bytes);
        if (r == 0)
                r = put_hex(reader, text, bytes, (size_t)size);
        *ret_bytes = (struct leat_xdr_bytes){ .bytes = bytes, .size_bytes = (uint32_t)size };
        return r;
}

/* {"bytes": "hexadecimal"}: a string that is no UTF-8. */
static int read_bytes_of_string(struct json_reader *reader, const struct leat_xdr_node *node,
                                struct leat_xdr_bytes *ret_bytes) {
        const char *name = NULL;
        size_t size = 0;
        (void)json_take(&reader->json, '{');
        int r = json_next_member(reader, true, &name, &size);
        if (r < 0)
                return r;
        if (r == 0 || !json_is(name, size, "bytes"))
                return json_refuse(reader, reader->json.at, r == 0 ? LEAT_XDR_MISSING_FIELD : LEAT_XDR_UNKNOWN_FIELD, 0,
                                   0);
        r = json_read_bytes(reader, node, ret_bytes);
        if (r < 0)
                return r;
        r = json_next_member(reader, false, &name, &size);
        return r > 0 ? json_refuse(reader, reader->json.at, LEAT_XDR_UNKNOWN_FIELD, 0, 0) : r;
}

static int read_text_of_string(struct json_reader *reader, const struct leat_xdr_node *node,
                               struct leat_xdr_bytes *ret_bytes) {
        const char *text = NULL;
        uint8_t *bytes = NULL;
        int64_t size = take_string(reader, &text);
        if (size < 0)
                return (int)size;
        int r = reserve_bytes(reader, node, text, size, &bytes);
        if (r < 0)
                return r;
        json_unescape(text, bytes, (size_t)size);
        *ret_bytes = (struct leat_xdr_bytes){ .bytes = bytes, .size_bytes = (uint32_t)size };
        return 0;
}

int json_read_string(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value) {
        struct leat_xdr_bytes bytes = { 0 };
        bool is_object = json_peek(&reader->json) == '{';
        size_t at = reader->json.at;
        int r = is_object ? read_bytes_of_string(reader, node, &bytes) : read_text_of_string(reader, node, &bytes);
        if (r < 0)
                return r;
        if (bytes.bytes && memchr(bytes.bytes, '\0', bytes.size_bytes))
                return json_refuse(reader, at, LEAT_XDR_NUL_IN_STRING, 0, 0);
        *(struct leat_xdr_string *)ret_value = (struct leat_xdr_string){ bytes.bytes, bytes.size_bytes };
        return 0;
}
