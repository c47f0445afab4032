#include <sallyport/base/line_writer.hpp>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/open_file.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport {
namespace {

using clock = std::chrono::steady_clock;

// Two levels that the log does not use: lines of print(), and requests without a line, at which the file is reopened and
// losses are reported. (spdlog's own flush() cannot be used: in version 1.14 it waits.)
constexpr auto printed = spdlog::level::critical;
constexpr auto request = spdlog::level::trace;

spdlog::level::level_enum translate(log::level at) {
    switch (at) {
        case log::level::debug: return spdlog::level::debug;
        case log::level::info: return spdlog::level::info;
        case log::level::warning: return spdlog::level::warn;
        case log::level::error: return spdlog::level::err;
        case log::level::off: return spdlog::level::off;
    }
    return spdlog::level::info;
}

/// Blocks all signals in the writer's thread, SIGPIPE included, and lets it not preempt the event loop that wakes it.
void prepare_thread(const std::string& name) {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    ::pthread_setname_np(::pthread_self(), name.c_str());
    const sched_param unranked{};
    if (::sched_getscheduler(0) == SCHED_OTHER) (void)::sched_setscheduler(0, SCHED_BATCH, &unranked);
}

/// On failure errno is set.
unique_fd connect_to_socket(const std::string& path) {
    sockaddr_un at{.sun_family = AF_UNIX, .sun_path = {}};
    if (path.size() >= sizeof at.sun_path) {
        errno = ENAMETOOLONG;
        return {};
    }
    path.copy(static_cast<char*>(at.sun_path), path.size());
    unique_fd out(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!out || ::connect(out.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) return {};
    return out;
}

/// A FIFO is opened for reading too, so that opening does not wait for a reader and the reader may be restarted. On failure
/// errno is set.
unique_fd open_for_appending(const std::string& file) {
    struct stat found{};
    const bool exists = ::stat(file.c_str(), &found) == 0;
    if (exists && S_ISSOCK(found.st_mode)) return connect_to_socket(file);
    const bool fifo = exists && S_ISFIFO(found.st_mode);
    auto opened = open_file(file, (fifo ? O_RDWR : O_WRONLY | O_APPEND | O_CREAT) | O_CLOEXEC | O_NOCTTY, 0640);
    if (opened) return std::move(*opened);
    errno = opened.error().os != 0 ? opened.error().os : EACCES;
    return {};
}

bool wait_until_writable(int fd) {
    pollfd one{.fd = fd, .events = POLLOUT, .revents = 0};
    return ::poll(&one, 1, -1) >= 0 || errno == EINTR;
}

/// Writes all of `text`. On failure errno is set, and `text` is the rest.
bool write_all(int fd, std::string_view& text) {
    while (!text.empty()) {
        const auto n = ::write(fd, text.data(), text.size());
        if (n >= 0)
            text.remove_prefix(static_cast<std::size_t>(n));
        else if (errno != EINTR && !(errno == EAGAIN && wait_until_writable(fd)))
            return false;
    }
    return true;
}

/// Counters of one writer. Each posted line is queued, being written, handled, or overrun by newer lines in spdlog's queue.
struct line_counts {
    std::atomic<std::uint64_t> posted{0};
    std::atomic<std::uint64_t> handled{0};
    std::atomic<std::uint64_t> failed{0};
    std::atomic<bool> reopen{false};
    // True for a file that can be reopened by its name; false for a descriptor from the caller.
    bool has_name = false;
    spdlog::details::thread_pool* pool = nullptr;

    [[nodiscard]] std::uint64_t overrun() const { return pool->overrun_counter(); }
    /// True if nothing is queued or being written. `posted` is read last, so that a line that is posted meanwhile counts.
    [[nodiscard]] bool is_idle() const {
        const std::uint64_t done = handled + overrun();
        return done == posted;
    }
    /// A line that spdlog could not queue.
    void count_lost() {
        ++failed;
        ++handled;
    }
};

/// Writes the lines that leave the queue. Used by the writer's thread alone.
class file_sink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    file_sink(line_counts& counts, std::string name, unique_fd opened, const line_writer::setup& settings)
        : counts_(counts),
          name_(std::move(name)),
          file_(std::move(opened)),
          report_(settings.report),
          message_(settings.message) {}

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        try {
            note_overruns();
            if (message.level == request)
                serve_request();
            else
                put_message(message);
        } catch (const std::exception&) {
            note_failure(ENOMEM);
        }
        ++counts_.handled;
    }

    void flush_() override {}

private:
    void serve_request() {
        if (counts_.reopen.exchange(false)) reopen_or_report();
        report_loss(true);
    }

    void put_message(const spdlog::details::log_msg& message) {
        report_loss(false);
        if (!(message.level == printed ? put_on_stderr(message) : put(message))) note_failure(errno);
        report_loss(false);
    }

    [[nodiscard]] static bool put_on_stderr(const spdlog::details::log_msg& message) {
        const std::string line = fmt::format("{}\n", std::string_view(message.payload.data(), message.payload.size()));
        std::string_view left = line;
        return write_all(STDERR_FILENO, left);
    }

    /// If a full disk truncated the last line, it is terminated before the next one.
    [[nodiscard]] bool put(const spdlog::details::log_msg& message) {
        spdlog::memory_buf_t line;
        if (is_line_open_) line.push_back('\n');
        formatter_->format(message, line);
        std::string_view left(line.data(), line.size());
        bool all = write_all(file_.get(), left);
        if (!all && is_disconnected(errno) && reopen_file()) all = write_all(file_.get(), left);
        if (left.size() < line.size()) is_line_open_ = !all;
        return all;
    }

    /// The daemon at the socket has started again.
    [[nodiscard]] static bool is_disconnected(int why) {
        return why == ECONNREFUSED || why == ENOTCONN || why == ECONNRESET;
    }

    void note_overruns() {
        const auto total = counts_.overrun();
        const auto fresh = total - std::exchange(overruns_, total);
        unreported_ += fresh;
        // The request to reopen the file may be one of the overrun messages.
        if (fresh != 0 && counts_.reopen.exchange(false)) reopen_or_report();
    }

    void note_failure(int os) {
        ++counts_.failed;
        ++unreported_;
        failure_errno_ = os;
    }

    /// Reports how many lines are missing, if any are and the last report is old enough or `now` is true.
    void report_loss(bool now) {
        if (unreported_ == 0 || (!now && clock::now() < next_report_)) return;
        next_report_ = clock::now() + limits::log_loss_interval;
        std::string cause = "the queue was full";
        if (failure_errno_ != 0) cause = std::generic_category().message(failure_errno_);
        if (failure_errno_ == ENOSPC || failure_errno_ == EDQUOT) cause += "; free some space there";
        if (!emit(log::level::warning,
                  fmt::format("{} missing in {}: {}",
                              unreported_ == 1 ? "1 line is" : fmt::format("{} lines are", unreported_), name_, cause)))
            return;
        unreported_ = 0;
        failure_errno_ = 0;
    }

    /// On failure errno is set.
    bool reopen_file() {
        if (!counts_.has_name) return false;
        auto opened = open_for_appending(name_);
        if (!opened) return false;
        file_ = std::move(opened);
        return true;
    }

    void reopen_or_report() {
        if (!counts_.has_name || reopen_file()) return;
        emit(log::level::error,
             fmt::format("cannot reopen {}: {}; keeping the old file open", name_, std::generic_category().message(errno)));
    }

    bool emit(log::level at, const std::string& line) {
        if (!report_) return put(spdlog::details::log_msg({}, translate(at), message_ ? message_(at, line) : line));
        report_(line);
        return true;
    }

    line_counts& counts_;
    const std::string name_;
    unique_fd file_;
    const std::function<void(std::string_view)> report_;
    const std::function<std::string(log::level, std::string_view)> message_;
    std::uint64_t overruns_ = 0;
    std::uint64_t unreported_ = 0;
    int failure_errno_ = 0;
    bool is_line_open_ = false;
    clock::time_point next_report_{};
};

}  // namespace

struct line_writer::impl {
    impl(std::string name, unique_fd opened, setup settings) {
        auto started = [thread = settings.thread] { prepare_thread(thread); };
        pool = std::make_shared<spdlog::details::thread_pool>(settings.queue, 1U, std::move(started));
        counts.pool = pool.get();
        auto sink = std::make_shared<file_sink>(counts, std::move(name), std::move(opened), settings);
        sink->set_pattern(settings.pattern);
        logger = std::make_shared<spdlog::async_logger>(std::move(settings.thread), std::move(sink), pool,
                                                        spdlog::async_overflow_policy::overrun_oldest);
        logger->set_level(spdlog::level::trace);
        // By default spdlog prints its errors to standard error, in the thread that logs.
        logger->set_error_handler([this](const std::string&) { counts.count_lost(); });
    }

    void post(auto message) noexcept {
        ++counts.posted;
        try {
            message(*logger);
        } catch (const std::exception&) {
            counts.count_lost();
        }
    }

    line_counts counts;
    std::shared_ptr<spdlog::async_logger> logger;
    // The last member: its destructor waits for the thread, which uses all the others.
    std::shared_ptr<spdlog::details::thread_pool> pool;
};

result<std::unique_ptr<line_writer>> line_writer::open(std::string file, setup settings) {
    auto opened = open_for_appending(file);
    if (!opened) return fail_os(errno);
    auto made = std::make_unique<line_writer>(std::move(opened), std::move(file), std::move(settings));
    made->impl_->counts.has_name = true;
    return made;
}

line_writer::line_writer(unique_fd opened, std::string name, setup settings)
    : impl_(std::make_unique<impl>(std::move(name), std::move(opened), std::move(settings))) {}

// The destructor of spdlog's pool waits for its thread without limit. If the thread is busy, another thread waits for it.
line_writer::~line_writer() {
    if (impl_->counts.is_idle()) return;
    try {
        std::thread([stuck = std::move(impl_)]() mutable { stuck.reset(); }).detach();
    } catch (const std::exception&) {
        (void)impl_.release();  // NOLINT(bugprone-unused-return-value): there is no thread to wait, so it lives on
    }
}

void line_writer::write(log::level at, std::string_view text) noexcept {
    impl_->post([&](auto& logger) { logger.log(translate(at), spdlog::string_view_t(text.data(), text.size())); });
}

void line_writer::print(std::string_view text) noexcept {
    impl_->post([&](auto& logger) { logger.log(printed, spdlog::string_view_t(text.data(), text.size())); });
}

void line_writer::reopen() noexcept {
    impl_->counts.reopen = true;
    impl_->post([](auto& logger) { logger.log(request, spdlog::string_view_t()); });
}

bool line_writer::flush(clock::time_point until) noexcept {
    impl_->post([](auto& logger) { logger.log(request, spdlog::string_view_t()); });
    while (!impl_->counts.is_idle()) {
        if (clock::now() >= until) return false;
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return true;
}

std::uint64_t line_writer::lost() const noexcept { return impl_->counts.failed + impl_->counts.overrun(); }

}  // namespace sallyport
