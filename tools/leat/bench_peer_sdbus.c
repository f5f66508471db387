/* SPDX-License-Identifier: MIT */

/*
 * sd-bus of systemd. Without a bus between, both processes have an end of a socket pair; as D-Bus, both are connected to
 * a dbus-daemon of our own. A message is a signal with an array of bytes.
 */

#include "tools/leat/bench_peer.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* As <systemd/sd-id128.h> has it: by value. */
typedef struct {
        uint64_t halves[2];
} id128;

static int (*bus_new_at)(void **ret_bus);
static int (*bus_set_fd_at)(void *bus, int in, int out);
static int (*bus_set_server_at)(void *bus, int yes, id128 id);
static int (*bus_set_anonymous_at)(void *bus, int yes);
static int (*bus_start_at)(void *bus);
static int (*bus_set_address_at)(void *bus, const char *address);
static int (*bus_set_client_at)(void *bus, int yes);
static int (*bus_request_name_at)(void *bus, const char *name, uint64_t flags);
static int (*message_set_destination_at)(void *message, const char *name);
static int (*bus_process_at)(void *bus, void **ret_message);
static int (*bus_wait_at)(void *bus, uint64_t us);
static int (*bus_flush_at)(void *bus);
static int (*bus_send_at)(void *bus, void *message, uint64_t *ret_cookie);
static int (*message_new_signal_at)(void *bus, void **ret_message, const char *path, const char *interface,
                                    const char *member);
static int (*message_append_array_at)(void *message, char type, const void *bytes, size_t size);
static int (*message_read_array_at)(void *message, char type, const void **ret_bytes, size_t *ret_size);
static int (*message_is_signal_at)(void *message, const char *interface, const char *member);
static void *(*message_unref_at)(void *message);

static bool load(void *library) {
        const struct {
                const char *name;
                void *function;
        } wanted[] = { { "sd_bus_new", &bus_new_at },
                       { "sd_bus_set_fd", &bus_set_fd_at },
                       { "sd_bus_set_server", &bus_set_server_at },
                       { "sd_bus_set_anonymous", &bus_set_anonymous_at },
                       { "sd_bus_start", &bus_start_at },
                       { "sd_bus_set_address", &bus_set_address_at },
                       { "sd_bus_set_bus_client", &bus_set_client_at },
                       { "sd_bus_request_name", &bus_request_name_at },
                       { "sd_bus_message_set_destination", &message_set_destination_at },
                       { "sd_bus_process", &bus_process_at },
                       { "sd_bus_wait", &bus_wait_at },
                       { "sd_bus_flush", &bus_flush_at },
                       { "sd_bus_send", &bus_send_at },
                       { "sd_bus_message_new_signal", &message_new_signal_at },
                       { "sd_bus_message_append_array", &message_append_array_at },
                       { "sd_bus_message_read_array", &message_read_array_at },
                       { "sd_bus_message_is_signal", &message_is_signal_at },
                       { "sd_bus_message_unref", &message_unref_at } };
        bool all = true;
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
                all = all && peer_find(library, wanted[i].name, wanted[i].function);
        return all;
}

static int prepare(struct end ends[2]) {
        int fds[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
                return -errno;
        ends[0].in = ends[0].out = fds[0];
        ends[1].in = ends[1].out = fds[1];
        return 0;
}

static void drop(struct end *end) {
        end->in = end->out = close_fd(end->in);
}

/* The server's part of the greeting is done while it processes; so is the client's. */
static int start_bus(struct end *end) {
        const id128 id = { { 0x1234567812345678, 0x1234567812345678 } };
        int r = bus_new_at(&end->state);
        if (r >= 0)
                r = bus_set_fd_at(end->state, end->in, end->out);
        if (r >= 0 && end->side == 1)
                r = bus_set_server_at(end->state, 1, id);
        if (r >= 0)
                r = bus_set_anonymous_at(end->state, 1);
        if (r >= 0)
                r = bus_start_at(end->state);
        return r < 0 ? r : 0;
}

static int sdbus_send_one(struct end *end, const void *bytes, size_t size) {
        void *message = NULL;
        const char *to = end->in >= 0 ? NULL : end->side == 0 ? "leat.Bench.Side1" : "leat.Bench.Side0";
        int r = message_new_signal_at(end->state, &message, "/leat", "leat.Bench", "Message");
        if (r >= 0)
                r = message_append_array_at(message, 'y', bytes, size);
        if (r >= 0 && to)
                r = message_set_destination_at(message, to);
        if (r >= 0)
                r = bus_send_at(end->state, message, NULL);
        if (r >= 0)
                r = bus_flush_at(end->state); /* else what the socket has no room for gathers in memory */
        message_unref_at(message);
        return r < 0 ? r : 0;
}

/* A message of ours into the buffer, or 0: it was another's. */
static ssize_t take(void *message, void *buffer, size_t size) {
        const void *bytes;
        size_t got = 0;
        if (message_is_signal_at(message, "leat.Bench", "Message") <= 0)
                return 0;
        int r = message_read_array_at(message, 'y', &bytes, &got);
        if (r < 0 || got > size)
                return r < 0 ? r : -EMSGSIZE;
        memcpy(buffer, bytes, got);
        return (ssize_t)got;
}

static ssize_t sdbus_receive_one(struct end *end, void *buffer, size_t size) {
        for (;;) {
                void *message = NULL;
                int r = bus_process_at(end->state, &message);
                ssize_t n = message ? take(message, buffer, size) : 0;
                message_unref_at(message);
                if (n)
                        return n;
                if (r == 0)
                        r = bus_wait_at(end->state, UINT64_MAX);
                if (r < 0 && r != -EINTR)
                        return r;
        }
}

BENCH_LOOPS(sdbus, sdbus_send_one, sdbus_receive_one)

static const struct contender contender_sdbus = {
        .name = "sd-bus",
        .what = "sd_bus_send and sd_bus_process, a socket pair without a daemon between",
        .loops = { BENCH_LOOPS_OF(sdbus) },
        .prepare = prepare,
        .drop = drop,
        .bind = start_bus,
};

const struct peer peer_sdbus = { .contender = &contender_sdbus,
                                 .library = "libsystemd.so.0",
                                 .package = "libsystemd0",
                                 .load = load,
                                 .beside = BESIDE_SOCKETS };

/* Everything is allowed to whoever reaches its socket, which lies in the private folder. */
static const char configuration[] =
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" "
        "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">"
        "<busconfig><type>session</type><listen>unix:path=%s</listen><policy context=\"default\">"
        "<allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/></policy></busconfig>\n";

static int write_configuration(const struct end *end, char path[BENCH_ADDRESS_SIZE]) {
        char socket_path[BENCH_ADDRESS_SIZE];
        peer_address(end, "", socket_path);
        (void)snprintf(path, BENCH_ADDRESS_SIZE, "%.500s.conf", socket_path);
        FILE *file = fopen(path, "wxe");
        if (!file)
                return -errno;
        fprintf(file, configuration, socket_path);
        return fclose(file) != 0 ? -errno : 0;
}

/* It says its address when it listens, and ends with us. */
static _Noreturn void be_daemon(const char *path, int told, pid_t parent) {
        char file[BENCH_ADDRESS_SIZE + 16], print[32];
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || fcntl(told, F_SETFD, 0) < 0)
                _exit(1);
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(nowhere, STDERR_FILENO); /* it complains of limits that it may not raise */
        (void)snprintf(file, sizeof(file), "--config-file=%s", path);
        (void)snprintf(print, sizeof(print), "--print-address=%d", told);
        execlp("dbus-daemon", "dbus-daemon", file, "--nofork", "--nopidfile", print, (char *)NULL);
        _exit(127);
}

/* Its pid stands in `extra`. */
static int prepare_daemon(struct end ends[2]) {
        char path[BENCH_ADDRESS_SIZE], address[BENCH_ADDRESS_SIZE];
        int told[2];
        pid_t parent = getpid();
        int r = write_configuration(&ends[0], path);
        if (r < 0 || pipe2(told, O_CLOEXEC) < 0)
                return r < 0 ? r : -errno;
        pid_t pid = fork();
        if (pid == 0)
                be_daemon(path, told[1], parent);
        close_fd(told[1]);
        ends[0].extra = ends[1].extra = pid > 0 ? (int)pid : -1;
        ssize_t n = pid > 0 ? read(told[0], address, sizeof(address)) : -1;
        close_fd(told[0]);
        (void)unlink(path);
        return n > 0 ? 0 : end_says(&ends[0], -EIO, "dbus-daemon does not start");
}

static void remove_daemon(struct end ends[2]) {
        if (ends[0].extra > 0) {
                (void)kill(ends[0].extra, SIGKILL);
                while (waitpid(ends[0].extra, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        ends[0].extra = -1;
        peer_remove(ends);
}

static int join_bus(struct end *end) {
        char address[BENCH_ADDRESS_SIZE];
        peer_address(end, "unix:path=", address);
        int r = bus_new_at(&end->state);
        if (r >= 0)
                r = bus_set_address_at(end->state, address);
        if (r >= 0)
                r = bus_set_client_at(end->state, 1);
        if (r >= 0)
                r = bus_start_at(end->state);
        if (r >= 0)
                r = bus_request_name_at(end->state, end->side == 0 ? "leat.Bench.Side0" : "leat.Bench.Side1", 0);
        return r < 0 ? r : 0;
}

static const struct contender contender_dbus = {
        .name = "D-Bus",
        .what = "sd_bus_send and sd_bus_process through a dbus-daemon, whose CPU time is not counted",
        .loops = { BENCH_LOOPS_OF(sdbus) },
        .prepare = prepare_daemon,
        .bind = join_bus,
        .remove = remove_daemon,
};

static bool load_dbus(void *library) {
        static const char *const paths[] = { "/usr/bin/dbus-daemon", "/bin/dbus-daemon", "/usr/local/bin/dbus-daemon" };
        bool there = false;
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
                there = there || access(paths[i], X_OK) == 0;
        return there && load(library);
}

const struct peer peer_dbus = { .contender = &contender_dbus,
                                .library = "libsystemd.so.0",
                                .package = "libsystemd0 dbus-daemon",
                                .load = load_dbus,
                                .beside = BESIDE_SOCKETS };
