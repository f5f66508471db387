/* SPDX-License-Identifier: MIT */
#include "tools/leat/signal_names.h"

#include "base/cleanup.h"
#include "tools/leat/output.h"
#include "tools/leat/report.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SIGNALS 64

int signal_read(const char *text, int *ret_number) {
        int number = leat_signal_number(text);
        if (number < 1)
                return complain_usage(text, "no such signal; 'leat signal list' lists them");
        *ret_number = number;
        return DONE;
}

int signal_read_catchable(const char *text, int *ret_number) {
        int number = 0, code = signal_read(text, &number); /* gcc 12 does not see that it is set */
        if (code)
                return code;
        const struct leat_signal_entry *entry = leat_signal_entry(number);
        if (!entry || !entry->catchable)
                return complain_usage(text, "cannot be caught, blocked or ignored by any process; choose another");
        *ret_number = number;
        return DONE;
}

const char *signal_text(int number, char text[16]) {
        const struct leat_signal_entry *entry = leat_signal_entry(number);
        if (entry)
                return entry->name;
        snprintf(text, 16, "%d", number);
        return text;
}

static bool has(uint64_t set, int number) {
        return number <= SIGNALS && (set >> (number - 1) & 1);
}

/* The last of the run of real-time signals that begins here, if the run is of three or more; else `number`. */
static int run_end(uint64_t set, int number) {
        const struct leat_signal_entry *entry = leat_signal_entry(number);
        int last = number;
        while (entry && entry->real_time && has(set, last + 1))
                last++;
        return last - number >= 2 ? last : number;
}

char *signal_set_text(uint64_t set) {
        char *text = NULL, name[16];
        size_t size;
        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return NULL;
        for (int number = 1; number <= SIGNALS; number++) {
                if (!has(set, number))
                        continue;
                fprintf(stream, "%s%s", ftell(stream) > 0 ? " " : "", signal_text(number, name));
                int last = run_end(set, number);
                if (last != number)
                        fprintf(stream, "..%s", signal_text(last, name));
                number = last;
        }
        if (set == 0)
                fputs("-", stream);
        if (fclose(stream) != 0)
                free(TAKE(text));
        return text;
}

json_t *signal_set_json(uint64_t set) {
        json_t *names = json_array();
        char text[16];
        for (int number = 1; names && number <= SIGNALS; number++)
                if (has(set, number) && json_array_append_new(names, json_string(signal_text(number, text))) < 0) {
                        json_decref(names);
                        return NULL;
                }
        return names;
}

const char *process_name(pid_t pid, char text[64]) {
        char path[40];
        snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
        CLOSE_AT_EXIT int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, 63);
        if (n < 1)
                return "?";
        text[text[n - 1] == '\n' ? n - 1 : n] = '\0'; /* the last newline is the kernel's; the others are the name's */
        for (char *at = text; *at; at++)
                if (*at < ' ' || *at > '~')
                        *at = '?';
        return text;
}

const char *time_now(char text[40]) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        return format_time(now.tv_sec * INT64_C(1000000000) + now.tv_nsec, text);
}

int output_json_line(json_t *value) {
        if (!value)
                return report(NULL, -ENOMEM, WRITING_OUTPUT, NULL);
        (void)json_dumpf(value, stdout, JSON_COMPACT); /* an error of the stream shows when it is flushed */
        json_decref(value);
        putchar('\n');
        return output_flush();
}
