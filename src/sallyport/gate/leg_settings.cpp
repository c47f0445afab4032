#include <sallyport/gate/leg_settings.hpp>

#include <utility>

#include <sallyport/net/socket_address.hpp>
#include <sallyport/proto/proxy_header.hpp>

namespace sallyport::gate {
namespace {

[[nodiscard]] bool tls_available(const settings& config, const client_control& client) {
    const auto* const rule = client.interception();
    if (client.passes_tls()) return true;
    return config.tls.has_value() && (rule == nullptr || rule->tls == intercepted_tls::end);
}

[[nodiscard]] proto::client_tls auth_of(const client_control& client) {
    using enum proto::client_tls;
    if (client.passes_tls()) return passes;
    if (client.awaits_tls_choice()) return chosen_by_hello;
    const auto* const rule = client.interception();
    return rule != nullptr && rule->tls == intercepted_tls::refuse ? refused : ends_here;
}

/// A translator sends PASV instead of EPSV (RFC 6384 section 6). This one sends PASV instead of EPRT too: it relays the
/// data, so it can open the connection to the server itself.
[[nodiscard]] proto::backend_data_mode data_mode(const settings& config, const interception_rule* rule) {
    if (rule == nullptr) return config.backend_data_mode;
    return rule->nat64 ? proto::backend_data_mode::pasv : proto::backend_data_mode::match;
}

[[nodiscard]] proto::kernel_forwarding kernel_forwarding_for(const session_context& gate, const interception_rule* rule) {
    using enum proto::kernel_forwarding;
    const auto& config = gate.config;
    const bool enabled = rule == nullptr ? config.kernel_forwarding : config.interception.kernel_forwarding;
    if (!enabled) return disabled;
    return gate.kernel_openings ? available : unavailable;
}

}  // namespace

session_peers peers_of(const client_control& client, const backend_leg& to) {
    return {client.peer().address, to.stream.peer().address};
}

proto::relay_backend machine_backend(const session_context& gate, const client_control& client, const backend_leg& to) {
    const auto& server = to.server.parameters();
    return {.peer = to.stream.peer(),
            .protect = to.stream.is_tls(),
            .match_tls = server.tls == backend_tls::match,
            .refused = to.server.refused_methods(),
            .direct = server.direct,
            .proxy_headers = server.proxy_protocol_data,
            .gateway = to.stream.local().address,
            .failed = gate.base->known_failures.find(peers_of(client, to), net::clock::now())};
}

proto::relay_settings machine_settings(const session_context& gate, const client_control& client, const backend_leg& to,
                                       net::deadline accepted) {
    const auto& config = gate.config;
    const auto* const rule = client.interception();
    return {.client_peer = client.peer(),
            .backend = to.server ? machine_backend(gate, client, to) : proto::relay_backend(),
            .tls_active = client.stream().is_tls(),
            .tls_available = tls_available(config, client),
            .tls_required = config.tls_required,
            .ccc_allowed = config.ccc_allowed,
            .auth = auth_of(client),
            .data_mode = data_mode(config, rule),
            .paths = {.kernel = kernel_forwarding_for(gate, rule),
                      .rate_limited = config.upload_rate != 0 || config.download_rate != 0,
                      .single_port = gate.passive_data.single() != nullptr,
                      .proxy_headers = config.passive_data.ports.proxies.on_data_connections},
            .policy = config.commands,
            .certified = {.name = client.certificate_user(), .replaces = config.replace_user},
            .naming = rule != nullptr || config.forward_to.empty() ? proto::server_naming::off
                      : config.has_backends()                      ? proto::server_naming::allowed
                                                                   : proto::server_naming::required,
            .limit_users = config.max_sessions_per_user != 0,
            .client_destination = client.client_destination().address,
            .query_directory = config.transfer_log != nullptr,
            .timeouts = {.idle = config.idle_timeout,
                         .login = config.login_timeout,
                         .backend_reply = config.backend_login_timeout,
                         .data_connect = config.data_timeout,
                         .data_start = config.stall_timeout},
            .accepted = accepted,
            .now = net::clock::now()};
}

backend_selection::search search_for(const client_control& client, std::string user, std::string host) {
    std::function<bool()> client_has_left;
    if (user.empty()) client_has_left = [&client] { return client.stream().peer_has_left(); };
    return {.user = std::move(user),
            .host = std::move(host),
            .leg = {.client = {.proxied = true, .source = client.peer(), .destination = client.client_destination()},
                    .client_tls = client.stream().is_tls()},
            .client_has_left = std::move(client_has_left)};
}

data_relay_options data_relay_options_for(const proto::relay_plan& plan, const session_context& gate,
                                          const client_control& client, const backend_leg& to) {
    const auto& server = to.server.parameters();
    data_relay_options options{.local = client.stream().local().address,
                               .tls_session_context = client.id(),
                               .backend_tls = {},
                               .backend_header = {},
                               .client = client.peer().address,
                               .backend = to.stream.peer().address,
                               .local_to_backend = to.stream.local().address,
                               .client_wait_ended = {},
                               .allow_missing_close_notify = reach::any_matches(
                                   gate.config.missing_close_notify,
                                   {client.peer().address, client.client_destination(), client.stream().is_tls()})};
    // The client has connected to the server's address, which is no address of this machine.
    if (client.interception() != nullptr) options.local = {};
    options.make_backend_socket = socket_maker(gate, client);
    if (plan.protect_client) options.round_trip = client.stream().round_trip();
    if (plan.protect_backend) options.backend_tls = {.server_name = tls_host_of(client, to), .resume = to.stream.session()};
    const auto* passive = std::get_if<proto::connect_to>(&plan.backend);
    if (passive != nullptr && server.proxy_protocol && server.proxy_protocol_data) {
        // The client's port is unknown before it has connected. The destination port is the one that the backend sent: some
        // backends distinguish data from control connections by it.
        const proto::proxy_header header{
            true, {client.peer().address, 0}, {client.client_destination().address, passive->to.port}};
        options.backend_header = proto::write_proxy_header(header, *server.proxy_protocol);
    }
    return options;
}

std::string tls_host_of(const client_control& client, const backend_leg& to) {
    return client.requested_host().empty() ? to.server.parameters().tls_host() : client.requested_host();
}

std::function<result<unique_fd>()> socket_maker(const session_context& gate, const client_control& client) {
    const auto& interception = gate.config.interception;
    const auto* const rule = client.interception();
    // With nat64 the client has an IPv6 address, which cannot be the source of an IPv4 connection.
    if (rule == nullptr || rule->nat64 || interception.server_sees_router) return {};
    return [machine = interception.machine, control = client.stream().native_handle(), port = client.peer().port]() {
        auto socket = machine->client_socket(control);
        // With the client's own port too, both legs would be one connection for the kernel.
        if (!socket || net::local_endpoint(socket->get()).port != port) return socket;
        return machine->client_socket(control);
    };
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
    out.client_destination = client.client_destination();
    if (to.server) out.backend = to.server.name();
    out.intercepted = client.interception() != nullptr;
    out.client_tls = client.tls_version();
    if (to.stream.is_tls()) out.backend_tls = to.stream.tls().version;
    out.age = std::chrono::duration_cast<std::chrono::milliseconds>(age);
    return out;
}

}  // namespace sallyport::gate
