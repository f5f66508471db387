/* SPDX-License-Identifier: MIT */
#ifndef SHARED_FORKING_H
#define SHARED_FORKING_H

/* A thread that forks in the midst of what another one does, or as soon as it may (fork_hold()). One at a time. */

/* Start it. judge: what its child ends with. */
void forking_begin(int (*judge)(void));

/* When this returns it has forked, or sleeps until it may. */
void forking_now(void);

/* What the child ended with. */
int forking_end(void);

#endif
