#include <sallyport/client/advice.hpp>

#include <fmt/format.h>

#include <algorithm>

#include <sallyport/base/escape.hpp>

namespace sallyport::client {

namespace {

bool is_silence(const attempt& a) {
    return a.failure && (a.failure->code == errc::timeout || a.failure->code == errc::unreachable);
}
bool is_refusal(const attempt& a) {
    return a.failure && a.to.port != 0 && (a.failure->code == errc::refused || a.failure->code == errc::reset);
}

/// Login worked, data don't come: a firewall or a NAT router stands between, and what it did says where.
std::string advise_on_data(const circumstances& known) {
    std::vector<std::string> advice;
    const attempt* passive_silent = nullptr;
    const attempt* passive_refused = nullptr;
    const attempt* active_failed = nullptr;
    const attempt* swallowed = nullptr;
    for (const auto& a : known.attempts) {
        if (is_active(a.method)) {
            if (a.failure && a.to.port != 0) active_failed = &a;
        } else if (is_silence(a)) {
            (a.to.port == 0 ? swallowed : passive_silent) = &a;
        } else if (is_refusal(a)) {
            passive_refused = &a;
        }
        const bool misnamed = a.advertised.port != 0 && a.advertised.address != known.peer.address;
        if (misnamed && a.failure && !a.advertised.address.is_public())
            advice.push_back(
                fmt::format("The server names {} in its passive answer, an address inside its own network: it is behind NAT "
                            "and doesn't know its outside address; its administrator has to set it.",
                            a.advertised.address.text()));
    }
    if (swallowed)
        advice.push_back(fmt::format("{} was not answered: a firewall on the way may swallow it; --method chooses another.",
                                     name(swallowed->method)));
    if (passive_silent)
        advice.push_back(
            fmt::format("Nothing answers at {}: a firewall drops the data connection. The server's firewall must open its "
                        "passive ports ({} is one of "
                        "them), or the firewall here must let connections out to such ports.",
                        passive_silent->to.text(), passive_silent->to.port));
    if (passive_refused)
        advice.push_back(fmt::format(
            "{} refuses: the router or load balancer in front of the server doesn't lead its passive ports to it, "
            "or a firewall rejects them.",
            passive_refused->to.text()));
    if (active_failed && !active_failed->to.address.is_public() && known.peer.address.is_public())
        advice.push_back(
            fmt::format("Active mode can't work from {}, a private address behind NAT, unless ports are forwarded here "
                        "(--active-ports) and the outside address is given (--active-address).",
                        active_failed->to.address.text()));
    else if (active_failed)
        advice.push_back(fmt::format(
            "In active mode the server's connection to {} didn't come: the firewall here must let it in, and the "
            "server's must let it out.",
            active_failed->to.text()));
    else
        advice.emplace_back("Active mode (--active) is another way, where this computer can be reached from the server.");
    return fmt::format("{}", fmt::join(advice, " "));
}

std::string advise_on_connect(const error& cause, const circumstances& known) {
    if (cause.code == errc::refused)
        return fmt::format("Nothing listens at {}: check host and port, and that the server runs.", known.where.authority());
    if (cause.code == errc::timeout)
        return "Nothing answers there: the address may be wrong, the host down, or a firewall drops the connection.";
    return "Check the host's address and this computer's network.";
}

std::string advise_on_tls(const proto::client_failure& what, const circumstances& known) {
    switch (what.cause.code) {
        case errc::tls_untrusted:
            return "Give the certificate of its authority by --ca FILE; --insecure accepts any certificate, and then "
                   "anybody in between "
                   "can read and change all.";
        case errc::unsupported:
            return "Nothing secret was sent. Use ftp:// only where password and data may be read on the way.";
        case errc::unexpected:
            return "Nothing secret was sent. Somebody between here and the server may be tampering; use ftps:// (implicit "
                   "TLS).";
        default: break;
    }
    return known.where.tls == tls_mode::implicit
               ? "The port may expect explicit TLS: try ftpes:// instead of ftps://."
               : "The server's TLS may be too old (below 1.2) or broken; -v shows the conversation.";
}

std::string advise_on_login(const proto::client_failure& what) {
    if (what.cause.code == errc::login_refused)
        return "Check user name and password: in the URL, by --user NAME:PASSWORD, in SALLYPORT_PASSWORD or in ~/.netrc.";
    return "-v shows the conversation.";
}

std::string advise_on_request(const proto::client_failure& what, const circumstances& known) {
    auto directory = known.where;
    directory.path = known.path.substr(0, known.path.rfind('/') == known.path.npos ? 0 : known.path.rfind('/') + 1);
    directory.ascii = false;
    switch (what.reply_code) {
        case 550:
        case 553:
            return fmt::format("Check the path and that this user may do it; what is there: sallyport ls '{}'",
                               directory.text());
        case 452:
        case 552: return "The server has no room for it: free some there, or ask its administrator.";
        case 450:
        case 451: return "The server has a passing problem: try again later.";
        default: break;
    }
    if (what.cause.code == errc::unsupported) return "Try again without --resume.";
    return "-v shows the conversation.";
}

}  // namespace

std::string describe_attempts(const std::vector<attempt>& attempts) {
    std::string out;
    for (const auto& a : attempts) {
        if (!out.empty()) out += "; ";
        out += fmt::format("{}: ", name(a.method));
        if (!a.failure) {
            out += fmt::format("{} worked", a.to.text());
        } else if (a.to.port == 0) {
            out += a.failure->text();
        } else if (a.failure->code == errc::timeout) {
            out += is_active(a.method) ? fmt::format("the server never came to {}", a.to.text())
                                       : fmt::format("no answer from {}", a.to.text());
        } else if (a.failure->code == errc::refused) {
            out += fmt::format("{} refused", a.to.text());
        } else {
            out += fmt::format("{}: {}", a.to.text(), a.failure->text());
        }
    }
    return out;
}

std::string advise(const proto::client_failure& what, const circumstances& known) {
    if (what.reply_code == 421) return "The server is full, closing or lost patience: try again in a while.";
    switch (what.at) {
        case step::resolve: return "Check the host's name, and that this computer can ask its name server.";
        case step::connect: return advise_on_connect(what.cause, known);
        case step::greeting:
            if (what.cause.code == errc::timeout && known.where.tls != tls_mode::implicit)
                return "The port is open, but no FTP server speaks first there; for implicit TLS use ftps://.";
            return "This doesn't behave like an FTP server: check host and port; -v shows the conversation.";
        case step::tls: return advise_on_tls(what, known);
        case step::login: return advise_on_login(what);
        case step::request: return advise_on_request(what, known);
        case step::data: return advise_on_data(known);
        case step::transfer: return "What came is kept; go on from there with --resume.";
        case step::local_file: return "Check room and rights here.";
    }
    return {};
}

failure make_failure(proto::client_failure what, const circumstances& known, std::string doing) {
    failure out;
    out.at = what.at;
    out.reply_code = what.reply_code;
    out.advice = advise(what, known);
    out.cause = std::move(what.cause);
    out.doing = fmt::format("{} at {}", doing, known.where.authority());
    if (out.at == step::data && !known.attempts.empty())
        out.cause.what = "login worked, but no data connection could be made (" + describe_attempts(known.attempts) + ")";
    return out;
}

std::string failure::text() const {
    std::string out = escape(doing, 512) + ": " + escape(cause.text(), 2048);
    if (!out.ends_with('.')) out += '.';
    if (!advice.empty()) out += " " + escape(advice, 2048);
    return out;
}

}  // namespace sallyport::client
