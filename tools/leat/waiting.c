/* SPDX-License-Identifier: MIT */
#include "tools/leat/waiting.h"

#include "tools/leat/output.h"
#include "tools/leat/table.h"

#include "base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 40 /* of each that are shown */
#define SHOWN_LINES 20
#define SHOWN_JSON 10000

/* One that waits; false: there is none of this number, or it cannot be seen. */
static bool look(const char *address, size_t n, char bytes[FIRST_BYTES], size_t *ret_size,
                 struct leat_message *ret_about) {
        *ret_about = (struct leat_message)LEAT_MESSAGE_INIT;
        ssize_t size = leat_peek(address, n, bytes, FIRST_BYTES, NULL, ret_about);
        *ret_size = size > 0 ? (size_t)size : 0;
        return size >= 0;
}

/* Bytes of anyone on a terminal: what is no printable ASCII is a dot. */
static void make_printable(char *bytes, size_t size) {
        for (size_t i = 0; i < size; i++)
                if (bytes[i] < ' ' || bytes[i] > '~')
                        bytes[i] = '.';
}

json_t *waiting_json(const char *address) {
        char bytes[FIRST_BYTES], hex[2 * FIRST_BYTES + 1];
        struct leat_message about;
        size_t size;
        if (!look(address, 0, bytes, &size, &about) && leat_peek(address, 0, bytes, 0, NULL, NULL) != -ENODATA)
                return json_null();
        json_t *array = json_array();
        for (size_t n = 0; n < SHOWN_JSON && look(address, n, bytes, &size, &about); n++) {
                hex[0] = '\0';
                for (size_t i = 0; i < size; i++)
                        snprintf(hex + 2 * i, 3, "%02x", (unsigned char)bytes[i]);
                json_array_append_new(array, json_pack("{s:I, s:I, s:I, s:s}", "type", (json_int_t)about.type,
                                                       "size_bytes", (json_int_t)about.size_bytes, "sequence",
                                                       (json_int_t)about.sequence, "first_bytes_hex", hex));
        }
        return array;
}

static void add_line(struct libscols_table *table, const struct leat_message *about, char *bytes, size_t size) {
        char type[24], length[24], text[FIRST_BYTES + 4];
        make_printable(bytes, size);
        snprintf(type, sizeof(type), "%" PRId64, about->type);
        snprintf(length, sizeof(length), "%zu", about->size_bytes);
        snprintf(text, sizeof(text), "%.*s%s", (int)size, bytes, about->size_bytes > size ? "..." : "");
        const char *const cells[] = { type, length, text };
        table_add(table, cells, 3);
}

int waiting_print(const char *address) {
        static const char *const names[] = { ">TYPE", ">BYTES", "BEGINS" };
        char bytes[FIRST_BYTES];
        struct leat_message about;
        size_t size, n = 0;
        if (!look(address, 0, bytes, &size, &about))
                return 0;
        struct libscols_table *table = table_new(names, 3, 1);
        for (; n < SHOWN_LINES && look(address, n, bytes, &size, &about); n++)
                add_line(table, &about, bytes, size);
        bool more = look(address, n, bytes, &size, &about);
        printf("\n");
        int code = table_print(table);
        if (code == 0 && more)
                printf("and more; --json shows up to %d\n", SHOWN_JSON);
        return code;
}
