/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/source.h"

#include "tools/leatgen/report.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void find_lines(struct job *job, struct source *source) {
        uint32_t count = 1;
        for (const char *at = source->bytes; (at = memchr(at, '\n', (size_t)(source->bytes + source->size - at))); at++)
                count++;
        uint32_t *lines = job_take(job, count * sizeof(*lines));
        uint32_t line = 1;
        for (const char *at = source->bytes; (at = memchr(at, '\n', (size_t)(source->bytes + source->size - at))); at++)
                lines[line++] = (uint32_t)(at + 1 - source->bytes);
        source->lines = lines;
        source->line_count = count;
}

static struct source *take_source(struct job *job, const char *path, const char *bytes, size_t size) {
        struct source *source = JOB_NEW(job, struct source);
        size_t mark = size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        *source = (struct source){ .name = job_intern_text(job, path), .bytes = bytes + mark, .size = size - mark };
        source->path = source->name;
        find_lines(job, source);
        return source;
}

struct source *source_of_text(struct job *job, const char *name, const char *bytes, size_t size_bytes) {
        char *copy = job_take(job, size_bytes + 1);
        if (size_bytes)
                memcpy(copy, bytes, size_bytes);
        return take_source(job, name, copy, size_bytes);
}

struct source *source_renamed(struct job *job, const struct source *source, const char *name, int64_t shift) {
        struct source *renamed = JOB_NEW(job, struct source);
        *renamed = *source;
        renamed->name = name;
        renamed->shift = shift;
        return renamed;
}

static void note_file(struct job *job, const char *path) {
        for (size_t i = 0; i < job->file_count; i++)
                if (job->files[i] == path)
                        return;
        if (job->file_count % 16 == 0)
                job->files = allocate_again(job->files, (job->file_count + 17) * sizeof(*job->files));
        job->files[job->file_count++] = path;
        job->files[job->file_count] = NULL;
}

/* All bytes of the descriptor; NULL with errno. Pipes too, so it grows as it reads. */
static char *read_all(struct job *job, int descriptor, size_t *ret_size) {
        struct stat status;
        if (fstat(descriptor, &status) < 0)
                return NULL;
        if (S_ISDIR(status.st_mode)) {
                errno = EISDIR;
                return NULL;
        }
        size_t room = S_ISREG(status.st_mode) && status.st_size < (off_t)SOURCE_BYTES_MOST ? (size_t)status.st_size + 1
                                                                                           : 64 << 10;
        char *bytes = job_take(job, room + 1);
        size_t size = 0;
        for (;;) {
                ssize_t got = read(descriptor, bytes + size, room - size);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return NULL;
                if (got == 0)
                        break;
                size += (size_t)got;
                if (size > SOURCE_BYTES_MOST) {
                        errno = EFBIG;
                        return NULL;
                }
                if (size == room) {
                        char *larger = job_take(job, 2 * room + 1);
                        memcpy(larger, bytes, size);
                        bytes = larger;
                        room *= 2;
                }
        }
        bytes[size] = '\0';
        *ret_size = size;
        return bytes;
}

struct source *source_read_quietly(struct job *job, const char *path) {
        size_t size = 0;
        int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        char *bytes = descriptor < 0 ? NULL : read_all(job, descriptor, &size);
        int error = errno;
        if (descriptor >= 0)
                close(descriptor);
        errno = error;
        if (!bytes)
                return NULL;
        struct source *source = take_source(job, path, bytes, size);
        note_file(job, source->path);
        return source;
}

struct source *source_read(struct job *job, const char *path, const struct place *place) {
        struct source *source = source_read_quietly(job, path);
        if (!source)
                report_error(job, place, "cannot read `%s`: %s", path,
                             errno == EFBIG ? "it is larger than 100 MB" : strerror(errno));
        return source;
}

const char *source_line(const struct source *source, uint32_t line, size_t *ret_size) {
        int64_t physical = (int64_t)line - source->shift;
        *ret_size = 0;
        if (physical < 1 || physical > source->line_count)
                return "";
        const char *begin = source->bytes + source->lines[physical - 1];
        const char *end = source->bytes + source->size;
        const char *feed = memchr(begin, '\n', (size_t)(end - begin));
        end = feed ? feed : end;
        if (end > begin && end[-1] == '\r')
                end--;
        *ret_size = (size_t)(end - begin);
        return begin;
}

const char *path_beside(struct job *job, const char *path, const char *name) {
        const char *slash = strrchr(path, '/');
        if (name[0] == '/' || !slash)
                return job_intern_text(job, name);
        return job_format(job, "%.*s/%s", (int)(slash - path), path, name);
}

bool path_is_file(const char *path) {
        struct stat status;
        return stat(path, &status) == 0 && !S_ISDIR(status.st_mode);
}

const char *path_base(const char *path) {
        const char *slash = strrchr(path, '/');
        return slash ? slash + 1 : path;
}

bool path_is_among(const char *path, const char *const *paths) {
        struct stat one, other;
        if (!paths || stat(path, &one) < 0)
                return false;
        for (; *paths; paths++)
                if (stat(*paths, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino)
                        return true;
        return false;
}
