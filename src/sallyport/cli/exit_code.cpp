#include <sallyport/cli/exit_code.hpp>

namespace sallyport::cli {

namespace {

bool is_protocol_error(errc code) {
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
    if (f.at == step::verification) return exit_status::verification;
    if (f.at == step::resolve || f.at == step::connect) return exit_status::connect;
    if (f.at == step::data) return exit_status::data_connection;
    if (code == errc::name_invalid || code == errc::usage) return exit_status::usage;
    if (code == errc::misuse) return exit_status::internal;
    if (code == errc::timeout) return exit_status::timeout;
    if (is_protocol_error(code)) return exit_status::protocol_error;
    switch (f.at) {
        case step::greeting: return exit_status::connect;
        case step::tls: return exit_status::tls;
        case step::login: return is_lost(code) ? exit_status::connect : exit_status::login;
        case step::request: return is_lost(code) ? exit_status::incomplete : exit_status::refused;
        default: return exit_status::incomplete;
    }
}

std::string exit_code_help() {
    return "Exit codes:\n"
           "   0  success\n"
           "   1  internal error\n"
           "   2  invalid arguments\n"
           "   3  connection failed\n"
           "   4  TLS failed\n"
           "   5  login refused\n"
           "   6  request refused by the server\n"
           "   7  no data connection (firewall or NAT)\n"
           "   8  transfer incomplete\n"
           "   9  local file error\n"
           "  10  server timeout\n"
           "  11  protocol error\n"
           "  12  server unavailable (421, or a limit of users or connections)\n"
           "  13  some of several files failed\n"
           "  14  the copy differs, or could not be verified (--verify)\n"
           "  15  more to delete than --max-delete allows\n"
           "  16  listing in an unknown format\n";
}

}  // namespace sallyport::cli
