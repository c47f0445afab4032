#include <sallyport/base/log.hpp>

#include <memory>

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
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
        sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(std::string(target));
    auto logger = std::make_shared<spdlog::logger>("sallyport", std::move(sink));
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %L %v");
    logger->set_level(translate(threshold));
    logger->flush_on(target == "-" ? spdlog::level::trace : spdlog::level::warn);
    instance() = std::move(logger);
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
