#include <sallyport/proto/failure_reply.hpp>

#include <utility>

namespace sallyport::proto {
namespace {

/// Commands that create a name (RFC 959: 553, "file name not allowed").
bool creates_name(verb command) noexcept {
    return data_use_of(command) == data_use::upload || command == verb::mkd || command == verb::rnto;
}

int code_for(errc cause, verb command, data_stage stage) noexcept {
    const int connection = stage == data_stage::connected ? 426 : 425;
    switch (cause) {
        case errc::not_found:
        case errc::permission:
        case errc::not_empty:
        case errc::not_allowed:
        case errc::unsupported: return 550;
        // RFC 3659, section 7.2.1.
        case errc::not_a_directory: return command == verb::mlsd ? 501 : 550;
        // RFC 959 has no 553 for MKD.
        case errc::exists: return command == verb::mkd ? 550 : 553;
        case errc::is_a_directory:
        case errc::not_a_file:
        case errc::name_invalid: return creates_name(command) ? 553 : 550;
        case errc::no_space: return 452;
        case errc::quota: return 552;
        case errc::out_of_range: return 554;
        case errc::busy: return 450;
        case errc::refused:
        case errc::unreachable:
        case errc::unresolved:
        case errc::reset:
        case errc::closed:
        case errc::timeout:
        case errc::cancelled:
        case errc::exhausted:
        case errc::port_refused:
        case errc::tls:
        case errc::tls_untrusted:
        case errc::truncated: return connection;
        case errc::tls_not_resumed: return 522;
        case errc::login_refused: return 530;
        case errc::syntax:
        case errc::too_long: return 501;
        case errc::io:
        case errc::unexpected:
        case errc::stray_reply:
        case errc::rejected:
        case errc::usage:
        case errc::misuse: return 451;
    }
    return 451;
}

}  // namespace

local_reply reply_for(const error& cause, verb command, data_stage stage) {
    std::string text = cause.text();
    if (!text.ends_with('.')) text += '.';
    return {code_for(cause.code, command, stage), std::move(text)};
}

}  // namespace sallyport::proto
