/* SPDX-License-Identifier: MIT */
#include "tools/leat/output.h"

#include "base/cleanup.h"
#include "tools/leat/report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool reader_gone, reported;

void output_prepare(void) {
        static char line[4096];
        /* The wrong way round, so that using what the caller closed is still an error. */
        static const int ways[] = { O_WRONLY, O_RDONLY, O_RDONLY };
        for (int fd = 0; fd < 3; fd++)
                if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
                        (void)!open("/dev/null", ways[fd]);
        /* A line goes out whole, so that those of several processes do not mix. */
        setvbuf(stderr, line, _IOLBF, sizeof(line));
        /* EPIPE is noticed here, so that channels are closed and leave nothing behind. */
        signal(SIGPIPE, SIG_IGN);
        /* Ignored by who started us, it would lose the status of children. */
        signal(SIGCHLD, SIG_DFL);
}

static int failed(int error) {
        if (error == EPIPE)
                reader_gone = true;
        else if (!reported)
                report("standard output", -error, WRITING_OUTPUT, NULL);
        reported = true;
        return SYSTEM_REFUSED;
}

int output_flush(void) {
        return fflush(stdout) == 0 && !ferror(stdout) ? DONE : failed(errno);
}

int output_check(void) {
        int flags = fcntl(STDOUT_FILENO, F_GETFL);
        return flags < 0 || (flags & O_ACCMODE) == O_RDONLY ? failed(EBADF) : DONE;
}

int output_end(int code) {
        int written = reported ? SYSTEM_REFUSED : output_flush();
        if (reader_gone) {
                sigset_t pipes;
                sigemptyset(&pipes);
                sigaddset(&pipes, SIGPIPE);
                signal(SIGPIPE, SIG_DFL);
                raise(SIGPIPE);
                sigprocmask(SIG_UNBLOCK, &pipes, NULL);
        }
        return code ? code : written;
}

static int put(const void *bytes, size_t size) {
        return size == 0 || fwrite(bytes, 1, size, stdout) == size ? DONE : failed(errno);
}

static int put_line(const void *bytes, size_t size) {
        int code = put(bytes, size);
        return code ? code : put("\n", 1);
}

static int put_hex(const unsigned char *bytes, size_t size) {
        static const char digits[] = "0123456789abcdef";
        for (size_t i = 0; i < size; i++) {
                putc_unlocked(digits[bytes[i] >> 4], stdout);
                putc_unlocked(digits[bytes[i] & 15], stdout);
        }
        return put("\n", 1);
}

const char *format_time(int64_t time_ns, char text[40]) {
        time_t seconds = (time_t)(time_ns / 1000000000);
        struct tm parts;
        if (time_ns <= 0 || !gmtime_r(&seconds, &parts))
                return NULL;
        size_t n = strftime(text, 40, "%Y-%m-%dT%H:%M:%S", &parts);
        snprintf(text + n, 40 - n, ".%09" PRId64 "Z", time_ns % 1000000000);
        return text;
}

/* Networks know addresses instead of processes. NULL: it is not known. */
static const char *sender_address(struct leat_channel *channel, const struct leat_message *about,
                                  char text[LEAT_ADDRESS_BYTES]) {
        return channel && !about->sender.known && leat_sender_address(channel, about, text, LEAT_ADDRESS_BYTES) > 0
                       ? text
                       : NULL;
}

static void put_sender(struct leat_channel *channel, const struct leat_message *about) {
        char text[LEAT_ADDRESS_BYTES];
        const char *address = sender_address(channel, about, text);
        if (about->sender.known)
                printf("%d\t", (int)about->sender.pid);
        else
                printf("%s\t", address ? address : "-");
}

static int put_columns(unsigned columns, struct leat_channel *channel, const struct leat_message *about) {
        char text[40];
        const char *time = format_time(about->time_ns, text);
        if (columns & COLUMN_TYPE)
                printf("%" PRId64 "\t", about->type);
        if (columns & COLUMN_SENDER)
                put_sender(channel, about);
        if (columns & COLUMN_TIME)
                printf("%s\t", time ? time : "-");
        return ferror(stdout) ? failed(errno) : DONE;
}

const char *pattern_name(enum leat_pattern pattern) {
        static const char *const names[] = {
                [LEAT_QUEUE] = "queue", [LEAT_PAIR] = "pair", [LEAT_BROADCAST] = "broadcast"
        };
        return names[pattern];
}

json_t *output_peer(const struct leat_peer *peer) {
        if (!peer->known)
                return json_null();
        json_t *gid = peer->gid == (gid_t)-1 ? json_null() : json_integer((json_int_t)peer->gid);
        return json_pack("{s:I, s:I, s:o}", "pid", (json_int_t)peer->pid, "uid", (json_int_t)peer->uid, "gid", gid);
}

/* Text if it is valid UTF-8, else hexadecimal digits. */
static int set_bytes(json_t *object, const unsigned char *bytes, size_t size) {
        json_t *text = json_stringn((const char *)bytes, size);
        if (text)
                return json_object_set_new(object, "text", text);
        FREE_AT_EXIT char *hex = malloc(2 * size + 1);
        if (!hex)
                return -1;
        for (size_t i = 0; i < size; i++)
                snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
        return json_object_set_new(object, "hex", json_stringn(hex, 2 * size));
}

static int put_message_json(struct leat_channel *channel, const struct leat_message *about, const void *bytes,
                            size_t size) {
        char text[40], address[LEAT_ADDRESS_BYTES];
        json_t *object = json_pack("{s:I, s:I, s:I, s:s?, s:o, s:s?}", "type", (json_int_t)about->type, "priority",
                                   (json_int_t)about->priority, "sequence", (json_int_t)about->sequence, "time",
                                   format_time(about->time_ns, text), "sender", output_peer(&about->sender), "from",
                                   sender_address(channel, about, address));
        if (!object || set_bytes(object, bytes ? bytes : (const void *)"", size) < 0) {
                json_decref(object);
                return report(NULL, -ENOMEM, WRITING_OUTPUT, NULL);
        }
        int r = json_dumpf(object, stdout, JSON_COMPACT);
        json_decref(object);
        return r < 0 ? failed(errno) : put("\n", 1);
}

int output_message(const struct options *options, struct leat_channel *channel, const struct leat_message *about,
                   const void *bytes, size_t size) {
        int code = put_columns(options->columns, channel, about);
        if (code)
                return code;
        switch (options->format) {
        case FORMAT_JSON:
                return put_message_json(channel, about, bytes, size);
        case FORMAT_HEX:
                return put_hex(bytes, size);
        case FORMAT_RAW:
                return put(bytes, size);
        default:
                return put_line(bytes, size);
        }
}

int output_json(json_t *value) {
        if (!value)
                return report(NULL, -ENOMEM, WRITING_OUTPUT, NULL);
        int r = json_dumpf(value, stdout, JSON_INDENT(2));
        json_decref(value);
        return r < 0 ? failed(errno) : put("\n", 1);
}
