/* SPDX-License-Identifier: MIT */
#include "process/proc_status.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* What is left of a line. */
struct text {
        const char *at, *end;
};

static bool take_char(struct text *text, char wanted) {
        if (text->at == text->end || *text->at != wanted)
                return false;
        text->at++;
        return true;
}

static int digit_of(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

static bool take_number(struct text *text, unsigned base, uint64_t most, uint64_t *ret_number) {
        const char *start = text->at;
        uint64_t number = 0;
        for (; text->at < text->end && digit_of(*text->at) < (int)base; text->at++) {
                uint64_t digit = (uint64_t)digit_of(*text->at);
                if (number > (most - digit) / base)
                        return false;
                number = number * base + digit;
        }
        *ret_number = number;
        return text->at > start;
}

/* A number that is all of the line. */
static bool parse_number(struct text text, unsigned base, uint64_t most, uint64_t *ret_number) {
        return take_number(&text, base, most, ret_number) && text.at == text.end;
}

static bool parse_id(struct text text, pid_t *ret_id) {
        uint64_t number;
        bool good = parse_number(text, 10, INT32_MAX, &number);
        if (good)
                *ret_id = (pid_t)number;
        return good;
}

/* 16 digits, however many signals there are. */
static bool parse_set(struct text text, uint64_t *ret_set) {
        return text.end - text.at == 16 && parse_number(text, 16, UINT64_MAX, ret_set);
}

/* "\n" and "\\" are what the kernel escapes (fs/proc/array.c). */
static bool parse_name(struct text text, struct proc_status *status) {
        size_t n = 0;
        for (; text.at < text.end && n < sizeof(status->name) - 1; text.at++) {
                char c = *text.at;
                if (c == '\0')
                        return false;
                if (c == '\\') {
                        if (++text.at == text.end || (*text.at != 'n' && *text.at != '\\'))
                                return false;
                        c = *text.at == 'n' ? '\n' : '\\';
                }
                status->name[n++] = c;
        }
        status->name[n] = '\0';
        return text.at == text.end;
}

/* "S (sleeping)" */
static bool parse_state(struct text text, struct proc_status *status) {
        if (text.end - text.at < 4 || text.at[1] != ' ' || text.at[2] != '(' || text.end[-1] != ')')
                return false;
        status->state = *text.at;
        return (status->state >= 'A' && status->state <= 'Z') || (status->state >= 'a' && status->state <= 'z');
}

/* "1000\t1000\t1000\t1000": real, effective, saved, file system. */
static bool parse_users(struct text text, struct proc_status *status) {
        uint64_t users[4];
        for (unsigned i = 0; i < 4; i++)
                if ((i > 0 && !take_char(&text, '\t')) || !take_number(&text, 10, UINT32_MAX, &users[i]))
                        return false;
        status->user = (uid_t)users[1];
        return text.at == text.end;
}

/* "0/96365" */
static bool parse_queue(struct text text, struct proc_status *status) {
        return take_number(&text, 10, UINT64_MAX, &status->queued) && take_char(&text, '/') &&
               parse_number(text, 10, UINT64_MAX, &status->queued_limit);
}

static bool parse_process(struct text text, struct proc_status *status) {
        return parse_id(text, &status->process);
}

static bool parse_thread(struct text text, struct proc_status *status) {
        return parse_id(text, &status->thread);
}

static bool parse_parent(struct text text, struct proc_status *status) {
        return parse_id(text, &status->parent);
}

static bool parse_pending(struct text text, struct proc_status *status) {
        return parse_set(text, &status->pending);
}

static bool parse_shared(struct text text, struct proc_status *status) {
        return parse_set(text, &status->shared_pending);
}

static bool parse_blocked(struct text text, struct proc_status *status) {
        return parse_set(text, &status->blocked);
}

static bool parse_ignored(struct text text, struct proc_status *status) {
        return parse_set(text, &status->ignored);
}

static bool parse_caught(struct text text, struct proc_status *status) {
        return parse_set(text, &status->caught);
}

static const struct {
        const char *key;
        bool (*parse)(struct text text, struct proc_status *status);
} lines[] = {
        { "Name:\t", parse_name },      { "State:\t", parse_state },    { "Tgid:\t", parse_process },
        { "Pid:\t", parse_thread },     { "PPid:\t", parse_parent },    { "Uid:\t", parse_users },
        { "SigQ:\t", parse_queue },     { "SigPnd:\t", parse_pending }, { "ShdPnd:\t", parse_shared },
        { "SigBlk:\t", parse_blocked }, { "SigIgn:\t", parse_ignored }, { "SigCgt:\t", parse_caught },
};
#define LINES (sizeof(lines) / sizeof(lines[0]))

/* One line. Others than those above are passed over. */
static bool parse_line(struct text line, struct proc_status *status, unsigned *seen) {
        for (unsigned i = 0; i < LINES; i++) {
                size_t length = strlen(lines[i].key);
                if ((size_t)(line.end - line.at) < length || memcmp(line.at, lines[i].key, length) != 0)
                        continue;
                if (*seen & 1u << i)
                        return false;
                *seen |= 1u << i;
                return lines[i].parse((struct text){ line.at + length, line.end }, status);
        }
        return true;
}

int proc_status_parse(const char *bytes, size_t size, struct proc_status *ret_status) {
        struct proc_status status = { 0 };
        unsigned seen = 0;
        while (size > 0) {
                const char *end = memchr(bytes, '\n', size);
                if (!end || !parse_line((struct text){ bytes, end }, &status, &seen))
                        return -EBADMSG;
                size -= (size_t)(end + 1 - bytes);
                bytes = end + 1;
        }
        if (seen != (1u << LINES) - 1)
                return -EBADMSG;
        *ret_status = status;
        return 0;
}
