/* SPDX-License-Identifier: MIT */
#ifndef STORES_LOG_H
#define STORES_LOG_H

/* What the tests of log: share: one log in the test's directory. */

#include "ends.h"

#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOON harness_deadline_ms(40000)

/* Its file, and that with such an ending: ".2". Static, until the next call. */
const char *log_path(void);
const char *log_path_of(const char *ending);

/* The log's address with these options ("" or "?..."). Static, until the next call. */
const char *log_at(const char *options);

/* Open it; failing fails the test. */
struct leat_channel *log_sender(const char *options);
struct leat_channel *log_receiver(const char *options);

void log_say(struct leat_channel *sender, const char *text);
/* By a sender that comes and goes. */
void log_say_once(const char *text);

/* The next is this text, within 10 s. */
void log_hear(struct leat_channel *receiver, const char *text);
/* Its size, or -EAGAIN and the like. */
ssize_t log_hear_now(struct leat_channel *receiver);

/* -1: it is not there. */
off_t log_size_of(const char *path);

/* What another program does to a file: write there, at its end if at is -1. */
void log_scribble(const char *path, off_t at, const void *bytes, size_t size);

/* leat_why() tells of this error, and what to do. */
void log_check_reason(struct leat_channel *channel, int error);

#endif
