#include <sallyport/proto/client_side/login_rules.hpp>

#include <string>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/client_side/replies.hpp>

namespace sallyport::proto {
namespace {

[[nodiscard]] std::string_view without_brackets(std::string_view host) noexcept {
    const bool bracketed = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
    return bracketed ? host.substr(1, host.size() - 2) : host;
}

}  // namespace

std::optional<local_reply> refuse_early(const command& cmd, session_stage stage, bool tls_missing) {
    if (stage == session_stage::logged_in) return std::nullopt;
    if (cmd.id == verb::unknown) return replies::reply_of(500, replies::unknown_command);
    const bool before_user = stage == session_stage::connected;
    if (stage >= row_of(cmd.id).earliest && (cmd.id != verb::pass || !before_user)) return std::nullopt;
    if (tls_missing && before_user) return replies::reply_of(530, replies::tls_first);
    return cmd.id == verb::pass ? replies::reply_of(503, replies::user_first)
                                : replies::reply_of(530, replies::log_in_first);
}

std::optional<local_reply> refuse_host(std::string_view host, session_stage stage, const ip_address& client_destination) {
    if (stage != session_stage::connected) return replies::reply_of(503, replies::host_too_late);
    const auto address = address_in_host(host);
    const bool served = address ? is_same_host(*address, client_destination)
                                : without_brackets(host).find_first_of(" :/@[]") == std::string_view::npos;
    if (!served) return replies::reply_of(504, replies::no_such_host);
    return std::nullopt;
}

std::optional<ip_address> address_in_host(std::string_view host) { return ip_address::parse(without_brackets(host)); }

bool is_anonymous_name(std::string_view name) noexcept { return iequals(name, "anonymous") || iequals(name, "ftp"); }

}  // namespace sallyport::proto
