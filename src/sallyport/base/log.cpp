#include <sallyport/base/log.hpp>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <iterator>
#include <memory>
#include <mutex>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/line_budget.hpp>
#include <sallyport/base/line_writer.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::log {
namespace {

/// The log writes nothing until a command opens it.
struct opened_log {
    std::unique_ptr<line_writer> writer;
    level threshold = level::off;
};

opened_log& opened() {
    static opened_log one;
    return one;
}

[[nodiscard]] result<std::unique_ptr<line_writer>> open_writer(std::string_view target) {
    line_writer::setup settings{
        .thread = "log", .pattern = "%Y-%m-%dT%H:%M:%S.%e%z %L %v", .queue = limits::max_queued_log_lines};
    if (target == "-") {
        unique_fd stderr_too(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
        return std::make_unique<line_writer>(std::move(stderr_too), "standard error", std::move(settings));
    }
    auto file = line_writer::open(std::string(target), std::move(settings));
    if (file) return file;
    if (file.error().os == ENOENT) return fail(errc::io, "its directory does not exist; create the directory first");
    return fail(errc::io, std::generic_category().message(file.error().os));
}

}  // namespace

result<void> open(std::string_view target, level threshold) {
    auto writer = open_writer(target);
    if (!writer) return std::unexpected(std::move(writer).error());
    flush(clock::now() + limits::log_flush_timeout);
    opened() = {std::move(*writer), threshold};
    return {};
}

void reopen() noexcept {
    if (opened().writer) opened().writer->reopen();
}

bool enabled(level at) noexcept { return at >= opened().threshold && at != level::off; }

// Without memory for the complete line, its text is written; a caller must not fail because of its log.
void write(level at, std::string_view session, std::string_view text) {
    if (!enabled(at)) return;
    if (session.empty()) return opened().writer->write(at, text);
    try {
        fmt::memory_buffer line;
        fmt::format_to(std::back_inserter(line), "[{}] {}", session, text);
        opened().writer->write(at, {line.data(), line.size()});
    } catch (const std::exception&) {
        opened().writer->write(at, text);
    }
}

void write_limited(level at, std::string_view session, const ip_address& source, std::string_view text) {
    if (!enabled(at)) return;
    static std::mutex mutex;
    static line_budget budget;
    try {
        const auto suppressed = [&] {
            const std::scoped_lock lock(mutex);
            return budget.take(source, line_budget::clock::now());
        }();
        if (!suppressed) return;
        if (*suppressed == 0) return write(at, session, text);
        write(at, session, fmt::format("{} ({} earlier lines from {} suppressed)", text, *suppressed, source.text()));
    } catch (const std::exception&) {
        write(at, session, text);
    }
}

void print(std::string_view line) {
    if (opened().writer) return opened().writer->print(line);
    fmt::print(stderr, "{}\n", line);
    std::fflush(stderr);
}

bool flush(clock::time_point until) { return !opened().writer || opened().writer->flush(until); }

clock::time_point end_deadline() noexcept {
    static const auto deadline = clock::now() + limits::log_flush_timeout;
    return deadline;
}

std::uint64_t lost() noexcept { return opened().writer ? opened().writer->lost() : 0; }

}  // namespace sallyport::log
