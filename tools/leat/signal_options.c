/* SPDX-License-Identifier: MIT */
#include "tools/leat/signal_options.h"

#include "tools/leat/options.h"

#include <errno.h>
#include <stdlib.h>

/* The least that a look costs less than: what is asked more often would keep a processor busy. */
#define SHORTEST_INTERVAL_NS INT64_C(1000000)

const char *signal_set_value(struct options *options, const char *value) {
        static const char wrong[] = "is not a value; write a number from -2147483648 to 2147483647";
        char *end;
        errno = 0;
        long number = strtol(value, &end, 0);
        if (end == value || *end || errno || number < INT32_MIN || number > INT32_MAX)
                return wrong;
        options->signal.value = (int)number;
        options->signal.value_said = true;
        return NULL;
}

const char *signal_set_wait(struct options *options, const char *value) {
        (void)value;
        options->signal.wait = true;
        return NULL;
}

const char *signal_set_then(struct options *options, const char *value) {
        options->signal.then = value;
        return NULL;
}

const char *signal_set_after(struct options *options, const char *value) {
        options->signal.after_said = true;
        return options_duration(value, &options->signal.after_ns);
}

const char *signal_set_interval(struct options *options, const char *value) {
        const char *wrong = options_duration(value, &options->signal.interval_ns);
        bool short_one = !wrong && options->signal.interval_ns < SHORTEST_INTERVAL_NS;
        return short_one ? "is too short; write 1ms or more" : wrong;
}
