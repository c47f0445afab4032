#include <sallyport/ops/daemon.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/resource.h>

#include <sallyport/base/error_line.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/ops/service_manager.hpp>

namespace sallyport::ops {
namespace {

constexpr auto certificate_check_interval = std::chrono::seconds(10);

// Each session needs several descriptors. The default soft limit of 1024 exists for programs that use select().
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

net::task<> stop_loops_after(net::loop& l, net::loop_group& loops, std::chrono::milliseconds wait) {
    co_await net::sleep_until(l.deadlines(), net::clock::now() + wait);
    loops.stop();
}

}  // namespace

daemon::daemon(std::string name, std::size_t loops, std::chrono::milliseconds stop_timeout)
    : name_(std::move(name)), stop_timeout_(stop_timeout), loops_(loops == 0 ? net::default_loop_count() : loops) {
    raise_descriptor_limit();
}

int daemon::run(const std::vector<endpoint>& listening, const old_process& old) {
    std::string addresses;
    for (const auto& e : listening) addresses += (addresses.empty() ? "" : ", ") + e.text();
    const net::signal_watch signals(loops_.at(0), {.stop = [this](int signal) { stop_by_signal(signal); },
                                                   .reload =
                                                       [this] {
                                                           rotate();
                                                           check_now_.set();
                                                           if (reload_) reload_();
                                                       },
                                                   .rotate = [this] { rotate(); },
                                                   .restart =
                                                       [this] {
                                                           if (restart_) restart_();
                                                       }});
    net::keep_running(loops_.at(0), "certificates", [this] { return check_certificates(); });
    // A gateway on a router may have no listener of its own.
    log::print(fmt::format("{}: {}{}", name_, listening.empty() ? "listening on intercepted connections" : "listening on ",
                           addresses));
    old.notify_ready();
    notify_service_manager();
    loops_.run();
    log::info({}, fmt::format("{}: stopped", name_));
    // Before the helper process ends: it may be needed to reopen a log.
    if (transfer_log_) transfer_log_->flush(log::end_deadline());
    log::flush(log::end_deadline());
    // A normal exit would wait for a thread that is blocked on a disk. Uploads that were not published are lost, as after a
    // crash; the old files are intact.
    if (stopping_ > 0 || !all_ended_) std::_Exit(0);
    return 0;
}

void daemon::rotate() {
    log::reopen();
    if (transfer_log_) transfer_log_->reopen();
}

net::task<> daemon::check_certificates() {
    for (;;) {
        (void)co_await check_now_.wait(net::clock::now() + certificate_check_interval);
        check_now_.clear();
        if (!certificates_) continue;
        // A copy, since a reload may replace or remove the certificates meanwhile.
        const auto checked = *certificates_;
        auto work = [checked] { return checked.reload(); };
        const auto fresh = co_await net::offload(disk_, loops_.at(0), std::move(work));
        if (!fresh)
            log::error({}, fmt::format("Cannot reload the certificate; keeping the current one: {}", fresh.error().text()));
        else if (*fresh)
            log::info({}, fmt::format("New certificate, SHA-256 {}", checked.fingerprint()));
    }
}

void daemon::stop_by_signal(int signal) {
    if (stop_started_) {
        loops_.stop();
        return;
    }
    stop(signal == SIGINT ? "SIGINT" : "SIGTERM", signal == SIGINT ? limits::interrupt_timeout : stop_timeout_);
}

void daemon::stop(std::string_view reason, std::chrono::milliseconds within) {
    if (std::exchange(stop_started_, true)) return;
    // The end of the program must not fail.
    const use_memory_reserve reserve;
    log::info({}, fmt::format("{}: {}, stopping", name_, reason));
    loops_.at(0).spawn("stop deadline", stop_loops_after(loops_.at(0), loops_, within));
    stopping_ = services_.size();
    const auto for_transfers = std::max(within - limits::stop_reserve, std::chrono::milliseconds(0));
    for (auto& service : services_) {
        service(for_transfers, [this](bool all_ended) {
            all_ended_ = all_ended_ && all_ended;
            if (--stopping_ == 0) loops_.stop();
        });
    }
}

int report_start_failure(const std::string& name, const error& cause, const old_process& old) {
    log::print(fmt::format("{}: {}", name, line_of(cause)));
    old.notify_failure(line_of(cause));
    const bool usage = cause.code == errc::syntax || cause.code == errc::usage;
    return usage ? 2 : 1;
}

}  // namespace sallyport::ops
