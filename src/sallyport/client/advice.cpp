#include <sallyport/client/advice.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>

namespace sallyport::client {

namespace {

using proto::client_failure;

bool is_silence(const attempt& a) {
    return a.failure && (a.failure->code == errc::timeout || a.failure->code == errc::unreachable);
}

// ---- Login works, data don't come

std::optional<advice> about_a_passive_attempt(const attempt& a) {
    if (!a.agreed) {
        // A refusal, or an answer without a usable port, is the server's own; silence and loss may be a firewall's.
        const auto code = a.failure->code;
        if (code != errc::timeout && code != errc::closed && code != errc::reset) return std::nullopt;
        return advice{.what = cause::command_blocked, .method = a.method, .url = {}};
    }
    if (is_silence(a)) return advice{.what = cause::passive_port_silent, .where = a.to, .method = {}, .url = {}};
    if (a.failure->code == errc::refused || a.failure->code == errc::reset)
        return advice{.what = cause::passive_port_refused, .where = a.to, .method = {}, .url = {}};
    return std::nullopt;
}

std::optional<advice> about_an_active_attempt(const attempt& a, const circumstances& known) {
    // The server refused the method, or no port could be opened here: no firewall had a say.
    if (!a.agreed) return std::nullopt;
    const bool behind_nat = !a.to.address.is_public() && known.peer.address.is_public();
    return advice{.what = behind_nat ? cause::private_address_announced : cause::active_connection_missing,
                  .where = a.to,
                  .method = {},
                  .url = {}};
}

std::optional<advice> about_the_advertised_address(const attempt& a, const circumstances& known) {
    const bool misnamed = a.advertised.port != 0 && a.advertised.address != known.peer.address;
    if (!misnamed || a.advertised.address.is_public()) return std::nullopt;
    return advice{.what = cause::private_address_advertised, .where = a.advertised, .method = {}, .url = {}};
}

std::optional<advice> about_other_methods(const circumstances& known) {
    const bool tried_active = std::ranges::any_of(known.attempts, proto::is_active, &attempt::method);
    const bool tried_passive = !std::ranges::all_of(known.attempts, proto::is_active, &attempt::method);
    if (tried_active && tried_passive) return std::nullopt;
    return advice{.what = tried_passive ? cause::passive_mode_failed : cause::active_mode_failed, .method = {}, .url = {}};
}

/// The same cause with the same words is said once.
bool says_the_same(const advice& a, const advice& b) {
    const bool names_port = a.what != cause::private_address_advertised && a.what != cause::private_address_announced;
    return a.what == b.what && a.method == b.method &&
           (names_port ? a.where == b.where : a.where.address == b.where.address);
}

std::vector<advice> advise_on_data(const circumstances& known) {
    std::vector<advice> out;
    const auto add = [&out](std::optional<advice> one) {
        if (one && std::ranges::none_of(out, [&](const advice& a) { return says_the_same(a, *one); }))
            out.push_back(std::move(*one));
    };
    for (const auto& a : known.attempts) {
        if (!a.failure) continue;
        add(about_the_advertised_address(a, known));
        add(is_active(a.method) ? about_an_active_attempt(a, known) : about_a_passive_attempt(a));
    }
    add(about_other_methods(known));
    if (out.empty()) out.push_back({.what = cause::methods_refused, .method = {}, .url = {}});
    return out;
}

// ---- The steps before

cause cause_of_connect(const error& why) {
    if (why.code == errc::refused) return cause::connection_refused;
    return why.code == errc::timeout ? cause::no_response : cause::unreachable;
}

cause cause_of_greeting(const client_failure& what, const circumstances& known) {
    const errc code = what.cause.code;
    if (code == errc::timeout && known.where.tls != tls_mode::implicit) return cause::silent_port;
    if (code == errc::closed || code == errc::reset) return cause::closed_before_greeting;
    return code == errc::rejected ? cause::service_refused : cause::no_ftp_server;
}

cause cause_of_tls(const client_failure& what, const circumstances& known) {
    switch (what.cause.code) {
        case errc::tls_untrusted: return cause::certificate_untrusted;
        case errc::rejected:  // PROT
            return known.protect_data ? cause::data_protection_refused : cause::data_protection_required;
        case errc::unsupported: return cause::tls_missing;
        case errc::unexpected: return cause::tls_tampered;
        default: break;
    }
    return known.where.tls == tls_mode::implicit ? cause::tls_mode_wrong : cause::tls_failed;
}

cause cause_of_login(const client_failure& what, const circumstances& known) {
    if (what.reply_code == 332) return cause::account_missing;
    if (what.reply_code >= 400 && what.reply_code < 500 && what.reply_code != 430) return cause::server_trouble;
    if (what.cause.code != errc::login_refused && what.reply_code != 430) return cause::login_failed;
    const bool anonymous = iequals(known.user, "anonymous") || iequals(known.user, "ftp");
    return anonymous ? cause::anonymous_refused : cause::credentials_refused;
}

// ---- The request and the transfer

advice advise_on_the_path(const circumstances& known) {
    auto directory = known.where;
    directory.path = known.path.substr(0, known.path.rfind('/') == known.path.npos ? 0 : known.path.rfind('/') + 1);
    directory.ascii = false;
    if (known.doing == operation::list && directory.path == known.path)
        return {.what = cause::directory_refused, .method = {}, .url = {}};
    return {.what = cause::path_refused, .method = {}, .url = directory.text()};
}

bool lacks_space(const client_failure& what, const circumstances& known) {
    return (what.reply_code == 452 || what.reply_code == 552) && known.doing == operation::put;
}

cause cause_of_request(const client_failure& what, const circumstances& known) {
    if (lacks_space(what, known)) return cause::no_space_on_server;
    switch (what.reply_code) {
        case 530:
        case 532: return cause::user_not_permitted;
        case 450:
        case 451: return cause::server_trouble;
        default: break;
    }
    switch (what.cause.code) {
        case errc::unsupported: return cause::resume_unsupported;
        case errc::name_invalid: return cause::name_unusable;
        case errc::closed:
        case errc::reset: return cause::connection_lost;
        case errc::timeout: return cause::reply_timeout;
        default: return cause::request_failed;
    }
}

cause cause_of_transfer(const client_failure& what, const circumstances& known) {
    if (lacks_space(what, known)) return cause::no_space_on_server;
    if (what.cause.code == errc::tls_untrusted) return cause::data_certificate_differs;
    if (!known.can_resume) return cause::transfer_failed;
    return known.doing == operation::put ? cause::upload_interrupted : cause::download_interrupted;
}

cause cause_of_local_file(const error& why) {
    switch (why.code) {
        case errc::out_of_range:
        case errc::unsupported:
        case errc::not_a_file: return cause::file_not_continuable;
        case errc::truncated: return cause::file_changed;
        case errc::busy: return cause::file_in_use;
        default: return cause::file_failed;
    }
}

std::vector<advice> one(cause what) { return {advice{.what = what, .method = {}, .url = {}}}; }

/// What the server's words say, at whatever step.
std::optional<advice> advise_by_words(const client_failure& what, const circumstances& known) {
    switch (reason_of(what, known.where.tls != tls_mode::none && known.protect_data)) {
        case refusal::needs_tls: {
            if (known.where.tls != tls_mode::none) return advice{.what = cause::data_tls_required, .method = {}, .url = {}};
            auto there = known.where;
            there.tls = tls_mode::explicit_;
            return advice{.what = cause::tls_required, .method = {}, .url = there.text()};
        }
        case refusal::too_many: return advice{.what = cause::server_busy, .method = {}, .url = {}};
        case refusal::other: break;
    }
    if (what.reply_code == 421) return advice{.what = cause::server_busy, .method = {}, .url = {}};
    return std::nullopt;
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

std::vector<advice> advise(const client_failure& what, const circumstances& known) {
    if (auto by_words = advise_by_words(what, known)) return {std::move(*by_words)};
    if (what.cause.code == errc::stray_reply && what.at != step::greeting) {
        auto out = one(cause::stray_reply);
        if (what.at == step::transfer && known.can_resume) out.push_back(one(cause_of_transfer(what, known)).front());
        return out;
    }
    switch (what.at) {
        case step::resolve: return one(cause::host_not_found);
        case step::connect: return one(cause_of_connect(what.cause));
        case step::greeting: return one(cause_of_greeting(what, known));
        case step::tls: return one(cause_of_tls(what, known));
        case step::login: return one(cause_of_login(what, known));
        case step::request:
            if (what.reply_code == 550 || what.reply_code == 553) return {advise_on_the_path(known)};
            return one(cause_of_request(what, known));
        case step::data: return advise_on_data(known);
        case step::transfer: return one(cause_of_transfer(what, known));
        case step::local_file: return one(cause_of_local_file(what.cause));
        case step::listing: return one(cause::listing_not_understood);
    }
    return {};
}

failure make_failure(client_failure what, const circumstances& known, std::string doing) {
    failure out;
    out.at = what.at;
    out.reply_code = what.reply_code;
    out.reason = reason_of(what, known.where.tls != tls_mode::none && known.protect_data);
    out.can_resume = known.can_resume && (what.at == step::transfer || what.at == step::local_file);
    out.causes = advise(what, known);
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
    return out;
}

}  // namespace sallyport::client
