#include <sallyport/client/advice.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>

namespace sallyport::client {

namespace {

bool is_silence(const attempt& a) {
    return a.failure && (a.failure->code == errc::timeout || a.failure->code == errc::unreachable);
}

// ---- Login works, data don't come

std::string about_a_passive_attempt(const attempt& a) {
    if (!a.agreed) {
        // A refusal, or an answer without a usable port, is the server's own; silence and loss may be a firewall's.
        const auto code = a.failure->code;
        if (code != errc::timeout && code != errc::closed && code != errc::reset) return {};
        return fmt::format("The server did not answer {}: a firewall may block this command; choose another with --method.",
                           name(a.method));
    }
    if (is_silence(a))
        return fmt::format(
            "No response from {}: a firewall is probably dropping the data connection. Open the server's "
            "passive ports (including {}) in its firewall, or allow outgoing connections to them in yours.",
            a.to.text(), a.to.port);
    if (a.failure->code == errc::refused || a.failure->code == errc::reset)
        return fmt::format(
            "{} refused the connection: the passive ports are not forwarded to the server, or a firewall "
            "rejects them.",
            a.to.text());
    return {};
}

std::string about_an_active_attempt(const attempt& a, const circumstances& known) {
    if (!a.agreed) return {};  // the server refused the method, or no port could be opened here: no firewall had a say
    if (!a.to.address.is_public() && known.peer.address.is_public())
        return fmt::format(
            "Active mode cannot work from {}, a private address behind NAT, unless ports are forwarded to this "
            "computer (--active-ports) and its external address is given (--active-address).",
            a.to.address.text());
    return fmt::format(
        "The server did not connect to {} in active mode. Allow this connection in your firewall and in the "
        "server's.",
        a.to.text());
}

std::string about_the_advertised_address(const attempt& a, const circumstances& known) {
    const bool misnamed = a.advertised.port != 0 && a.advertised.address != known.peer.address;
    if (!misnamed || a.advertised.address.is_public()) return {};
    return fmt::format(
        "The server advertised the private address {}. Its external address must be configured on the server.",
        a.advertised.address.text());
}

std::string about_other_methods(const circumstances& known) {
    const bool tried_active = std::ranges::any_of(known.attempts, proto::is_active, &attempt::method);
    const bool tried_passive = !std::ranges::all_of(known.attempts, proto::is_active, &attempt::method);
    if (tried_active && tried_passive) return {};
    return tried_passive ? "Active mode (--active) is another way if the server can connect to this computer."
                         : "Passive mode (without --active) is another way.";
}

std::string advise_on_data(const circumstances& known) {
    std::vector<std::string> advice;
    const auto add = [&advice](std::string sentence) {
        if (!sentence.empty() && std::ranges::find(advice, sentence) == advice.end()) advice.push_back(std::move(sentence));
    };
    for (const auto& a : known.attempts) {
        if (!a.failure) continue;
        add(about_the_advertised_address(a, known));
        add(is_active(a.method) ? about_an_active_attempt(a, known) : about_a_passive_attempt(a));
    }
    const bool only_refusals = advice.empty();
    add(about_other_methods(known));
    if (advice.empty() && only_refusals)
        return "The server refuses every data method that was tried; its replies say why, and -v shows the conversation.";
    return fmt::format("{}", fmt::join(advice, " "));
}

// ---- The steps before

std::string advise_on_connect(const error& cause) {
    if (cause.code == errc::refused) return "Check the host name and port, and that the server is running.";
    if (cause.code == errc::timeout)
        return "No response. The address may be wrong, the host down, or a firewall may be dropping the connection.";
    return "Check the host's address and this computer's network.";
}

std::string advise_on_greeting(const proto::client_failure& what, const circumstances& known) {
    const errc code = what.cause.code;
    if (code == errc::timeout && known.where.tls != tls_mode::implicit)
        return "The port is open, but no FTP server answers on it; use ftps:// if the server expects implicit TLS.";
    if (code == errc::closed || code == errc::reset)
        return "The server closed the connection before its greeting: it may be full, or may not accept connections from "
               "this "
               "address.";
    if (code == errc::rejected)
        return "The server does not accept this connection; ask its administrator, or try again later.";
    return "This does not behave like an FTP server: check the host name and port; -v shows the conversation.";
}

std::string advise_on_tls(const proto::client_failure& what, const circumstances& known) {
    switch (what.cause.code) {
        case errc::tls_untrusted:
            return "Pass its CA certificate with --ca FILE. With --insecure the connection is not protected against "
                   "interception.";
        case errc::rejected:  // PROT
            return known.protect_data ? "With --no-protect-data, files and listings are transferred unencrypted."
                                      : "Leave out --no-protect-data.";
        case errc::unsupported:
            return "No password was sent. Use ftp:// only if sending the password and data unencrypted is acceptable.";
        case errc::unexpected:
            return "No password was sent. The connection may have been tampered with; use ftps:// (implicit TLS) if the "
                   "server offers it.";
        default: break;
    }
    return known.where.tls == tls_mode::implicit
               ? "The port may expect explicit TLS: try ftpes:// instead of ftps://."
               : "The server's TLS may be too old (below 1.2) or broken; -v shows the conversation.";
}

std::string advise_on_login(const proto::client_failure& what, const circumstances& known) {
    if (what.reply_code == 332)
        return "Give the account in ~/.netrc: machine HOST login NAME password SECRET account ACCOUNT.";
    if (what.reply_code >= 400 && what.reply_code < 500 && what.reply_code != 430)
        return "The server has a temporary problem; try again later.";
    if (what.cause.code != errc::login_refused && what.reply_code != 430) return "-v shows the conversation.";
    if (iequals(known.user, "anonymous") || iequals(known.user, "ftp"))
        return "The server may not accept anonymous logins; give a user name in the URL or with --user.";
    return "Check user name and password: in the URL, by --user NAME:PASSWORD, in SALLYPORT_PASSWORD or in ~/.netrc.";
}

// ---- The request and the transfer

std::string advise_on_the_path(const circumstances& known) {
    const std::string check = "Check the path and that this user may do it";
    auto directory = known.where;
    directory.path = known.path.substr(0, known.path.rfind('/') == known.path.npos ? 0 : known.path.rfind('/') + 1);
    directory.ascii = false;
    if (known.doing == operation::list && directory.path == known.path) return check + ".";
    return fmt::format("{}; to list the directory: sallyport ls '{}'", check, directory.text());
}

std::string advise_on_request(const proto::client_failure& what, const circumstances& known) {
    switch (what.reply_code) {
        case 550:
        case 553: return advise_on_the_path(known);
        case 530:
        case 532: return "This user may not do it; log in as another one (--user), or ask the server's administrator.";
        case 452:
        case 552:
            if (known.doing != operation::put) break;
            return "The server has no space for it: free some there, or ask its administrator.";
        case 450:
        case 451: return "The server has a temporary problem; try again later.";
        default: break;
    }
    switch (what.cause.code) {
        case errc::unsupported: return "Try again without --resume.";
        case errc::name_invalid: return "FTP cannot transmit this name; choose another.";
        case errc::closed:
        case errc::reset: return "The connection was lost; try again.";
        case errc::timeout: return "The server did not respond; try again later.";
        default: return "-v shows the conversation.";
    }
}

std::string advise_on_transfer(const proto::client_failure& what, const circumstances& known) {
    const bool no_space = what.reply_code == 452 || what.reply_code == 552;
    if (no_space && known.doing == operation::put) return advise_on_request(what, known);
    if (what.cause.code == errc::tls_untrusted)
        return "Another host may have answered on the data port; -v shows where it connected to.";
    if (known.can_resume)
        return known.doing == operation::put ? "The server kept the part that it received; use --resume to continue."
                                             : "The partial file was kept; use --resume to continue.";
    return "Try again; -v shows the conversation.";
}

std::string advise_on_local_file(const error& cause) {
    switch (cause.code) {
        case errc::out_of_range:
        case errc::unsupported:
        case errc::not_a_file: return "Without --resume the whole file is transferred.";
        case errc::truncated: return "Put it again once no other program changes it.";
        case errc::busy: return {};
        default: return "Check free space and permissions of the local file.";
    }
}

std::string tls_url(const circumstances& known) {
    auto there = known.where;
    there.tls = tls_mode::explicit_;
    return there.text();
}

}  // namespace

std::string describe_attempts(const std::vector<attempt>& attempts) {
    std::string out;
    for (const auto& a : attempts) {
        if (!out.empty()) out += "; ";
        out += fmt::format("{}: ", name(a.method));
        if (!a.failure) {
            out += fmt::format("{} worked", a.to.text());
        } else if (!a.agreed || a.failure->code == errc::rejected) {
            out += a.failure->text();
        } else if (a.failure->code == errc::timeout) {
            out += is_active(a.method) ? fmt::format("the server did not connect to {}", a.to.text())
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
    switch (reason_of(what, known.where.tls != tls_mode::none && known.protect_data)) {
        case refusal::needs_tls:
            if (known.where.tls != tls_mode::none)
                return "The server requires encrypted data connections; leave out --no-protect-data.";
            return fmt::format("The server requires TLS; use {}", tls_url(known));
        case refusal::too_many: return "The server is busy or shutting down; try again later.";
        case refusal::other: break;
    }
    if (what.reply_code == 421) return "The server is busy or shutting down; try again later.";
    switch (what.at) {
        case step::resolve: return "Check the host name, and that this computer can reach its name server.";
        case step::connect: return advise_on_connect(what.cause);
        case step::greeting: return advise_on_greeting(what, known);
        case step::tls: return advise_on_tls(what, known);
        case step::login: return advise_on_login(what, known);
        case step::request: return advise_on_request(what, known);
        case step::data: return advise_on_data(known);
        case step::transfer: return advise_on_transfer(what, known);
        case step::local_file: return advise_on_local_file(what.cause);
        case step::listing: return "Files can be transferred all the same, by their names; -v shows the conversation.";
    }
    return {};
}

failure make_failure(proto::client_failure what, const circumstances& known, std::string doing) {
    failure out;
    out.at = what.at;
    out.reply_code = what.reply_code;
    out.reason = reason_of(what, known.where.tls != tls_mode::none && known.protect_data);
    out.can_resume = known.can_resume && (what.at == step::transfer || what.at == step::local_file);
    out.advice = advise(what, known);
    out.cause = std::move(what.cause);
    // That no connection could be made says the whole of it.
    if (out.at != step::connect && out.at != step::resolve) out.doing = doing;
    if (out.at == step::data && !known.attempts.empty())
        out.cause.what =
            "login succeeded, but no data connection could be established (" + describe_attempts(known.attempts) + ")";
    return out;
}

std::string failure::text() const {
    std::string out = (doing.empty() ? "" : escape(doing, 512) + ": ") + escape(cause.text(), 2048);
    if (!out.ends_with('.')) out += '.';
    if (!advice.empty()) out += " " + escape(advice, 2048);
    return out;
}

}  // namespace sallyport::client
