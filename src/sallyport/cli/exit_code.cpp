#include <sallyport/cli/exit_code.hpp>

namespace sallyport::cli {

namespace {

bool is_violation(errc code) {
    return code == errc::syntax || code == errc::too_long || code == errc::unexpected || code == errc::stray_reply;
}

bool is_lost(errc code) { return code == errc::closed || code == errc::reset || code == errc::truncated; }

}  // namespace

exit_status status_of(const client::failure& f) noexcept {
    using client::step;
    const errc code = f.cause.code;
    const bool before_the_login = f.at == step::greeting || f.at == step::login;
    if (f.reason == client::refusal::needs_tls && before_the_login) return exit_status::login;
    if (f.reply_code == 421 || f.reason == client::refusal::too_many) return exit_status::unavailable;
    if (f.at == step::local_file) return exit_status::local_file;
    if (f.at == step::listing) return exit_status::listing;
    if (f.at == step::resolve || f.at == step::connect) return exit_status::connect;
    if (f.at == step::data) return exit_status::data;
    if (code == errc::name_invalid || code == errc::usage) return exit_status::usage;
    if (code == errc::misuse) return exit_status::internal;
    if (code == errc::timeout) return exit_status::timeout;
    if (is_violation(code)) return exit_status::violation;
    switch (f.at) {
        case step::greeting: return exit_status::connect;
        case step::tls: return exit_status::tls;
        case step::login: return is_lost(code) ? exit_status::connect : exit_status::login;
        case step::request: return is_lost(code) ? exit_status::incomplete : exit_status::denied;
        default: return exit_status::incomplete;
    }
}

std::string exit_code_help() {
    return "Exit codes: 0 done; 2 wrong usage; 3 can't connect; 4 TLS; 5 login refused; 6 refused by the server (no such "
           "file, no permission, no room); 7 login worked but no data connection (firewall, NAT); 8 cut or incomplete; 9 "
           "local file; 10 server silent; 11 server broke the protocol; 12 server busy (421, or a limit of users or "
           "connections), try later; 13 listing in no known form; 1 a bug.";
}

}  // namespace sallyport::cli
