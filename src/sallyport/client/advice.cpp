#include <sallyport/client/advice.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/client/remote_file.hpp>
#include <sallyport/client/session_facts.hpp>
#include <sallyport/diagnosis/refusal_words.hpp>
#include <sallyport/diagnosis/rules.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>

namespace sallyport::client {

namespace {

using proto::client_failure;

// ---- The login succeeded, but there is no data connection

std::optional<advice> advice_on_other_methods(const failure_context& known) {
    const bool tried_active = std::ranges::any_of(known.attempts, proto::is_active, &attempt::method);
    const bool tried_passive = !std::ranges::all_of(known.attempts, proto::is_active, &attempt::method);
    if (tried_active && tried_passive) return std::nullopt;
    return advice{.id = tried_passive ? cause::passive_mode_failed : cause::active_mode_failed, .method = {}, .url = {}};
}

/// The cause for which the client has advice of its own, by the id of a rule of the diagnosis.
std::optional<cause> cause_of_rule(std::string_view id, const failure_context& known, const attempt& failed_attempt) {
    if (id == "data-ports-refused") return cause::passive_port_refused;
    if (id == "data-ports-dropped" || id == "data-ports-rejected") return cause::passive_port_timeout;
    if (id == "private-address" || id == "container-address" || id == "unspecified-address")
        return cause::private_address_advertised;
    if (id == "active-private-address") return cause::private_active_address;
    if (id == "command-unanswered" || id == "epsv-dropped") return cause::command_blocked;
    if (id != "active-blocked") return std::nullopt;
    const bool behind_nat = !failed_attempt.target.address.is_public() && known.peer.address.is_public();
    return behind_nat ? cause::private_active_address : cause::active_connection_timeout;
}

/// The attempt that a verdict is about: the first that failed with this method.
const attempt* attempt_of(const failure_context& known, const diagnosis::verdict& found) {
    const auto same = std::ranges::find_if(
        known.attempts, [&](const attempt& a) { return a.failure && found.method == std::optional(a.method); });
    return same == known.attempts.end() ? nullptr : &*same;
}

std::vector<advice> advice_on_data(const failure_context& known) {
    if (known.through_proxy) {
        const bool has_port = std::ranges::any_of(known.attempts, &attempt::accepted);
        return {{.id = has_port ? cause::proxy_blocks_data : cause::data_methods_refused, .method = {}, .url = {}}};
    }
    std::vector<advice> out;
    for (const auto& found : diagnosis::judge(facts_of(known))) {
        const auto* const failed_attempt = attempt_of(known, found);
        if (failed_attempt == nullptr) continue;
        const auto id = cause_of_rule(found.id, known, *failed_attempt);
        if (!id || std::ranges::find(out, *id, &advice::id) != out.end()) continue;
        advice one{.id = *id, .address = failed_attempt->target, .method = {}, .url = {}};
        if (*id == cause::private_address_advertised) one.address = failed_attempt->advertised;
        if (*id == cause::command_blocked) one = {.id = *id, .method = failed_attempt->method, .url = {}};
        out.push_back(std::move(one));
    }
    if (auto other = advice_on_other_methods(known)) out.push_back(std::move(*other));
    if (out.empty()) out.push_back({.id = cause::data_methods_refused, .method = {}, .url = {}});
    return out;
}

// ---- The steps before the data connection

cause cause_of_connect(const error& why) {
    if (why.code == errc::refused) return cause::connection_refused;
    return why.code == errc::timeout ? cause::no_response : cause::unreachable;
}

cause cause_of_greeting(const client_failure& failed_step, const failure_context& known) {
    const errc code = failed_step.cause.code;
    if (code == errc::timeout && known.location.tls != tls_mode::implicit) return cause::no_greeting;
    if (code == errc::closed || code == errc::reset) return cause::closed_before_greeting;
    return code == errc::rejected ? cause::service_refused : cause::not_an_ftp_server;
}

cause cause_of_tls(const client_failure& failed_step, const failure_context& known) {
    switch (failed_step.cause.code) {
        case errc::tls_untrusted:
            return diagnosis::names_other_host(to_lower(failed_step.cause.text())) ? cause::certificate_of_other_name
                                                                                   : cause::certificate_untrusted;
        case errc::rejected: return known.protect_data ? cause::data_protection_refused : cause::data_protection_required;
        case errc::unsupported: return cause::tls_missing;
        case errc::unexpected: return cause::tls_tampered;
        default: break;
    }
    return known.location.tls == tls_mode::implicit ? cause::wrong_tls_mode : cause::tls_failed;
}

cause cause_of_login(const client_failure& failed_step, const failure_context& known) {
    if (failed_step.reply_code == 332) return cause::account_required;
    if (failed_step.reply_code >= 400 && failed_step.reply_code < 500 && failed_step.reply_code != 430)
        return cause::server_error;
    if (failed_step.cause.code != errc::login_refused && failed_step.reply_code != 430) return cause::login_failed;
    return proto::is_anonymous_name(known.user) ? cause::anonymous_refused : cause::credentials_refused;
}

advice advice_on_tls(const client_failure& failed_step, const failure_context& known) {
    advice out{.id = cause_of_tls(failed_step, known), .method = {}, .url = {}, .key = known.identity.key};
    if (failed_step.cause.code != errc::tls_untrusted || !known.identity.refusal) return out;
    out.id = *known.identity.refusal == key_refusal::changed ? cause::key_changed : cause::key_unknown;
    auto server = known.location;
    server.path.clear();
    server.ascii = false;
    out.url = server.text();
    return out;
}

// ---- The request and the transfer

advice advice_on_path(const failure_context& known) {
    auto directory = known.location;
    directory.path = directory_part(known.path);
    directory.ascii = false;
    if (known.current == operation::list && directory.path == known.path)
        return {.id = cause::directory_refused, .method = {}, .url = {}};
    return {.id = cause::path_refused, .method = {}, .url = directory.text()};
}

bool lacks_space(const client_failure& failed_step, const failure_context& known) {
    return (failed_step.reply_code == 452 || failed_step.reply_code == 552) && known.current == operation::put;
}

cause cause_of_request(const client_failure& failed_step, const failure_context& known) {
    if (lacks_space(failed_step, known)) return cause::no_space_on_server;
    switch (failed_step.reply_code) {
        case 530:
        case 532: return cause::user_not_permitted;
        case 450:
        case 451: return cause::server_error;
        default: break;
    }
    switch (failed_step.cause.code) {
        case errc::unsupported: return cause::resume_unsupported;
        case errc::name_invalid: return cause::invalid_name;
        case errc::closed:
        case errc::reset: return cause::connection_lost;
        case errc::timeout: return cause::reply_timeout;
        default: return cause::request_failed;
    }
}

cause cause_of_transfer(const client_failure& failed_step, const failure_context& known) {
    if (lacks_space(failed_step, known)) return cause::no_space_on_server;
    if (failed_step.cause.code == errc::tls_untrusted) return cause::data_certificate_mismatch;
    if (!known.can_resume) return cause::transfer_failed;
    return known.current == operation::put ? cause::upload_interrupted : cause::download_interrupted;
}

cause cause_of_local_file(const error& why) {
    switch (why.code) {
        case errc::out_of_range:
        case errc::unsupported:
        case errc::not_a_file: return cause::file_not_resumable;
        case errc::truncated: return cause::file_changed;
        case errc::busy: return cause::file_in_use;
        default: return cause::file_failed;
    }
}

std::vector<advice> one(cause id) { return {advice{.id = id, .method = {}, .url = {}}}; }

/// The cause that the text of the server's reply names, at any step.
std::optional<advice> advice_from_reply_text(const client_failure& failed_step, const failure_context& known) {
    switch (reason_of(failed_step, known.location.tls != tls_mode::none && known.protect_data)) {
        case refusal::needs_tls: {
            if (known.location.tls != tls_mode::none) return advice{.id = cause::data_tls_required, .method = {}, .url = {}};
            auto other = known.location;
            other.tls = tls_mode::explicit_;
            return advice{.id = cause::tls_required, .method = {}, .url = other.text()};
        }
        case refusal::too_many: return advice{.id = cause::server_busy, .method = {}, .url = {}};
        case refusal::other: break;
    }
    if (failed_step.reply_code == 421) return advice{.id = cause::server_busy, .method = {}, .url = {}};
    return std::nullopt;
}

}  // namespace

std::string describe_attempts(const std::vector<attempt>& attempts) {
    std::string out;
    for (const auto& a : attempts) {
        if (!out.empty()) out += "; ";
        out += fmt::format("{}: ", name(a.method));
        // Through a proxy, the address of a name is not known; the error has the name.
        const bool has_address = !a.target.address.is_unspecified();
        if (a.failure && a.accepted && !has_address) {
            out += a.failure->text();
        } else if (!a.failure) {
            out += fmt::format("{} worked", a.target.text());
        } else if (!a.accepted || a.failure->code == errc::rejected) {
            out += a.failure->text();
        } else if (a.failure->code == errc::timeout) {
            out += is_active(a.method) ? fmt::format("the server did not connect to {}", a.target.text())
                                       : fmt::format("no answer from {}", a.target.text());
        } else if (a.failure->code == errc::refused) {
            out += fmt::format("{} refused", a.target.text());
        } else {
            out += fmt::format("{}: {}", a.target.text(), a.failure->text());
        }
    }
    return out;
}

std::vector<advice> advise(const client_failure& failed_step, const failure_context& known) {
    if (auto from_text = advice_from_reply_text(failed_step, known)) return {std::move(*from_text)};
    if (failed_step.cause.code == errc::stray_reply && failed_step.at != step::greeting) {
        auto out = one(cause::stray_reply);
        if (failed_step.at == step::transfer && known.can_resume)
            out.push_back(one(cause_of_transfer(failed_step, known)).front());
        return out;
    }
    if (known.failed_at_proxy) return one(cause::proxy_failed);
    switch (failed_step.at) {
        case step::resolve:
            return one(failed_step.cause.code == errc::unsupported ? cause::no_address_of_family : cause::host_not_found);
        case step::connect: return one(cause_of_connect(failed_step.cause));
        case step::greeting: return one(cause_of_greeting(failed_step, known));
        case step::tls: return {advice_on_tls(failed_step, known)};
        case step::login: return one(cause_of_login(failed_step, known));
        case step::request:
            if (failed_step.reply_code == 550 || failed_step.reply_code == 553) return {advice_on_path(known)};
            return one(cause_of_request(failed_step, known));
        case step::data: return advice_on_data(known);
        case step::transfer: return one(cause_of_transfer(failed_step, known));
        case step::local_file: return one(cause_of_local_file(failed_step.cause));
        case step::listing: return one(cause::unknown_listing_format);
        // The text of the failure has the next step.
        case step::verification: break;
    }
    return {};
}

failure make_failure(client_failure failed_step, const failure_context& known, std::string action) {
    failure out;
    out.at = failed_step.at;
    out.reply_code = failed_step.reply_code;
    out.reason = reason_of(failed_step, known.location.tls != tls_mode::none && known.protect_data);
    out.can_resume = known.can_resume && (failed_step.at == step::transfer || failed_step.at == step::local_file);
    out.causes = advise(failed_step, known);
    out.cause = std::move(failed_step.cause);
    // The text of a failed connect names the server already.
    if (out.at != step::connect && out.at != step::resolve) out.action = action;
    if (out.at == step::data && !known.attempts.empty())
        out.cause.what =
            "login succeeded, but no data connection could be established (" + describe_attempts(known.attempts) + ")";
    return out;
}

std::string failure::text() const {
    std::string out = (action.empty() ? "" : escape(action, 512) + ": ") + escape(cause.text(), 2048);
    if (!out.ends_with('.')) out += '.';
    return out;
}

}  // namespace sallyport::client
