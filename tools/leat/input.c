/* SPDX-License-Identifier: MIT */
#include "tools/leat/input.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/deadline.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int input_open(struct input *input, const char *path, enum cut cut, int64_t deadline) {
        struct stat status;
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
        if (fd < 0)
                return -errno;
        /* A directory opens well and is only refused when read, after a receiver was waited for. */
        if (path && fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
                close(fd);
                return -EISDIR;
        }
        *input = (struct input){ .fd = fd, .owned = path, .cut = cut, .deadline = deadline, .largest_bytes = SIZE_MAX };
        return 0;
}

void input_close(struct input *input) {
        if (input->owned)
                close(input->fd);
        free(input->buffer);
        *input = (struct input)INPUT_NONE;
}

static int wait_readable(const struct input *input) {
        for (;;) {
                struct pollfd wanted = { .fd = input->fd, .events = POLLIN };
                int64_t left = input->deadline == LEAT_NEVER ? -1 : (input->deadline - leat_now() + 999999) / 1000000;
                if (input->deadline != LEAT_NEVER && left <= 0)
                        return -ETIMEDOUT;
                int n = poll(&wanted, 1, left > 1000000 ? 1000000 : (int)left);
                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
        }
}

/* Room for more behind what there is; the piece at hand moves to the front. */
static int make_room(struct input *input) {
        if (input->start > 0) {
                memmove(input->buffer, input->buffer + input->start, input->end - input->start);
                input->end -= input->start;
                input->looked -= input->start;
                input->start = 0;
        }
        if (input->end < input->capacity)
                return 0;
        if (input->end > input->largest_bytes)
                return -EMSGSIZE;
        size_t capacity = input->capacity ? 2 * input->capacity : 65536;
        char *buffer = realloc(input->buffer, capacity);
        if (!buffer)
                return -ENOMEM;
        input->buffer = buffer;
        input->capacity = capacity;
        return 0;
}

static int read_more(struct input *input) {
        int r = make_room(input);
        if (r == 0)
                r = wait_readable(input);
        if (r < 0)
                return r;
        ssize_t n = read(input->fd, input->buffer + input->end, input->capacity - input->end);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        input->end += (size_t)n;
        input->ended = n == 0;
        return 0;
}

static const char *find_cut(const struct input *input) {
        if (input->cut == CUT_ALL || input->looked == input->end)
                return NULL;
        return memchr(input->buffer + input->looked, input->cut == CUT_NULS ? '\0' : '\n', input->end - input->looked);
}

int input_next(struct input *input, const char **ret_bytes, size_t *ret_size) {
        const char *cut;
        while (!(cut = find_cut(input)) && !input->ended) {
                input->looked = input->end;
                int r = read_more(input);
                if (r < 0)
                        return r;
        }
        /* What follows the last cut is a piece too, if it is not empty; of all as one also then. */
        if (!cut && (input->cut == CUT_ALL ? input->told : input->start == input->end))
                return 0;
        size_t size = cut ? (size_t)(cut - (input->buffer + input->start)) : input->end - input->start;
        if (size > input->largest_bytes)
                return -EMSGSIZE;
        *ret_bytes = size ? input->buffer + input->start : "";
        *ret_size = size;
        input->start += size + (cut ? 1 : 0);
        input->looked = input->start;
        input->told = true;
        return 1;
}
