/* SPDX-License-Identifier: MIT */
#include "tools/leat/rpc_json.h"

#include <stdio.h>

#define INDENT 4

static bool is_space(char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *past_spaces(const char *at, const char *end) {
        while (at < end && is_space(*at))
                at++;
        return at;
}

/* Behind the string that begins here; `end` if it has none. */
static const char *past_string(const char *at, const char *end) {
        for (at++; at < end && *at != '"'; at++)
                if (*at == '\\')
                        at++;
        return at < end ? at + 1 : end;
}

bool rpc_json_is_blank(const char *text, size_t size) {
        return size == 0 || past_spaces(text, text + size) == text + size;
}

bool rpc_json_is_array(const char *text, size_t size) {
        return !rpc_json_is_blank(text, size) && *past_spaces(text, text + size) == '[';
}

/* ---- elements ---- */

struct rpc_json_elements rpc_json_elements_of(const char *text, size_t size) {
        const char *end = text + size;
        while (end > text && is_space(end[-1]))
                end--;
        text = past_spaces(text, end);
        bool well = end - text >= 2 && *text == '[' && end[-1] == ']';
        return (struct rpc_json_elements){ well ? past_spaces(text + 1, end - 1) : end, well ? end - 1 : end, well };
}

/* Where the element that begins here ends: at a comma that is in nothing, or at the end. */
static const char *end_of_element(const char *at, const char *end) {
        size_t depth = 0;
        while (at < end && (depth > 0 || *at != ',')) {
                if (*at == '"') {
                        at = past_string(at, end);
                        continue;
                }
                depth += *at == '[' || *at == '{';
                depth -= depth > 0 && (*at == ']' || *at == '}');
                at++;
        }
        return at;
}

bool rpc_json_next_element(struct rpc_json_elements *elements, const char **ret_element, size_t *ret_size) {
        if (elements->at >= elements->end)
                return false;
        const char *end = end_of_element(elements->at, elements->end);
        *ret_element = elements->at;
        *ret_size = (size_t)(end - elements->at);
        bool goes_on = end < elements->end;
        elements->at = past_spaces(goes_on ? end + 1 : end, elements->end);
        if (goes_on && elements->at == elements->end)
                elements->well = false; /* nothing behind a comma */
        return true;
}

/* ---- indented ---- */

static void begin_line(size_t depth) {
        printf("\n%*s", (int)(depth * INDENT), "");
}

/* A bracket, and what it does to the lines. Returns where to go on. */
static const char *put_sign(const char *at, const char *end, size_t *depth) {
        bool opens = *at == '{' || *at == '[', closes = *at == '}' || *at == ']';
        if (opens && at + 1 < end && (at[1] == '}' || at[1] == ']')) {
                putchar(at[0]);
                putchar(at[1]);
                return at + 2;
        }
        if (closes)
                begin_line(--*depth);
        putchar(*at);
        if (opens)
                begin_line(++*depth);
        else if (*at == ',')
                begin_line(*depth);
        else if (*at == ':')
                putchar(' ');
        return at + 1;
}

void rpc_json_print_indented(const char *text, size_t size) {
        const char *end = text + size;
        size_t depth = 0;
        while (text < end) {
                const char *next = *text == '"' ? past_string(text, end) : text;
                if (next > text)
                        fwrite(text, 1, (size_t)(next - text), stdout);
                else if (!is_space(*text))
                        next = put_sign(text, end, &depth);
                else
                        next++;
                text = next;
        }
}
