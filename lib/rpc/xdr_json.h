/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_XDR_JSON_H
#define LEAT_RPC_XDR_JSON_H

/* What writing and reading JSON agree on, and the text that is read. */

#include "rpc/xdr_fault.h"
#include "rpc/xdr_schema.h"
#include "rpc/xdr_text.h"

/* May this be written as null, so that "not there" needs another way to be told? An optional one of it is an array of the one. */
static inline bool json_may_be_null(const struct leat_xdr_schema *schema, uint32_t index) {
        const struct leat_xdr_node *node = xdr_node(schema, index);
        while (node->kind == LEAT_XDR_KIND_HELD)
                node = xdr_node(schema, node->first);
        return node->kind == LEAT_XDR_KIND_OPTIONAL || node->kind == LEAT_XDR_KIND_VOID;
}

/* What the bits of a float or double mean when it is no finite number; NULL: it is one. ret_text: room for one that is made. */
#define JSON_SPECIAL_MAX 24
const char *json_special_text(uint64_t bits, bool narrow, char ret_text[JSON_SPECIAL_MAX]);
/* And back. Returns whether the text is one of those. */
bool json_special_read(const char *text, size_t size, bool narrow, uint64_t *ret_bits);

/* Bytes from two hexadecimal digits each. Returns whether all were. */
bool json_hex(const char *text, uint8_t *ret_bytes, size_t count);

/* ---- writing, also for a person ---- */

void json_put_integer(struct xdr_text *text, const struct leat_xdr_node *node, const void *value);
/* Floating point; what is no finite number stands between two of `quote`. */
void json_put_float(struct xdr_text *text, const struct leat_xdr_node *node, const void *value, const char *quote);

/* ---- reading ---- */

struct json_text {
        const char *text;
        size_t size, at;
};

/* The first character of what comes, behind white space; '\0' at the end (or a NUL there, which begins nothing). */
char json_peek(struct json_text *json);
/* Is this what comes? Then it is taken. */
bool json_take(struct json_text *json, char character);
bool json_take_word(struct json_text *json, const char *word);

/* A number, as its characters. Returns how many; 0: there is none in the grammar of RFC 8259. */
size_t json_number(struct json_text *json, const char **ret_text);

/*
 * A string: how many bytes of text it stands for; it is taken. Returns it, or -EBADMSG: json->at is where it breaks the grammar, its UTF-8 or its
 * surrogates. *ret_text is behind its first quotation mark, for json_unescape().
 */
int64_t json_quoted(struct json_text *json, const char **ret_text);

/* The bytes that the string stands for, size_bytes of them, as json_quoted() told. */
void json_unescape(const char *text, uint8_t *ret_bytes, size_t size_bytes);
/* Does it stand for this name? */
bool json_is(const char *text, size_t size_bytes, const char *name);

/* ---- values from it ---- */

struct json_reader {
        struct json_text json;
        const struct leat_xdr_schema *schema;
        struct leat_xdr_arena *arena;
        struct xdr_trouble trouble;
        uint32_t depth; /* how many more levels */
};

typedef int json_read_kind(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value);

/* What is wrong at this byte of the text. Returns -EBADMSG. */
int json_refuse(struct json_reader *reader, size_t at, enum leat_xdr_what what, uint64_t value, uint64_t limit);
/* What comes is not what the type wants, or nothing that JSON has. */
int json_refuse_kind(struct json_reader *reader);

/* Memory of the arena. Returns 0, -EMSGSIZE, -ENOMEM. */
int json_reserve(struct json_reader *reader, size_t size_bytes, void **ret_memory);

/* The members of an object and the items of an array, one after another, behind its bracket: 1: there is one (and its name is read); 0: that was the
 * last; or -EBADMSG. */
int json_next_member(struct json_reader *reader, bool first, const char **ret_name, size_t *ret_size);
int json_next_item(struct json_reader *reader, bool first);

json_read_kind json_read_integer, json_read_bool, json_read_enum, json_read_float, json_read_fixed, json_read_bytes,
        json_read_string;

#endif
