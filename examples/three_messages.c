/* SPDX-License-Identifier: MIT */
/*
 * Three messages are three messages: through a socket of bytes they arrive as they were sent. With
 * ?framing=raw the bytes travel alone and run together, as they do with plain read() and write().
 * Run it: three_messages
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <string.h>

static int show(const char *address) {
        static const char *const texts[] = { "Hello", "Hello", "How about an answer?" };
        struct leat_channel *receiver, *sender;
        char text[64];
        ssize_t n;
        int r = leat_pair(address, NULL, &receiver, &sender);

        if (r < 0)
                return r;
        for (int i = 0; i < 3 && r == 0; i++)
                r = leat_send(sender, 1, texts[i], strlen(texts[i]), leat_in_s(5));
        leat_close(sender); /* what was sent stays sent */
        printf("%s\n", address);
        while (r == 0 && (n = leat_receive(receiver, LEAT_ANY, text, sizeof text, leat_in_s(5), NULL)) != -ENODATA) {
                if (n < 0)
                        r = (int)n;
                else
                        printf("  %zd bytes: %.*s\n", n, (int)n, text);
        }
        leat_close(receiver);
        return r;
}

int main(void) {
        int r = show("unix-stream:");

        if (r == 0)
                r = show("unix-stream:?framing=raw");
        if (r < 0)
                fprintf(stderr, "three_messages: %s\n", leat_strerror(r));
        return r < 0;
}
