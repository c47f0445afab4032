#include <sallyport/net/keep_running.hpp>

#include <new>
#include <utility>

#include <fmt/format.h>
#include <sallyport/base/log.hpp>
#include <sallyport/base/log_limiter.hpp>
#include <sallyport/base/memory_reserve.hpp>

namespace sallyport::net {
namespace {

/// Time for sessions to release the memory that is missing.
constexpr auto pause_after_exception = std::chrono::milliseconds(50);
constexpr auto exception_log_interval = std::chrono::seconds(1);

std::string message_of(std::string_view name, const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::bad_alloc&) {
        return fmt::format("{}: out of memory; lower --max-sessions, or give this process more memory", name);
    } catch (const std::exception& e) {
        return fmt::format("{}: a bug in Sallyport, please report it: {}", name, e.what());
    } catch (...) {
        return fmt::format("{}: a bug in Sallyport, please report it: an exception of unknown type", name);
    }
}

task<> pause(loop& l) {
    const use_memory_reserve reserve;
    return l.sleep_for(pause_after_exception);
}

task<> run_again(loop& l, std::string name, std::move_only_function<task<>()> start) {
    log_limiter failures(exception_log_interval);
    for (;;) {
        std::exception_ptr failure;
        try {
            co_await start();
            co_return;
        } catch (...) {
            failure = std::current_exception();
        }
        if (const auto times = failures.note(clock::now())) log_exception(name, failure, *times);
        co_await pause(l);
    }
}

}  // namespace

void keep_running(loop& l, std::string name, std::move_only_function<task<>()> start) {
    auto work = run_again(l, name, std::move(start));
    l.spawn(std::move(name), std::move(work));
}

void log_exception(std::string_view name, const std::exception_ptr& exception, std::uint64_t times) noexcept {
    try {
        auto message = message_of(name, exception);
        if (times > 1) message += fmt::format(" ({} times)", times);
        log::error({}, message);
    } catch (...) {
        log::error({}, "out of memory");
    }
}

}  // namespace sallyport::net
