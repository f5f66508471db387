/* SPDX-License-Identifier: MIT */
/*
 * A mailbox by pid. Without arguments: tells its pid, waits for one letter and prints it. With a pid and a text: writes to
 * that process, which need not have opened its mailbox yet.
 * Run it: mailbox      the other end: mailbox PID "dear process"
 */
#include <leat.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int receive_letter(void) {
        struct leat_channel *inbox;
        struct leat_message about = LEAT_MESSAGE_INIT;
        char letter[4096];
        int r = leat_open("inbox:", LEAT_RECEIVE, LEAT_NOW, &inbox);

        if (r < 0)
                return r;
        printf("mailbox %d\n", (int)getpid());
        fflush(stdout);
        ssize_t n = leat_receive(inbox, LEAT_ANY, letter, sizeof letter, leat_in_s(60), &about);
        if (n >= 0) /* who sent it: as the kernel says, not the letter */
                printf("from %d: %.*s\n", (int)about.sender.pid, (int)n, letter);
        leat_close(inbox);
        return n < 0 ? (int)n : 0;
}

static int send_letter(const char *pid, const char *text) {
        struct leat_channel *to;
        char address[64];
        snprintf(address, sizeof address, "inbox:%s", pid);
        int64_t deadline = leat_in_s(10);
        int r = leat_open(address, LEAT_SEND, deadline, &to);

        if (r < 0)
                return r;
        r = leat_send(to, 1, text, strlen(text), deadline);
        leat_close(to);
        return r;
}

int main(int argc, char **argv) {
        if (argc != 1 && argc != 3)
                return fprintf(stderr, "usage: mailbox [PID TEXT]\n"), 2;
        int r = argc == 1 ? receive_letter() : send_letter(argv[1], argv[2]);
        if (r < 0)
                fprintf(stderr, "mailbox: %s\n", leat_strerror(r));
        return r < 0;
}
