#include <sallyport/base/log.hpp>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/line_budget.hpp>
#include <sallyport/base/line_writer.hpp>
#include <sallyport/base/log_form.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::log {
namespace {

constexpr auto journal_socket = "/run/systemd/journal/socket";
constexpr auto syslog_socket = "/dev/log";

/// The log writes nothing until a command opens it.
struct opened_log {
    std::unique_ptr<line_writer> writer;
    level threshold = level::off;
    form as = form::text;
    // Lines for which there was no memory.
    std::atomic<std::uint64_t> unformatted{0};
};

opened_log& opened() {
    static opened_log one;
    return one;
}

/// systemd has connected standard error with its journal; systemd.exec(5).
[[nodiscard]] bool leads_to_journal(int fd) noexcept {
    const char* const stream = std::getenv("JOURNAL_STREAM");
    struct stat now{};
    return stream != nullptr && ::fstat(fd, &now) == 0 && fmt::format("{}:{}", now.st_dev, now.st_ino) == stream;
}

[[nodiscard]] form form_for(std::string_view target, line_format format) {
    if (target == "journal") return form::journal;
    if (target == "syslog") return form::syslog;
    if (format == line_format::json) return form::json;
    if (format == line_format::logfmt) return form::logfmt;
    return target == "-" && leads_to_journal(STDERR_FILENO) ? form::prefixed : form::text;
}

[[nodiscard]] std::string why_not(int os, std::string_view target) {
    const auto cause = std::generic_category().message(os);
    if (is_file(target)) return os == ENOENT ? "its directory does not exist; create the directory first" : cause;
    const bool journal = target == "journal";
    return fmt::format("{} cannot be reached at {}: {}; start it, or log to a file or to standard error",
                       journal ? "systemd-journald" : "the log daemon", journal ? journal_socket : syslog_socket, cause);
}

[[nodiscard]] result<std::unique_ptr<line_writer>> open_writer(std::string_view target, form as) {
    line_writer::setup settings{.thread = "log",
                                .pattern = pattern_of(as),
                                .queue = limits::max_queued_log_lines,
                                .message = [as](level at, std::string_view text) { return message_of(as, at, {}, text); }};
    if (target == "-") {
        unique_fd stderr_too(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
        return std::make_unique<line_writer>(std::move(stderr_too), "standard error", std::move(settings));
    }
    const auto path = as == form::journal ? journal_socket : as == form::syslog ? syslog_socket : std::string(target);
    auto file = line_writer::open(path, std::move(settings));
    if (!file) return fail(errc::io, why_not(file.error().os, target));
    return file;
}

}  // namespace

bool is_file(std::string_view target) noexcept { return target != "-" && target != "journal" && target != "syslog"; }

result<void> open(std::string_view target, level threshold, line_format format) {
    const auto as = form_for(target, format);
    auto writer = open_writer(target, as);
    if (!writer) return std::unexpected(std::move(writer).error());
    flush(clock::now() + limits::log_flush_timeout);
    auto& log = opened();
    log.writer = std::move(*writer);
    log.threshold = threshold;
    log.as = as;
    return {};
}

void reopen() noexcept {
    if (opened().writer) opened().writer->reopen();
}

bool enabled(level at) noexcept { return at >= opened().threshold && at != level::off; }

// A caller must not fail because of its log.
void write(level at, const subject& about, std::string_view text) {
    if (!enabled(at)) return;
    auto& log = opened();
    // The form of most logs, which needs no copy without a session.
    if (log.as == form::text && about.session.empty()) return log.writer->write(at, text);
    try {
        log.writer->write(at, message_of(log.as, at, about, text));
    } catch (const std::exception&) {
        ++log.unformatted;
    }
}

void write_limited(level at, const subject& about, const ip_address& source, std::string_view text) {
    if (!enabled(at)) return;
    if (!about.client) return write_limited(at, {about.session, about.user, source}, source, text);
    static std::mutex mutex;
    static line_budget budget;
    try {
        const auto suppressed = [&] {
            const std::scoped_lock lock(mutex);
            return budget.take(source, line_budget::clock::now());
        }();
        if (!suppressed) return;
        if (*suppressed == 0) return write(at, about, text);
        write(at, about, fmt::format("{} ({} earlier lines from {} suppressed)", text, *suppressed, source.text()));
    } catch (const std::exception&) {
        write(at, about, text);
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

std::uint64_t lost() noexcept { return opened().writer ? opened().writer->lost() + opened().unformatted : 0; }

}  // namespace sallyport::log
