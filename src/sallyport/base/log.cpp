#include <sallyport/base/log.hpp>

#include <exception>
#include <memory>
#include <mutex>
#include <string>

#include <spdlog/details/file_helper.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

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

/// A file that can be opened anew.
class file_sink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit file_sink(std::string name) : name_(std::move(name)) { file_->open(name_); }

    void reopen() {
        auto fresh = std::make_unique<spdlog::details::file_helper>();
        fresh->open(name_);
        const std::scoped_lock lock(mutex_);
        file_ = std::move(fresh);
    }

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        file_->write(line);
    }
    void flush_() override { file_->flush(); }

private:
    std::string name_;
    std::unique_ptr<spdlog::details::file_helper> file_ = std::make_unique<spdlog::details::file_helper>();
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
        error({}, std::string("the log goes on into the old file: ") + e.what());
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

void flush() { instance()->flush(); }

}  // namespace sallyport::log
