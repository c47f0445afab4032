#include <sallyport/gate/leg_settings.hpp>

#include <utility>

#include <sallyport/proto/proxy_header.hpp>

namespace sallyport::gate {

proto::relay_backend machine_backend(const backend_leg& to) {
    const auto& server = to.server.parameters();
    return {.peer = to.stream.peer(),
            .protect = to.stream.is_tls(),
            .match_tls = server.tls == backend_tls::match,
            .refused = to.server.refused_methods(),
            .direct = server.direct,
            .proxy_headers = server.proxy_data,
            .gateway = to.stream.local().address};
}

proto::relay_settings machine_settings(const session_context& gate, const client_control& client, const backend_leg& to,
                                       net::deadline accepted) {
    using enum proto::kernel_forwarding;
    const auto& config = gate.config;
    return {.client_peer = client.peer(),
            .backend = to.server ? machine_backend(to) : proto::relay_backend(),
            .tls_active = client.stream().is_tls(),
            .tls_available = config.tls.has_value() || config.passes_tls(),
            .tls_required = config.tls_required,
            .ccc_allowed = config.ccc_allowed,
            .pass_tls = config.passes_tls(),
            .behind = config.backend_data,
            .paths = {.kernel = !config.kernel_data ? disabled
                                : gate.kernel       ? available
                                                    : unavailable,
                      .rate_limited = config.upload_rate != 0 || config.download_rate != 0,
                      .single_port = gate.inbound.single() != nullptr,
                      .proxy_headers = config.inbound.ports.proxies.data},
            .policy = config.commands,
            .certified_user = client.certificate_user(),
            .replace_user = config.replace_user,
            .limit_users = config.most_per_user != 0,
            .client_destination = client.destination().address,
            .ask_directory = config.transfers != nullptr,
            .timeouts = {.idle = config.idle,
                         .login = config.login,
                         .backend_reply = config.backend_answer,
                         .data_connect = config.data_connect,
                         .data_begin = config.data_stall},
            .accepted = accepted,
            .now = net::clock::now()};
}

backend_selection::search search_for(const client_control& client, std::string user, std::string host) {
    return {.user = std::move(user),
            .host = std::move(host),
            .client = {.proxied = true, .source = client.peer(), .destination = client.destination()},
            .client_tls = client.stream().is_tls()};
}

data_terms terms_for(const proto::relay_plan& plan, const session_context& gate, const client_control& client,
                     const backend_leg& to) {
    const auto& server = to.server.parameters();
    data_terms terms{
        .local = client.stream().local().address,
        .tls_id = client.id(),
        .backend_tls = {},
        .backend_header = {},
        .client = client.peer().address,
        .backend = to.stream.peer().address,
        .client_met = {},
        .allow_missing_close_notify = reach::any_holds(
            gate.config.missing_close_notify, {client.peer().address, client.destination(), client.stream().is_tls()})};
    if (plan.protect_backend) terms.backend_tls = {.server_name = server.tls_host(), .resume = to.stream.session()};
    const auto* passive = std::get_if<proto::leg_connects>(&plan.backend);
    if (passive != nullptr && server.proxy && server.proxy_data) {
        // The client's port is unknown before it has connected. The destination port is the one that the backend named: some
        // backends tell data from control by it.
        const proto::proxy_header header{true, {client.peer().address, 0}, {client.destination().address, passive->to.port}};
        terms.backend_header = proto::write_proxy_header(header, *server.proxy);
    }
    return terms;
}

record_owner owner_of(const client_control& client, const backend_leg& to, std::string user) {
    return {.session = client.id(),
            .user = std::move(user),
            .client = client.peer(),
            .backend = to.server ? to.server.name() : std::string(),
            .client_tls = client.stream().is_tls(),
            .backend_tls = to.stream.is_tls()};
}

status::session_report report_of(const client_control& client, const backend_leg& to, net::clock::duration age) {
    status::session_report out;
    out.id = client.id();
    out.client = client.peer();
    if (to.server) out.backend = to.server.name();
    out.client_tls = client.tls_version();
    if (to.stream.is_tls()) out.backend_tls = to.stream.tls().version;
    out.age = std::chrono::duration_cast<std::chrono::milliseconds>(age);
    return out;
}

}  // namespace sallyport::gate
