/* SPDX-License-Identifier: MIT */
#include "tools/leat/report.h"

#include "tools/leat/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *from_command;

void report_from(const char *command) {
        from_command = command;
}

/* The first row that fits is taken. The text says more than leat_strerror can, which does not know what was tried. */
static const struct {
        int error; /* 0: any */
        unsigned doing;
        int code;
        const char *text; /* or NULL */
} meanings[] = {
        { ENOMEM, ANYTHING & ~STARTING, SYSTEM_REFUSED, NULL },
        { ETIMEDOUT, OPENING_TO_SEND, NO_RECEIVER, "no receiver came before the deadline" },
        { EAGAIN, OPENING_TO_SEND, NO_RECEIVER, "no receiver is there" },
        { ENOENT, OPENING_TO_SEND, NO_RECEIVER, "no receiver is there" },
        { ECONNREFUSED, OPENING_TO_SEND, NO_RECEIVER, "no receiver is there" },
        { EPIPE, SENDING_SYNC, NO_RECEIVER, "the receiver is gone; whether it took the message is unknown" },
        { ETIMEDOUT, SENDING_SYNC, TIMED_OUT, "the deadline passed; whether it was taken is unknown" },
        { EPIPE, SENDING | OPENING_TO_SEND, NO_RECEIVER, "the receiver is gone" },
        { ETIMEDOUT, OPENING_TO_CALL, CALL_NOT_RUN, NULL },
        { EBADMSG, OPENING_TO_CALL, CALL_NOT_RUN, NULL },
        { EPIPE, CALLING, NO_RECEIVER, "the receiver is gone; whether it did what was asked is unknown" },
        { ENODATA, CALLING, NO_RECEIVER, "the receiver is gone; whether it did what was asked is unknown" },
        { EBUSY, SENDING | SENDING_SYNC | CALLING | OPENING_TO_SEND, NO_RECEIVER, NULL },
        { EAGAIN, SENDING, FULL, "it is full; try later, or wait with --when-full wait" },
        { EBADMSG, ANYTHING, SYSTEM_REFUSED, NULL },
        { EPROTONOSUPPORT, SENDING | SENDING_SYNC | CALLING | RECEIVING, SYSTEM_REFUSED, NULL },
        { ETIMEDOUT, CALLING, TIMED_OUT,
          "the deadline passed before the reply; whether it was carried out is unknown" },
        { ETIMEDOUT, RECEIVING, TIMED_OUT, "the deadline passed and no message came" },
        { ETIMEDOUT, READING_INPUT, TIMED_OUT, "the deadline passed before its end" },
        { ETIMEDOUT, ANYTHING, TIMED_OUT, NULL },
        { EAGAIN, OPENING | DRAINING, ANSWER_NO, "nobody is there now" }, /* only recv --drain does not wait */
        { ENOENT, DRAINING, ANSWER_NO, "nothing is there" },
        { EMSGSIZE, READING_INPUT, SYSTEM_REFUSED,
          "it is larger than the largest message; raise it with ?size= at both ends" },
        { 0, READING_INPUT, ANSWER_NO, NULL },
        { 0, WRITING_OUTPUT, SYSTEM_REFUSED, NULL },
        { ENOENT, STARTING, NOT_FOUND, "no such command" },
        { EAGAIN, STARTING, NOT_STARTED, NULL },
        { ENOMEM, STARTING, NOT_STARTED, NULL },
        { EMFILE, STARTING, NOT_STARTED, NULL },
        { ENFILE, STARTING, NOT_STARTED, NULL },
        { ENOEXEC, STARTING, NOT_RUNNABLE, "it is no program; a script begins with #! and its interpreter" },
        { 0, STARTING, NOT_RUNNABLE, NULL },
        { ENOENT, ASKING, ANSWER_NO, "nothing is there" },
        { EEXIST, ASKING, ANSWER_NO, NULL },
        { EBUSY, ASKING, ANSWER_NO, "it lives with its processes, and they live" },
        { ECONNREFUSED, ASKING, ANSWER_NO, NULL },
        { EEXIST, OPENING | OPENING_TO_SEND | DRAINING, ANSWER_NO, NULL },
        { EACCES, OPENING | OPENING_TO_SEND | DRAINING, SYSTEM_REFUSED,
          "permission denied; its owner, or root, can change its mode ('leat set')" },
        { EACCES, ASKING, SYSTEM_REFUSED, "permission denied; its owner may, or root" },
        { EPERM, ASKING, SYSTEM_REFUSED, "permission denied; its owner may, or root" },
        { ENOENT, OPENING, SYSTEM_REFUSED, NULL },
        { EPROTONOSUPPORT, ANYTHING, USAGE, NULL },
        { ENOTSUP, ANYTHING, USAGE, NULL },
        { EINVAL, ANYTHING, USAGE, NULL },
        { 0, OPENING_TO_CALL, CALL_NOT_RUN, NULL },
        { 0, ANYTHING, SYSTEM_REFUSED, NULL },
};

static size_t meaning_of(int error, enum doing doing) {
        size_t i = 0;
        while ((meanings[i].error != 0 && meanings[i].error != -error) || !(meanings[i].doing & doing))
                i++;
        return i;
}

int exit_code(int error, enum doing doing) {
        return meanings[meaning_of(error, doing)].code;
}

/* Names come from anyone: what would move the cursor, or end the line, is written as \xHH. */
static void put_escaped(const char *text) {
        for (; *text; text++)
                if ((unsigned char)*text < ' ' || *text == 0x7f)
                        fprintf(stderr, "\\x%02X", (unsigned char)*text);
                else
                        putc(*text, stderr);
}

static void put_from(const char *about) {
        progress_clear();
        fputs(from_command ? "leat " : "leat", stderr);
        fputs(from_command ? from_command : "", stderr);
        fputs(": ", stderr);
        if (!about)
                return;
        put_escaped(about);
        fputs(": ", stderr);
}

static void complain_to(const char *about, const char *format, va_list arguments) {
        char *text = NULL;
        put_from(about);
        if (vasprintf(&text, format, arguments) >= 0)
                put_escaped(text);
        free(text);
        putc('\n', stderr);
        fflush(stderr);
}

void complain(const char *about, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        complain_to(about, format, arguments);
        va_end(arguments);
}

int complain_usage(const char *about, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        complain_to(about, format, arguments);
        va_end(arguments);
        return USAGE;
}

int report(const char *about, int error, enum doing doing, const struct leat_reason *reason) {
        size_t meaning = meaning_of(error, doing);
        bool says = reason && reason->error == error && reason->text && strcmp(reason->text, leat_strerror(error)) != 0;
        const char *text = says ? reason->text : meanings[meaning].text;
        put_from(about);
        fputs(text ? text : leat_strerror(error), stderr);
        if (reason && reason->error == error && reason->limit)
                fprintf(stderr, " (%s is %" PRId64 ")", reason->limit, reason->limit_value);
        if (reason && reason->error == error && reason->column)
                fprintf(stderr, " (at column %" PRIu32 ")", reason->column);
        putc('\n', stderr);
        fflush(stderr);
        return meanings[meaning].code;
}

int report_channel(const char *about, int error, enum doing doing, struct leat_channel *channel) {
        struct leat_reason reason = { 0 };
        return report(about, error, doing, leat_why(channel, &reason) == 0 ? &reason : NULL);
}
