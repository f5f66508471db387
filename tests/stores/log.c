/* SPDX-License-Identifier: MIT */
#include "log.h"

const char *log_path_of(const char *ending) {
        static char path[256];
        snprintf(path, sizeof path, "%s/log%s", harness_tmpdir(), ending);
        return path;
}

const char *log_path(void) {
        static char path[256];
        snprintf(path, sizeof path, "%s/log", harness_tmpdir());
        return path;
}

const char *log_at(const char *options) {
        static char address[512];
        snprintf(address, sizeof address, "log:%s/log%s", harness_tmpdir(), options);
        return address;
}

struct leat_channel *log_sender(const char *options) {
        return open_or_fail(log_at(options), LEAT_SEND, SOON);
}

struct leat_channel *log_receiver(const char *options) {
        return open_or_fail(log_at(options), LEAT_RECEIVE, SOON);
}

void log_say(struct leat_channel *sender, const char *text) {
        CHECK_EQ(leat_send(sender, 1, text, strlen(text), SOON), 0);
}

void log_say_once(const char *text) {
        struct leat_channel *sender = log_sender("");
        log_say(sender, text);
        leat_close(sender);
}

void log_hear(struct leat_channel *receiver, const char *text) {
        (void)take_or_fail(receiver, text, SOON);
}

ssize_t log_hear_now(struct leat_channel *receiver) {
        char buffer[256];
        return leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL);
}

off_t log_size_of(const char *path) {
        struct stat status;
        return stat(path, &status) == 0 ? status.st_size : -1;
}

void log_scribble(const char *path, off_t at, const void *bytes, size_t size) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        off_t place = at < 0 ? lseek(fd, 0, SEEK_END) : at;
        CHECK_EQ(pwrite(fd, bytes, size, place), size);
        close(fd);
}

void log_check_reason(struct leat_channel *channel, int error) {
        struct leat_reason why;
        CHECK_EQ(leat_why(channel, &why), 0);
        CHECK_EQ(why.error, error);
        CHECK(why.text && why.text[0]);
}
