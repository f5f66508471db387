/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench_text.h"

#include <stddef.h>
#include <stdio.h>

const char *short_number(double number, char text[BENCH_CELL]) {
        static const char units[] = " kMG";
        size_t unit = 0;
        while (number >= 999.5 && units[unit + 1]) {
                number /= 1000;
                unit++;
        }
        int digits = number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
        (void)snprintf(text, BENCH_CELL, "%.*f%s%.1s", digits, number, unit ? " " : "", unit ? &units[unit] : "");
        return text;
}

const char *short_time(double ns, char text[BENCH_CELL]) {
        static const char *const units[] = { "ns", "us", "ms", "s" };
        size_t unit = 0;
        for (; ns >= 999.5 && unit < 3; unit++)
                ns /= 1000;
        int digits = unit == 0 || ns >= 99.95 ? 0 : ns >= 9.995 ? 1 : 2;
        (void)snprintf(text, BENCH_CELL, "%.*f %s", digits, ns, units[unit]);
        return text;
}

const char *ratio_text(double ratio, char text[BENCH_CELL]) {
        (void)snprintf(text, BENCH_CELL, ratio >= 10 ? "%.1f" : ratio < 0.1 ? "%.3f" : "%.2f", ratio);
        return text;
}

const char *spread_text(double low, double high, char text[BENCH_CELL]) {
        char from[BENCH_CELL], to[BENCH_CELL];
        (void)snprintf(text, BENCH_CELL, "%.20s .. %.20s", ratio_text(low, from), ratio_text(high, to));
        return text;
}
