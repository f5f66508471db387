/* SPDX-License-Identifier: MIT */

/*
 * Two queues of Boost, for C: the message_queue of Boost.Interprocess, and the spsc_queue of Boost.Lockfree, of cells of one size, in memory that
 * two processes share. They are templates of C++, and no library that could be loaded: `leat bench --peers` holds this text, compiles it when it is
 * asked for, if a compiler and the headers are there, and loads the result (bench_peer_boost.c).
 */

#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <cstring>
#include <new>

using boost::interprocess::message_queue;

/* No exception may leave these: the caller is C. */
extern "C" int bench_boost_make(const char *name, std::size_t count, std::size_t size) try {
        message_queue made(boost::interprocess::create_only, name, count, size);
        return 0;
} catch (...) {
        return -1;
}

extern "C" void *bench_boost_open(const char *name) try {
        return new message_queue(boost::interprocess::open_only, name);
} catch (...) {
        return nullptr;
}

extern "C" int bench_boost_send(void *queue, const void *bytes, std::size_t size) try {
        static_cast<message_queue *>(queue)->send(bytes, size, 0);
        return 0;
} catch (...) {
        return -1;
}

extern "C" long bench_boost_receive(void *queue, void *buffer, std::size_t size) try {
        message_queue::size_type got = 0;
        unsigned priority = 0;
        static_cast<message_queue *>(queue)->receive(buffer, size, got, priority);
        return static_cast<long>(got);
} catch (...) {
        return -1;
}

namespace {

template <std::size_t size> struct spsc {
        struct cell {
                unsigned char bytes[size];
        };
        using queue = boost::lockfree::spsc_queue<cell, boost::lockfree::capacity<(256u << 10) / size>>;

        static void make(void *memory) {
                new (memory) queue;
        }

        static int push(void *memory, const void *bytes) {
                cell sent;
                std::memcpy(sent.bytes, bytes, size);
                return static_cast<queue *>(memory)->push(sent);
        }

        static int pop(void *memory, void *buffer) {
                cell got;
                if (!static_cast<queue *>(memory)->pop(got))
                        return 0;
                std::memcpy(buffer, got.bytes, size);
                return 1;
        }
};

} // namespace

struct bench_spsc {
        std::size_t memory_bytes;
        void (*make)(void *memory);
        int (*push)(void *memory, const void *bytes);
        int (*pop)(void *memory, void *buffer);
};

template <std::size_t size> static int use(bench_spsc *queue) {
        *queue = { sizeof(typename spsc<size>::queue), spsc<size>::make, spsc<size>::push, spsc<size>::pop };
        return 0;
}

/* Its cells have one size, which the compiler knows. */
extern "C" int bench_spsc_find(std::size_t size, bench_spsc *queue) {
        return size == 48 ? use<48>(queue) : size == 64 ? use<64>(queue) : size == 1024 ? use<1024>(queue) : -1;
}
