/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: HOST:PORT. Whatever the text, it is refused with a place and a word, or what it names goes to text and back to the same.
 */

#include "require.h"
#include "transport/inet_address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Parse what the library would be given after "tcp:". */
static int parse(char *rest, struct leat_reason *reason, struct inet_name *ret_name) {
        const struct address address = { .rest = rest, .rest_column = 5 };
        return inet_parse(&address, reason, ret_name);
}

static void there_and_back(const struct inet_address *address, uint16_t port) {
        char text[INET_TEXT_BYTES];
        struct inet_name again;
        inet_format(address, text, sizeof(text));
        REQUIRE(strlen(text) < sizeof(text) - 1);
        REQUIRE(parse(text, NULL, &again) == 0);
        REQUIRE(again.port == port);
        REQUIRE(again.kind == (inet_is_any(address) ? INET_LOOPBACK : INET_NUMBER));
        REQUIRE(inet_is_any(address) || inet_same(&again.number, address));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct leat_reason reason = { 0 };
        struct inet_candidates candidates;
        struct inet_name name;
        char *rest = malloc(size + 1); /* of the exact size, so that a read beyond the end is seen */
        if (!rest)
                return 0;
        memcpy(rest, data, size);
        rest[size] = '\0';
        int r = parse(rest, &reason, &name);
        REQUIRE(r == 0 || (r == -EINVAL && reason.error == r && reason.text));
        REQUIRE(r == 0 || (reason.column >= 5 && reason.column <= 5 + strlen(rest)));
        if (r == 0) {
                inet_candidates(&name, &candidates);
                REQUIRE((candidates.count == 0) == (name.kind == INET_NAME));
                REQUIRE(name.kind != INET_NAME || (name.host[0] && memchr(name.host, '\0', sizeof(name.host))));
                for (size_t i = 0; i < candidates.count; i++)
                        there_and_back(&candidates.all[i], name.port);
        }
        free(rest);
        return 0;
}
