#include <sallyport/client/session_facts.hpp>

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include <sallyport/base/ascii.hpp>

namespace sallyport::client {

namespace {

using diagnosis::method_facts;
using diagnosis::method_result;

bool names(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::ranges::any_of(words, [&](std::string_view word) { return text.find(word) != text.npos; });
}

/// The code with which the text of a refusal begins; 0 if it does not.
int code_in(std::string_view text) {
    const auto code = parse_decimal(text.substr(0, 3), 659);
    return code && text.size() > 3 ? static_cast<int>(*code) : 0;
}

method_result result_of_unaccepted(const error& why) {
    switch (why.code) {
        case errc::timeout: return method_result::verb_dropped;
        case errc::rejected:
        case errc::syntax:
        case errc::unexpected:
        case errc::not_allowed: return method_result::verb_refused;
        default: return method_result::failed;
    }
}

/// The server's connection failed, and the reply may say how.
method_result result_of_active_refusal(const error& why) {
    const auto text = to_lower(why.what);
    if (names(text, {"bad ip", "foreign", "security", "not match"})) return method_result::wrong_peer;
    if (names(text, {"refused"})) return method_result::refused;
    if (names(text, {"unreachable", "no route"})) return method_result::unreachable;
    return method_result::silent;
}

method_result result_of_accepted(const attempt& a) {
    const auto& why = *a.failure;
    if (why.code == errc::rejected) return is_active(a.method) ? result_of_active_refusal(why) : method_result::failed;
    switch (why.code) {
        case errc::timeout: return method_result::silent;
        case errc::refused: return method_result::refused;
        case errc::reset:
        case errc::closed: return method_result::reset;
        // The system's error for ICMPv6 "administratively prohibited".
        case errc::permission:
        case errc::unreachable: return method_result::unreachable;
        default: return method_result::failed;
    }
}

}  // namespace

method_facts facts_of(const attempt& a, bool tls) {
    method_facts out;
    out.method = a.method;
    out.tls = tls;
    if (a.target.port != 0) out.target = a.target;
    if (a.advertised.port != 0) out.advertised = a.advertised;
    if (!a.failure) {
        out.result = method_result::ok;
        return out;
    }
    out.result = a.accepted ? result_of_accepted(a) : result_of_unaccepted(*a.failure);
    out.detail = a.failure->text();
    if (a.failure->code == errc::rejected) {
        out.reply = a.failure->what;
        out.reply_code = code_in(out.reply);
    } else if (out.result == method_result::verb_refused && !is_active(a.method)) {
        out.malformed = a.failure->what;
    }
    return out;
}

diagnosis::facts facts_of(const failure_context& known) {
    diagnosis::facts out;
    out.host = known.location.host;
    out.server = known.peer;
    const bool tls = known.location.tls != tls_mode::none;
    out.tls_mode = !tls ? "none" : known.location.tls == tls_mode::implicit ? "implicit" : "explicit";
    for (const auto& a : known.attempts) out.methods.push_back(facts_of(a, tls));
    return out;
}

}  // namespace sallyport::client
