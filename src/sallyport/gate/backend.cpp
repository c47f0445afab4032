#include <sallyport/gate/backend.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <ranges>
#include <shared_mutex>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/url_zone.hpp>
#include <sallyport/client/connection.hpp>
#include <sallyport/gate/backend_parameters.hpp>

namespace sallyport::gate {
namespace {

struct scheme {
    std::string_view prefix;
    backend_tls tls;
    std::uint16_t port;
};
constexpr auto schemes = std::to_array<scheme>(
    {{"ftp://", backend_tls::none, 21}, {"ftpes://", backend_tls::explicit_, 21}, {"ftps://", backend_tls::implicit, 990}});

// How long a health check waits for the reply to QUIT.
constexpr auto quit_wait = std::chrono::milliseconds(500);

// In the order of backend_state.
constexpr auto states = std::to_array<std::string_view>({"active", "drain", "maintenance"});
constexpr auto levels = std::to_array<std::string_view>({"off", "tcp", "greeting", "tls", "login", "list"});

[[nodiscard]] bool is_host_name(std::string_view text) noexcept {
    if (text.empty() || text.size() > 253) return false;
    for (const char c : text) {
        if (!is_alpha(c) && !is_digit(c) && c != '-' && c != '.' && c != '_') return false;
    }
    return true;
}

/// The TLS mode of the FTP client for a backend. REQUIRES: not backend_tls::match.
client::tls_mode tls_mode_of(backend_tls tls) noexcept {
    switch (tls) {
        case backend_tls::explicit_: return client::tls_mode::explicit_;
        case backend_tls::implicit: return client::tls_mode::implicit;
        case backend_tls::none:
        case backend_tls::match: break;
    }
    return client::tls_mode::none;
}

check_level level_of(proto::client_step at) noexcept {
    switch (at) {
        case proto::client_step::resolve:
        case proto::client_step::connect: return check_level::tcp;
        case proto::client_step::greeting: return check_level::greeting;
        case proto::client_step::tls: return check_level::tls;
        case proto::client_step::login: return check_level::login;
        default: return check_level::list;
    }
}

client::open_depth depth_of(check_level up_to) noexcept {
    switch (up_to) {
        case check_level::off:
        case check_level::tcp: return client::open_depth::tcp;
        case check_level::greeting: return client::open_depth::greeting;
        case check_level::tls:
        case check_level::login:
        case check_level::list: break;
    }
    return client::open_depth::tls;
}

client::connection_options options_for(const backend& to, const backend_access& access, net::clock::duration whole) {
    const auto limit = std::chrono::ceil<std::chrono::milliseconds>(whole);
    client::connection_options out;
    // The methods that the gateway uses on the backend leg by default.
    out.methods = {proto::data_method::epsv, proto::data_method::pasv};
    out.tls = access.tls;
    // Sessions do not require it either.
    out.require_same_certificate = false;
    out.keepalive = access.keepalive;
    out.connect = out.greeting = out.tls_handshake = limit;
    out.reply = std::min<std::chrono::milliseconds>(out.reply, limit);
    out.quit = quit_wait;
    if (to.proxy_protocol) out.preamble = proto::write_proxy_header(access.client, *to.proxy_protocol);
    if (to.proxy_protocol && to.proxy_protocol_data) out.data_preamble = out.preamble;
    return out;
}

}  // namespace

std::string_view name(backend_state s) noexcept { return states[static_cast<std::size_t>(s)]; }

std::string_view name(check_level s) noexcept { return levels[static_cast<std::size_t>(s)]; }

result<backend> backend::parse(std::string_view url) {
    const auto refuse = [&](std::string_view reason) {
        return fail(errc::syntax, fmt::format("backend \"{}\": {}", escape(url, 200), reason));
    };
    const auto refuse_form = [&](std::string_view reason) {
        return refuse(fmt::format("{}; use ftp://HOST[:PORT], ftpes://HOST[:PORT] or ftps://HOST[:PORT]", reason));
    };
    for (const auto& known : schemes) {
        if (!starts_with_icase(url, known.prefix)) continue;
        auto rest = url.substr(known.prefix.size());
        backend b{.host = {}, .port = known.port, .tls = known.tls};
        if (const auto mark = rest.find('?'); mark != std::string_view::npos) {
            for (const auto parameter : std::views::split(rest.substr(mark + 1), '&')) {
                if (const auto wrong = read_backend_parameter(std::string_view(parameter), b); !wrong.empty())
                    return refuse(wrong);
            }
            rest = rest.substr(0, mark);
        }
        if (b.passthrough_range.first != 0 && b.tls != backend_tls::none && b.tls != backend_tls::implicit)
            return refuse("passthrough=A-B passes the client's TLS; use ftp:// or, for implicit TLS, ftps://");
        if (b.passthrough_range.first != 0 && b.proxy_protocol_data)
            return refuse("passthrough=A-B and proxy-protocol-data=yes exclude each other; remove one of them");
        const bool direct = b.direct.passive || b.direct.active;
        if (b.passthrough_range.first != 0 && direct)
            return refuse("passthrough=A-B and direct exclude each other; remove one of them");
        if (b.direct.external_address && !b.direct.passive)
            return refuse("external-address=ADDR requires direct=passive or direct=both; add it");
        if (b.proxy_protocol_data && !b.proxy_protocol)
            return refuse("proxy-protocol-data=yes requires proxy-protocol=v1 or proxy-protocol=v2; add it");
        if (rest.ends_with('/')) rest.remove_suffix(1);
        if (rest.find('@') != std::string_view::npos)
            return refuse("a user name is not allowed; clients log in with their own");
        if (rest.find('/') != std::string_view::npos) return refuse_form("a path is not allowed");
        const bool bracketed = rest.starts_with('[');
        const auto host_end = bracketed ? rest.find(']') : rest.rfind(':');
        if (bracketed && host_end == std::string_view::npos) return refuse_form("the bracket is not closed");
        const auto literal = rest.substr(bracketed ? 1 : 0, bracketed ? host_end - 1 : host_end);
        const std::string host = bracketed ? without_zone_escape(literal) : std::string(literal);
        auto port = host_end == std::string_view::npos ? std::string_view() : rest.substr(host_end + (bracketed ? 1 : 0));
        if (bracketed ? !ip_address::parse(host) : !is_host_name(host)) return refuse_form("invalid host");
        b.host = host;
        if (port.empty()) return b;
        const auto number = port.starts_with(':') ? parse_decimal(port.substr(1), 65535) : std::nullopt;
        if (!number || *number == 0) return refuse("invalid port; use a number from 1 to 65535");
        b.port = static_cast<std::uint16_t>(*number);
        return b;
    }
    return refuse_form("unknown scheme");
}

backend backend::for_client(bool with_tls) const {
    backend out = *this;
    if (tls == backend_tls::match) out.tls = with_tls ? backend_tls::explicit_ : backend_tls::none;
    return out;
}

std::string backend::text() const {
    const auto& known = schemes[tls == backend_tls::match ? 0 : static_cast<std::size_t>(tls)];
    const bool bracketed = host.find(':') != std::string::npos;
    return fmt::format("{}{}{}{}:{}", known.prefix, bracketed ? "[" : "", host, bracketed ? "]" : "", port);
}

std::string backend_failure::text() const { return fmt::format("{}: {}", name(at), escape(cause.text(), 300)); }

backend_failure failure_of(const proto::client_failure& failure) {
    return {level_of(failure.at), failure.cause, failure.reply_code};
}

net::task<std::expected<opened_backend, backend_failure>> open_backend(net::loop& loop, backend to, backend_access access,
                                                                       net::time_limit limit, check_level up_to) {
    opened_backend out;
    auto options = options_for(to, access, limit.progress);
    options.make_socket = access.make_socket;
    // One registration is for one connection.
    options.next_address.reset();
    options.before_connect = [&](const endpoint& at) -> result<std::function<void(const endpoint&)>> {
        if (access.guard->is_listener(at))
            return fail(
                errc::usage,
                fmt::format("{}: this gateway itself listens there; use the address and port of the FTP server", at.text()));
        auto connecting = std::make_shared<std::shared_lock<std::shared_mutex>>(access.guard->connecting());
        // Called on this thread before the coroutine waits.
        return [&, at, connecting](const endpoint& local) {
            out.registration = access.guard->register_connection(local, at);
            connecting->unlock();
        };
    };
    out.connection = std::make_unique<client::connection>(loop, std::move(options));
    out.connection->set_deadline(limit.total);
    client::server_address server{to.host, to.port, tls_mode_of(to.tls), to.addresses, to.tls_host()};
    client::credentials account{access.user, access.password, {}};
    const auto failed = co_await out.connection->open(std::move(server), depth_of(up_to), std::move(account));
    if (!failed) co_return out;
    auto failure = failure_of(*failed);
    if (failure.reply != 0) {
        const bool greeted = failure.at != check_level::greeting;
        failure.cause = {errc::rejected, 0,
                         fmt::format("{} was answered with {}", greeted ? "AUTH" : "the connection", failed->refusal)};
    }
    co_return std::unexpected(std::move(failure));
}

net::task<std::expected<backend_connection, backend_failure>> connect_to_backend(net::loop& loop, const backend& to,
                                                                                 backend_access access,
                                                                                 net::time_limit limit, check_level up_to) {
    auto opened = co_await open_backend(loop, to, std::move(access), limit, up_to);
    if (!opened) co_return std::unexpected(std::move(opened.error()));
    backend_connection out;
    if (up_to != check_level::tcp) out.greeting = opened->connection->facts().greeting();
    out.stream = opened->connection->release();
    out.registration = std::move(opened->registration);
    co_return out;
}

}  // namespace sallyport::gate
