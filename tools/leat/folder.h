/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOLS_FOLDER_H
#define LEAT_TOOLS_FOLDER_H

/* A private folder for what a command makes. */

/*
 * Run something in a new folder, that is gone afterwards, also after an interrupt: a signal that would end us waits until then, and `stop` (a
 * signalfd) is readable meanwhile. name: what the folder is called after ("leat-NAME-..."). Returns what `run` returned, or why
 * there was no folder.
 */
int folder_run(const char *name, int (*run)(const void *what, const char *folder, int stop), const void *what);

#endif
