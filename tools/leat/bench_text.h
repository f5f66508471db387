/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_TEXT_H
#define LEAT_TOOL_BENCH_TEXT_H

/* Numbers of a benchmark, for people. Each returns `text`. */

#define BENCH_CELL 48

/* Three digits and a unit, as "1.24 M". */
const char *short_number(double number, char text[BENCH_CELL]);
const char *short_time(double ns, char text[BENCH_CELL]);

const char *ratio_text(double ratio, char text[BENCH_CELL]);
const char *spread_text(double low, double high, char text[BENCH_CELL]);

#endif
