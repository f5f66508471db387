/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/expression.h"

#include "tools/leatgen/lex.h"
#include <string.h>

static __int128 parse_binary(struct expression *e, int least);

static __int128 fail(struct expression *e) {
        e->wrong = true;
        return 0;
}

static void skip_blanks(struct expression *e) {
        while (e->at < e->end && strchr(" \t\r\n\v\f\\", *e->at)) /* also lines that a backslash continues */
                e->at++;
}

static bool take(struct expression *e, const char *sign) {
        size_t size = strlen(sign);
        skip_blanks(e);
        if ((size_t)(e->end - e->at) < size || memcmp(e->at, sign, size) != 0)
                return false;
        e->at += size;
        return true;
}

static size_t take_name(struct expression *e, const char **ret_name) {
        skip_blanks(e);
        *ret_name = e->at;
        if (e->at < e->end && lex_is_name_begin(*e->at))
                while (e->at < e->end && lex_is_name(*e->at))
                        e->at++;
        return (size_t)(e->at - *ret_name);
}

/* `defined NAME` or `defined(NAME)`, behind its first word. */
static __int128 parse_defined(struct expression *e) {
        const char *name = NULL;
        bool in_parentheses = take(e, "(");
        size_t size = take_name(e, &name);
        if (!size || (in_parentheses && !take(e, ")")))
                return fail(e);
        return e->is_defined(e->context, name, size);
}

/* Whether nothing but parentheses is beside it. */
static bool stands_alone(struct expression *e, const char *name) {
        while (name > e->begin && lex_is_blank(name[-1]))
                name--;
        skip_blanks(e);
        return (name == e->begin || name[-1] == '(') && (e->at == e->end || *e->at == ')');
}

static __int128 parse_name(struct expression *e) {
        const char *name = NULL;
        __int128 value = 0;
        bool is_open = false;
        size_t size = take_name(e, &name);
        if (e->is_defined && size == 7 && memcmp(name, "defined", 7) == 0)
                return parse_defined(e);
        if (!e->name(e->context, name, size, &value, &is_open) || (is_open && !stands_alone(e, name)))
                return fail(e);
        e->is_open |= is_open && e->depth == 1; /* of parse_unary() */
        return value;
}

static __int128 parse_number(struct expression *e) {
        __int128 value = 0;
        e->at += lex_number(e->at, e->end, &value);
        while (e->at < e->end && strchr("uUlL", *e->at))
                e->at++;
        return e->at < e->end && lex_is_name(*e->at) ? fail(e) : value;
}

static __int128 parse_primary(struct expression *e) {
        skip_blanks(e);
        if (e->at == e->end)
                return fail(e);
        if (lex_is_name_begin(*e->at))
                return parse_name(e);
        if (*e->at >= '0' && *e->at <= '9')
                return parse_number(e);
        if (*e->at == '\'' && e->end - e->at > 2 && e->at[2] == '\'' && e->at[1] > 0 && e->at[1] != '\\') {
                e->at += 3;
                return (unsigned char)e->at[-2];
        }
        if (!take(e, "("))
                return fail(e);
        __int128 value = parse_binary(e, 0);
        return take(e, ")") ? value : fail(e);
}

static __int128 parse_unary(struct expression *e) {
        if (e->wrong || ++e->depth > EXPRESSION_DEPTH_MOST)
                return fail(e);
        __int128 value = take(e, "!")   ? !parse_unary(e)
                         : take(e, "~") ? ~parse_unary(e)
                         : take(e, "-") ? -parse_unary(e)
                         : take(e, "+") ? parse_unary(e)
                                        : parse_primary(e);
        e->depth--;
        return value;
}

/* Operators of two operands; of several that begin alike the longest stands first. */
static const struct operation {
        const char *sign;
        int rank; /* higher ones bind more */
} operations[] = {
        { "||", 1 }, { "&&", 2 }, { "==", 6 }, { "!=", 6 }, { "<=", 7 }, { ">=", 7 },
        { "<<", 8 }, { ">>", 8 }, { "|", 3 },  { "^", 4 },  { "&", 5 },  { "<", 7 },
        { ">", 7 },  { "+", 9 },  { "-", 9 },  { "*", 10 }, { "/", 10 }, { "%", 10 },
};

static const struct operation *take_operation(struct expression *e, int least) {
        for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++) {
                const char *before = e->at;
                if (!take(e, operations[i].sign))
                        continue;
                if (operations[i].rank > least)
                        return &operations[i];
                e->at = before;
                return NULL;
        }
        return NULL;
}

static __int128 apply(struct expression *e, const char *sign, __int128 a, __int128 b) {
        switch (sign[0]) {
        case '+':
                return a + b;
        case '-':
                return a - b;
        case '*': {
                __int128 product = 0;
                return __builtin_mul_overflow(a, b, &product) ? fail(e) : product;
        }
        case '/':
                return b ? a / b : fail(e);
        case '%':
                return b ? a % b : fail(e);
        case '^':
                return a ^ b;
        case '=':
                return a == b;
        case '!':
                return a != b;
        case '|':
                return sign[1] ? a || b : a | b;
        case '&':
                return sign[1] ? a && b : a & b;
        default:
                if (sign[1] == '=')
                        return sign[0] == '<' ? a <= b : a >= b;
                if (!sign[1])
                        return sign[0] == '<' ? a < b : a > b;
                if (b < 0 || b > 63 || a < 0 || a >> 64)
                        return fail(e);
                return sign[0] == '<' ? (__int128)((unsigned __int128)a << b) : a >> b;
        }
}

static bool is_too_large(__int128 value) {
        __int128 most = (__int128)1 << 100;
        return value > most || value < -most;
}

/* Behind the question mark. */
static __int128 parse_choice(struct expression *e, __int128 value) {
        e->is_open |= e->depth == 0;
        if (++e->depth > EXPRESSION_DEPTH_MOST)
                return fail(e);
        __int128 yes = parse_binary(e, 0);
        __int128 no = take(e, ":") ? parse_binary(e, 0) : fail(e);
        e->depth--;
        return value ? yes : no;
}

static __int128 parse_binary(struct expression *e, int least) {
        const struct operation *operation;
        __int128 value = parse_unary(e);
        while (!e->wrong && (operation = take_operation(e, least))) {
                e->is_open |= e->depth == 0;
                __int128 other = parse_binary(e, operation->rank);
                if (!e->wrong)
                        value = apply(e, operation->sign, value, other);
                if (is_too_large(value))
                        return fail(e);
        }
        return least == 0 && !e->wrong && take(e, "?") ? parse_choice(e, value) : value;
}

bool expression_value(struct expression *expression, __int128 *ret_value) {
        expression->begin = expression->at;
        __int128 value = parse_binary(expression, 0);
        skip_blanks(expression);
        if (expression->wrong || expression->at != expression->end || is_too_large(value))
                return false;
        *ret_value = value;
        return true;
}
