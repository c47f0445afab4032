#pragma once
// Test support: runs client sessions against the servers of tests/support, each on an event loop of its own, until they
// end. Header for tests only.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/client/client.hpp>
#include <sallyport/net/loop.hpp>
#include <support/scripted_server.hpp>

namespace sallyport::client {

using namespace std::chrono_literals;
using testing::behaviour;
using testing::ftp_stub;

/// A local file that exists only in memory.
class memory_file {
public:
    explicit memory_file(std::string_view content = {}) : fd_(::memfd_create("test", MFD_CLOEXEC)) {
        EXPECT_EQ(::write(fd_.get(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
        ::lseek(fd_.get(), 0, SEEK_SET);
    }
    [[nodiscard]] int get() const { return fd_.get(); }
    [[nodiscard]] std::string content() const {
        std::string out(static_cast<std::size_t>(::lseek(fd_.get(), 0, SEEK_END)), '\0');
        EXPECT_EQ(::pread(fd_.get(), out.data(), out.size(), 0), static_cast<ssize_t>(out.size()));
        return out;
    }

private:
    unique_fd fd_;
};

/// Short limits, so that tests of timeouts are quick.
inline options quick() {
    options o;
    o.connect = 2s;
    o.greeting = 2s;
    o.reply = 2s;
    o.data_open = 400ms;
    o.stall = 1s;
    o.quit = 300ms;
    return o;
}

inline options quick_tls() {
    auto o = quick();
    o.tls = *net::tls_client_context::make({.verify = false});
    return o;
}

template <class T>
struct run_result {
    outcome<T> got = std::unexpected(failure{});
    std::chrono::milliseconds elapsed{};
    std::vector<attempt> attempts;

    [[nodiscard]] std::string text() const { return got ? "success" : got.error().text(); }
    [[nodiscard]] std::vector<cause> causes() const {
        std::vector<cause> out;
        if (!got)
            for (const auto& one : got.error().causes) out.push_back(one.id);
        return out;
    }
    [[nodiscard]] bool can_be_resumed() const {
        for (const auto one : causes())
            if (row_of(one).next == remedy::resume) return true;
        return false;
    }
};

enum class job : std::uint8_t { get, put, list };

struct order {
    job what = job::get;
    std::string url;
    options how;
    int file = -1;
    bool resume = false;
    /// For a resumed download.
    std::optional<file_version> recorded;
};

template <class T>
net::task<> perform(net::loop& loop, order o, run_result<T>& out) {
    const auto location = url::parse(o.url);
    session s(loop, std::move(o.how));
    auto opened = co_await s.open(*location);
    if (!opened) {
        out.got = std::unexpected(opened.error());
    } else {
        if constexpr (std::is_same_v<T, listing_report>) {
            out.got = co_await s.list(location->path, 1'800'000'000);
        } else if (o.what == job::put) {
            const upload_source source{o.file};
            out.got = co_await s.put(source, location->path, o.resume ? upload_mode::resume : upload_mode::replace, {});
        } else {
            download_resume resume{o.resume, o.recorded, [](const std::optional<file_version>&) {}};
            out.got = co_await s.get(location->path, o.file, std::move(resume), {});
        }
        out.attempts = s.attempts();
        co_await s.quit();
    }
}

template <class T>
run_result<T> run(order o) {
    net::loop_group loops(1);
    run_result<T> out;
    const auto start = std::chrono::steady_clock::now();
    loops.run_until_done(perform<T>(loops.at(0), std::move(o), out));
    out.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
    return out;
}

inline run_result<transfer_report> get(const std::string& url, const memory_file& to, options how = quick(),
                                       bool resume = false) {
    return run<transfer_report>({job::get, url, std::move(how), to.get(), resume, {}});
}
inline run_result<transfer_report> put(const memory_file& from, const std::string& url, options how = quick(),
                                       bool resume = false) {
    return run<transfer_report>({job::put, url, std::move(how), from.get(), resume, {}});
}
inline run_result<listing_report> list(const std::string& url, options how = quick()) {
    return run<listing_report>({job::list, url, std::move(how), -1, false, {}});
}

inline std::string methods_tried(const std::vector<attempt>& attempts) {
    std::string out;
    for (const auto& a : attempts) out += (out.empty() ? "" : " ") + std::string(name(a.method));
    return out;
}

}  // namespace sallyport::client
