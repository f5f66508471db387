/* SPDX-License-Identifier: MIT */

/*
 * A queue of Boost.Interprocess, for C. It is templates of C++, and no library that could be loaded: `leat bench --peers` holds this text,
 * compiles it when it is asked for, if a compiler and the headers are there, and loads the result (bench_peer_boost.c).
 */

#include <boost/interprocess/ipc/message_queue.hpp>
#include <cstddef>

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
