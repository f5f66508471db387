/* SPDX-License-Identifier: MIT */

/*
 * A picture of the ratios: a panel for each thing that is compared, in it a bar for each transport and placement, from 1
 * on a logarithmic axis, and a line over the middle half of the ratios. To the right is faster, of round trips too. The
 * colours follow the reader's light or dark background.
 */

#include "tools/leat/bench.h"

#include "tools/leat/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 820
#define LEFT 250  /* of the bars */
#define RIGHT 700 /* behind them stand the numbers */
#define ROW 18
#define HEAD 54
#define PANELS_MAX 64

static const char style[] =
        "text{font:12px system-ui,sans-serif;fill:#222}.t{font-weight:600;font-size:13px}.m{fill:#666}"
        ".g{stroke:#bbb;stroke-width:1}.one{stroke:#222;stroke-width:1.5}.s{stroke:#222;stroke-width:2}"
        ".a{fill:#2b7bba}.b{fill:#d07c20}.c{fill:#5a9a4a}.back{fill:#fff}"
        "@media (prefers-color-scheme:dark){text{fill:#ddd}.m{fill:#999}.g{stroke:#444}.one,.s{stroke:#ddd}"
        ".a{fill:#4f9fdc}.b{fill:#e09a48}.c{fill:#7cbf6a}.back{fill:#161b22}}";

/* What one panel shows: one kind of comparison. */
struct panel {
        enum measure measure;
        size_t size;
        const char *of, *to;
        double least, most; /* of what it shows, at least 1/2 to 2 */
};

struct plot {
        const struct bench *bench;
        FILE *file;
        struct panel panels[PANELS_MAX];
        size_t panels_count;
};

static double smaller(double a, double b) {
        return a < b ? a : b;
}

static double larger(double a, double b) {
        return a > b ? a : b;
}

/* The natural one, to twelve digits, of a positive, finite number: halved or doubled to 1 to 2, and then by the series of 2 artanh t. That of libm
 * would have libm loaded as each command starts (docs/dependencies.md). */
static double logarithm(double number) {
        int twos = 0;
        while (number >= 2) {
                number /= 2;
                twos++;
        }
        while (number < 1) {
                number *= 2;
                twos--;
        }
        double t = (number - 1) / (number + 1), power = t, sum = 0;
        for (int n = 1; n < 24; n += 2, power *= t * t)
                sum += power / n;
        return twos * 0.69314718055994531 + 2 * sum;
}

static double power_of(double base, int exponent) {
        double power = 1;
        for (int i = abs(exponent); i > 0; i--)
                power *= base;
        return exponent < 0 ? 1 / power : power;
}

static int rounded_up(double number) {
        int whole = (int)number;
        return whole + (number > whole);
}

/* More is faster, whatever is measured. */
static struct spread speed_of(const struct cell *cell, const struct comparison *comparison) {
        struct spread ratio = comparison->ratio;
        if (!cell_less_is_better(cell) || ratio.low <= 0)
                return ratio;
        return (struct spread){ .median = 1 / ratio.median, .low = 1 / ratio.high, .high = 1 / ratio.low };
}

static bool shows(const struct panel *panel, const struct cell *cell, const struct comparison *comparison) {
        return panel->measure == cell->measure && panel->size == cell->size &&
               strcmp(panel->of, comparison->of->name) == 0 && strcmp(panel->to, comparison->to->name) == 0;
}

/* The panel of a comparison, new if it is the first of its kind; NULL if there is no room. */
static struct panel *panel_of(struct plot *plot, const struct cell *cell, const struct comparison *comparison) {
        for (size_t i = 0; i < plot->panels_count; i++)
                if (shows(&plot->panels[i], cell, comparison))
                        return &plot->panels[i];
        if (plot->panels_count == PANELS_MAX)
                return NULL;
        struct panel *panel = &plot->panels[plot->panels_count++];
        *panel = (struct panel){ .measure = cell->measure,
                                 .size = cell->size,
                                 .of = comparison->of->name,
                                 .to = comparison->to->name,
                                 .least = 0.5,
                                 .most = 2 };
        return panel;
}

static void find_panels(struct plot *plot) {
        struct comparison comparison;
        for (size_t i = 0; i < plot->bench->cells_count; i++)
                for (size_t n = 0; cell_compare(plot->bench->cells[i], n, &comparison); n++) {
                        struct spread speed = speed_of(plot->bench->cells[i], &comparison);
                        struct panel *panel = panel_of(plot, plot->bench->cells[i], &comparison);
                        if (!panel || speed.low <= 0)
                                continue;
                        panel->least = smaller(panel->least, speed.low);
                        panel->most = larger(panel->most, speed.high);
                }
}

static double place(const struct panel *panel, double ratio) {
        double least = logarithm(panel->least), most = logarithm(panel->most);
        double at = ratio > 0 ? (logarithm(ratio) - least) / (most - least) : 0;
        return LEFT + (RIGHT - LEFT) * smaller(larger(at, 0), 1);
}

static const char *colour_of(const struct bench *bench, const struct placement *placement) {
        static const char *const colours[PLACEMENTS] = { "a", "b", "c" };
        return colours[placement - bench->placements];
}

static void draw_row(const struct plot *plot, const struct panel *panel, const struct cell *cell,
                     const struct comparison *comparison, int y) {
        struct spread speed = speed_of(cell, comparison);
        double at = place(panel, speed.median), one = place(panel, 1);
        fprintf(plot->file, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s <tspan class=\"m\">%s</tspan></text>\n",
                LEFT - 8, y + 13, cell->scheme, cell->placement->name);
        fprintf(plot->file, "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>\n",
                colour_of(plot->bench, cell->placement), smaller(at, one), y + 3,
                larger(at > one ? at - one : one - at, 1), ROW - 6);
        fprintf(plot->file, "<line class=\"s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n",
                place(panel, speed.low), place(panel, speed.high), y + ROW / 2, y + ROW / 2);
        fprintf(plot->file, "<text x=\"%d\" y=\"%d\">%.3g <tspan class=\"m\">%.3g .. %.3g</tspan></text>\n", RIGHT + 8,
                y + 13, speed.median, speed.low, speed.high);
}

/* Rows of a panel, drawn if y is not negative. Returns how many. */
static int draw_rows(const struct plot *plot, const struct panel *panel, int y) {
        struct comparison comparison;
        int rows = 0;
        for (size_t i = 0; i < plot->bench->cells_count; i++) {
                const struct cell *cell = plot->bench->cells[i];
                for (size_t n = 0; cell_compare(cell, n, &comparison); n++) {
                        if (!shows(panel, cell, &comparison))
                                continue;
                        if (y >= 0)
                                draw_row(plot, panel, cell, &comparison, y + rows * ROW);
                        rows++;
                }
        }
        return rows;
}

/* Lines at round numbers: 1, and powers of 2 or of 10. */
static void draw_grid(const struct plot *plot, const struct panel *panel, int y, int height) {
        double step = panel->most / panel->least > 40 ? 10 : 2;
        int first = rounded_up(logarithm(panel->least) / logarithm(step) - 1e-9),
            last = -rounded_up(-logarithm(panel->most) / logarithm(step) - 1e-9);
        for (int power = first; power <= last; power++) {
                double at = power_of(step, power);
                bool one = power == 0;
                fprintf(plot->file, "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n",
                        one ? "one" : "g", place(panel, at), place(panel, at), y, y + height);
                fprintf(plot->file, "<text class=\"m\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.3g</text>\n",
                        place(panel, at), y - 4, at);
        }
}

static int draw_panel(const struct plot *plot, const struct panel *panel, int y) {
        static const char *const names[MEASURES] = { "Round trips", "Messages", "Opening to the first message" };
        int rows = draw_rows(plot, panel, -1), top = y + HEAD;
        fprintf(plot->file,
                "<text class=\"t\" x=\"12\" y=\"%d\">%s of %zu bytes: %s is so many times as fast as %s</text>\n",
                y + 24, names[panel->measure], panel->size, panel->of, panel->to);
        draw_grid(plot, panel, top, rows * ROW);
        (void)draw_rows(plot, panel, top);
        return top + rows * ROW + 8;
}

static int draw(struct plot *plot) {
        int height = 12;
        find_panels(plot);
        for (size_t i = 0; i < plot->panels_count; i++)
                height += HEAD + 8 + draw_rows(plot, &plot->panels[i], -1) * ROW;
        fprintf(plot->file,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
                "role=\"img\">\n"
                "<title>leat bench: ratios and their quartiles, logarithmic</title>\n<style>%s</style>\n"
                "<rect class=\"back\" width=\"%d\" height=\"%d\"/>\n",
                WIDTH, height, WIDTH, height, style, WIDTH, height);
        int y = 4;
        for (size_t i = 0; i < plot->panels_count; i++)
                y = draw_panel(plot, &plot->panels[i], y);
        fprintf(plot->file, "</svg>\n");
        return ferror(plot->file) ? -EIO : 0;
}

int bench_write_plot(const struct bench *bench, const char *path) {
        struct plot plot = { .bench = bench, .file = fopen(path, "we") };
        if (!plot.file)
                return report(path, -errno, WRITING_OUTPUT, NULL);
        int r = draw(&plot);
        if (fclose(plot.file) != 0 && r == 0)
                r = -errno;
        return r < 0 ? report(path, r, WRITING_OUTPUT, NULL) : DONE;
}
