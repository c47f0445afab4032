#pragma once
// How a command runs its service: asked and told things through the control socket and by signals, replaced by a new
// program, or come in the place of an old one (G6).

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <sallyport/cli/control.hpp>
#include <sallyport/cli/daemon.hpp>
#include <sallyport/cli/handover.hpp>
#include <sallyport/cli/operation_options.hpp>
#include <sallyport/cli/reload.hpp>

namespace sallyport::cli {

struct running_service {
    std::string_view kind;  // "gate"; its socket's name by default
    daemon& host;
    const operation_options& operation;
    reloader& reloading;
    std::shared_ptr<status_source> source;
    std::function<std::vector<int>()> sockets;
    std::function<std::vector<std::string>()> down;  // what a successor should know to be so; names without blanks
    std::function<void(std::move_only_function<void()> gone)> leave;
    std::function<void(bool)> share_ports;
    front::front& sessions;
    std::function<void(unique_fd connection)> take{};  // that the successor knows nothing of; may be empty
};

/// A service that has started, to its end. The exit code.
[[nodiscard]] int run_service(const running_service& service);

/// The parts that every service has by the same names.
template <class Service>
[[nodiscard]] running_service running(std::string_view kind, daemon& host, const operation_options& operation,
                                      reloader& reloading, std::shared_ptr<status_source> source, Service& service) {
    return {.kind = kind,
            .host = host,
            .operation = operation,
            .reloading = reloading,
            .source = std::move(source),
            .sockets = [&service] { return service.sockets(); },
            .down = [] { return std::vector<std::string>(); },
            .leave = [&service](auto gone) { service.leave(std::move(gone)); },
            .share_ports = [&service](bool with_another) { service.share_ports(with_another); },
            .sessions = service.sessions()};
}

}  // namespace sallyport::cli
