/* SPDX-License-Identifier: MIT */
#include "tools/leat/crew_names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 255 /* as many as a file has System V keys */

/* How an address says where. A scheme takes the first of these that it finds well-formed; one with others adds one. */
enum form {
        FORM_FILE,    /* a file in the folder */
        FORM_NAME,    /* one name without a folder, after the folder's, which is unique */
        FORM_KEY,     /* the folder itself and a number */
        FORM_PROCESS, /* the receiver: its pid follows when there is one */
        FORM_PORT,    /* a port of this machine, which the kernel chooses when the receiver opens it */
        FORMS
};

/* A path as an address has it: what means something there is %XX. Returns false if it is too long. */
static bool escape_path(const char *path, char *escaped, size_t size) {
        size_t at = 0;
        for (; *path && at + 4 < size; path++)
                at += (size_t)snprintf(escaped + at, size - at, strchr("?&%", *path) ? "%%%02X" : "%c",
                                       (unsigned char)*path);
        escaped[at] = '\0';
        return *path == '\0';
}

static int form_address(enum form form, const char *scheme, const char *folder, const char *name, size_t number,
                        struct duct *duct) {
        char path[PATH_MAX];
        size_t size = sizeof(duct->address);
        const char *last = strrchr(folder, '/');
        int n = -1;
        if (!escape_path(folder, path, sizeof(path)))
                return -ENAMETOOLONG;
        switch (form) {
        case FORM_FILE:
                n = snprintf(duct->address, size, "%s:%s/%s-%zu", scheme, path, name, number);
                break;
        case FORM_NAME:
                n = snprintf(duct->address, size, "%s:/%s-%s-%zu", scheme, last ? last + 1 : folder, name, number);
                break;
        case FORM_KEY:
                n = snprintf(duct->address, size, "%s:%s#%zu", scheme, path, number);
                break;
        case FORM_PROCESS:
                n = snprintf(duct->address, size, "%s:", scheme);
                break;
        default:
                n = snprintf(duct->address, size, "%s::0", scheme);
        }
        duct->naming = form == FORM_PROCESS ? NAMED_BY_PID : form == FORM_PORT ? NAMED_BY_OTHER : NAMED;
        return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : leat_address_check(duct->address, NULL);
}

/* A name that is well-formed, and new where it outlives its processes. */
static int name_duct(struct plan *plan, const char *folder, const char *name, struct duct *duct,
                     struct leat_reason *reason) {
        int r = -EEXIST;
        while (r == -EEXIST && plan->names < NAMES_MAX) {
                size_t number = ++plan->names;
                r = -EINVAL;
                for (unsigned form = 0; form < FORMS && r == -EINVAL; form++)
                        r = form_address(form, plan->declaration->scheme, folder, name, number, duct);
                if (r == 0)
                        r = leat_create(duct->address, 0600, true, reason);
        }
        if (r == 0 || r == -ENOTSUP)
                return 0;
        duct->address[0] = '\0'; /* it is not ours */
        return r;
}

int crew_name(struct plan *plan, const char *folder, struct leat_reason *reason) {
        int r = 0;
        for (size_t i = 0; i < plan->jobs_count && r == 0; i++)
                r = name_duct(plan, folder, "jobs", &plan->jobs[i], reason);
        for (size_t i = 0; i < plan->results_count && r == 0; i++)
                r = name_duct(plan, folder, "results", &plan->results[i], reason);
        return r;
}

/* Stores outlive their processes, as do the socket files of those that were killed. */
static void unname_duct(const struct plan *plan, const struct duct *duct, int receiver) {
        char address[ADDRESS_SIZE];
        if (duct->address[0])
                leat_remove(duct_address(plan, duct, receiver, "", address), NULL);
}

void crew_unname(const struct plan *plan) {
        for (int i = 0; i < WORKERS; i++) {
                unname_duct(plan, &plan->jobs[i], FIRST_WORKER + i);
                unname_duct(plan, &plan->results[i], COLLECTOR);
        }
}
