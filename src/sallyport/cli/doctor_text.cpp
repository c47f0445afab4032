#include <sallyport/cli/doctor_text.hpp>

#include <fmt/format.h>

#include <sallyport/cli/help.hpp>

namespace sallyport::cli {

std::string explanation_text(const diagnosis::explanation& about) {
    const auto width = terminal_width();
    constexpr std::size_t indent = 14;
    std::string out = fmt::format("{}\n{}", about.id, wrapped(about.cause, width, 2));
    const auto add = [&](std::string_view label, std::string_view text) {
        const auto lines = wrapped(text, width, indent);
        out += fmt::format("  {:<{}}{}", label, indent - 2, lines.substr(std::min(indent, lines.size())));
    };
    add("needs", about.needs);
    add("excludes", about.excludes);
    add("looks alike", about.looks_alike);
    add("to do", about.remedy);
    return out;
}

exit_status status_of(const diagnosis::facts& known, diagnosis::overall state) noexcept {
    switch (state) {
        case diagnosis::overall::healthy: return exit_status::ok;
        case diagnosis::overall::impaired: return exit_status::impaired;
        case diagnosis::overall::undecided: return exit_status::undecided;
        case diagnosis::overall::broken: break;
    }
    const auto* const failed = known.failed_phase();
    if (failed == nullptr) return exit_status::data_connection;
    if (diagnosis::requires_tls(known)) return exit_status::login;
    if (failed->reply_code == 421) return exit_status::unavailable;
    if (failed->name == "tls") return exit_status::tls;
    if (failed->name == "login") return failed->reply_code != 0 ? exit_status::login : exit_status::connect;
    return exit_status::connect;
}

std::string doctor_exit_code_help() {
    return "Exit codes:\n"
           "   0  healthy\n"
           "   1  internal error\n"
           "   2  invalid arguments\n"
           "   3  connection failed\n"
           "   4  TLS failed\n"
           "   5  login refused\n"
           "   7  no data connection works (firewall or NAT)\n"
           "   9  the file of --save could not be written\n"
           "  12  server unavailable (421)\n"
           "  20  works, but not completely\n"
           "  21  the cause of a failure could not be determined\n"
           " 130  interrupted (143: ended by SIGTERM); what is known is printed\n";
}

}  // namespace sallyport::cli
