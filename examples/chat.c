/* SPDX-License-Identifier: MIT */
/*
 * A chat of any number of terminals, without a server: who speaks sends to a group, and all who are in it hear.
 *
 *     chat ann                                                         on this machine
 *     chat ann 'udp::5100?multicast=239.255.1.7&interface=eth0'        with the others of that network
 *
 * One channel sends to the group and one hears it, this end's own words too. The program waits for both the terminal
 * and the group in one poll(): leat_fd() is readable when a receive has something.
 */
#include <errno.h>
#include <leat.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* All that has come. 0, or what went wrong. */
static int hear(struct leat_channel *group) {
        static char text[65536]; /* no datagram is larger */
        ssize_t n;
        while ((n = leat_receive(group, LEAT_ANY, text, sizeof text, LEAT_NOW, NULL)) >= 0)
                printf("%.*s\n", (int)n, text);
        fflush(stdout);
        /* What strangers say in the group that is no message is theirs: hear on. */
        return n == -EAGAIN || n == -EBADMSG || n == -EPROTONOSUPPORT ? 0 : (int)n;
}

/* One line of the terminal, behind the name. 1: it has ended. */
static int speak(struct leat_channel *group, const char *name) {
        char line[512], text[600];
        if (!fgets(line, sizeof line, stdin))
                return 1;
        line[strcspn(line, "\n")] = '\0';
        int n = snprintf(text, sizeof text, "%.64s: %s", name, line);
        return leat_send(group, 1, text, (size_t)n, leat_in_s(1));
}

int main(int argc, char **argv) {
        const char *name = argc > 1 ? argv[1] : "somebody";
        const char *address = argc > 2 ? argv[2] : "udp::5100?multicast=239.255.1.7";
        struct leat_channel *ears = NULL, *mouth = NULL;
        int r = leat_open(address, LEAT_RECEIVE, LEAT_NOW, &ears);
        if (r == 0)
                r = leat_open(address, LEAT_SEND, LEAT_NOW, &mouth);
        if (r == 0)
                r = hear(ears);          /* arms leat_fd() */
        setvbuf(stdin, NULL, _IONBF, 0); /* poll() looks at the descriptor, not at what stdio has read ahead */
        while (r == 0) {
                struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
                                        { .fd = leat_fd(ears), .events = POLLIN } };
                if (poll(fds, 2, -1) < 0)
                        continue; /* a signal */
                if (fds[1].revents)
                        r = hear(ears);
                if (r == 0 && fds[0].revents)
                        r = speak(mouth, name);
        }
        if (r == 1)
                r = hear(ears); /* what came while the terminal ended */
        if (r < 0)
                fprintf(stderr, "%s: %s\n", address, leat_strerror(r));
        leat_close(mouth);
        leat_close(ears);
        return r < 0;
}
