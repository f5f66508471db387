/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* What a number means here, where that is more than the C library says. */
static const struct {
        int error;
        const char *text;
} meanings[] = {
        { EAGAIN, "it would have had to wait" },
        { ETIMEDOUT, "the deadline passed" },
        { ECANCELED, "the wait was interrupted" },
        { ENODATA, "the end: the last sender is gone and everything was read" },
        { EPIPE, "the last receiver is gone" },
        { EMSGSIZE, "the message is too large for the buffer or the channel" },
        { ENOBUFS, "too many messages are set aside" },
        { EBADMSG, "a peer broke the protocol and was cut off" },
        { EPROTONOSUPPORT, "the scheme is unknown, or the peer speaks another version of the protocol" },
        { ENOTSUP, "this transport does not do that" },
        { EADDRINUSE, "the address has its receiver already" },
        { EIDRM, "it was removed while it was open" },
        { EBUSY, "the other end takes no more connections" },
        { ECHILD, "the channel belongs to another process: it was inherited by fork() and not given" },
        { EINVAL, "an argument is wrong" },
        { ECONNREFUSED, "no receiver is there" },
};

const char *leat_strerror(int error) {
        if (error == 0)
                return "success";
        int number = error < 0 && error != INT32_MIN ? -error : error;
        if (number < 0)
                return "unknown error";
        for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
                if (meanings[i].error == number)
                        return meanings[i].text;
#ifdef __GLIBC__
        /* Static and untranslated, unlike strerror(). */
        const char *text = strerrordesc_np(number);
#else
        const char *text = strerror(number); /* musl: static */
#endif
        return text ? text : "unknown error";
}

static const char *const row_names[LEAT_ROW_MAX + 1] = {
        [LEAT_ROW_BOUNDARIES] = "boundaries",
        [LEAT_ROW_ORDER] = "order",
        [LEAT_ROW_TYPES] = "types",
        [LEAT_ROW_WAITING] = "waiting",
        [LEAT_ROW_SYNC] = "sync",
        [LEAT_ROW_FULL] = "full",
        [LEAT_ROW_END] = "end",
        [LEAT_ROW_DEATH] = "death",
        [LEAT_ROW_LIFETIME] = "lifetime",
        [LEAT_ROW_WHO] = "who",
        [LEAT_ROW_DESCRIPTORS] = "fds",
        [LEAT_ROW_POLLING] = "polling",
        [LEAT_ROW_LIMITS] = "limits",
        [LEAT_ROW_OPENING] = "opening",
        [LEAT_ROW_LISTENING] = "listening",
        [LEAT_ROW_THREADS] = "threads",
        [LEAT_ROW_VERSIONS] = "versions",
        [LEAT_ROW_INHERITANCE] = "inheritance",
};

const char *leat_row_name(enum leat_row row) {
        return row >= LEAT_ROW_BOUNDARIES && row <= LEAT_ROW_MAX ? row_names[row] : NULL;
}

int64_t limit_sysctl(const char *name) {
        char path[128] = "/proc/sys/", text[32];
        size_t at = strlen(path);
        for (; *name && at < sizeof(path) - 1; name++)
                path[at++] = *name == '.' ? '/' : *name;
        path[at] = '\0';
        CLOSE_AT_EXIT int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return -1;
        text[n] = '\0';
        return strtoll(text, NULL, 10);
}

/* The resource limits that are met, by the name that getrlimit(2) gives them. */
static const struct {
        const char *name;
        int resource;
} rlimits[] = {
        { "RLIMIT_NOFILE", RLIMIT_NOFILE }, { "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE }, { "RLIMIT_FSIZE", RLIMIT_FSIZE },
        { "RLIMIT_NPROC", RLIMIT_NPROC },   { "RLIMIT_STACK", RLIMIT_STACK },       { "RLIMIT_AS", RLIMIT_AS },
};

static int64_t limit_value(const char *name) {
        struct rlimit limit;
        for (size_t i = 0; i < sizeof(rlimits) / sizeof(rlimits[0]); i++)
                if (strcmp(rlimits[i].name, name) == 0)
                        return getrlimit((__typeof__(RLIMIT_NOFILE))rlimits[i].resource, &limit) == 0
                                       ? (int64_t)limit.rlim_cur
                                       : -1;
        return limit_sysctl(name);
}

int reason_limit(struct leat_reason *reason, int error, const char *limit, const char *text) {
        reason_set(reason, error, LEAT_ROW_LIMITS, text);
        if (!reason)
                return error;
        reason->limit = limit;
        reason->limit_value = limit_value(limit);
        return error;
}
