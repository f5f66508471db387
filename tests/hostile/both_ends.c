/* SPDX-License-Identifier: MIT */
#include "both_ends.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct kind kinds[] = {
        { .name = "pipe" },
        { .name = "unix" },
        { .name = "unix-stream" },
        { .name = "unix-listening", .address = "unix:%s/unix" },
        { .name = "unix-stream-listening", .address = "unix-stream:%s/unix-stream" },
        { .name = "inbox", .address = "inbox:", .sender = "inbox:%s" },
        { .name = "tcp", .address = "tcp:%s", .port = true },
        { .name = "unix-dgram", .address = "unix-dgram:%s/unix-dgram" },
        { .name = "udp", .address = "udp:%s", .port = true },
        { .name = "fifo", .address = "fifo:%s/fifo" },
        { .name = "mq", .address = "mq:/%s", .flat = true },
        { .name = "sysv-mq", .address = "sysv-mq:%s#1" },
        { .name = "log", .address = "log:%s/queue?pattern=queue" },
        { .name = "log-broadcast", .address = "log:%s/broadcast" },
};
const size_t kinds_count = sizeof kinds / sizeof kinds[0];

static void remove_address(const char *address) {
        leat_remove(address, NULL);
}

/* An address of this machine that only this process uses. */
static void name_port(char *ret_name, size_t size) {
        unsigned pid = (unsigned)getpid();
        snprintf(ret_name, size, "127.%u.%u.%u:5000", 128 | (pid >> 16 & 127), pid >> 8 & 255, pid & 255);
}

static void add_options(char *ret_address, size_t size, const char *bare, const char *options) {
        snprintf(ret_address, size, "%s%c%s", bare, strchr(bare, '?') ? '&' : '?', options);
}

static void open_end(const char *bare, const char *options, unsigned flags, struct leat_channel **ret_channel) {
        char address[256];
        add_options(address, sizeof address, bare, options);
        int r = leat_open(address, flags, SOON, ret_channel);
        if (r < 0)
                FAIL("%s: %s", address, leat_strerror(r));
}

/* One format for whatever stands for %s. */
static void put_place(char *ret_text, size_t size, const char *format, const char *place) {
        const char *at = strstr(format, "%s");
        int before = at ? (int)(at - format) : (int)strlen(format);
        snprintf(ret_text, size, "%.*s%s%s", before, format, at ? place : "", at ? at + 2 : "");
}

void ends_open(struct ends *ends, const struct kind *kind, const char *options) {
        char place[160], bare[200], sender[200], pid[16];
        const char *directory = harness_tmpdir();
        if (!kind->address) {
                char address[256];
                snprintf(bare, sizeof bare, "%s:", kind->name);
                add_options(address, sizeof address, bare, options);
                CHECK_EQ(leat_pair(address, NULL, &ends->receiver, &ends->sender), 0);
                return;
        }
        snprintf(place, sizeof place, "%s", kind->flat ? strrchr(directory, '/') + 1 : directory);
        if (kind->port)
                name_port(place, sizeof place);
        snprintf(pid, sizeof pid, "%d", (int)getpid());
        put_place(bare, sizeof bare, kind->address, place);
        put_place(sender, sizeof sender, kind->sender ? kind->sender : bare, pid);
        harness_remove_later(remove_address, bare);
        open_end(bare, options, LEAT_RECEIVE, &ends->receiver);
        open_end(sender, options, LEAT_SEND, &ends->sender);
}

void ends_close(struct ends *ends) {
        leat_close(ends->sender);
        leat_close(ends->receiver);
}

void ends_use(struct ends *ends) {
        char byte;
        CHECK_EQ(leat_send(ends->sender, 1, "x", 1, SOON), 0);
        CHECK_EQ(leat_receive(ends->receiver, LEAT_ANY, &byte, 1, SOON, NULL), 1);
}

void ends_settle(struct ends *ends) {
        char byte;
        CHECK_EQ(leat_receive(ends->receiver, LEAT_ANY, &byte, 1, LEAT_NOW, NULL), -EAGAIN);
}
