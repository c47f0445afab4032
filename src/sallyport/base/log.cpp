#include <sallyport/base/log.hpp>

#include <cerrno>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <sallyport/base/line_budget.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::log {
namespace {

spdlog::level::level_enum translate(level at) {
    switch (at) {
        case level::debug: return spdlog::level::debug;
        case level::info: return spdlog::level::info;
        case level::warning: return spdlog::level::warn;
        case level::error: return spdlog::level::err;
        case level::off: return spdlog::level::off;
    }
    return spdlog::level::info;
}

[[nodiscard]] unique_fd open_file(const std::string& name) {
    unique_fd fd(::open(name.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
    if (!fd && errno == ENOENT) throw std::runtime_error("its directory does not exist; create the directory first");
    if (!fd) throw std::runtime_error(std::generic_category().message(errno));
    return fd;
}

/// A file that can be reopened by its name.
class file_sink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit file_sink(std::string name) : name_(std::move(name)), file_(open_file(name_)) {}

    void reopen() {
        unique_fd fresh = open_file(name_);
        const std::scoped_lock lock(mutex_);
        file_ = std::move(fresh);
    }

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        // A full disk costs lines, never a session.
        (void)!::write(file_.get(), line.data(), line.size());
    }
    void flush_() override {}

private:
    std::string name_;
    unique_fd file_;
};

std::shared_ptr<file_sink>& opened_file() {
    static std::shared_ptr<file_sink> file;
    return file;
}

std::shared_ptr<spdlog::logger>& instance() {
    // Until a command opens it the log is silent, as a library should be.
    static std::shared_ptr<spdlog::logger> logger = std::make_shared<spdlog::logger>("sallyport");
    return logger;
}

}  // namespace

void open(std::string_view target, level threshold) {
    spdlog::sink_ptr sink;
    if (target == "-")
        sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    else
        sink = opened_file() = std::make_shared<file_sink>(std::string(target));
    auto logger = std::make_shared<spdlog::logger>("sallyport", std::move(sink));
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %L %v");
    logger->set_level(translate(threshold));
    logger->flush_on(target == "-" ? spdlog::level::trace : spdlog::level::warn);
    instance() = std::move(logger);
}

void reopen() {
    if (!opened_file()) return;
    try {
        opened_file()->reopen();
    } catch (const std::exception& e) {
        error({}, std::string("The log file cannot be reopened, and the old one stays in use: ") + e.what());
    }
}

bool enabled(level at) noexcept { return !instance()->sinks().empty() && instance()->should_log(translate(at)); }

void write(level at, std::string_view session, std::string_view text) {
    if (!enabled(at)) return;
    if (session.empty())
        instance()->log(translate(at), "{}", text);
    else
        instance()->log(translate(at), "[{}] {}", session, text);
}

void write_limited(level at, std::string_view session, const ip_address& source, std::string_view text) {
    if (!enabled(at)) return;
    static std::mutex mutex;
    static line_budget budget;
    const auto left_out = [&] {
        const std::scoped_lock lock(mutex);
        return budget.take(source, line_budget::clock::now());
    }();
    if (!left_out) return;
    write(at, session,
          *left_out == 0 ? std::string(text)
                         : fmt::format("{} ({} earlier lines of {} were left out)", text, *left_out, source.text()));
}

void flush() { instance()->flush(); }

}  // namespace sallyport::log
