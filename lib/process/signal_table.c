/* SPDX-License-Identifier: MIT */
/*
 * The signals of the system (signal(7)), as data. The real-time ones have no names of their own: they are counted from SIGRTMIN, which the C library
 * says at run time, since it keeps the first for itself.
 */
#include <errno.h>
#include <leat/signal.h>
#include <pthread.h>
#include <string.h>

#define NUMBERS _NSIG /* one more than the highest */
#define REAL_TIME_MOST (NUMBERS - 32)

#ifdef SIGSTKFLT
#define STKFLT(X) X(SIGSTKFLT, TERMINATE, true, "stack fault of a coprocessor; the kernel does not send it")
#else
#define STKFLT(X)
#endif
#ifdef SIGEMT
#define EMT(X) X(SIGEMT, TERMINATE, true, "emulator trap")
#else
#define EMT(X)
#endif

/* name, action, catchable, meaning */
#define SIGNALS(X)                                                                                                     \
        X(SIGHUP, TERMINATE, true, "the terminal hung up, or its session's leader ended")                              \
        X(SIGINT, TERMINATE, true, "interrupt from the keyboard (Ctrl-C)")                                             \
        X(SIGQUIT, CORE, true, "quit from the keyboard (Ctrl-\\)")                                                     \
        X(SIGILL, CORE, true, "illegal instruction")                                                                   \
        X(SIGTRAP, CORE, true, "trace or breakpoint trap")                                                             \
        X(SIGABRT, CORE, true, "abort(3)")                                                                             \
        X(SIGBUS, CORE, true, "bad memory access: misaligned, or beyond the end of a mapped file")                     \
        X(SIGFPE, CORE, true, "arithmetic error, as a division by zero")                                               \
        X(SIGKILL, TERMINATE, false, "ends it, whatever it says")                                                      \
        X(SIGUSR1, TERMINATE, true, "for the program to use")                                                          \
        X(SIGSEGV, CORE, true, "memory access where nothing is mapped, or not so")                                     \
        X(SIGUSR2, TERMINATE, true, "for the program to use")                                                          \
        X(SIGPIPE, TERMINATE, true, "write to a pipe or socket that has no reader")                                    \
        X(SIGALRM, TERMINATE, true, "timer of alarm(2) or setitimer(2)")                                               \
        X(SIGTERM, TERMINATE, true, "asks it to end")                                                                  \
        STKFLT(X)                                                                                                      \
        EMT(X)                                                                                                         \
        X(SIGCHLD, IGNORE, true, "a child ended, stopped or went on")                                                  \
        X(SIGCONT, CONTINUE, true, "goes on if it was stopped, even where it is blocked")                              \
        X(SIGSTOP, STOP, false, "stops it, whatever it says")                                                          \
        X(SIGTSTP, STOP, true, "stop from the keyboard (Ctrl-Z)")                                                      \
        X(SIGTTIN, STOP, true, "read from the terminal in the background")                                             \
        X(SIGTTOU, STOP, true, "write to the terminal in the background")                                              \
        X(SIGURG, IGNORE, true, "urgent data at a socket")                                                             \
        X(SIGXCPU, CORE, true, "limit of CPU time passed (RLIMIT_CPU)")                                                \
        X(SIGXFSZ, CORE, true, "limit of a file's size passed (RLIMIT_FSIZE)")                                         \
        X(SIGVTALRM, TERMINATE, true, "timer of the process's own time")                                               \
        X(SIGPROF, TERMINATE, true, "profiling timer")                                                                 \
        X(SIGWINCH, IGNORE, true, "the terminal's window changed its size")                                            \
        X(SIGIO, TERMINATE, true, "a descriptor is ready (fcntl(2), F_SETOWN)")                                        \
        X(SIGPWR, TERMINATE, true, "the power fails")                                                                  \
        X(SIGSYS, CORE, true, "bad system call, or one that seccomp(2) traps")

#define ENTRY(signal, does, may, text)                                                                                 \
        [signal] = {                                                                                                   \
                .number = (signal),                                                                                    \
                .name = #signal,                                                                                       \
                .meaning = (text),                                                                                     \
                .action = LEAT_ACTION_##does,                                                                          \
                .catchable = (may),                                                                                    \
        },
static const struct leat_signal_entry ordinary[NUMBERS] = { SIGNALS(ENTRY) };

/* What the same signal is called elsewhere. */
static const struct {
        const char *name;
        int number;
} aliases[] = { { "CLD", SIGCHLD }, { "IOT", SIGABRT }, { "POLL", SIGIO } };

#define DIGITS(X, tens)                                                                                                \
        X(tens##0) X(tens##1) X(tens##2) X(tens##3) X(tens##4) X(tens##5) X(tens##6) X(tens##7) X(tens##8) X(tens##9)
#define UPTO_39(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) DIGITS(X, 1) DIGITS(X, 2) DIGITS(X, 3)
#define NAME_OF_NONE(n) "signal " #n,
static const char *const nameless[] = { UPTO_39(NAME_OF_NONE) };
#define NAME_FROM_MIN(n) "SIGRTMIN+" #n,
static const char *const from_min[] = { UPTO_39(NAME_FROM_MIN) };

/* The numbers depend on the C library; they are filled in once. */
static struct leat_signal_entry real_time[REAL_TIME_MOST];
static pthread_once_t real_time_once = PTHREAD_ONCE_INIT;

static const char *real_time_name(int distance) {
        return distance == 0 ? "SIGRTMIN" : from_min[distance];
}

static bool is_real_time(int number) {
        return number >= SIGRTMIN && number <= SIGRTMAX && number - SIGRTMIN < REAL_TIME_MOST &&
               number - SIGRTMIN < (int)(sizeof(from_min) / sizeof(from_min[0]));
}

static void fill_real_time(void) {
        for (int number = SIGRTMIN; is_real_time(number); number++)
                real_time[number - SIGRTMIN] = (struct leat_signal_entry){
                        .number = number,
                        .name = real_time_name(number - SIGRTMIN),
                        .meaning = "real-time signal: queued, with a value",
                        .action = LEAT_ACTION_TERMINATE,
                        .catchable = true,
                        .real_time = true,
                };
}

const struct leat_signal_entry *leat_signal_entry(int number) {
        if (number > 0 && number < NUMBERS && ordinary[number].name)
                return &ordinary[number];
        if (!is_real_time(number))
                return NULL;
        (void)pthread_once(&real_time_once, fill_real_time);
        return &real_time[number - SIGRTMIN];
}

/* Not by the entry: pthread_once() is not for handlers. */
const char *leat_signal_name(int number) {
        if (number > 0 && number < NUMBERS && ordinary[number].name)
                return ordinary[number].name;
        if (is_real_time(number))
                return real_time_name(number - SIGRTMIN);
        return number >= 0 && number < (int)(sizeof(nameless) / sizeof(nameless[0])) ? nameless[number] : "no signal";
}

const char *leat_action_name(enum leat_action action) {
        static const char *const names[] = {
                [LEAT_ACTION_TERMINATE] = "terminate", [LEAT_ACTION_CORE] = "core",     [LEAT_ACTION_STOP] = "stop",
                [LEAT_ACTION_CONTINUE] = "continue",   [LEAT_ACTION_IGNORE] = "ignore",
        };
        return (unsigned)action < sizeof(names) / sizeof(names[0]) ? names[action] : NULL;
}

/* ---- from names to numbers; ASCII, whatever the locale says ---- */

struct word {
        const char *at;
        size_t length;
};

static char upper(char c) {
        return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool begins(struct word word, const char *text) {
        size_t length = strlen(text);
        if (word.length < length)
                return false;
        for (size_t i = 0; i < length; i++)
                if (upper(word.at[i]) != text[i])
                        return false;
        return true;
}

static bool is(struct word word, const char *text) {
        return word.length == strlen(text) && begins(word, text);
}

static struct word without(struct word word, size_t length) {
        return (struct word){ word.at + length, word.length - length };
}

/* Up to 3 digits and nothing else; -1. */
static int number_of(struct word word) {
        int number = 0;
        if (word.length == 0 || word.length > 3)
                return -1;
        for (size_t i = 0; i < word.length; i++) {
                if (word.at[i] < '0' || word.at[i] > '9')
                        return -1;
                number = number * 10 + (word.at[i] - '0');
        }
        return number;
}

static int known(int number) {
        return leat_signal_entry(number) ? number : -EINVAL;
}

/* What follows RTMIN or RTMAX: nothing, or a distance. */
static int at_distance(int from, struct word rest, char sign) {
        int distance = 0;
        if (rest.length > 0) {
                distance = *rest.at == sign ? number_of(without(rest, 1)) : -1;
                if (distance < 0)
                        return -EINVAL;
        }
        int number = sign == '+' ? from + distance : from - distance;
        return is_real_time(number) ? known(number) : -EINVAL;
}

static int by_name(struct word word) {
        for (int number = 1; number < NUMBERS; number++)
                if (ordinary[number].name && is(word, ordinary[number].name + 3))
                        return number;
        for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
                if (is(word, aliases[i].name))
                        return aliases[i].number;
        if (begins(word, "RTMIN"))
                return at_distance(SIGRTMIN, without(word, 5), '+');
        if (begins(word, "RTMAX"))
                return at_distance(SIGRTMAX, without(word, 5), '-');
        return -EINVAL;
}

static int number_of_word(struct word word) {
        int number = number_of(word);
        if (number >= 0)
                return known(number);
        return by_name(begins(word, "SIG") ? without(word, 3) : word);
}

int leat_signal_number(const char *name) {
        return name ? number_of_word((struct word){ name, strlen(name) }) : -EINVAL;
}

/* Every one that may be blocked; sigfillset(3) has others too. */
static void add_all(sigset_t *set) {
        for (int number = 1; number < NUMBERS; number++) {
                const struct leat_signal_entry *entry = leat_signal_entry(number);
                if (entry && entry->catchable)
                        (void)sigaddset(set, number);
        }
}

static int add_word(struct word word, sigset_t *set) {
        if (is(word, "ALL")) {
                add_all(set);
                return 0;
        }
        int number = number_of_word(word);
        if (number > 0)
                (void)sigaddset(set, number);
        return number < 0 ? number : 0;
}

int leat_signal_set(const char *names, sigset_t *ret_set) {
        static const char between[] = ", \t\n";
        sigset_t set;
        if (!names || !ret_set)
                return -EINVAL;
        (void)sigemptyset(&set);
        for (const char *at = names + strspn(names, between); *at; at += strspn(at, between)) {
                size_t length = strcspn(at, between);
                int r = add_word((struct word){ at, length }, &set);
                if (r < 0)
                        return r;
                at += length;
        }
        *ret_set = set;
        return 0;
}
