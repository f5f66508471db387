/* SPDX-License-Identifier: MIT */
#include "rpc/xdr_fault.h"

#include "rpc/xdr_schema.h"

#include "base/digits.h"
#include "base/rare.h"

#include <errno.h>
#include <string.h>

#define DOTS 3 /* "..." stands before what is left of a path that is too long */

/* What does not fit is cut at its beginning, and so is all that would stand before it. */
static void put_before(struct xdr_trouble *trouble, const char *text, size_t size) {
        size_t room = trouble->begin - DOTS;
        if (trouble->cut)
                return;
        if (size > room) {
                trouble->cut = true;
                text += size - room;
                size = room;
        }
        trouble->begin -= size;
        memcpy(trouble->fault.path + trouble->begin, text, size);
}

RARE void xdr_trouble_set(struct xdr_trouble *trouble, enum leat_xdr_what what, uint64_t offset, uint64_t value,
                          uint64_t limit) {
        if (!trouble)
                return;
        xdr_trouble_begin(trouble);
        trouble->fault.what = what;
        trouble->fault.offset = offset;
        trouble->fault.value = value;
        trouble->fault.limit = limit;
}

RARE void xdr_trouble_in_field(struct xdr_trouble *trouble, const char *name) {
        if (!trouble || name[0] == '\0')
                return;
        char first = trouble->fault.path[trouble->begin];
        if (first != '\0' && first != '[')
                put_before(trouble, ".", 1);
        put_before(trouble, name, strlen(name));
}

RARE void xdr_trouble_in_item(struct xdr_trouble *trouble, uint64_t index) {
        if (!trouble)
                return;
        char text[DECIMAL_DIGITS + 2], *end = text + sizeof(text);
        if (trouble->fault.path[trouble->begin] != '\0' && trouble->fault.path[trouble->begin] != '[')
                put_before(trouble, ".", 1);
        end[-1] = ']';
        char *first = decimal_before(end - 1, index);
        *--first = '[';
        put_before(trouble, first, (size_t)(end - first));
}

static int error_of(enum leat_xdr_what what, bool encoding) {
        switch (what) {
        case LEAT_XDR_NO_MEMORY:
                return -ENOMEM;
        case LEAT_XDR_ARENA_FULL:
        case LEAT_XDR_NO_ROOM:
                return -EMSGSIZE;
        case LEAT_XDR_TOO_DEEP:
                return encoding ? -EINVAL : -EMSGSIZE;
        default:
                return encoding ? -EINVAL : -EBADMSG;
        }
}

RARE int xdr_trouble_tell(struct xdr_trouble *trouble, bool encoding, struct leat_xdr_fault *ret_fault) {
        int error = error_of(trouble->fault.what, encoding);
        if (!ret_fault)
                return error;
        if (trouble->cut) {
                trouble->begin -= DOTS;
                memcpy(trouble->fault.path + trouble->begin, "...", DOTS);
        }
        ret_fault->what = trouble->fault.what;
        ret_fault->error = error;
        ret_fault->offset = trouble->fault.offset;
        ret_fault->value = trouble->fault.value;
        ret_fault->limit = trouble->fault.limit;
        memcpy(ret_fault->path, trouble->fault.path + trouble->begin, LEAT_XDR_PATH_MAX - trouble->begin);
        return error;
}

int xdr_fault_tell(struct leat_xdr_fault *ret_fault, enum leat_xdr_what what, int error) {
        if (!ret_fault)
                return error;
        ret_fault->what = what;
        ret_fault->error = error;
        ret_fault->offset = ret_fault->value = ret_fault->limit = 0;
        ret_fault->path[0] = '\0';
        return error;
}

int xdr_fault_tell_nothing(struct leat_xdr_type type, struct leat_xdr_fault *ret_fault) {
        bool is_void = xdr_node(type.schema, type.node)->kind == LEAT_XDR_KIND_VOID;
        return xdr_fault_tell(ret_fault, is_void ? LEAT_XDR_OK : LEAT_XDR_NULL, is_void ? 0 : -EINVAL);
}

int xdr_type_check(struct leat_xdr_type type) {
        if (!type.schema)
                return -EINVAL;
        if (type.schema->version != LEAT_XDR_SCHEMA)
                return -EPROTONOSUPPORT;
        return type.node < type.schema->node_count ? 0 : -EINVAL;
}

/* ---- as text ---- */

/* snprintf() is not for handlers of signals. */
struct text {
        char *at, *end; /* one byte is kept behind the end for the NUL */
};

static void put(struct text *text, const char *string, size_t size) {
        size_t room = (size_t)(text->end - text->at);
        if (size > room)
                size = room;
        if (size > 0)
                memcpy(text->at, string, size);
        text->at += size;
}

static void put_string(struct text *text, const char *string) {
        put(text, string, strlen(string));
}

static void put_number(struct text *text, uint64_t number, bool negative) {
        char digits[DECIMAL_DIGITS], *end = digits + sizeof(digits);
        if (negative)
                put(text, "-", 1);
        char *first = decimal_before(end, negative ? 0 - number : number);
        put(text, first, (size_t)(end - first));
}

/* In each, %v is the value and %l the limit. */
static const char *const texts[] = {
        [LEAT_XDR_OK] = "nothing is wrong",
        [LEAT_XDR_SHORT] = "the bytes end before the value does",
        [LEAT_XDR_TRAILING] = "%v bytes are left over",
        [LEAT_XDR_TOO_LONG] = "a length of %v, at most %l are allowed",
        [LEAT_XDR_NOT_THERE] = "a length of %v, at most %l can be in the bytes that are left",
        [LEAT_XDR_UNKNOWN_ENUM] = "%v is no value of the enumeration",
        [LEAT_XDR_UNKNOWN_ARM] = "%v is no case of the union",
        [LEAT_XDR_BAD_BOOL] = "a boolean of %v, neither 0 nor 1",
        [LEAT_XDR_BAD_PADDING] = "padding that is not zero",
        [LEAT_XDR_NUL_IN_STRING] = "a NUL inside a string",
        [LEAT_XDR_OUT_OF_RANGE] = "%v does not fit the field",
        [LEAT_XDR_TOO_DEEP] = "nested deeper than %l",
        [LEAT_XDR_ARENA_FULL] = "it needs more than %l bytes of memory",
        [LEAT_XDR_NULL] = "a pointer is NULL where something must be",
        [LEAT_XDR_NO_ROOM] = "the buffer is full at %l bytes",
        [LEAT_XDR_NO_MEMORY] = "no memory is left",
        [LEAT_XDR_BAD_JSON] = "this is not JSON",
        [LEAT_XDR_WRONG_JSON] = "another kind of JSON is wanted here",
        [LEAT_XDR_UNKNOWN_FIELD] = "no field has this name",
        [LEAT_XDR_MISSING_FIELD] = "the field is missing",
};
_Static_assert(sizeof(texts) / sizeof(texts[0]) == LEAT_XDR_WHAT_MAX + 1, "each has a text");

/* Wrong use is no fault of a value, but it is not nothing either. */
static const char *format_of(const struct leat_xdr_fault *fault) {
        if (fault->what == LEAT_XDR_OK && fault->error == -EPROTONOSUPPORT)
                return "the type was compiled for another release of the library";
        if (fault->what == LEAT_XDR_OK && fault->error < 0)
                return "an argument is missing, or a rule or the type is unknown";
        if (fault->what == LEAT_XDR_OUT_OF_RANGE && fault->value == 0) /* which fits every field */
                return "the number does not fit the field";
        return (unsigned)fault->what <= LEAT_XDR_WHAT_MAX ? texts[fault->what] : "an unknown fault";
}

/* Numbers are two's complement; one that is above what fits is no negative one, though it may look so. */
static bool is_negative(const struct leat_xdr_fault *fault) {
        bool above = fault->what == LEAT_XDR_OUT_OF_RANGE && fault->limit > 0;
        return !above && fault->value > INT64_MAX;
}

static void put_what(struct text *text, const struct leat_xdr_fault *fault) {
        const char *format = format_of(fault);
        for (; *format; format++) {
                if (format[0] != '%') {
                        put(text, format, 1);
                        continue;
                }
                format++;
                if (*format == 'v')
                        put_number(text, fault->value, is_negative(fault));
                else
                        put_number(text, fault->limit, false);
        }
}

const char *leat_xdr_fault_text(const struct leat_xdr_fault *fault, char *text, size_t size_bytes) {
        if (size_bytes == 0)
                return text;
        struct text written = { text, text + size_bytes - 1 };
        if (fault->path[0] != '\0') {
                put(&written, fault->path, strnlen(fault->path, sizeof(fault->path)));
                put_string(&written, ": ");
        }
        put_what(&written, fault);
        if (fault->what != LEAT_XDR_OK) {
                put_string(&written, " (at byte ");
                put_number(&written, fault->offset, false);
                put_string(&written, ")");
        }
        *written.at = '\0';
        return text;
}
