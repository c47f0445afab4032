#include <sallyport/ops/run_daemon.hpp>

#include <cerrno>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <sallyport/base/log.hpp>
#include <sallyport/net/certificate_end.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/ops/daemon.hpp>
#include <sallyport/ops/graceful_restart.hpp>
#include <sallyport/ops/page.hpp>
#include <sallyport/status/metrics_text.hpp>

namespace sallyport::ops {
namespace {

net::task<std::string> collect_metrics(std::shared_ptr<status_source> from) {
    co_return status::metrics_text(snapshot_of(*from));
}

/// The control socket of one daemon with its commands.
class control {
public:
    control(daemon& host, const daemon_plan& plan, std::shared_ptr<status_source> status)
        : host_(host),
          location_(plan.control),
          status_place_(plan.status_socket),
          has_metrics_(plan.metrics.has_value()),
          status_(std::move(status)) {}

    [[nodiscard]] result<void> open(reloader& reloading, graceful_restart& restarting, bool takes_over) {
        auto actions = session_actions();
        actions.emplace("reload", [&reloading](const auto&) { return reloading.reload(); });
        actions.emplace("restart", [&restarting](const auto&) { return restarting.restart(); });
        actions.emplace("drain", readiness_action(status_, false, has_metrics_));
        actions.emplace("ready", readiness_action(status_, true, has_metrics_));
        auto shown = open_control(host_.loops().at(0),
                                  {.place = status_place_, .required = true, .reason_absent = {}, .what = "status socket"},
                                  read_only(actions), takes_over);
        if (!shown) return std::unexpected(shown.error());
        if (*shown) status_socket_.emplace(std::move(**shown));
        auto opened = open_control(host_.loops().at(0), location_, std::move(actions), takes_over);
        if (!opened) return std::unexpected(opened.error());
        if (*opened) socket_.emplace(std::move(**opened));
        return {};
    }

    /// Moves the control socket to a path with the process ID ("gate.sock.1234"), since the new process uses the original
    /// path.
    void move_control_socket() {
        status_->draining = true;
        status_socket_.reset();
        socket_.reset();
        auto location = location_;
        if (!location.place.path.empty()) location.place.path += fmt::format(".{}", ::getpid());
        location.required = true;
        auto opened = open_moved(location);
        if (!opened) log::info({}, fmt::format("No {}: {}", location.what, opened.error().text()));
        if (opened && *opened) socket_.emplace(std::move(**opened));
    }

private:
    [[nodiscard]] result<std::optional<control_socket>> open_moved(control_socket_location location) {
        auto opened = open_control(host_.loops().at(0), location, session_actions());
        if (opened || !location.place.group) return opened;
        // A process that is no longer root may be unable to give the file to the group.
        location.place = {.path = location.place.path};
        return open_control(host_.loops().at(0), location, session_actions());
    }
    [[nodiscard]] control_actions session_actions() {
        auto& loop = host_.loops().at(0);
        auto& sessions = status_->service.sessions();
        return {{"status", status_action(loop, host_.disk(), status_)},
                {"forgive", forgive_action(sessions)},
                {"kick", kick_action(loop, sessions)}};
    }

    daemon& host_;
    const control_socket_location location_;
    const socket_place status_place_;
    const bool has_metrics_;
    const std::shared_ptr<status_source> status_;
    std::optional<control_socket> socket_;
    std::optional<control_socket> status_socket_;
};

net::task<http_answer> answer_page(std::shared_ptr<page> of, http_request asked) {
    return page::answer(std::move(of), std::move(asked));
}

void warn_of_open_network(const metrics_place& at) {
    const auto* const address = std::get_if<endpoint>(&at);
    if (address == nullptr || address->address.is_loopback()) return;
    log::warning({}, fmt::format("The page at {} has no TLS: who sees the traffic on the way can read its password. Use a "
                                 "loopback address with an SSH tunnel or with a reverse proxy that has TLS",
                                 address->text()));
}

/// Where metrics and the page are served, if they are.
[[nodiscard]] result<std::optional<metrics_server>> open_metrics(daemon& host, const daemon_plan& plan,
                                                                 std::shared_ptr<status_source> from, bool takes_over) {
    if (!plan.metrics) return std::nullopt;
    auto& loop = host.loops().at(0);
    metrics_answers answers{.metrics = [from] { return collect_metrics(from); },
                            .is_ready = [from] { return from->is_ready(); }};
    if (plan.page) {
        const auto shown = std::make_shared<page>(loop, host.disk(), from, *plan.page);
        answers.page = [shown](http_request asked) { return answer_page(shown, std::move(asked)); };
        net::keep_running(loop, "rates of the page", [shown] { return page::keep_rates(shown); });
    }
    auto opened = metrics_server::open(loop, *plan.metrics, std::move(answers), takes_over);
    if (!opened) return fail(opened.error().code, fmt::format("--metrics: {}", opened.error().text()));
    log::info({}, fmt::format("Metrics at {}", opened->text("/metrics")));
    if (plan.page) {
        log::info({}, fmt::format("Page at {}", opened->text("/")));
        warn_of_open_network(*plan.metrics);
    }
    return std::optional(std::move(*opened));
}

/// Returns copies of the listening sockets, and the down backends, for the new process. Unless `listening`, the sockets are
/// opened again; the new process itself opens one that this process may not open.
[[nodiscard]] result<handover_state> state_of(const frontend::service& service, bool listening) {
    handover_state out;
    if (listening) {
        for (const int fd : service.sockets()) {
            unique_fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
            if (!copy) return fail_os(errno, "no descriptors are left for a new process");
            out.sockets.push_back({std::move(copy), {}});
        }
    } else {
        for (const auto& at : service.endpoints())
            if (auto opened = net::listener::bind(at)) out.sockets.push_back({std::move(*opened), {}});
    }
    out.down = service.down_backends();
    return out;
}

}  // namespace

int run_daemon(const daemon_plan& plan, service_source& source, handover_state handover, helper::client& rights) {
    const auto old = std::move(handover.from);
    daemon host(plan.name, plan.loops, plan.stop_timeout);
    auto settings = source.first_settings();
    host.watch_certificates(settings.tls);
    host.on_rotate(settings.transfer_log);
    status::counters counters;
    const auto service = source.make_service(host.loops(), counters);
    service->adopt_sockets(listening_sockets(std::move(handover.sockets)));
    service->set_down_backends(std::move(handover.down));
    if (old) service->return_connections([&old](int connection) { return old.return_connection(connection); });
    if (auto started = service->start(); !started) return report_start_failure(plan.name, started.error(), old);
    host.add([&service](auto grace, auto done) { service->stop(grace, std::move(done)); });

    watchdog watching(host.loops(), {.mode = plan.watchdog}, counters,
                      [&service](std::uint64_t number) { return service->sessions().id_of(number); });
    const auto status =
        std::make_shared<status_source>(status_source{.name = plan.name, .service = *service, .counters = counters});
    status->certificate_end = [&host]() -> std::optional<std::int64_t> {
        return host.certificates() ? net::first_certificate_end(*host.certificates()) : std::nullopt;
    };
    host.add([status](auto /*grace*/, auto done) {
        status->stopping = true;
        done(true);
    });
    control controls(host, plan, status);
    auto metrics = open_metrics(host, plan, status, static_cast<bool>(old));
    if (!metrics) return report_start_failure(plan.name, metrics.error(), old);
    reloader reloading(host, std::move(settings), [&source] { return source.load_settings(); });
    graceful_restart restarting(host, rights,
                                {.state = [&service](bool listening) { return state_of(*service, listening); },
                                 .start_draining = [&service](auto ended) { service->start_draining(std::move(ended)); },
                                 .replaced =
                                     [&service, &controls, &watching, &metrics] {
                                         watching.stop_reporting();
                                         metrics->reset();
                                         service->share_ports(true);
                                         controls.move_control_socket();
                                     },
                                 .accept_returned = [&service](auto fd) { service->accept_returned(std::move(fd)); }},
                                plan.drain_timeout);
    host.on_reload([&reloading] { reloading.reload_by_signal(); });
    host.on_restart([&restarting] { restarting.restart_by_signal(); });
    if (auto opened = controls.open(reloading, restarting, static_cast<bool>(old)); !opened)
        return report_start_failure(plan.name, opened.error(), old);
    if (plan.confinement) {
        auto confined = finish_confinement(*plan.confinement);
        if (!confined) return report_start_failure(plan.name, confined.error(), old);
        status->confinement = std::move(*confined);
    }
    source.on_start(service->endpoints());
    if (old) {
        service->share_ports(true);
        watch_old_process(host, old, [&service] { service->share_ports(false); });
    }
    return host.run(service->endpoints(), old);
}

}  // namespace sallyport::ops
