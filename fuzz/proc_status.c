/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: /proc/PID/status (lib/process/proc_status.h). A process chooses its own name, which stands in it.
 *
 * Whatever the bytes: nothing is read beyond them, they are refused as a whole or told as a whole; what is told, written as the kernel writes it,
 * is told again; and of that no line may be missing, stand there twice, or lack its end.
 */

#include "process/proc_status.h"
#include "require.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINES 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory of the exact size, so that a read beyond the end is seen. */
static int parse(const void *bytes, size_t size, struct proc_status *ret_status) {
        char *exact = malloc(size ? size : 1);
        REQUIRE(exact);
        if (size > 0)
                memcpy(exact, bytes, size);
        int r = proc_status_parse(exact, size, ret_status);
        REQUIRE(r == 0 || r == -EBADMSG);
        free(exact);
        return r;
}

/* The kernel escapes ends of lines and backslashes (fs/proc/array.c). */
static void write_name(FILE *stream, const char *name) {
        fputs("Name:\t", stream);
        for (; *name; name++)
                if (*name == '\n')
                        fputs("\\n", stream);
                else if (*name == '\\')
                        fputs("\\\\", stream);
                else
                        putc(*name, stream);
        putc('\n', stream);
}

/* As the kernel writes it. at[i] is where line i begins. */
static char *write_status(const struct proc_status *status, size_t at[LINES + 1]) {
        static const char *const sets[] = { "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt" };
        const uint64_t values[] = { status->pending, status->shared_pending, status->blocked, status->ignored,
                                    status->caught };
        const pid_t ids[] = { status->process, status->thread, status->parent };
        static const char *const id_names[] = { "Tgid", "Pid", "PPid" };
        char *text;
        size_t line = 0;
        FILE *stream = open_memstream(&text, &at[LINES]);
        REQUIRE(stream);
        at[line++] = 0;
        write_name(stream, status->name);
        at[line++] = (size_t)ftell(stream);
        fprintf(stream, "State:\t%c (any)\n", status->state);
        for (size_t i = 0; i < 3; i++) {
                at[line++] = (size_t)ftell(stream);
                fprintf(stream, "%s:\t%d\n", id_names[i], (int)ids[i]);
        }
        at[line++] = (size_t)ftell(stream);
        fprintf(stream, "Uid:\t0\t%" PRIu32 "\t0\t0\n", (uint32_t)status->user);
        at[line++] = (size_t)ftell(stream);
        fprintf(stream, "SigQ:\t%" PRIu64 "/%" PRIu64 "\n", status->queued, status->queued_limit);
        for (size_t i = 0; i < 5; i++) {
                at[line++] = (size_t)ftell(stream);
                fprintf(stream, "%s:\t%016" PRIx64 "\n", sets[i], values[i]);
        }
        REQUIRE(line == LINES && fclose(stream) == 0);
        return text;
}

static void require_same(const struct proc_status *a, const struct proc_status *b) {
        REQUIRE(strcmp(a->name, b->name) == 0 && a->state == b->state);
        REQUIRE(a->process == b->process && a->thread == b->thread && a->parent == b->parent && a->user == b->user);
        REQUIRE(a->queued == b->queued && a->queued_limit == b->queued_limit);
        REQUIRE(a->pending == b->pending && a->shared_pending == b->shared_pending && a->blocked == b->blocked);
        REQUIRE(a->ignored == b->ignored && a->caught == b->caught);
}

/* Without one of its lines, and with it twice. */
static void damage(const char *text, const size_t at[LINES + 1], size_t line) {
        size_t begin = at[line], end = line + 1 < LINES ? at[line + 1] : at[LINES], size = at[LINES];
        struct proc_status status;
        char *bytes = malloc(size * 2);
        REQUIRE(bytes);
        memcpy(bytes, text, begin);
        memcpy(bytes + begin, text + end, size - end);
        REQUIRE(parse(bytes, size - (end - begin), &status) == -EBADMSG);
        memcpy(bytes, text, size);
        memcpy(bytes + size, text + begin, end - begin);
        REQUIRE(parse(bytes, size + end - begin, &status) == -EBADMSG);
        free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct proc_status status, again;
        size_t at[LINES + 1];
        if (parse(data, size, &status) < 0)
                return 0;
        REQUIRE(memchr(status.name, '\0', sizeof(status.name)));
        char *text = write_status(&status, at);
        REQUIRE(parse(text, at[LINES], &again) == 0);
        require_same(&status, &again);
        REQUIRE(parse(text, at[LINES] - 1, &again) == -EBADMSG);
        for (size_t line = 0; line < LINES; line++)
                damage(text, at, line);
        free(text);
        return 0;
}
