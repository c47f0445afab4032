#include <sallyport/gate/session_context.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <sallyport/base/log.hpp>

namespace sallyport::gate {

void session_context::backend_failed(backend_id id, const backend& server, const backend_failure& failure) {
    const auto now = backends.failed(id, failure.text(), net::clock::now());
    if (!now) return;
    const auto line = fmt::format("Backend {} is {}: {}", server.text(), name(*now), failure.text());
    log::write(now == health_state::down ? log::level::error : log::level::warning, {}, line);
}

void session_context::backend_responded(backend_id id, const backend& server, health_source source,
                                        net::clock::duration response_time) {
    const auto now = backends.responded(id, source, response_time, net::clock::now());
    if (now) log::info({}, fmt::format("Backend {} is {}", server.text(), name(*now)));
}

result<void> session_context::enable_openings(const session_context* before) {
    if (!config.kernel_forwarding && !config.interception.is_enabled()) return {};
    if (before != nullptr && before->kernel_openings) {
        kernel_openings = before->kernel_openings;
        return {};
    }
    auto made = config.make_table ? config.make_table() : fail(errc::unsupported, "this program has no helper process");
    if (!made && config.interception.is_enabled()) return std::unexpected(std::move(made.error()));
    if (!made) {
        log::warning(
            {}, fmt::format("Kernel forwarding is not available; relaying all data connections: {}", made.error().what));
        return {};
    }
    kernel_openings.emplace(std::move(*made));
    if (config.kernel_forwarding) log::info({}, "Kernel forwarding is enabled for unencrypted data connections");
    const auto allowed = firewall::forwarding::of_system();
    const auto warn = [&allowed](std::string_view family, std::string_view setting) {
        log::warning({},
                     fmt::format("{} forwarding is {}, so data connections between other hosts are relayed; {}", family,
                                 allowed.is_known ? "disabled" : "not known",
                                 allowed.is_known ? fmt::format("set {} to 1 to enable it", setting)
                                                  : fmt::format("let this process read {} (no ProcSubset=pid)", setting)));
    };
    const auto listens_on = [this](bool v4) {
        return std::ranges::any_of(config.listen, [v4](const auto& at) { return at.address.is_v4() == v4; });
    };
    if (!allowed.v4 && listens_on(true)) warn("IPv4", "net.ipv4.ip_forward");
    if (!allowed.v6 && listens_on(false)) warn("IPv6", "net.ipv6.conf.all.forwarding");
    return {};
}

}  // namespace sallyport::gate
