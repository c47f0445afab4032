#include <sallyport/gate/session_context.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <sallyport/base/log.hpp>

namespace sallyport::gate {

void session_context::backend_failed(backend_id id, const backend& where, const backend_failure& why) {
    const auto now = backends.failed(id, why.text(), net::clock::now());
    if (!now) return;
    const auto line = fmt::format("Backend {} is {}: {}", where.text(), name(*now), why.text());
    log::write(now == condition::down ? log::level::error : log::level::warning, {}, line);
}

void session_context::backend_answered(backend_id id, const backend& where, witness by, net::clock::duration after) {
    const auto now = backends.answered(id, by, after, net::clock::now());
    if (now) log::info({}, fmt::format("Backend {} is {} again", where.text(), name(*now)));
}

void session_context::use_kernel(const session_context* before) {
    if (!config.kernel_data) return;
    if (before != nullptr && before->kernel) {
        kernel = before->kernel;
        return;
    }
    auto made = firewall::openings::in_kernel();
    if (!made)
        return log::warning(
            {}, fmt::format("Kernel forwarding is not available; relaying all data connections: {}", made.error().what));
    kernel = std::move(*made);
    log::info({}, "Kernel forwarding is enabled for unencrypted data connections");
    const auto allowed = firewall::forwarding::of_system();
    const auto warn = [](std::string_view family, std::string_view setting) {
        log::warning(
            {},
            fmt::format(
                "{} forwarding is disabled, so data connections between other hosts are relayed; set {} to 1 to enable it",
                family, setting));
    };
    const auto listens = [this](bool v4) {
        return std::ranges::any_of(config.listen, [v4](const auto& at) { return at.address.is_v4() == v4; });
    };
    if (!allowed.v4 && listens(true)) warn("IPv4", "net.ipv4.ip_forward");
    if (!allowed.v6 && listens(false)) warn("IPv6", "net.ipv6.conf.all.forwarding");
}

}  // namespace sallyport::gate
