/* SPDX-License-Identifier: MIT */
#include "transport/sysv_mq_parties.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "transport/mq_queue.h"

#include <fcntl.h>
#include <leat/channel.h>
#include <mqueue.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/stat.h>

#define MARK_TEMPORARY S_ISVTX /* born with it: no kill comes between */

struct name {
        char text[32];
};

/* Identifiers carry a generation: the companion of a queue that is gone is not that of the next with its key. */
static struct name name_of(int queue) {
        struct name name;
        (void)snprintf(name.text, sizeof(name.text), "/leat.sysv-mq.%d", queue);
        return name;
}

static int open_again(int queue, int access) {
        int fd = mq_open(name_of(queue).text, access | O_NONBLOCK | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* By whoever may do but one thing with it. */
static int open_any(int queue) {
        int fd = open_again(queue, O_RDONLY);
        return fd == -EACCES ? open_again(queue, O_WRONLY) : fd;
}

static int lock(int fd, int how) {
        int r;
        do
                r = flock(fd, how | LOCK_NB);
        while (r < 0 && errno == EINTR);
        return r == 0 ? 0 : errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

static bool is_gone(int queue) {
        struct msqid_ds status;
        return msgctl(queue, IPC_STAT, &status) < 0 && (errno == EINVAL || errno == EIDRM);
}

/* ---- removing ---- */

static bool is_owners(const struct stat *companion, const struct msqid_ds *status) {
        return companion->st_uid == 0 || companion->st_uid == status->msg_perm.uid ||
               companion->st_uid == status->msg_perm.cuid;
}

/* A mark is worth what the right to remove is worth: a stranger that lays one there may not have the queue removed. */
static bool is_marked_by_owner(int queue, const struct stat *companion) {
        struct msqid_ds status;
        return (companion->st_mode & MARK_TEMPORARY) && msgctl(queue, IPC_STAT, &status) == 0 &&
               is_owners(companion, &status);
}

/* Its maker can take it away and so make an end. Where the queue's mode lets others in, one of them may have made it; and it
 * does where we are not let to see the mode, for we have it open. */
static bool is_strangers(int queue, const struct stat *companion) {
        struct msqid_ds status;
        return msgctl(queue, IPC_STAT, &status) == 0 && !(status.msg_perm.mode & 0066) &&
               companion->st_uid != geteuid() && !is_owners(companion, &status);
}

/* The queue first: a companion that stands tells the next opener that something is left behind. */
static int bury(int queue) {
        if (msgctl(queue, IPC_RMID, NULL) < 0 && errno != EINVAL && errno != EIDRM)
                return -errno;
        (void)mq_unlink(name_of(queue).text);
        return 0;
}

/* Remove a temporary queue that nobody has open, and the companion of one that is gone. 1: nothing is left of it; 0:
 * it stays; -EAGAIN: somebody is there, or removes it. */
static int remove_unused(int queue) {
        struct stat status;
        CLOSE_AT_EXIT int fd = open_any(queue);
        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        int r = fstat(fd, &status) < 0 ? -errno : 0;
        if (r < 0)
                return r;
        if (is_gone(queue)) {
                (void)mq_unlink(name_of(queue).text);
                return 1;
        }
        if (!is_marked_by_owner(queue, &status))
                return 0;
        r = lock(fd, LOCK_EX);
        if (r == 0)
                r = fstat(fd, &status) < 0 ? -errno : status.st_nlink == 0 ? -EAGAIN : bury(queue);
        return r < 0 ? r : 1;
}

int parties_clear(int queue, struct leat_reason *reason) {
        int r = remove_unused(queue);
        if (r == -EPERM)
                return reason_set(reason, r, LEAT_ROW_LIFETIME,
                                  "a temporary queue was left behind by killed processes of another user; its owner "
                                  "removes it, with `leat rm` or `ipcrm`");
        return r == -EAGAIN || r == -EACCES ? 0 : r; /* somebody is there; or nobody says so, and it is as any other */
}

void parties_remove(int queue) {
        (void)mq_unlink(name_of(queue).text);
}

/* ---- joining ---- */

/* Was nothing ever sent or taken? A queue that was made by one who was killed before it could say that it is temporary
 * holds nothing of anybody's. 1, 0, or a negative errno. */
static int is_unused(int queue) {
        struct msqid_ds status;
        if (msgctl(queue, IPC_STAT, &status) < 0)
                return errno == EINVAL || errno == EIDRM ? -EAGAIN : -errno;
        return status.msg_stime == 0 && status.msg_rtime == 0;
}

static int refuse_temporary(struct leat_reason *reason) {
        return reason_set(reason, -EEXIST, LEAT_ROW_LIFETIME,
                          "a queue that is not temporary is there; open it without ?temporary, or `leat rm` it first");
}

static int explain(int error, struct leat_reason *reason) {
        switch (error) {
        case -EAGAIN:
                return error;
        case -ENOSPC:
                return reason_limit(reason, error, "fs.mqueue.queues_max",
                                    "?end and ?temporary keep a small POSIX queue beside this one, and the system has "
                                    "as many as it may; remove some (/dev/mqueue), or raise the limit");
        case -EMFILE:
                return !mq_queue_blames_memory() ? error /* of RLIMIT_NOFILE the channel tells */
                                                 : reason_limit(reason, error, "RLIMIT_MSGQUEUE",
                                                                "?end and ?temporary keep a small POSIX queue beside "
                                                                "this one, and this user's may take no more memory");
        case -ENOSYS:
                return reason_set(reason, -ENOTSUP, LEAT_ROW_END,
                                  "?end and ?temporary need POSIX queues beside, which this kernel does not have");
        case -EACCES:
        case -EPERM:
                return reason_set(reason, error, LEAT_ROW_LIFETIME,
                                  "the companion of this queue, for ?end and ?temporary, does not let this user in; "
                                  "`leat set ADDRESS mode=` by the queue's owner sets both");
        default:
                return reason_set(reason, error, LEAT_ROW_LIFETIME,
                                  "the companion of this queue, for ?end and ?temporary, cannot be used");
        }
}

static int make(int queue, const struct parties_wish *wish, int access) {
        struct mq_attr smallest = { .mq_maxmsg = 1, .mq_msgsize = 1 };
        struct msqid_ds status;
        bool known = msgctl(queue, IPC_STAT, &status) == 0;
        mode_t mode = (known ? status.msg_perm.mode & 0666 : wish->mode) | (wish->temporary ? MARK_TEMPORARY : 0);
        int fd = mq_open(name_of(queue).text, access | O_NONBLOCK | O_CLOEXEC | O_CREAT | O_EXCL, mode, &smallest);
        if (fd >= 0 && known)
                (void)fchmod(fd, mode); /* the umask cut the queue's already, if it cuts it */
        return fd < 0 ? -errno : fd;
}

static int find_or_make(int queue, const struct parties_wish *wish, struct leat_reason *reason) {
        int access = wish->sends ? O_WRONLY : O_RDONLY;
        int unused = wish->temporary ? is_unused(queue) : 1;
        int fd = unused > 0 ? make(queue, wish, access) : open_again(queue, access);
        if (fd == -EEXIST)
                fd = open_again(queue, access);
        if (fd == -ENOENT && unused < 0)
                return explain(unused, reason);
        if (fd == -ENOENT)
                return unused ? -EAGAIN : refuse_temporary(reason);
        return fd < 0 ? explain(fd, reason) : fd;
}

/* A place first, then the note that a sender came: whoever reads the note and sees no place knows that it went. */
static int join_sender(struct parties *parties, struct leat_reason *reason) {
        int r = presence_take(parties->fd, true, &parties->presence), sent = 0;
        if (r < 0)
                return explain(r, reason);
        do
                sent = mq_send(parties->fd, "", 0, 0); /* full: the note lies there already */
        while (sent < 0 && errno == EINTR);
        return sent < 0 && errno != EAGAIN ? explain(-errno, reason) : 0;
}

/* Those that came before are known by the note, and those that come from now on by what the watch tells. */
static int join_receiver(struct parties *parties, struct leat_reason *reason) {
        struct mq_attr attributes;
        int r = mq_end_new(parties->fd, reason, &parties->end);
        if (r == 0 && mq_getattr(parties->fd, &attributes) < 0)
                r = -errno;
        if (r == 0 && attributes.mq_curmsgs > 0)
                mq_end_came(parties->end);
        return r;
}

/* Nor removed, though root might: it can be another by the time that its name goes. */
static int refuse_strangers(struct leat_reason *reason) {
        return reason_set(reason, -EPERM, LEAT_ROW_LIFETIME,
                          "a user whom the queue's mode does not let in has made its companion, for ?end and "
                          "?temporary; have /dev/mqueue/leat.sysv-mq.IDENTIFIER removed, or take another key");
}

static int take_part(int queue, const struct parties_wish *wish, struct parties *parties, struct leat_reason *reason) {
        struct stat status = { 0 };
        int r = lock(parties->fd, LOCK_SH);
        if (r == 0 && fstat(parties->fd, &status) < 0)
                r = -errno;
        if (r < 0)
                return explain(r, reason);
        bool gone = is_gone(queue);
        if (gone)
                parties_remove(queue); /* that of an identifier without a queue is nobody's */
        if (gone || status.st_nlink == 0)
                return -EAGAIN;
        if (is_strangers(queue, &status))
                return refuse_strangers(reason);
        parties->temporary = status.st_mode & MARK_TEMPORARY;
        if (wish->temporary && !parties->temporary)
                return refuse_temporary(reason);
        if (wish->sends)
                return join_sender(parties, reason);
        return wish->end ? join_receiver(parties, reason) : 0;
}

int parties_join(int queue, const struct parties_wish *wish, struct leat_reason *reason, struct parties *ret_parties) {
        struct parties parties = PARTIES_NONE;
        int r = parties.fd = find_or_make(queue, wish, reason);
        if (r >= 0)
                r = take_part(queue, wish, &parties, reason);
        if (r < 0) {
                parties_leave(&parties, queue, true);
                return r;
        }
        *ret_parties = parties;
        return 0;
}

/* ---- the end ---- */

bool parties_ended(const struct parties *parties) {
        return parties->end && mq_end_all_gone(parties->end);
}

void parties_told(struct parties *parties, int queue) {
        char note;
        mq_end_tell(parties->end);
        while (mq_receive(parties->fd, &note, 1, NULL) < 0 && errno == EINTR)
                ;
        /* Who came meanwhile may have found the old note, and left none of its own. */
        if (!mq_end_all_gone(parties->end) && !presence_has_sender(parties->fd))
                return;
        CLOSE_AT_EXIT int fd = open_again(queue, O_WRONLY);
        while (fd >= 0 && mq_send(fd, "", 0, 0) < 0 && errno == EINTR)
                ;
}

/* ---- leaving ---- */

void parties_after_fork(struct parties *parties) {
        parties->fd = close_fd(parties->fd);
        if (parties->end)
                mq_end_after_fork(parties->end);
}

void parties_leave(struct parties *parties, int queue, bool ours) {
        bool joined = parties->fd >= 0;
        mq_end_free(parties->end);
        /* Before the close, of which inotify tells: who is told looks at the place. */
        if (ours)
                presence_leave(&parties->presence);
        close_fd(parties->fd);
        if (ours && joined && (parties->temporary || is_gone(queue)))
                (void)remove_unused(queue);
        *parties = PARTIES_NONE;
}

/* ---- from outside ---- */

uint64_t parties_count_senders(int queue) {
        CLOSE_AT_EXIT int fd = open_again(queue, O_RDONLY);
        return fd < 0 ? LEAT_UNKNOWN : presence_count_senders(fd);
}

void parties_set_access(int queue, mode_t mode, uid_t uid, gid_t gid) {
        struct stat status;
        CLOSE_AT_EXIT int fd = open_any(queue);
        if (fd < 0 || fstat(fd, &status) < 0)
                return;
        /* A stranger's mark does not become the owner's with its companion. */
        mode_t mark = is_marked_by_owner(queue, &status) ? MARK_TEMPORARY : 0;
        (void)fchmod(fd, mark | (mode & 0666));
        (void)!fchown(fd, uid, gid); /* where that is not allowed, whoever made it keeps it */
}
