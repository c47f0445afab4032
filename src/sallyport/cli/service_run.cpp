#include <sallyport/cli/service_run.hpp>

#include <chrono>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <sallyport/cli/replacement.hpp>

namespace sallyport::cli {

int run_service(const running_service& service) {
    auto& host = service.host;
    const auto status = [&] { return status_action(host, service.source); };
    std::optional<front::control_socket> control;
    const auto replaced = [&] {
        service.source->draining = true;
        service.share_ports(true);
        control.reset();
        auto aside = open_control(host, service.operation.set_aside(service.kind), service.kind, {{"status", status()}});
        if (aside && *aside) control.emplace(std::move(**aside));
    };
    replacement successor(host,
                          {.left = [&service] { return estate{service.sockets(), service.down()}; },
                           .leave = service.leave,
                           .replaced = replaced,
                           .take = service.take},
                          std::chrono::seconds(service.operation.drain_seconds));
    host.on_replace([&successor] { successor.replace_by_signal(); });
    host.on_reload([&service] { service.reloading.reload_by_signal(); });
    auto opened = open_control(host, service.operation, service.kind,
                               {{"status", status()},
                                {"reload", [&service] { return service.reloading.reload(); }},
                                {"replace", [&successor] { return successor.replace(); }}},
                               has_predecessor());
    if (!opened) return report_start_failure(fmt::format("sallyport {}", service.kind), opened.error());
    if (*opened) control.emplace(std::move(**opened));
    if (has_predecessor()) {
        service.share_ports(true);
        watch_predecessor(host, [&service] { service.share_ports(false); });
    }
    return host.run(service.source->listening);
}

}  // namespace sallyport::cli
