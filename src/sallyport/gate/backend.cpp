#include <sallyport/gate/backend.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <ranges>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/url_zone.hpp>

namespace sallyport::gate {
namespace {

struct scheme {
    std::string_view prefix;
    backend_tls tls;
    std::uint16_t port;
};
constexpr auto schemes = std::to_array<scheme>(
    {{"ftp://", backend_tls::none, 21}, {"ftpes://", backend_tls::explicit_, 21}, {"ftps://", backend_tls::implicit, 990}});

constexpr auto states = std::to_array<std::string_view>({"active", "drain", "maintenance"});  // as backend_state
constexpr auto stages = std::to_array<std::string_view>({"off", "tcp", "greeting", "tls", "login", "list"});

/// One "key=value" of the query. Empty where it is right, else what is wrong.
[[nodiscard]] std::string_view read_term(std::string_view term, backend& into) {
    const auto equals = term.find('=');
    const auto key = term.substr(0, equals);
    const auto value = equals == std::string_view::npos ? std::string_view() : term.substr(equals + 1);
    if (key == "weight") {
        const auto weight = parse_decimal(value, limits::backend_weight);
        if (!weight || *weight == 0) return "the weight must be a number from 1 to 256 (no new sessions: state=drain)";
        into.terms.weight = static_cast<unsigned>(*weight);
        return {};
    }
    if (key == "max-sessions") {
        const auto most = parse_decimal(value, 1'000'000);
        if (!most) return "max-sessions must be a number, 0 for no limit";
        into.terms.max_sessions = *most;
        return {};
    }
    if (key == "priority") {
        const auto priority = parse_decimal(value, 65535);
        if (!priority) return "the priority must be a number, 0 for the first to be asked";
        into.terms.priority = static_cast<unsigned>(*priority);
        return {};
    }
    if (key == "users" || key == "hosts") {
        auto& names = key == "users" ? into.terms.users : into.terms.hosts;
        for (const auto name : std::views::split(value, ',')) {
            const std::string_view one(name);
            names.push_back(key == "users" ? std::string(one) : to_lower(one));
        }
        if (names.empty() || std::ranges::find(names, "") != names.end())
            return "users and hosts must be names, joined by commas";
        return {};
    }
    if (key == "state") {
        const auto known = std::ranges::find(states, value);
        if (known == states.end()) return "the state must be active, drain or maintenance";
        into.terms.state = static_cast<backend_state>(known - states.begin());
        return {};
    }
    if (key == "tls") {
        if (value != "match" || into.tls != backend_tls::none)
            return "tls=match goes with ftp://; other words are not known";
        into.tls = backend_tls::match;
        return {};
    }
    if (key == "resolve") {
        if (value != "a" && value != "srv") return "resolve must be a (all addresses are servers) or srv (SRV records)";
        into.found_by = value == "a" ? lookup::addresses : lookup::service;
        return {};
    }
    if (key == "proxy") {
        if (value != "v1" && value != "v2") return "proxy must be v1 or v2";
        into.proxy = value == "v1" ? proto::proxy_version::v1 : proto::proxy_version::v2;
        return {};
    }
    if (key == "proxy-data") {
        if (value != "yes" && value != "no") return "proxy-data must be yes or no";
        into.proxy_data = value == "yes";
        return {};
    }
    if (key == "direct") {
        if (value != "passive" && value != "active" && value != "both") return "direct must be passive, active or both";
        into.direct.passive = value != "active";
        into.direct.active = value != "passive";
        return {};
    }
    if (key == "outside") {
        into.direct.outside = ip_address::parse(value);
        if (!into.direct.outside || !into.direct.outside->is_v4())
            return "outside must be the IPv4 address at which clients reach the server itself";
        return {};
    }
    if (key == "mirror") {
        const auto range = port_range::parse(value);
        if (!range || range->first < 1024) return "mirror must be a range of ports from 1024 on, such as 30000-30099";
        into.mirror = *range;
        return {};
    }
    return "what may stand behind the question mark is weight=N, max-sessions=N, state=WORD, priority=N, users=NAMES, "
           "hosts=NAMES, tls=match, resolve=a|srv, proxy=v1|v2, proxy-data=yes, direct=passive|active|both, "
           "outside=ADDRESS and mirror=A-B, joined by &";
}

[[nodiscard]] bool is_host_name(std::string_view text) noexcept {
    if (text.empty() || text.size() > 253) return false;
    for (const char c : text) {
        if (!is_alpha(c) && !is_digit(c) && c != '-' && c != '.' && c != '_') return false;
    }
    return true;
}

// The next final reply. What comes behind it would be read out of turn, so nothing may.
net::task<result<proto::reply>> one_reply(net::stream& from, proto::reply_parser& parser, net::time_limit limit) {
    std::array<char, 1024> buffer;
    proto::reply r;
    for (;;) {
        switch (parser.next(r)) {
            case proto::reply_parser::status::error: co_return std::unexpected(parser.failure());
            case proto::reply_parser::status::reply:
                if (r.preliminary()) continue;
                if (!parser.only_blank()) co_return fail(errc::unexpected, "it sent more than one reply at once");
                co_return r;
            case proto::reply_parser::status::need_more: break;
        }
        const auto got = co_await from.read_some(buffer, limit);
        if (!got) co_return std::unexpected(got.error());
        if (*got == 0) co_return fail(errc::closed, "it closed the connection before its reply");
        parser.append({buffer.data(), *got});
    }
}

[[nodiscard]] error rejection(std::string_view asked, const proto::reply& r) {
    return {errc::rejected, 0, fmt::format("{} was answered by {} {}", asked, r.code, r.whole_text())};
}

net::task<result<net::stream>> connect_any(net::loop& home, const backend& to, own_ends& own, own_ends::leg& leg,
                                           net::time_limit limit) {
    auto addresses = result<std::vector<ip_address>>(to.addresses);
    if (addresses->empty()) addresses = co_await net::resolve(home, to.host, limit);
    if (!addresses) co_return std::unexpected(addresses.error());
    auto last = error{errc::unresolved, 0, to.host};
    std::optional<error> ourselves;  // says more than why the others failed
    for (const auto& address : *addresses) {
        const endpoint at{address, to.port};
        if (own.listens_at(at)) {
            ourselves.emplace(
                error{errc::usage, 0,
                      fmt::format("{}: this gateway itself listens there; give the address and port of the FTP "
                                  "server",
                                  at.text())});
            continue;
        }
        auto connecting = own.connecting();
        net::connect_options options;
        options.on_local = [&](const endpoint& local) {  // on this thread, before anything is waited for
            leg = own.hold(local, at);
            connecting.unlock();
        };
        auto connected = co_await net::connect(home, at, std::move(options), limit);
        if (connected) co_return connected;
        last = connected.error();
    }
    co_return std::unexpected(ourselves.value_or(last));
}

}  // namespace

std::string_view name(backend_state s) noexcept { return states[static_cast<std::size_t>(s)]; }

std::string_view name(check_stage s) noexcept { return stages[static_cast<std::size_t>(s)]; }

result<backend> backend::parse(std::string_view url) {
    const auto refuse = [&](std::string_view why) {
        return fail(errc::syntax, fmt::format("backend \"{}\": {}; give ftp://HOST[:PORT], ftpes://... or ftps://...",
                                              escape(url, 200), why));
    };
    for (const auto& known : schemes) {
        if (!starts_with_icase(url, known.prefix)) continue;
        auto rest = url.substr(known.prefix.size());
        backend b{.host = {}, .port = known.port, .tls = known.tls};
        if (const auto mark = rest.find('?'); mark != std::string_view::npos) {
            for (const auto term : std::views::split(rest.substr(mark + 1), '&')) {
                if (const auto wrong = read_term(std::string_view(term), b); !wrong.empty()) return refuse(wrong);
            }
            rest = rest.substr(0, mark);
        }
        if (b.mirror.first != 0 && b.tls != backend_tls::none && b.tls != backend_tls::implicit)
            return refuse("with mirror=A-B its TLS is the client's: give ftp:// or, for implicit TLS, ftps://");
        if (b.mirror.first != 0 && b.proxy_data) return refuse("mirrored ports carry no PROXY headers");
        const bool direct = b.direct.passive || b.direct.active;
        if (b.mirror.first != 0 && direct) return refuse("with mirror=A-B nothing is known of data that could go direct");
        if (b.direct.outside && !b.direct.passive) return refuse("outside=ADDRESS needs direct=passive or direct=both");
        if (b.proxy_data && !b.proxy) return refuse("proxy-data=yes needs proxy=v1 or proxy=v2");
        if (rest.ends_with('/')) rest.remove_suffix(1);
        if (rest.find('@') != std::string_view::npos)
            return refuse("a user name has no place here, clients log in themselves");
        if (rest.find('/') != std::string_view::npos) return refuse("a path has no place here");
        const bool bracketed = rest.starts_with('[');
        const auto host_end = bracketed ? rest.find(']') : rest.rfind(':');
        if (bracketed && host_end == std::string_view::npos) return refuse("the bracket is not closed");
        const auto literal = rest.substr(bracketed ? 1 : 0, bracketed ? host_end - 1 : host_end);
        const std::string host = bracketed ? without_zone_escape(literal) : std::string(literal);
        auto port = host_end == std::string_view::npos ? std::string_view() : rest.substr(host_end + (bracketed ? 1 : 0));
        if (bracketed ? !ip_address::parse(host) : !is_host_name(host)) return refuse("that is no host");
        b.host = host;
        if (port.empty()) return b;
        const auto number = port.starts_with(':') ? parse_decimal(port.substr(1), 65535) : std::nullopt;
        if (!number || *number == 0) return refuse("the port must be a number from 1 to 65535");
        b.port = static_cast<std::uint16_t>(*number);
        return b;
    }
    return refuse("the scheme is not known");
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

net::task<std::expected<backend_link, backend_failure>> reach_backend(net::loop& home, const backend& to,
                                                                      const proto::proxy_header& client,
                                                                      const std::optional<net::tls_client_context>& tls,
                                                                      const net::keepalive& keepalive, own_ends& own,
                                                                      net::time_limit limit, check_stage up_to) {
    const auto failed = [](check_stage at, const error& why) { return std::unexpected(backend_failure{at, why}); };
    own_ends::leg leg;
    auto connected = co_await connect_any(home, to, own, leg, limit);
    if (!connected) co_return failed(check_stage::tcp, connected.error());
    backend_link link{std::move(*connected), {}, std::move(leg)};
    auto& stream = link.stream;
    stream.set_keepalive(keepalive);
    if (to.proxy) {
        const auto header = proto::write_proxy_header(client, *to.proxy);
        const auto sent = co_await stream.write_all(header, limit);
        if (!sent) co_return failed(check_stage::greeting, sent.error());
    }
    if (up_to == check_stage::tcp) co_return link;
    if (to.tls != backend_tls::none && !tls)
        co_return failed(check_stage::tls, error{errc::misuse, 0, "no TLS settings for a backend with TLS"});
    const net::tls_connect_options as{.server_name = to.tls_host(), .resume = {}};
    if (to.tls == backend_tls::implicit) {
        const auto shaken = co_await stream.connect_tls(*tls, as, limit);
        if (!shaken) co_return failed(check_stage::tls, shaken.error());
    }
    proto::reply_parser parser;
    auto greeting = co_await one_reply(stream, parser, limit);
    if (!greeting) co_return failed(check_stage::greeting, greeting.error());
    if (greeting->code != 220) {
        co_return std::unexpected(
            backend_failure{check_stage::greeting, rejection("the connection", *greeting), greeting->code});
    }
    link.greeting = std::move(*greeting);
    if (to.tls == backend_tls::explicit_ && up_to >= check_stage::tls) {
        const auto asked = co_await stream.write_all("AUTH TLS\r\n", limit);
        if (!asked) co_return failed(check_stage::tls, asked.error());
        const auto agreed = co_await one_reply(stream, parser, limit);
        if (!agreed) co_return failed(check_stage::tls, agreed.error());
        if (parser.pending() > 0)  // not even a blank line: nothing that came in the clear may count under TLS (TLS-02)
            co_return failed(check_stage::tls, {errc::unexpected, 0, "it sent more than its reply to AUTH TLS"});
        if (agreed->code != 234) co_return failed(check_stage::tls, rejection("AUTH TLS", *agreed));
        const auto shaken = co_await stream.connect_tls(*tls, as, limit);
        if (!shaken) co_return failed(check_stage::tls, shaken.error());
    }
    co_return link;
}

}  // namespace sallyport::gate
