/* SPDX-License-Identifier: MIT */
#ifndef LEAT_XDR_H
#define LEAT_XDR_H

/*
 * Values as bytes and back: XDR (RFC 4506), for the types that leatgen(1) compiled.
 *
 * leatgen turns an interface file into C types, and into a schema: a table that says how each type lies in memory and on
 * the wire. Every function here takes a type of a schema and a value of it. For a type `entry` of an interface with the
 * prefix `dir` the generated header has `struct dir_entry`, dir_entry_type(), dir_entry_encode() and dir_entry_decode().
 *
 * Life cycle. A value is encoded into a struct leat_xdr_buffer: the caller's own bytes, or one that grows. It is decoded
 * out of the bytes of one whole message into a struct leat_xdr_arena, and what the value points to lies there (or, of an
 * interface compiled with --borrow, in the message itself: opaque and strings then live as long as the message does).
 * leat_xdr_arena_free() frees all of it at once; nothing is freed one by one.
 *
 * Hostile bytes. Memory is bounded by the arena's limit and by 64 times the bytes that are really there, whatever lengths
 * they declare. A list (a structure whose last field is an optional pointer to the next) is decoded by a loop; other
 * recursion goes as deep as the rules say. What RFC 4506 does not allow is refused with the path of the field that
 * broke it: an enumeration's unknown value, a boolean other than 0 and 1, padding that is not zero, a NUL inside a string,
 * a length over its bound, bytes that are left over. struct leat_xdr_rules can accept some of them. What was accepted under the
 * usual rules encodes to the same bytes again.
 *
 * Strings have a length; decoded ones (without --borrow) also end with a NUL that the length does not count.
 *
 * Threads: functions keep no state of their own; a buffer, an arena and a value belong to one thread at a time.
 * Fork: all of it is ordinary memory. Nothing blocks; none of it is for signal handlers (memory is allocated), save
 * encoding into the caller's own bytes.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct leat_xdr_schema; /* <leat/xdr_code.h>: what leatgen writes */

/* A type of an interface: the generated NAME_type() gives it. */
struct leat_xdr_type {
        const struct leat_xdr_schema *schema;
        uint32_t node; /* its place in the schema */
};

/* string<>: size_bytes bytes of text. A decoded one ends with a NUL behind them, unless it is borrowed. NULL is the empty one. */
struct leat_xdr_string {
        const char *text;
        uint32_t size_bytes;
};

/* opaque<>. */
struct leat_xdr_bytes {
        const void *bytes;
        uint32_t size_bytes;
};

/* quadruple: IEEE 754 binary128, as on the wire: the sign's byte first. */
struct leat_xdr_quadruple {
        uint8_t bytes[16];
};

/* ---- what was wrong ---- */

enum leat_xdr_what {
        LEAT_XDR_OK,
        LEAT_XDR_SHORT,        /* the bytes end before the value does */
        LEAT_XDR_TRAILING,     /* `value` bytes are left over */
        LEAT_XDR_TOO_LONG,     /* a length of `value`, where at most `limit` is allowed */
        LEAT_XDR_NOT_THERE,    /* a length of `value`, where at most `limit` can be in the bytes that are left */
        LEAT_XDR_UNKNOWN_ENUM, /* `value` is none of the enumeration's */
        LEAT_XDR_UNKNOWN_ARM,  /* no case of the union is `value` */
        LEAT_XDR_BAD_BOOL,     /* `value` is neither 0 nor 1 */
        LEAT_XDR_BAD_PADDING,  /* bytes that fill up to four are not zero */
        LEAT_XDR_NUL_IN_STRING,
        LEAT_XDR_OUT_OF_RANGE, /* `value` does not fit the field; 0: the number has more than 64 bits. limit, of one above zero in JSON: the largest that fits */
        LEAT_XDR_TOO_DEEP,     /* nested deeper than `limit` */
        LEAT_XDR_ARENA_FULL,   /* more than `limit` bytes of memory would be needed */
        LEAT_XDR_NULL,         /* encoding: a pointer is NULL where something must be */
        LEAT_XDR_NO_ROOM,      /* encoding: the buffer is full at `limit` bytes */
        LEAT_XDR_NO_MEMORY,
        LEAT_XDR_BAD_JSON,      /* from JSON: not JSON */
        LEAT_XDR_WRONG_JSON,    /* from JSON: another kind of thing than the type wants there */
        LEAT_XDR_UNKNOWN_FIELD, /* from JSON: no field has this name */
        LEAT_XDR_MISSING_FIELD, /* from JSON */
        LEAT_XDR_WHAT_MAX = LEAT_XDR_MISSING_FIELD
};

#define LEAT_XDR_PATH_MAX 192

/* What was wrong with a value or with bytes, and where. */
struct leat_xdr_fault {
        enum leat_xdr_what what; /* LEAT_XDR_OK with an error: the call is wrong, and not the value or the bytes */
        int error;               /* the negative errno that was returned */
        uint64_t offset;         /* in the encoded bytes, or in the text of JSON: where it was seen */
        uint64_t value, limit;   /* as `what` says; a negative number as two's complement */
        char path
                [LEAT_XDR_PATH_MAX]; /* the field: "entries[3].name"; "" is the value itself. Of one that is too long: its end, behind "..." */
};

/*
 * Say what a fault means, for a person: "entries[3].name: a length of 300, at most 255 are allowed (at byte 48)".
 *
 * text, size_bytes: where it is written, cut to fit and ended with a NUL.
 * Returns text. Does not block. Safe with threads, fork and signals. Since 0.1.
 */
const char *leat_xdr_fault_text(const struct leat_xdr_fault *fault, char *text, size_t size_bytes);

/* ---- rules ---- */

/* What may be accepted beyond RFC 4506. */
#define LEAT_XDR_ACCEPT_ENUM 1u /* unknown values of enumerations (not as a union's discriminant without a default) */
#define LEAT_XDR_ACCEPT_BOOL 2u /* booleans other than 0 and 1, as true */
#define LEAT_XDR_ACCEPT_PADDING 4u /* padding that is not zero */
#define LEAT_XDR_ACCEPT_NUL 8u     /* NUL inside of strings */
#define LEAT_XDR_ACCEPT_TRAILING 16u

#define LEAT_XDR_DEPTH 64        /* of nesting, unless the rules say otherwise */
#define LEAT_XDR_DEPTH_MOST 1000 /* the most that the rules may say: each level takes some hundred bytes of stack */

struct leat_xdr_rules {
        size_t size;     /* sizeof(struct leat_xdr_rules) */
        uint32_t accept; /* LEAT_XDR_ACCEPT_... */
        uint32_t depth;  /* 0: LEAT_XDR_DEPTH */
};

/* ---- memory of what is decoded ---- */

struct leat_xdr_block;

#define LEAT_XDR_ARENA_LIMIT ((size_t)256 << 20) /* bytes, unless leat_xdr_arena_init() is told otherwise */

/* Memory that is freed at once. All fields are the library's; {0} is an empty one with the usual limit. */
struct leat_xdr_arena {
        uint8_t *at, *end;             /* what is left of the block in use */
        struct leat_xdr_block *blocks; /* the newest first */
        size_t taken_bytes;            /* of all blocks, those in use */
        size_t limit_bytes;            /* 0: LEAT_XDR_ARENA_LIMIT */
        struct leat_xdr_block *spares; /* those that are not in use */
        size_t spare_bytes;
};

/* Begin an empty arena that takes at most limit_bytes (0: LEAT_XDR_ARENA_LIMIT) at a time. Allocates nothing. Since 0.1. */
void leat_xdr_arena_init(struct leat_xdr_arena *arena, size_t limit_bytes);

/* Memory of the arena, aligned for any type, not cleared; NULL with its limit reached or no memory. Since 0.1. */
void *leat_xdr_arena_take(struct leat_xdr_arena *arena, size_t size_bytes);

/* Forget all that lies in it and keep the memory for what comes next. Since 0.1. */
void leat_xdr_arena_reset(struct leat_xdr_arena *arena);

/* Free all of it; it is as after leat_xdr_arena_init(). NULL is accepted. Since 0.1. */
void leat_xdr_arena_free(struct leat_xdr_arena *arena);

/* ---- encoded bytes ---- */

/* Bytes that are written to: the caller's, or a growing one. {0} is an empty growing one. */
struct leat_xdr_buffer {
        uint8_t *bytes;
        size_t size_bytes;  /* what is written */
        size_t room_bytes;  /* what is there */
        size_t limit_bytes; /* of a growing one: 0 is none */
        int fixed;          /* the bytes are the caller's: never grown, never freed */
};

/* A buffer over the caller's own bytes. Since 0.1. */
static inline struct leat_xdr_buffer leat_xdr_buffer_over(void *bytes, size_t room_bytes) {
        struct leat_xdr_buffer buffer;
        buffer.bytes = (uint8_t *)bytes;
        buffer.size_bytes = 0;
        buffer.room_bytes = room_bytes;
        buffer.limit_bytes = 0;
        buffer.fixed = 1;
        return buffer;
}

/* Free what a growing buffer holds; it is empty afterwards. NULL is accepted. Since 0.1. */
void leat_xdr_buffer_free(struct leat_xdr_buffer *buffer);

/*
 * See to it that size_bytes more can be written behind what is there.
 * Returns 0; -EMSGSIZE if the buffer is fixed or reached its limit; -ENOMEM. Since 0.1.
 */
int leat_xdr_buffer_reserve(struct leat_xdr_buffer *buffer, size_t size_bytes);

/* ---- encode, decode ---- */

/*
 * Append a value to a buffer, as XDR.
 *
 * type, value: a type of a schema, and a value of its C type. No part of the value lies in the buffer.
 * buffer:      written to behind its size_bytes; on failure its size is what it was.
 * ret_fault:   what was wrong and where; NULL if nobody asks.
 * Returns 0. -EINVAL: the value breaks its type (a length over its bound, an unknown value of an enumeration, a NULL pointer with a
 * length, a NUL in a string, nesting deeper than LEAT_XDR_DEPTH_MOST, a list that comes back to itself). -EMSGSIZE: the buffer is full. -ENOMEM.
 * -EPROTONOSUPPORT: the type was compiled for another release of the library. Since 0.1.
 */
int leat_xdr_encode(struct leat_xdr_type type, const void *value, struct leat_xdr_buffer *buffer,
                    struct leat_xdr_fault *ret_fault);

/*
 * Decode a value from the bytes of a whole message.
 *
 * bytes, size_bytes: the message; borrowed for the call, or as long as the value is used if the interface borrows.
 * arena:             where what the value points to is put. What was there stays.
 * rules:             NULL for the usual ones.
 * ret_value:         of the type's C type; undefined on failure, when nothing of the arena is in use by it.
 * ret_fault:         as above.
 * Returns 0. -EBADMSG: the bytes break their type. -EMSGSIZE: it needs more memory, or is nested deeper, than allowed. -ENOMEM. -EINVAL: the
 * rules are unknown. -EPROTONOSUPPORT as above. Since 0.1.
 */
int leat_xdr_decode(struct leat_xdr_type type, const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
                    const struct leat_xdr_rules *rules, void *ret_value, struct leat_xdr_fault *ret_fault);

/* How many bytes the value has as XDR, or a negative errno as of leat_xdr_encode(). Since 0.1. */
int64_t leat_xdr_size(struct leat_xdr_type type, const void *value, struct leat_xdr_fault *ret_fault);

/* The size of the type's C type in bytes. Since 0.1. */
size_t leat_xdr_value_size(struct leat_xdr_type type);

/* ---- values ---- */

/*
 * Compare two values: by field in their order, numbers by value, strings, opaque and arrays by what is in them and then by length, absence
 * before presence. Values that are nested deeper than LEAT_XDR_DEPTH_MOST, or contain themselves, are equal if no difference is found up to there.
 * Floating point by total order (IEEE 754-2008, 5.10), so that equal means: the same bytes as XDR. Returns -1, 0 or 1. Since 0.1.
 */
int leat_xdr_compare(struct leat_xdr_type type, const void *one, const void *other);

/*
 * Copy a value with all that it points to into an arena. Borrowed bytes are copied too.
 * Returns 0, -EMSGSIZE (the arena's limit), -ENOMEM, -EINVAL (the value breaks its type). Since 0.1.
 */
int leat_xdr_copy(struct leat_xdr_type type, const void *value, struct leat_xdr_arena *arena, void *ret_copy);

/*
 * Print a value for a person, a field a line and indented, appended to the buffer (no NUL). Of opaque bytes the first 32 are shown, with
 * how many there are; strings are quoted, and what a terminal takes for a command is escaped. A value that breaks its type is
 * printed as far as it goes, and if it is nested too deep or contains itself, that is where it ends, with "...". Nothing is written on failure.
 * Returns 0, -EMSGSIZE (the buffer is full), -ENOMEM, -EPROTONOSUPPORT (compiled for another release). Since 0.1.
 */
int leat_xdr_print(struct leat_xdr_type type, const void *value, struct leat_xdr_buffer *buffer);

/*
 * A value as JSON (RFC 8259), appended to the buffer on one line (no NUL).
 *
 * Structures are objects; unions objects of their discriminant and the arm, if it is not void; arrays, and lists of `node *next` (without that
 * field), arrays; optional ones null or the value, which is within an array of one where it may be null itself (an optional of an
 * optional); enumerations their names, or a number that has none; opaque a string of hexadecimal digits; strings strings, those that are no
 * UTF-8 {"bytes": "hexadecimal"}; floating point the shortest number that is read back as the same, or "NaN", "Infinity", "-Infinity"
 * (a NaN with another payload: "NaN:" and its bits in hexadecimal); quadruple 32 hexadecimal digits; integers numbers with all their digits,
 * also those of 64 bits. The locale does not matter. Nested at most LEAT_XDR_DEPTH_MOST deep.
 * Returns 0 or a negative errno as of leat_xdr_encode(); nothing is written on failure. Since 0.1.
 */
int leat_xdr_to_json(struct leat_xdr_type type, const void *value, struct leat_xdr_buffer *buffer,
                     struct leat_xdr_fault *ret_fault);

/*
 * A value from JSON, as leat_xdr_to_json() writes it; white space is allowed. Fields may come in any order; each must be there but optional
 * ones, lists and arrays of variable length, none twice, and no others. Integers have no fraction and no exponent. An enumeration's value may be its number,
 * if it is one of them. What was read encodes. Nested at most LEAT_XDR_DEPTH_MOST deep, which takes up to 300 KiB of stack (threads of musl have less
 * unless they are told); memory is bounded by the arena's limit.
 * Returns 0. -EBADMSG: not JSON, or not of the type. -EMSGSIZE, -ENOMEM, -EINVAL as of leat_xdr_decode(). The fault's offset is a byte of
 * the text. After a failure nothing of the arena is in use by the value. Since 0.1.
 */
int leat_xdr_from_json(struct leat_xdr_type type, const char *text, size_t size_bytes, struct leat_xdr_arena *arena,
                       void *ret_value, struct leat_xdr_fault *ret_fault);

/*
 * A random value for tests: lengths, arms and presence at random, small ones more often; the same seed gives the same value.
 *
 * What is at an edge comes often: nothing, one, exactly the bound, the least and the greatest number, NaN, each label of a union as likely. What was made
 * encodes, and is nested at most some 12 levels deep.
 *
 * seed:       of the generator; changed by the call.
 * most_bytes: of memory that the value may point to: no piece is made that would go beyond it, but for what a type cannot do without (arms of
 *             unions that are held by a pointer).
 * Returns 0, -EMSGSIZE (the arena's limit), -ENOMEM. Since 0.1.
 */
int leat_xdr_random(struct leat_xdr_type type, uint64_t *seed, size_t most_bytes, struct leat_xdr_arena *arena,
                    void *ret_value);

#ifdef __cplusplus
}
#endif

#endif
