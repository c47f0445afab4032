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

constexpr auto quit_wait = std::chrono::milliseconds(500);  // for the answer to QUIT

constexpr auto states = std::to_array<std::string_view>({"active", "drain", "maintenance"});  // as backend_state
constexpr auto stages = std::to_array<std::string_view>({"off", "tcp", "greeting", "tls", "login", "list"});

[[nodiscard]] bool is_host_name(std::string_view text) noexcept {
    if (text.empty() || text.size() > 253) return false;
    for (const char c : text) {
        if (!is_alpha(c) && !is_digit(c) && c != '-' && c != '.' && c != '_') return false;
    }
    return true;
}

/// The client's words for how a backend is protected. REQUIRES: not backend_tls::match.
client::tls_mode tls_mode_of(backend_tls tls) noexcept {
    switch (tls) {
        case backend_tls::explicit_: return client::tls_mode::explicit_;
        case backend_tls::implicit: return client::tls_mode::implicit;
        case backend_tls::none:
        case backend_tls::match: break;
    }
    return client::tls_mode::none;
}

check_stage stage_of(proto::client_step at) noexcept {
    switch (at) {
        case proto::client_step::resolve:
        case proto::client_step::connect: return check_stage::tcp;
        case proto::client_step::greeting: return check_stage::greeting;
        case proto::client_step::tls: return check_stage::tls;
        case proto::client_step::login: return check_stage::login;
        default: return check_stage::list;
    }
}

client::open_depth depth_of(check_stage up_to) noexcept {
    switch (up_to) {
        case check_stage::off:
        case check_stage::tcp: return client::open_depth::tcp;
        case check_stage::greeting: return client::open_depth::greeting;
        case check_stage::tls:
        case check_stage::login:
        case check_stage::list: break;
    }
    return client::open_depth::tls;
}

client::connection_options options_for(const backend& to, const backend_access& by, net::clock::duration whole) {
    const auto limit = std::chrono::ceil<std::chrono::milliseconds>(whole);
    client::connection_options out;
    out.methods = {proto::data_method::epsv, proto::data_method::pasv};  // as the gateway asks for its clients
    out.tls = by.tls;
    out.same_certificate = false;  // nor do the sessions ask for that
    out.keepalive = by.keepalive;
    out.connect = out.greeting = out.tls_handshake = limit;
    out.reply = std::min<std::chrono::milliseconds>(out.reply, limit);
    out.quit = quit_wait;
    if (to.proxy) out.prelude = proto::write_proxy_header(by.client, *to.proxy);
    if (to.proxy && to.proxy_data) out.data_prelude = out.prelude;
    return out;
}

}  // namespace

std::string_view name(backend_state s) noexcept { return states[static_cast<std::size_t>(s)]; }

std::string_view name(check_stage s) noexcept { return stages[static_cast<std::size_t>(s)]; }

result<backend> backend::parse(std::string_view url) {
    const auto refuse = [&](std::string_view why) {
        return fail(errc::syntax, fmt::format("backend \"{}\": {}", escape(url, 200), why));
    };
    const auto refuse_form = [&](std::string_view why) {
        return refuse(fmt::format("{}; use ftp://HOST[:PORT], ftpes://HOST[:PORT] or ftps://HOST[:PORT]", why));
    };
    for (const auto& known : schemes) {
        if (!starts_with_icase(url, known.prefix)) continue;
        auto rest = url.substr(known.prefix.size());
        backend b{.host = {}, .port = known.port, .tls = known.tls};
        if (const auto mark = rest.find('?'); mark != std::string_view::npos) {
            for (const auto term : std::views::split(rest.substr(mark + 1), '&')) {
                if (const auto wrong = read_backend_parameter(std::string_view(term), b); !wrong.empty())
                    return refuse(wrong);
            }
            rest = rest.substr(0, mark);
        }
        if (b.mirror.first != 0 && b.tls != backend_tls::none && b.tls != backend_tls::implicit)
            return refuse("passthrough=A-B passes the client's TLS; use ftp:// or, for implicit TLS, ftps://");
        if (b.mirror.first != 0 && b.proxy_data)
            return refuse("passthrough=A-B and proxy-protocol-data=yes exclude each other; remove one of them");
        const bool direct = b.direct.passive || b.direct.active;
        if (b.mirror.first != 0 && direct)
            return refuse("passthrough=A-B and direct exclude each other; remove one of them");
        if (b.direct.outside && !b.direct.passive)
            return refuse("external-address=ADDR requires direct=passive or direct=both; add it");
        if (b.proxy_data && !b.proxy)
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
    const auto& mine = schemes[tls == backend_tls::match ? 0 : static_cast<std::size_t>(tls)];
    const bool bracketed = host.find(':') != std::string::npos;
    return fmt::format("{}{}{}{}:{}", mine.prefix, bracketed ? "[" : "", host, bracketed ? "]" : "", port);
}

std::string backend_failure::text() const { return fmt::format("{}: {}", name(at), escape(cause.text(), 300)); }

backend_failure failure_of(const proto::client_failure& what) { return {stage_of(what.at), what.cause, what.reply_code}; }

net::task<std::expected<opened_backend, backend_failure>> open_backend(net::loop& home, backend to, backend_access by,
                                                                       net::time_limit limit, check_stage up_to) {
    opened_backend out;
    auto options = options_for(to, by, limit.progress);
    options.before_connect = [&](const endpoint& at) -> result<std::function<void(const endpoint&)>> {
        if (by.own->listens_at(at))
            return fail(
                errc::usage,
                fmt::format("{}: this gateway itself listens there; use the address and port of the FTP server", at.text()));
        auto connecting = std::make_shared<std::shared_lock<std::shared_mutex>>(by.own->connecting());
        return [&, at, connecting](const endpoint& local) {  // on this thread, before anything is waited for
            out.leg = by.own->hold(local, at);
            connecting->unlock();
        };
    };
    out.link = std::make_unique<client::connection>(home, std::move(options));
    out.link->finish_by(limit.total);
    client::server_address where{to.host, to.port, tls_mode_of(to.tls), to.addresses, to.tls_host()};
    client::credentials who{by.user, by.password, {}};
    const auto failed = co_await out.link->open(std::move(where), depth_of(up_to), std::move(who));
    if (!failed) co_return out;
    auto why = failure_of(*failed);
    if (why.reply != 0) {
        const bool greeted = why.at != check_stage::greeting;
        why.cause = {errc::rejected, 0,
                     fmt::format("{} was answered by {}", greeted ? "AUTH" : "the connection", failed->refusal)};
    }
    co_return std::unexpected(std::move(why));
}

net::task<std::expected<backend_link, backend_failure>> reach_backend(net::loop& home, const backend& to,
                                                                      const proto::proxy_header& client,
                                                                      const std::optional<net::tls_client_context>& tls,
                                                                      const net::keepalive& keepalive, own_ends& own,
                                                                      net::time_limit limit, check_stage up_to) {
    backend_access by{.client = client, .tls = tls, .keepalive = keepalive, .own = &own, .user = {}, .password = {}};
    auto opened = co_await open_backend(home, to, std::move(by), limit, up_to);
    if (!opened) co_return std::unexpected(std::move(opened.error()));
    backend_link out;
    if (up_to != check_stage::tcp) out.greeting = opened->link->facts().greeting();
    out.stream = opened->link->release();
    out.leg = std::move(opened->leg);
    co_return out;
}

}  // namespace sallyport::gate
