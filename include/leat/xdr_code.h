/* SPDX-License-Identifier: MIT */
#ifndef LEAT_XDR_CODE_H
#define LEAT_XDR_CODE_H

/*
 * What the code that leatgen(1) writes is made of: the tables of a schema, and the pieces of straight code. Programs use
 * <leat/xdr.h> and the generated headers; nothing here is for them, and a schema's format may change with the library's soname.
 *
 * A schema is one table of nodes, a node for each type. Node 0 is void, and stands in no table. The types that have a name in the interface come
 * first, so that codes[] needs entries only for them. All that a node refers to is an index; names are offsets into one pool.
 *
 * Straight code is the same as the tables say, in C, for the usual rules: it gives up (returns NULL) at the first thing
 * that is wrong, and the walker of tables then goes over the whole message from its beginning to say what and where (or to accept it, where the rules
 * are not the usual ones). So the table is the one truth, and straight code never has to explain itself.
 */

#include <endian.h>
#include <leat/xdr.h>
#include <stddef.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum leat_xdr_kind {
        LEAT_XDR_KIND_VOID,     /* nothing, in memory and on the wire */
        LEAT_XDR_KIND_INT,      /* int32_t */
        LEAT_XDR_KIND_UNSIGNED, /* uint32_t */
        LEAT_XDR_KIND_HYPER,    /* int64_t */
        LEAT_XDR_KIND_UNSIGNED_HYPER,
        LEAT_XDR_KIND_FLOAT,
        LEAT_XDR_KIND_DOUBLE,
        LEAT_XDR_KIND_QUADRUPLE, /* struct leat_xdr_quadruple */
        LEAT_XDR_KIND_BOOL,      /* bool */
        LEAT_XDR_KIND_CHAR,      /* int8_t, four bytes on the wire */
        LEAT_XDR_KIND_UNSIGNED_CHAR,
        LEAT_XDR_KIND_SHORT, /* int16_t, likewise */
        LEAT_XDR_KIND_UNSIGNED_SHORT,
        LEAT_XDR_KIND_ENUM, /* a C enumeration, four bytes. values[first], count of them, rising; FLAG_DENSE: without a gap */
        LEAT_XDR_KIND_FIXED,    /* opaque[bound]: uint8_t[bound] */
        LEAT_XDR_KIND_BYTES,    /* opaque<bound>: struct leat_xdr_bytes; FLAG_BORROWED */
        LEAT_XDR_KIND_STRING,   /* string<bound>: struct leat_xdr_string; FLAG_BORROWED */
        LEAT_XDR_KIND_ARRAY,    /* node `first` bound times, in place */
        LEAT_XDR_KIND_LIST,     /* node `first`, at most bound times: struct leat_xdr_list */
        LEAT_XDR_KIND_OPTIONAL, /* node `first` or not: a pointer, NULL if not */
        LEAT_XDR_KIND_HELD, /* node `first`, always: a pointer, never NULL. Arms of unions that are wide or recursive */
        LEAT_XDR_KIND_CHAIN,  /* OPTIONAL of a structure `first` whose last field is this node again: by a loop */
        LEAT_XDR_KIND_STRUCT, /* fields[first], count of them */
        LEAT_XDR_KIND_UNION, /* fields[first] is the discriminant, those behind it the arms, the default one first if FLAG_DEFAULT;
                                    values[bound], count of them, rising: a label, and which field (counted from `first`) is its arm */
        LEAT_XDR_KIND_MAX = LEAT_XDR_KIND_UNION
};

/* An enumeration's values have no gap: values[first] is the least, and the greatest is count - 1 more. */
#define LEAT_XDR_FLAG_DENSE 1u
#define LEAT_XDR_FLAG_BORROWED 2u /* decoded in place */
#define LEAT_XDR_FLAG_DEFAULT 4u  /* the union has a default arm */
/* This structure or union can contain itself (not by a CHAIN alone): entering it counts for the depth. */
#define LEAT_XDR_FLAG_RECURSIVE 8u
#define LEAT_XDR_FLAG_FLAT 16u /* on the wire it has always wire_min bytes */

#define LEAT_XDR_UNBOUNDED UINT32_MAX

struct leat_xdr_node {
        uint8_t kind;      /* enum leat_xdr_kind */
        uint8_t flags;     /* LEAT_XDR_FLAG_... */
        uint16_t count;    /* of fields, values or labels */
        uint32_t first;    /* as the kind says */
        uint32_t bound;    /* likewise */
        uint32_t size;     /* of the C type, in bytes */
        uint32_t wire_min; /* the fewest bytes that it has on the wire; UINT32_MAX: that, or more */
};

struct leat_xdr_field {
        uint32_t offset; /* in the C structure, in bytes */
        uint16_t node;
        uint16_t name; /* shifted by name_shift: in names, where those of fields come first */
};

struct leat_xdr_value {
        int32_t value;
        uint32_t name; /* in names; of a union's label: its arm */
};

/* T<>: in memory each such field is a structure of this shape with `T *items`. */
struct leat_xdr_list {
        void *items;
        uint32_t count;
};

struct leat_xdr_encoder;
struct leat_xdr_decoder;

/* Straight code of one type. Returns where it stopped writing or reading; NULL: the walker has to look. */
typedef uint8_t *leat_xdr_encode_code(struct leat_xdr_encoder *encoder, uint8_t *at, const void *value);
typedef const uint8_t *leat_xdr_decode_code(struct leat_xdr_decoder *decoder, const uint8_t *at, void *value);

struct leat_xdr_codes {
        leat_xdr_encode_code *encode; /* or NULL: by the table */
        leat_xdr_decode_code *decode;
};

struct leat_xdr_schema {
        const struct leat_xdr_node *nodes; /* from node 1 on; NULL: there is none */
        const struct leat_xdr_field *fields;
        const struct leat_xdr_value *values;
        const char *names;                  /* names[0] is a NUL */
        const struct leat_xdr_codes *codes; /* of nodes 0 to code_count - 1; NULL with --small */
        uint16_t node_count;
        uint16_t code_count;
        uint32_t version;    /* LEAT_XDR_SCHEMA: another one is refused with -EPROTONOSUPPORT */
        uint32_t name_shift; /* of fields' names: 0, unless they take more than 64 KiB */
};

#define LEAT_XDR_SCHEMA 1u

/* What an encoding writes to: the buffer's free part. */
struct leat_xdr_encoder {
        struct leat_xdr_buffer *buffer;
        uint8_t *end; /* of the room that there is */
};

/* What a decoding reads, and the memory that it may take. */
struct leat_xdr_decoder {
        const uint8_t *end;       /* of the message */
        uint8_t *room, *room_end; /* the free part of the arena's block, cut to what this decoding may still take */
        struct leat_xdr_arena *arena;
        size_t budget_bytes; /* of memory beyond room_end */
        uint32_t depth;      /* how many more levels */
        uint32_t accept;     /* 0 in straight code */
};

/*
 * More room: grows the buffer for size_bytes more behind `at`; returns the new `at`, or NULL.
 * Straight code calls it where encoder->end - at is too little.
 */
uint8_t *leat_xdr_encoder_grow(struct leat_xdr_encoder *encoder, uint8_t *at, size_t size_bytes);

/* Memory beyond the current block, or NULL: the budget, the arena's limit, or no memory. size_bytes is a multiple of 8. */
void *leat_xdr_decoder_take_slow(struct leat_xdr_decoder *decoder, size_t size_bytes);

/* Memory for what is decoded, aligned to 8, not cleared; NULL as above. */
static inline void *leat_xdr_take(struct leat_xdr_decoder *decoder, size_t size_bytes) {
        size_t whole = (size_bytes + 7) & ~(size_t)7;
        uint8_t *taken = decoder->room;
        if (__builtin_expect(whole > (size_t)(decoder->room_end - taken), 0))
                return leat_xdr_decoder_take_slow(decoder, whole);
        decoder->room = taken + whole;
        return taken;
}

/* One node by the table, from straight code: types that are recursive. */
uint8_t *leat_xdr_encode_node(struct leat_xdr_encoder *encoder, uint8_t *at, const struct leat_xdr_schema *schema,
                              uint32_t node, const void *value);
const uint8_t *leat_xdr_decode_node(struct leat_xdr_decoder *decoder, const uint8_t *at,
                                    const struct leat_xdr_schema *schema, uint32_t node, void *value);

/* ---- pieces of straight code ---- */

/*
 * What generated functions are made of. A function of straight code first sees to it that a whole run of fields has room, or
 * is there, and then moves them at constant offsets: what is called put or get below checks nothing but what it says.
 *
 * Strings are short, mostly: up to LEAT_XDR_SHORT_SIZE bytes are moved without a loop and without a call, and looked through
 * for NULs in the same go.
 */

#define LEAT_XDR_SHORT_SIZE 32u

/* The larger ones are not said to be inline: a compiler puts them in place where there is one call, and else has one copy. */
#define LEAT_XDR_PIECE static __attribute__((unused))

/* ---- numbers, at any address ---- */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LEAT_XDR_BIG_32(number) __builtin_bswap32(number)
#define LEAT_XDR_BIG_64(number) __builtin_bswap64(number)
#define LEAT_XDR_LITTLE_64(number) (number)
#else
#define LEAT_XDR_BIG_32(number) (number)
#define LEAT_XDR_BIG_64(number) (number)
#define LEAT_XDR_LITTLE_64(number) __builtin_bswap64(number)
#endif

static inline uint32_t leat_xdr_get_32(const uint8_t *at) {
        uint32_t number;
        memcpy(&number, at, sizeof(number));
        return LEAT_XDR_BIG_32(number);
}

static inline uint64_t leat_xdr_get_64(const uint8_t *at) {
        uint64_t number;
        memcpy(&number, at, sizeof(number));
        return LEAT_XDR_BIG_64(number);
}

static inline void leat_xdr_put_32(uint8_t *at, uint32_t number) {
        number = LEAT_XDR_BIG_32(number);
        memcpy(at, &number, sizeof(number));
}

static inline void leat_xdr_put_64(uint8_t *at, uint64_t number) {
        number = LEAT_XDR_BIG_64(number);
        memcpy(at, &number, sizeof(number));
}

static inline float leat_xdr_get_float(const uint8_t *at) {
        uint32_t bits = leat_xdr_get_32(at);
        float number;
        memcpy(&number, &bits, sizeof(number));
        return number;
}

static inline double leat_xdr_get_double(const uint8_t *at) {
        uint64_t bits = leat_xdr_get_64(at);
        double number;
        memcpy(&number, &bits, sizeof(number));
        return number;
}

static inline void leat_xdr_put_float(uint8_t *at, float number) {
        uint32_t bits;
        memcpy(&bits, &number, sizeof(bits));
        leat_xdr_put_32(at, bits);
}

static inline void leat_xdr_put_double(uint8_t *at, double number) {
        uint64_t bits;
        memcpy(&bits, &number, sizeof(bits));
        leat_xdr_put_64(at, bits);
}

/* Numbers of four and of eight bytes one after the other, whatever their type is. */
LEAT_XDR_PIECE uint8_t *leat_xdr_put_all_32(uint8_t *at, const void *numbers, size_t count) {
        for (size_t i = 0; i < count; i++, at += 4) {
                uint32_t number;
                memcpy(&number, (const uint8_t *)numbers + 4 * i, sizeof(number));
                leat_xdr_put_32(at, number);
        }
        return at;
}

LEAT_XDR_PIECE uint8_t *leat_xdr_put_all_64(uint8_t *at, const void *numbers, size_t count) {
        for (size_t i = 0; i < count; i++, at += 8) {
                uint64_t number;
                memcpy(&number, (const uint8_t *)numbers + 8 * i, sizeof(number));
                leat_xdr_put_64(at, number);
        }
        return at;
}

LEAT_XDR_PIECE const uint8_t *leat_xdr_get_all_32(const uint8_t *at, void *ret_numbers, size_t count) {
        for (size_t i = 0; i < count; i++, at += 4) {
                uint32_t number = leat_xdr_get_32(at);
                memcpy((uint8_t *)ret_numbers + 4 * i, &number, sizeof(number));
        }
        return at;
}

LEAT_XDR_PIECE const uint8_t *leat_xdr_get_all_64(const uint8_t *at, void *ret_numbers, size_t count) {
        for (size_t i = 0; i < count; i++, at += 8) {
                uint64_t number = leat_xdr_get_64(at);
                memcpy((uint8_t *)ret_numbers + 8 * i, &number, sizeof(number));
        }
        return at;
}

/* A number that is not any: false if it is another one. */
static inline int leat_xdr_is_in(const uint8_t *at, int32_t least, int32_t most) {
        int32_t number = (int32_t)leat_xdr_get_32(at);
        return number >= least && number <= most;
}

/* ---- room, and what is left ---- */

/* So many bytes can be written behind `at`, whose new place is returned; or NULL. A sum of lengths may be more than a pointer of 32 bits reaches. */
static inline uint8_t *leat_xdr_room(struct leat_xdr_encoder *encoder, uint8_t *at, uint64_t size_bytes) {
        size_t size = (size_t)size_bytes;
        if (__builtin_expect((uint64_t)(encoder->end - at) < size_bytes, 0))
                return leat_xdr_encoder_grow(encoder, at, size == size_bytes ? size : SIZE_MAX);
        return at;
}

static inline int leat_xdr_has(const struct leat_xdr_decoder *decoder, const uint8_t *at, uint64_t size_bytes) {
        return __builtin_expect((uint64_t)(decoder->end - at) >= size_bytes, 1) != 0;
}

/* With the bytes that fill up to four. */
static inline uint64_t leat_xdr_padded(uint32_t size_bytes) {
        return ((uint64_t)size_bytes + 3) & ~(uint64_t)3;
}

/* ---- lengths ---- */

/* A string, bytes or a list may be encoded: its length is within the bound, and what it says to have is somewhere. */
static inline int leat_xdr_may_put(const void *bytes, uint32_t size, uint32_t bound) {
        return size <= bound && (bytes || !size);
}

/* A list's count is within the bound, and what is left may have so many of wire_min bytes. */
static inline int leat_xdr_has_all(const struct leat_xdr_decoder *decoder, const uint8_t *at, uint32_t count,
                                   uint32_t bound, uint32_t wire_min) {
        return count <= bound && leat_xdr_has(decoder, at, (uint64_t)count * wire_min);
}

/* The length of string<bound> or opaque<bound> is there, and so are the bytes that it declares, and `behind` more. */
LEAT_XDR_PIECE int leat_xdr_has_bytes(const struct leat_xdr_decoder *decoder, const uint8_t *at, uint32_t bound,
                                      uint64_t behind) {
        uint32_t size = leat_xdr_get_32(at);
        return size <= bound && leat_xdr_has(decoder, at + 4, leat_xdr_padded(size) + behind);
}

/* Memory for a list. NULL: it is empty, or there is no memory for so many. */
LEAT_XDR_PIECE void *leat_xdr_take_all(struct leat_xdr_decoder *decoder, uint32_t count, size_t size_bytes) {
        size_t all;
        if (!count || __builtin_mul_overflow((size_t)count, size_bytes, &all) || all > SIZE_MAX - 8)
                return NULL;
        return leat_xdr_take(decoder, all);
}

/* ---- bytes ---- */

/* Bit i: is byte i of the 32 a NUL? */
#ifdef __SSE2__
static inline uint32_t leat_xdr_nuls(const uint8_t *at) {
        __m128i low, high;
        memcpy(&low, at, sizeof(low));
        memcpy(&high, at + 16, sizeof(high));
        unsigned int first = (unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(low, _mm_setzero_si128()));
        unsigned int last = (unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(high, _mm_setzero_si128()));
        return first | last << 16;
}
#else
static inline uint32_t leat_xdr_nuls(const uint8_t *at) {
        const uint64_t low_bits = UINT64_C(0x7f7f7f7f7f7f7f7f);
        uint32_t all = 0;
        for (unsigned int i = 0; i < 4; i++) {
                uint64_t loaded;
                memcpy(&loaded, at + 8 * i, sizeof(loaded));
                uint64_t word = LEAT_XDR_LITTLE_64(loaded);
                /* A bit in each byte that is one; then those bits side by side. */
                uint64_t is_nul = ~(((word & low_bits) + low_bits) | word | low_bits) >> 7;
                all |= (uint32_t)((is_nul * UINT64_C(0x0102040810204080)) >> 56) << 8 * i;
        }
        return all;
}
#endif

/* The NULs of a short string's padded bytes are its padding and nothing else. Looks at LEAT_XDR_SHORT_SIZE bytes. */
LEAT_XDR_PIECE int leat_xdr_is_text(const uint8_t *at, uint32_t size) {
        uint64_t text = (UINT64_C(1) << size) - 1, all = (UINT64_C(1) << leat_xdr_padded(size)) - 1;
        return (leat_xdr_nuls(at) & all) == (text ^ all);
}

/* Not 0 if a byte of it is 0. */
static inline uint64_t leat_xdr_nul_in(uint64_t word) {
        return (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
}

/* Zeros behind `size` bytes, up to a multiple of four. */
static inline int leat_xdr_is_padded(const uint8_t *at, uint32_t size) {
        uint32_t over = size & 3;
        return !over || !(leat_xdr_get_32(at + (size - over)) << 8 * over);
}

/* Copy up to LEAT_XDR_SHORT_SIZE bytes, both ends at once; true: none is a NUL. */
LEAT_XDR_PIECE int leat_xdr_copy_short(uint8_t *to, const uint8_t *from, uint32_t size) {
        if (size >= 16) {
                uint64_t words[4];
                memcpy(words, from, 16);
                memcpy(words + 2, from + size - 16, 16);
                memcpy(to, words, 16);
                memcpy(to + size - 16, words + 2, 16);
                return !leat_xdr_nuls((const uint8_t *)words);
        }
        if (size >= 8) {
                uint64_t low, high;
                memcpy(&low, from, 8);
                memcpy(&high, from + size - 8, 8);
                memcpy(to, &low, 8);
                memcpy(to + size - 8, &high, 8);
                return !(leat_xdr_nul_in(low) | leat_xdr_nul_in(high));
        }
        if (size >= 4) {
                uint32_t low, high;
                memcpy(&low, from, 4);
                memcpy(&high, from + size - 4, 4);
                memcpy(to, &low, 4);
                memcpy(to + size - 4, &high, 4);
                return !leat_xdr_nul_in((uint64_t)high << 32 | low);
        }
        if (!size)
                return 1;
        uint8_t first = from[0], middle = from[size >> 1], last = from[size - 1];
        to[0] = first;
        to[size >> 1] = middle;
        to[size - 1] = last;
        return first && middle && last;
}

/* string<>, whose room is there; NULL: there is a NUL in it. */
LEAT_XDR_PIECE uint8_t *leat_xdr_put_string(uint8_t *at, const char *text, uint32_t size) {
        size_t whole = (size_t)leat_xdr_padded(size);
        leat_xdr_put_32(at + whole, 0); /* the padding; or over the length, of an empty one */
        leat_xdr_put_32(at, size);
        at += 4;
        if (size <= LEAT_XDR_SHORT_SIZE)
                return leat_xdr_copy_short(at, (const uint8_t *)text, size) ? at + whole : NULL;
        if (memchr(text, 0, size))
                return NULL;
        memcpy(at, text, size);
        return at + whole;
}

/* opaque<>, likewise. */
LEAT_XDR_PIECE uint8_t *leat_xdr_put_bytes(uint8_t *at, const void *bytes, uint32_t size) {
        size_t whole = (size_t)leat_xdr_padded(size);
        leat_xdr_put_32(at + whole, 0);
        leat_xdr_put_32(at, size);
        if (size)
                memcpy(at + 4, bytes, size);
        return at + 4 + whole;
}

/* A short one may be moved as a whole, with what is behind it: there is so much in the message, and such room. */
LEAT_XDR_PIECE int leat_xdr_is_short(const struct leat_xdr_decoder *decoder, const uint8_t *at, uint32_t size) {
        return size <= LEAT_XDR_SHORT_SIZE && decoder->end - at >= (ptrdiff_t)LEAT_XDR_SHORT_SIZE &&
               decoder->room_end - decoder->room >= (ptrdiff_t)LEAT_XDR_SHORT_SIZE + 8;
}

/* What it is in memory of the arena, and where the next thing is; or NULL: it breaks the rules, or there is no memory. */
LEAT_XDR_PIECE const uint8_t *leat_xdr_get_string(struct leat_xdr_decoder *decoder, const uint8_t *at,
                                                  struct leat_xdr_string *ret_string) {
        uint32_t size = leat_xdr_get_32(at);
        size_t whole = (size_t)leat_xdr_padded(size);
        uint8_t *text = decoder->room;
        at += 4;
        ret_string->size_bytes = size;
        if (leat_xdr_is_short(decoder, at, size)) {
                decoder->room = text + (((size_t)size + 8) & ~(size_t)7); /* with its NUL */
                ret_string->text = (const char *)text;
                memcpy(text, at, LEAT_XDR_SHORT_SIZE);
                text[size] = 0;
                return leat_xdr_is_text(at, size) ? at + whole : NULL;
        }
        text = (uint8_t *)leat_xdr_take(decoder, (size_t)size + 1);
        if (!text || memchr(at, 0, size) || !leat_xdr_is_padded(at, size))
                return NULL;
        memcpy(text, at, size);
        text[size] = 0;
        ret_string->text = (const char *)text;
        return at + whole;
}

LEAT_XDR_PIECE const uint8_t *leat_xdr_get_bytes(struct leat_xdr_decoder *decoder, const uint8_t *at,
                                                 struct leat_xdr_bytes *ret_bytes) {
        uint32_t size = leat_xdr_get_32(at);
        uint8_t *bytes = decoder->room;
        at += 4;
        ret_bytes->size_bytes = size;
        if (leat_xdr_is_short(decoder, at, size)) {
                decoder->room = bytes + (((size_t)size + 7) & ~(size_t)7);
                memcpy(bytes, at, LEAT_XDR_SHORT_SIZE);
        } else {
                bytes = (uint8_t *)leat_xdr_take(decoder, size);
                if (!bytes)
                        return NULL;
                memcpy(bytes, at, size);
        }
        ret_bytes->bytes = bytes;
        return leat_xdr_is_padded(at, size) ? at + leat_xdr_padded(size) : NULL;
}

/* The same in place: they lie in the message. */
LEAT_XDR_PIECE const uint8_t *leat_xdr_borrow_string(const struct leat_xdr_decoder *decoder, const uint8_t *at,
                                                     struct leat_xdr_string *ret_string) {
        uint32_t size = leat_xdr_get_32(at);
        size_t whole = (size_t)leat_xdr_padded(size);
        at += 4;
        ret_string->text = (const char *)at;
        ret_string->size_bytes = size;
        if (size <= LEAT_XDR_SHORT_SIZE && decoder->end - at >= (ptrdiff_t)LEAT_XDR_SHORT_SIZE)
                return leat_xdr_is_text(at, size) ? at + whole : NULL;
        return memchr(at, 0, size) || !leat_xdr_is_padded(at, size) ? NULL : at + whole;
}

LEAT_XDR_PIECE const uint8_t *leat_xdr_borrow_bytes(const uint8_t *at, struct leat_xdr_bytes *ret_bytes) {
        uint32_t size = leat_xdr_get_32(at);
        at += 4;
        ret_bytes->bytes = at;
        ret_bytes->size_bytes = size;
        return leat_xdr_is_padded(at, size) ? at + leat_xdr_padded(size) : NULL;
}

#ifdef __cplusplus
}
#endif

#endif
