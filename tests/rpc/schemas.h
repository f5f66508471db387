/* SPDX-License-Identifier: MIT */
#ifndef SCHEMAS_H
#define SCHEMAS_H

/*
 * A schema written by hand, with each kind of node, so that the codec is tested without the compiler. What it would be as an interface file
 * is in schemas.c.
 */

#include <leat/rpc.h>
#include <leat/xdr_code.h>
#include <stdbool.h>

enum color { RED = 0, GREEN = 1, BLUE = 2 };                    /* dense */
enum sparse { FAR_DOWN = -7, NOTHING = 0, HUGE_ONE = 1000000 }; /* not so */

struct record { /* the benchmark's */
        int32_t number;
        int64_t time;
        struct leat_xdr_string name; /* at most 32 */
        double weight;
        uint8_t key[16];
};

struct records {
        struct record *items;
        uint32_t count;
};

struct flat { /* 24 bytes on the wire, always */
        int32_t a;
        enum color color;
        uint8_t tag[3];
        bool yes;
        int16_t small;
        uint8_t tiny;
};

struct choice {
        enum color color;
        union {
                int32_t number;              /* RED */
                struct leat_xdr_string text; /* GREEN */
                struct records *records;     /* BLUE: held */
        } u;
};

struct defaulted { /* default: 1 is a hyper, 2 and 3 are void, all others opaque<8> */
        int32_t kind;
        union {
                struct leat_xdr_bytes rest;
                int64_t one;
        } u;
};

struct everything {
        int32_t a_int;
        uint32_t a_unsigned;
        int64_t a_hyper;
        uint64_t an_unsigned_hyper;
        float a_float;
        double a_double;
        struct leat_xdr_quadruple a_quadruple;
        bool a_bool;
        int8_t a_char;
        uint8_t an_unsigned_char;
        int16_t a_short;
        uint16_t an_unsigned_short;
        enum color color;
        enum sparse sparse;
        uint8_t fixed[5];
        struct leat_xdr_bytes bytes;   /* at most 10 */
        struct leat_xdr_string string; /* at most 8 */
        int32_t numbers[3];
        struct records records; /* at most 4 */
        int32_t *optional;
        struct choice choice;
        struct defaulted defaulted;
        struct flat flats[2];
        struct {
                int64_t *items;
                uint32_t count;
        } hypers;
};

struct link { /* a chain */
        int32_t id;
        struct leat_xdr_string name;
        struct link *next;
};

struct named_list { /* a field that is a chain */
        uint32_t version;
        struct link *list;
};

struct tree { /* recursive by a list */
        int32_t value;
        struct {
                struct tree *items;
                uint32_t count;
        } children;
};

struct pair { /* recursive by its first pointer, and a chain by its last */
        struct pair *left, *right;
};

struct expression { /* recursive by a held arm */
        int32_t kind;
        union {
                int32_t number;             /* 0 */
                struct expression *negated; /* 1 */
        } u;
};

struct borrowed {
        struct leat_xdr_bytes bytes;
        struct leat_xdr_string text;
};

struct empty { /* opaque nothing[0], with a byte of memory */
        uint8_t nothing[1];
};

struct empties {
        struct empty *items;
        uint32_t count;
};

/* The types by name. */
enum schemas_node {
        NODE_VOID,
        NODE_INT,
        NODE_UNSIGNED,
        NODE_HYPER,
        NODE_UNSIGNED_HYPER,
        NODE_FLOAT,
        NODE_DOUBLE,
        NODE_QUADRUPLE,
        NODE_BOOL,
        NODE_CHAR,
        NODE_UNSIGNED_CHAR,
        NODE_SHORT,
        NODE_UNSIGNED_SHORT,
        NODE_COLOR,
        NODE_SPARSE,
        NODE_FIXED_5,
        NODE_FIXED_16,
        NODE_FIXED_3,
        NODE_BYTES_10,
        NODE_BYTES_8,
        NODE_STRING_8,
        NODE_STRING_32,
        NODE_STRING,
        NODE_NUMBERS,
        NODE_RECORD,
        NODE_RECORDS,
        NODE_RECORDS_4,
        NODE_HELD_RECORDS,
        NODE_OPTIONAL_INT,
        NODE_CHOICE,
        NODE_DEFAULTED,
        NODE_FLAT,
        NODE_FLATS_2,
        NODE_HYPERS,
        NODE_EVERYTHING,
        NODE_LINK,
        NODE_LINKS,
        NODE_NAMED_LIST,
        NODE_TREE,
        NODE_TREES,
        NODE_PAIR,
        NODE_OPTIONAL_PAIR,
        NODE_PAIRS,
        NODE_EXPRESSION,
        NODE_HELD_EXPRESSION,
        NODE_BORROWED_BYTES,
        NODE_BORROWED_STRING,
        NODE_BORROWED,
        NODE_FIXED_0,
        NODE_EMPTY,
        NODE_EMPTIES,
        NODE_FLATS,
        NODE_BOOLS,
        NODE_COUNT
};

extern const struct leat_xdr_schema schemas;

static inline struct leat_xdr_type schemas_type(enum schemas_node node) {
        struct leat_xdr_type type = { &schemas, node };
        return type;
}

/* Text as a value. */
#define TEXT(literal) ((struct leat_xdr_string){ (literal), (uint32_t)(sizeof(literal) - 1) })
#define BYTES(literal) ((struct leat_xdr_bytes){ (literal), (uint32_t)(sizeof(literal) - 1) })

/* One value with something of each kind in it; it points to static memory. */
struct everything schemas_everything(void);

/* What a procedure does that answers with so much text (NODE_STRING). Returns what it returns. */
int schemas_answer_text(uint32_t size, struct leat_xdr_string *result, struct leat_rpc_request *request);

#endif
