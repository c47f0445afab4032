#include <sallyport/cli/service_run.hpp>

#include <chrono>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <sallyport/cli/replacement.hpp>

namespace sallyport::cli {

int run_service(const running_service& service) {
    auto& host = service.host;
    auto& runs = service.source->service;
    // What can be done with sessions and penalties as long as there are any, also while a successor takes the new ones.
    const auto for_sessions = [&] {
        return control_actions{{"status", status_action(host, service.source)},
                               {"forgive", forgive_action(runs.sessions())},
                               {"kick", kick_action(host, runs.sessions())}};
    };
    std::optional<front::control_socket> control;
    const auto replaced = [&] {
        service.source->draining = true;
        runs.share_ports(true);
        control.reset();
        auto aside = open_control(host, service.operation.set_aside(service.kind), service.kind, for_sessions());
        if (aside && *aside) control.emplace(std::move(**aside));
    };
    replacement successor(host,
                          {.left = [&runs] { return estate{runs.sockets(), runs.down()}; },
                           .leave = [&runs](auto gone) { runs.leave(std::move(gone)); },
                           .replaced = replaced,
                           .take = [&runs](unique_fd connection) { runs.accept_returned(std::move(connection)); }},
                          service.operation.drain);
    host.on_replace([&successor] { successor.replace_by_signal(); });
    host.on_reload([&service] { service.reloading.reload_by_signal(); });
    auto actions = for_sessions();
    actions.emplace("reload", [&service](const auto&) { return service.reloading.reload(); });
    actions.emplace("replace", [&successor](const auto&) { return successor.replace(); });
    auto opened = open_control(host, service.operation, service.kind, std::move(actions), has_predecessor());
    if (!opened) return report_start_failure(fmt::format("sallyport {}", service.kind), opened.error());
    if (*opened) control.emplace(std::move(**opened));
    if (has_predecessor()) {
        runs.share_ports(true);
        watch_predecessor(host, [&runs] { runs.share_ports(false); });
    }
    return host.run(runs.endpoints());
}

}  // namespace sallyport::cli
