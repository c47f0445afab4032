#pragma once
// Shared by net's tests: an event loop that runs a coroutine to its end in the test's thread, and connected stream pairs
// over the loopback device. Owned by each test.

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sallyport/net/event.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::net {

using namespace std::chrono_literals;

inline time_limit soon() { return time_limit::within(10s); }

/// Runs coroutines given by name, each to its end, on one loop in the test's thread.
class net_test : public ::testing::Test {
protected:
    template <class T>
    T run(task<T> work) {
        std::optional<T> out;
        start(store(std::move(work), out));
        group.run();
        return std::move(*out);
    }
    void run(task<> work) {
        start(std::move(work));
        group.run();
    }
    loop& test_loop() { return group.at(0); }

    loop_group group{1};

private:
    template <class T>
    static task<> store(task<T> work, std::optional<T>& out) {
        out.emplace(co_await std::move(work));
    }
    void start(task<> work) { test_loop().spawn("a test", stop_after(std::move(work))); }
    task<> stop_after(task<> work) {
        co_await std::move(work);
        group.stop();
    }
};

struct stream_pair {
    stream client;
    stream server;
};

inline task<stream_pair> make_stream_pair(loop& l) {
    auto listening = listener::open(l, *endpoint::parse("127.0.0.1:0"));
    auto client = co_await connect(l, listening->local(), {}, soon());
    auto accepted = co_await listening->accept(soon());
    stream_pair made;
    made.client = std::move(*client);
    made.server = stream(l, std::move(accepted->socket), accepted->local, accepted->peer);
    co_return made;
}

/// Reads all bytes until the end of the stream. Returns nothing if the connection fails.
inline task<std::optional<std::string>> read_to_end(stream& s) {
    std::string all;
    std::vector<char> buffer(64 * 1024);
    for (;;) {
        const auto n = co_await s.read_some(buffer, soon());
        if (!n) co_return std::nullopt;
        if (*n == 0) co_return all;
        all.append(buffer.data(), *n);
    }
}

/// `size` pseudo-random bytes.
inline std::string sample_bytes(std::size_t size) {
    std::string bytes(size, '\0');
    std::uint32_t state = 1;
    for (auto& b : bytes) {
        state = state * 1664525U + 1013904223U;
        b = static_cast<char>(state >> 24U);
    }
    return bytes;
}

/// An unnamed file in memory with the content `bytes`.
inline unique_fd make_memory_file(std::string_view bytes) {
    unique_fd file(::memfd_create("sample", MFD_CLOEXEC));
    EXPECT_EQ(::write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    return file;
}

/// Runs a coroutine concurrently with the test and returns its result.
template <class T>
class concurrent_task {
public:
    concurrent_task(loop& l, task<T> work) : done_(l) { l.spawn("a concurrent task of a test", finish(std::move(work))); }
    task<T> get() {
        co_await done_.wait(clock::now() + 30s);
        co_return std::move(*value_);
    }

private:
    task<> finish(task<T> work) {
        value_.emplace(co_await std::move(work));
        done_.set();
    }
    event done_;
    std::optional<T> value_;
};

inline std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace sallyport::net
