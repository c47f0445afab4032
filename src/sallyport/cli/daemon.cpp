#include <sallyport/cli/daemon.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include <fmt/format.h>
#include <sys/resource.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/handover.hpp>
#include <sallyport/cli/service_manager.hpp>

namespace sallyport::cli {
namespace {

constexpr auto look_at_certificates = std::chrono::seconds(10);

// Each session holds one descriptor, two in a transfer: the usual soft limit of 1024 is for programs that use select().
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

net::task<> end_after(net::loop& l, net::loop_group& loops, std::chrono::milliseconds wait) {
    co_await net::sleep_until(l.deadlines(), net::clock::now() + wait);
    loops.stop();
}

}  // namespace

daemon::daemon(std::string name, std::size_t loops, std::chrono::milliseconds stop_timeout)
    : name_(std::move(name)), stop_timeout_(stop_timeout), loops_(loops == 0 ? net::default_loop_count() : loops) {
    raise_descriptor_limit();
}

int daemon::run(const std::vector<endpoint>& listening) {
    std::string where;
    for (const auto& e : listening) where += (where.empty() ? "" : ", ") + e.text();
    const net::signal_watch signals(loops_.at(0), {.stop = [this](int signal) { begin_stop(signal); },
                                                   .reload =
                                                       [this] {
                                                           rotate();
                                                           look_now_.set();
                                                           if (reload_) reload_();
                                                       },
                                                   .rotate = [this] { rotate(); },
                                                   .replace =
                                                       [this] {
                                                           if (replace_) replace_();
                                                       }});
    if (certificates_) {
        loops_.at(0).spawn("certificates", follow_certificates());
    }
    fmt::print(stderr, "{}: listening on {}\n", name_, where);
    std::fflush(stderr);
    tell_predecessor({});
    tell_service_manager();
    loops_.run();
    log::info("", fmt::format("{}: stopped", name_));
    log::flush();
    // A thread that waits for a dead disk would be waited for. What was not published is gone with the process, as after
    // a crash; the old files are whole.
    if (stopping_ > 0 || !all_ended_) std::_Exit(0);
    return 0;
}

void daemon::rotate() {
    log::reopen();
    if (transfers_) transfers_->reopen();
}

net::task<> daemon::follow_certificates() {
    for (;;) {
        (void)co_await look_now_.wait(net::clock::now() + look_at_certificates);
        look_now_.clear();
        auto work = [this] { return certificates_->reload(); };
        const auto fresh = co_await net::offload(disk_, loops_.at(0), std::move(work));
        if (!fresh)
            log::error({}, fmt::format("{}; the certificate from before stays in use", fresh.error().text()));
        else if (*fresh)
            log::info({}, fmt::format("new certificate, SHA-256 {}", certificates_->fingerprint()));
    }
}

void daemon::begin_stop(int signal) {
    if (stop_begun_) {
        loops_.stop();
        return;
    }
    stop(fmt::format("signal {}", signal), signal == SIGINT ? limits::interrupt_timeout : stop_timeout_);
}

void daemon::stop(std::string_view why, std::chrono::milliseconds within) {
    if (std::exchange(stop_begun_, true)) return;
    log::info("", fmt::format("{}: {}, stopping", name_, why));
    loops_.at(0).spawn("stop deadline", end_after(loops_.at(0), loops_, within));
    stopping_ = services_.size();
    const auto for_transfers = std::max(within - limits::stop_reserve, std::chrono::milliseconds(0));
    for (auto& service : services_) {
        service(for_transfers, [this](bool all_ended) {
            all_ended_ = all_ended_ && all_ended;
            if (--stopping_ == 0) loops_.stop();
        });
    }
}

int report_start_failure(const std::string& name, const error& cause) {
    fmt::print(stderr, "{}: {}\n", name, line_of(cause));
    tell_predecessor(line_of(cause));
    const bool usage = cause.code == errc::syntax || cause.code == errc::usage;
    return usage ? 2 : 1;
}

result<config_places> prepare(CLI::App& command, const front_options& options) {
    config_places places;
    if (!options.config.empty()) {
        auto applied = apply_config_file(command, options.config);
        if (!applied) return applied;
        places = std::move(*applied);
    }
    if (const auto good = check_values(command); !good) return std::unexpected(good.error());
    const auto level = options.level();
    if (!level) return std::unexpected(places.locate(level.error()));
    try {
        log::open(options.log_target, *level);
    } catch (const std::exception& e) {
        return fail(errc::io, fmt::format("--log {}: {}", options.log_target, e.what()));
    }
    return places;
}

}  // namespace sallyport::cli
