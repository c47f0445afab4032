#include <sallyport/base/ports.hpp>
#include <sallyport/proto/client_side/data_requests.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>
#include <sallyport/proto/client_side/replies.hpp>
#include <sallyport/proto/host_port.hpp>

#include <string>
#include <utility>

namespace sallyport::proto {
namespace {

[[nodiscard]] std::unexpected<data_reply> answered(int code, std::string_view text,
                                                   std::optional<endpoint> bounce_attempt = std::nullopt) {
    return std::unexpected(data_reply{{code, std::string(text)}, std::move(bounce_attempt)});
}

[[nodiscard]] std::unexpected<data_reply> syntax_of(const command& cmd) {
    const auto& row = row_of(cmd.id);
    return answered(
        501, std::string("Syntax: ").append(row.name) + (row.syntax.starts_with('[') ? "" : " ") + std::string(row.syntax));
}

}  // namespace

std::expected<data_request, data_reply> data_requests::read(const command& cmd) {
    const bool passive = data_use_of(cmd.id) == data_use::passive;
    if (passive && !passive_allowed_) return answered(502, replies::no_passive);
    if (!passive && !active_allowed_) return answered(502, replies::no_active);
    if (cmd.id == verb::epsv) return read_epsv(cmd);
    if (epsv_all_) return answered(501, replies::only_epsv);
    if (cmd.id == verb::pasv) return data_request{data_method::pasv};
    last_line_ = cmd.name + ' ' + cmd.argument;
    auto wanted = read_target(cmd);
    if (!wanted && wanted.error().bounce_attempt) refused_target_ = {method_of(cmd.id), *wanted.error().bounce_attempt};
    return wanted;
}

std::expected<data_request, data_reply> data_requests::read_epsv(const command& cmd) {
    const auto argument = parse_epsv_argument(cmd.argument);
    if (!argument && argument.error().code != errc::unsupported) return syntax_of(cmd);
    if (argument && *argument == epsv_argument::all) {
        epsv_all_ = true;
        return answered(200, replies::epsv_all);
    }
    const auto other = client_.is_v4() ? epsv_argument::ipv6 : epsv_argument::ipv4;
    if (!argument || *argument == other) return answered(522, client_.is_v4() ? replies::use_ipv4 : replies::use_ipv6);
    return data_request{data_method::epsv};
}

std::expected<data_request, data_reply> data_requests::read_target(const command& cmd) const {
    const auto target = cmd.id == verb::port ? parse_host_port(cmd.argument) : parse_eprt(cmd.argument);
    if (!target && target.error().code == errc::unsupported) return answered(522, replies::use_either);
    if (!target) return syntax_of(cmd);
    const bool own = is_same_host(target->address, client_);
    if (own && target->port >= first_unprivileged_port) return data_request{method_of(cmd.id), {client_, target->port}};
    // A client behind NAT that sends its private address.
    if (!own && target->address.is_private() && !client_.is_private())
        return answered(504,
                        target->address.text() + " is a private address and cannot be reached from here; use passive mode.",
                        *target);
    return answered(504, replies::target_not_allowed, *target);
}

void data_requests::note_answer(const local_reply& answer) { last_line_ = std::to_string(answer.code) + ' ' + answer.text; }

local_reply active_reply(data_method method) { return {200, std::string(name(method)) + " command successful."}; }

// The range of ports, and their use, is for the log only.
local_reply no_port_reply(const error& why) {
    if (why.code == errc::exhausted) return {425, std::string(replies::no_port_left)};
    return {425, "No passive port can be opened: " + why.text()};
}

local_reply passive_reply(data_method method, const result<endpoint>& advertised) {
    if (!advertised) return no_port_reply(advertised.error());
    if (method == data_method::epsv) return {229, format_229(advertised->port)};
    if (!advertised->address.is_v4()) return {425, std::string(replies::pasv_has_no_ipv6)};
    return {227, format_227(*advertised)};
}

}  // namespace sallyport::proto
