/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/output.h"

#include "tools/leatgen/output_place.h"
#include "tools/leatgen/output_signals.h"
#include "tools/leatgen/report.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME_TRIES 100

/* One file on its way. */
struct passage {
        const struct output_file *file;
        struct output_place place;
        const char *temporary; /* its bytes under another name; NULL before it has one, and after the rename */
        const char *backup;    /* what was in its place; NULL: nothing was, or is not there yet */
        bool unchanged;        /* nothing is to be done, or it is done */
        bool moved;            /* what was in the place is not there now */
};

struct passages {
        struct job *job;
        struct passage *all;
        size_t count;
};

static int refuse(struct passages *passages, const struct passage *passage, const char *what, int error) {
        report_error(passages->job, NULL, "`%s` %s: %s; nothing was written", passage->place.path, what,
                     strerror(error));
        return -1;
}

/* ---- names beside the place ---- */

static const char *make_name(struct passages *passages, const struct passage *passage) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
        uint8_t random[6];
        if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
                memset(random, 0, sizeof(random)); /* then the name may be taken, and that is an error */
        char end[sizeof(random) + 1] = "";
        for (size_t i = 0; i < sizeof(random); i++)
                end[i] = letters[random[i] % (sizeof(letters) - 1)];
        return job_format(passages->job, "%s/.%.200s.%s", passage->place.folder, passage->place.name, end);
}

/* A second name of what `from` is, or NULL with errno. */
static const char *link_beside(struct passages *passages, const struct passage *passage, const char *from, int flags) {
        for (int tries = 0; tries < NAME_TRIES; tries++) {
                const char *made = make_name(passages, passage);
                if (linkat(AT_FDCWD, from, AT_FDCWD, made, flags) == 0)
                        return made;
                if (errno != EEXIST)
                        break;
        }
        return NULL;
}

/* A new file with a temporary name, or -1. */
static int open_named(struct passages *passages, struct passage *passage) {
        for (int tries = 0; tries < NAME_TRIES; tries++) {
                const char *made = make_name(passages, passage);
                int fd = open(made, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
                if (fd >= 0)
                        passage->temporary = made;
                if (fd >= 0 || errno != EEXIST)
                        return fd;
        }
        return -1;
}

static void give_name(struct passages *passages, struct passage *passage, int fd) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        passage->temporary = link_beside(passages, passage, path, AT_SYMLINK_FOLLOW);
}

/* ---- writing ---- */

/* Whether the place has these bytes already, in a file and not behind a link. */
static bool is_there(const struct passage *passage) {
        const struct page *page = &passage->file->page;
        struct stat status;
        int fd = open(passage->place.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
                return false;
        bool same = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (uint64_t)status.st_size == page->size;
        char bytes[16384];
        size_t at = 0;
        while (same && at < page->size) {
                ssize_t size = read(fd, bytes, sizeof(bytes));
                same = size > 0 && (size_t)size <= page->size - at &&
                       memcmp(bytes, page->bytes + at, (size_t)size) == 0;
                at += same ? (size_t)size : 0;
        }
        close(fd);
        return same;
}

static int write_whole(int fd, const struct page *page) {
        for (size_t at = 0; at < page->size;) {
                ssize_t size = write(fd, page->bytes + at, page->size - at);
                if (size < 0 && errno != EINTR)
                        return -1;
                at += size > 0 ? (size_t)size : 0;
        }
        return 0;
}

/* Who may read a file that a person named stays; its owner where that is allowed. */
static void keep_mode(const struct passage *passage, int fd) {
        struct stat old, status;
        if (!passage->file->follows || stat(passage->place.path, &old) || fstat(fd, &status))
                return;
        if ((old.st_uid != status.st_uid || old.st_gid != status.st_gid) && fchown(fd, old.st_uid, old.st_gid) < 0)
                old.st_mode &= 0777; /* it is another's now: not with the rights of the old owner */
        fchmod(fd, old.st_mode & 07777);
}

static int fill(struct passages *passages, struct passage *passage, int fd) {
        keep_mode(passage, fd);
        int failed = write_whole(fd, &passage->file->page), error = errno;
        if (!failed && !passage->temporary)
                give_name(passages, passage, fd);
        if (close(fd) && errno != EINTR && !failed) { /* some file systems tell only now that they have no room */
                failed = -1;
                error = errno;
        }
        return failed ? refuse(passages, passage, "cannot be written whole", error) : 0;
}

/* The signal ends the program when it is let through; the report is for one that somebody holds back for longer. */
static int stop_if_interrupted(struct passages *passages) {
        if (!is_interrupted())
                return 0;
        report_error(passages->job, NULL, "interrupted; nothing was written");
        return -1;
}

static int write_one(struct passages *passages, struct passage *passage) {
        passage->unchanged = passage->unchanged || is_there(passage);
        if (passage->unchanged)
                return 0;
        int fd = open(passage->place.folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
        if (fd >= 0 && fill(passages, passage, fd))
                return -1;
        if (!passage->temporary) { /* no such files here, or no name for one */
                fd = open_named(passages, passage);
                if (fd < 0)
                        return refuse(passages, passage, "cannot be written", errno);
                if (fill(passages, passage, fd))
                        return -1;
        }
        return stop_if_interrupted(passages);
}

/* A pipe may have nobody at its other end for long: signals are not held yet. */
static int write_straight(struct passages *passages, struct passage *passage) {
        if (!passage->place.is_no_file)
                return 0;
        passage->unchanged = true;
        int fd = open(passage->place.path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return refuse(passages, passage, "cannot be written", errno);
        int failed = write_whole(fd, &passage->file->page), error = errno;
        close(fd);
        return failed ? refuse(passages, passage, "cannot be written whole", error) : 0;
}

/* ---- the renames ---- */

/* Flags of renameat2(2): not every C library has it. */
enum { NO_REPLACE = 1, EXCHANGE = 2 };

static int rename_by(const char *from, const char *to, unsigned flags) {
        return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

static int rename_over(struct passage *passage) {
        if (rename(passage->temporary, passage->place.path))
                return -1;
        passage->temporary = NULL;
        passage->moved = true;
        return 0;
}

/* Where nothing can have two names: both change places, or, where that is not known, one moves away and the other in. */
static int rename_without_links(struct passages *passages, struct passage *passage) {
        if (rename_by(passage->temporary, passage->place.path, EXCHANGE) == 0) {
                passage->backup = passage->temporary;
                passage->temporary = NULL;
                passage->moved = true;
                return 0;
        }
        const char *backup = make_name(passages, passage);
        if (rename_by(passage->place.path, backup, NO_REPLACE) &&
            ((errno != EINVAL && errno != ENOSYS) || rename(passage->place.path, backup)))
                return -1;
        passage->backup = backup;
        passage->moved = true;
        return rename_over(passage);
}

static int rename_one(struct passages *passages, struct passage *passage) {
        struct stat status;
        if (passage->unchanged)
                return 0;
        if (lstat(passage->place.path, &status))
                return errno == ENOENT ? rename_over(passage) : -1;
        if (S_ISDIR(status.st_mode)) {
                errno = EISDIR; /* an exchange would not mind */
                return -1;
        }
        passage->backup = link_beside(passages, passage, passage->place.path, 0);
        return passage->backup ? rename_over(passage) : rename_without_links(passages, passage);
}

/* ---- the way back ---- */

/* What cannot be put back keeps its second name: it is never lost. */
static bool put_back_one(struct passages *passages, struct passage *passage) {
        const char *path = passage->place.path;
        if (!passage->moved)
                return true;
        if (!passage->backup ? unlink(path) == 0 : rename(passage->backup, path) == 0) {
                passage->backup = NULL;
                return true;
        }
        if (passage->backup)
                report_error(passages->job, NULL, "`%s` could not be put back: %s; what it was is in `%s`", path,
                             strerror(errno), passage->backup);
        else
                report_error(passages->job, NULL, "`%s` is new and could not be removed: %s", path, strerror(errno));
        passage->backup = NULL;
        return false;
}

static bool put_back(struct passages *passages) {
        bool all = true;
        for (size_t i = passages->count; i > 0; i--)
                all = put_back_one(passages, &passages->all[i - 1]) && all;
        return all;
}

static void clean_up(struct passages *passages) {
        for (size_t i = 0; i < passages->count; i++) {
                struct passage *passage = &passages->all[i];
                if (passage->temporary)
                        unlink(passage->temporary);
                if (passage->backup)
                        unlink(passage->backup);
        }
}

static int for_each(struct passages *passages, int (*step)(struct passages *, struct passage *)) {
        int error = 0;
        for (size_t i = 0; !error && i < passages->count; i++)
                error = step(passages, &passages->all[i]);
        return error;
}

static int rename_all(struct passages *passages) {
        for (size_t i = 0; i < passages->count; i++) {
                if (rename_one(passages, &passages->all[i]) == 0)
                        continue;
                int error = errno;
                if (put_back(passages))
                        return refuse(passages, &passages->all[i], "cannot be replaced", error);
                report_error(passages->job, NULL, "`%s` cannot be replaced: %s", passages->all[i].place.path,
                             strerror(error));
                return -1;
        }
        return 0;
}

/* ---- the whole ---- */

static int find_place(struct passages *passages, struct passage *passage) {
        return output_place_find(passages->job, passage->file, &passage->place);
}

/* A file that is named twice to be written back is written once. */
static int refuse_twins(struct passages *passages, struct passage *passage) {
        for (struct passage *other = passages->all; other < passage; other++) {
                if (!output_place_same(&passage->place, &other->place))
                        continue;
                bool odd = passage->file->follows != other->file->follows;
                if (odd)
                        report_error(passages->job, NULL,
                                     "`%s` of --depfile is another output too; nothing was written",
                                     passage->place.path);
                else if (!passage->file->follows)
                        report_error(passages->job, NULL,
                                     "two of the inputs would both write `%s`; nothing was written: compile "
                                     "them by two runs into two folders",
                                     passage->file->name);
                if (odd || !passage->file->follows)
                        return -1;
                passage->unchanged = true;
        }
        return 0;
}

int output_write(struct job *job, const struct output_file *files, size_t count) {
        struct passages passages = { .job = job, .count = count };
        struct held_signals before;
        passages.all = job_take(job, (count + 1) * sizeof(*passages.all));
        for (size_t i = 0; i < count; i++)
                passages.all[i].file = &files[i];
        if (for_each(&passages, find_place) || for_each(&passages, refuse_twins) || for_each(&passages, write_straight))
                return -1;
        hold_signals(&before);
        int error = for_each(&passages, write_one) || rename_all(&passages) ? -1 : 0;
        clean_up(&passages);
        release_signals(&before);
        return error;
}
