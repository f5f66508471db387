/* SPDX-License-Identifier: MIT */
/*
 * Several terminals edit one file. The text lies in a region beside the file (FILE.shared); each change is a transaction, and shown by all of them:
 * they wait in one poll() for their terminal and for notices of change. A terminal that is killed leaves no half change; what was not
 * written to the file yet is there when the next one begins.
 * Run it: shared_editor notes.txt         in several terminals; then type
 *     a TEXT   append a line       i N TEXT   insert one before line N       c N TEXT   change line N       d N   delete it
 *     w        write the file      q          quit
 */
#include <errno.h>
#include <leat.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINES = 500, WIDTH = 100, NOTHING = 1, QUIT = 2, TOO_LONG = 3 };

struct text {
        uint32_t loaded, count;
        char lines[LINES][WIDTH];
};

/* One line goes to where the text has `at` others before it. */
static int insert(struct text *text, uint32_t at, const char *line) {
        if (at > text->count || text->count == LINES)
                return NOTHING;
        if (strlen(line) >= WIDTH)
                return TOO_LONG;
        memmove(text->lines[at + 1], text->lines[at], (text->count - at) * WIDTH);
        snprintf(text->lines[at], WIDTH, "%s", line);
        text->count++;
        return 0;
}

static int drop(struct text *text, uint32_t at) {
        if (at >= text->count)
                return NOTHING;
        text->count--;
        memmove(text->lines[at], text->lines[at + 1], (text->count - at) * WIDTH);
        return 0;
}

/* A change in place, by a line of the terminal. */
static int change(struct text *text, const char *line) {
        uint32_t number = 0;
        int skip = 0;
        if (line[0] == 'a' && line[1] == ' ')
                return insert(text, text->count, line + 2);
        if (sscanf(line + 1, " %6u%n", &number, &skip) != 1 || number == 0)
                return NOTHING;
        const char *words = line + 1 + skip + (line[1 + skip] == ' ');
        if (line[0] == 'i')
                return insert(text, number - 1, words);
        if (line[0] != 'd' && line[0] != 'c')
                return NOTHING;
        int r = drop(text, number - 1);
        return r == 0 && line[0] == 'c' ? insert(text, number - 1, words) : r;
}

/* By the first one; what has no room here would be gone from the file when it is written. */
static int load(struct text *text, const char *path) {
        char line[WIDTH + 1];
        int r = text->loaded ? NOTHING : 0;
        FILE *file = r == 0 ? fopen(path, "r") : NULL;
        while (r == 0 && file && fgets(line, sizeof line, file)) {
                size_t length = strcspn(line, "\n");
                line[length] = '\0';
                r = length == WIDTH || insert(text, text->count, line) == NOTHING ? -EFBIG : 0;
        }
        if (file)
                fclose(file);
        text->loaded = 1;
        return r;
}

/* Killed in here: the next one to look finds the text as it was before. */
static int edit(struct leat_region *region, int (*how)(struct text *text, const char *what), const char *what) {
        struct text *text = leat_region_data(region);
        struct leat_txn *txn;
        int r = leat_txn_begin(region, leat_in_s(60), &txn);
        if (r < 0)
                return r;
        r = leat_txn_touch(txn, text, sizeof *text);
        if (r == 0)
                r = how(text, what);
        return r == 0 ? leat_txn_commit(txn) : leat_txn_abort(txn, r);
}

/* A copy of the text as it was at one moment. What another program may have written there is looked at before it is used. */
static int look(struct leat_region *region, struct text *text) {
        struct leat_range range = { leat_region_data(region), text, sizeof *text };
        int r = leat_snapshot(region, &range, 1, leat_in_s(60));
        return r == 0 && text->count > LINES ? -EBADMSG : r;
}

static int show(struct leat_region *region) {
        static struct text text;
        int r = look(region, &text);
        if (r == 0)
                printf("---- %u lines\n", text.count);
        for (uint32_t i = 0; i < text.count && r == 0; i++)
                printf("%3u %s\n", i + 1, text.lines[i]);
        fflush(stdout);
        return r;
}

static int save(struct leat_region *region, const char *path) {
        static struct text text;
        int r = look(region, &text);
        FILE *file = r == 0 ? fopen(path, "w") : NULL;
        for (uint32_t i = 0; file && i < text.count; i++)
                fprintf(file, "%s\n", text.lines[i]);
        return r < 0 ? r : file && fclose(file) == 0 ? printf("written\n"), fflush(stdout) : -errno;
}

static int obey(struct leat_region *region, const char *path) {
        static char *line;
        static size_t room;
        ssize_t length = getline(&line, &room, stdin); /* all of it: the rest of a long one is no command */
        if (length < 0 || strcmp(line, "q\n") == 0)
                return QUIT;
        line[strcspn(line, "\n")] = '\0';
        int r = strcmp(line, "w") == 0 ? save(region, path) : edit(region, change, line);
        if (r == NOTHING || r == TOO_LONG)
                printf(r == NOTHING ? "?\n" : "too long: a line has at most %d bytes\n", WIDTH - 1), r = fflush(stdout);
        return r;
}

static int run(struct leat_region *region, const char *path) {
        uint64_t seen = 0;
        struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
                                { .fd = leat_region_notice_fd(region), .events = POLLIN } };
        int r = fds[1].fd < 0 ? fds[1].fd : edit(region, load, path);

        r = r == NOTHING ? 0 : r;

        while (r == 0) {
                while ((r = leat_part_wait(region, 0, &seen, LEAT_NOW)) == 0) /* several changes may be one notice */
                        if ((r = show(region)) < 0)
                                return r;
                r = r == -EAGAIN ? 0 : r;
                if (r == 0 && poll(fds, 2, -1) > 0 && fds[0].revents)
                        r = obey(region, path);
        }
        return r;
}

int main(int argc, char **argv) {
        const char *path = argc > 1 ? argv[1] : "shared.txt";
        char full[4096], address[4200];
        struct leat_reason reason = { 0 };
        struct leat_region *region = NULL;

        /* The folder is there, the file need not be. */
        FILE *file = fopen(path, "a");
        if (!file || fclose(file) < 0 || !realpath(path, full))
                return perror(path), 1;
        snprintf(address, sizeof address, "map:%s.shared", full);
        setvbuf(stdin, NULL, _IONBF, 0); /* poll() looks at the descriptor, not at what stdio has read ahead */
        int r = leat_region_open(address, sizeof(struct text), NULL, leat_in_s(60), &reason, &region);
        if (r == 0)
                r = run(region, full);
        if (r < 0)
                fprintf(stderr, "%s: %s\n", address, reason.text ? reason.text : leat_strerror(r));
        leat_region_close(region);
        return r < 0;
}
