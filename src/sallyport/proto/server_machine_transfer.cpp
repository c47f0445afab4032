// Data connections and what runs over them: TYPE STRU MODE PORT EPRT PASV EPSV REST ALLO, the transfers, ABOR.

#include <sallyport/proto/server_machine.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/list_argument.hpp>

namespace sallyport::proto {
namespace {

constexpr std::uint16_t lowest_target_port = 1024;  // RFC 2577 section 3

bool is_listing(verb id) noexcept { return data_use_of(id) == data_use::listing; }

}  // namespace

void server_machine::on_type(const command& c) {
    const std::string type = to_upper(c.argument);
    if (type == "A" || type == "A N") {
        login_.type = data_type::ascii;
        say(200, "Type is ASCII.");
    } else if (type == "I" || type == "L 8" || type == "L8") {
        login_.type = data_type::image;
        say(200, "Type is image (binary).");
    } else {
        say(504, "Only TYPE A, I and L 8 are spoken here; the type is unchanged.");
    }
}

void server_machine::on_stru(const command& c) {
    if (iequals(c.argument, "F")) return say(200, "Structure is file.");
    say(504, "Only STRU F is spoken here; the structure is unchanged.");
}

void server_machine::on_mode(const command& c) {
    const bool block = iequals(c.argument, "B");
    if (!block && !iequals(c.argument, "S")) return say(504, "Only MODE S and B are spoken here; the mode is unchanged.");
    if (!block) drop_standing();  // a stream ends with its connection
    login_.mode = block ? transfer_mode::block : transfer_mode::stream;
    say(200, block ? "Mode is block." : "Mode is stream.");
}

void server_machine::drop_negotiation() {
    if (std::holds_alternative<passive_port>(data_)) drop_due_ = true;
    drop_standing();
    data_ = std::monostate{};
}

void server_machine::drop_standing() {
    if (!std::holds_alternative<standing_connection>(data_)) return;
    drop_due_ = true;
    data_ = std::monostate{};
}

/// Parsed fully, then taken in one assignment; whatever was agreed before is void, also after a refusal (DC-07).
void server_machine::on_port(const command& c) {
    drop_negotiation();
    if (!settings_.active_allowed) return say(502, "Active mode is off on this server; use EPSV or PASV.");
    if (epsv_all_) return say(501, "After EPSV ALL only EPSV is accepted.");
    result<endpoint> target = c.id == verb::port ? parse_host_port(c.argument) : parse_eprt(c.argument);
    if (!target && target.error().code == errc::unsupported)
        return say(522, "That network protocol is not supported, use (1,2).");
    if (!target) return say(501, fmt::format("Syntax: {} {}", c.name, row_of(c.id).syntax));
    // A zone is local to a host and never in the text: what counts is the address (RFC 4007 section 11).
    const bool same_host = target->address.is_v4() == settings_.peer.address.is_v4() &&
                           target->address.bytes() == settings_.peer.address.bytes();
    if (same_host) target->address = settings_.peer.address;
    if ((!same_host && !settings_.foreign_targets) || target->port < lowest_target_port) {
        ++refused_targets_;
        // The client behind NAT that the articles tell of: it names an address that means nothing here.
        if (!same_host && target->address.is_private() && !settings_.peer.address.is_private())
            return say(504,
                       fmt::format("{} is a private address that cannot be reached from here; use passive mode, EPSV or "
                                   "PASV.",
                                   target->address.text()));
        return say(504, "Data connections go to your own address only, to a port from 1024 on.");  // DC-01, RFC 2577
    }
    data_ = active_target{*target, method_of(c.id)};
    say(200, fmt::format("{} command successful.", c.name));
}

void server_machine::on_pasv(const command&) {
    drop_negotiation();
    if (!settings_.passive_allowed) return say(502, "Passive mode is off on this server; use EPRT or PORT.");
    if (epsv_all_) return say(501, "After EPSV ALL only EPSV is accepted.");
    open_passive(false);
}

void server_machine::on_epsv(const command& c) {
    const result<epsv_argument> argument = parse_epsv_argument(c.argument);
    const bool over_v6 = settings_.local.address.is_v6();
    if (argument && *argument == epsv_argument::all && settings_.passive_allowed) {
        epsv_all_ = true;
        return say(200, "Only EPSV will be accepted from now on.");
    }
    drop_negotiation();
    if (!settings_.passive_allowed) return say(502, "Passive mode is off on this server; use EPRT or PORT.");
    if (!argument && argument.error().code != errc::unsupported) return say(501, "Syntax: EPSV [1 | 2 | ALL]");
    if (!argument || (*argument == epsv_argument::ipv4 && over_v6) || (*argument == epsv_argument::ipv6 && !over_v6))
        return say(522, over_v6 ? "Network protocol not supported, use (2)." : "Network protocol not supported, use (1).");
    open_passive(true);
}

void server_machine::open_passive(bool extended) {
    drop_due_ = false;  // the driver puts the new port in the old one's place
    passive_extended_ = extended;
    act_on(act::open_passive{extended, login_.protect == protection::private_}, awaited::passive);
}

void server_machine::passive_done(const result<endpoint>& advertised) {
    if (std::exchange(awaited_, awaited::nothing) != awaited::passive || closing_) return;
    if (!advertised) return say(425, fmt::format("No passive port: {}.", advertised.error().text()));
    data_ = passive_port{passive_extended_ ? data_method::epsv : data_method::pasv};
    if (passive_extended_)
        say(229, format_229(advertised->port));
    else
        say(227, format_227(*advertised));
}

void server_machine::on_rest(const command& c) {
    const std::uint64_t offset = parse_decimal(c.argument).value_or(0);
    if (offset > 0 && login_.type == data_type::ascii)
        return say(504, "REST needs TYPE I: in TYPE A offsets depend on the lines of the file.");  // FS-08
    login_.restart_at = offset;
    say(350, fmt::format("Restarting at {}. Send RETR or STOR.", offset));
}

/// "1024" or "1024 R 80": only the first number says something about a file that is a stream of bytes.
void server_machine::on_allo(const command& c) {
    const std::string_view text = c.argument;
    const std::size_t blank = text.find(' ');
    const auto bytes = parse_decimal(text.substr(0, blank));
    const std::string_view rest = blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
    if (!bytes || (!rest.empty() && !(starts_with_icase(rest, "R ") && parse_decimal(rest.substr(2)))))
        return say(501, "Syntax: ALLO bytes [R bytes]");
    login_.announced = *bytes;
    say(200, fmt::format("{} bytes announced.", *bytes));
}

void server_machine::on_file_transfer(const command& c) {
    const std::uint64_t offset = std::exchange(login_.restart_at, 0);
    const std::optional<std::uint64_t> announced = std::exchange(login_.announced, std::nullopt);
    const bool restartable = c.id == verb::retr || c.id == verb::stor;
    if (offset > 0 && !restartable) return say(503, fmt::format("REST does not go with {}.", c.name));
    if (offset > 0 && login_.type == data_type::ascii) return say(504, "REST needs TYPE I.");
    const auto path = path_of(c);
    if (!path) return;
    start_transfer({.what = c.id, .path = *path, .offset = offset, .announced = announced, .facts = {}});
}

void server_machine::on_listing(const command& c) {
    login_.restart_at = 0;
    if (auto request = listing_of(c)) start_transfer(std::move(*request));
}

/// LIST, NLST, MLSD and STAT read their argument alike: a name where there is something of that name, else what clients of
/// ls write, options and a pattern. Says the reply itself where it can be neither.
std::optional<transfer_request> server_machine::listing_of(const command& c) {
    const list_argument argument = list_argument::parse(c.argument);
    const auto path = login_.directory.resolve(argument.path);
    if (!path) {
        say(error{errc::name_invalid, 0, {}}, c.id);
        return std::nullopt;
    }
    transfer_request request{.what = c.id,
                             .path = *path,
                             .pattern = std::string(argument.pattern),
                             .prefix = c.id == verb::nlst ? std::string(argument.path) : std::string(),
                             .show_hidden = argument.show_hidden,
                             .facts = login_.facts};
    const auto may_be = [&](std::string_view text) {
        if (auto named = login_.directory.resolve(text)) request.names.push_back({std::move(*named), std::string(text)});
    };
    // MLSD has no options of its own (RFC 3659 section 7.2).
    if (c.id == verb::mlsd && c.argument.starts_with('-')) may_be(c.argument);
    if (!argument.unusual.empty()) may_be(argument.unusual);
    if (!argument.pattern.empty()) may_be(argument.name);
    return request;
}

void server_machine::start_transfer(transfer_request request) {
    const bool protect = login_.protect == protection::private_;
    if (settings_.tls_required && !login_.anonymous && !protect)
        return say(521, "Data must be protected here; send PBSZ 0 and PROT P.");
    if (std::holds_alternative<std::monostate>(data_)) return say(425, "Send EPSV, PASV, EPRT or PORT first.");
    // An ABOR that came behind this command, while an earlier transfer ran, means this one too.
    if (std::ranges::any_of(held_, &held_line::abort_served)) {
        drop_negotiation();
        return say(426, "Aborted before it began.");
    }
    request.type = login_.type;
    request.mode = login_.mode;
    request.protect = login_.protect;
    request.data = std::exchange(data_, std::monostate{});
    data_stood_ = std::holds_alternative<standing_connection>(request.data);
    transfer_ = request.what;
    transfer_running_ = true;
    abort_asked_ = false;
    due_ = act::start_transfer{std::move(request)};
}

void server_machine::transfer_opened(std::string_view text) {
    if (transfer_running_ && !closing_) say(data_stood_ ? 125 : 150, text);
}

int server_machine::transfer_done(const result<transfer_result>& outcome, bool data_connected, bool data_stands) {
    note_activity();
    if (!std::exchange(transfer_running_, false)) return 0;
    if (data_stands) data_ = standing_connection{};
    const verb what = std::exchange(transfer_, verb::unknown);
    const bool aborted = std::exchange(abort_asked_, false);
    if (closing_) return 0;
    failure_reply answer;
    if (outcome) {
        const char* text = is_listing(what) ? "Listing completed." : "Transfer completed.";
        // RFC 959 section 5.4: 226 closes the data connection, 250 leaves it open.
        answer = {data_stands ? 250 : 226, outcome->note.empty() ? text : fmt::format("{} {}", text, outcome->note)};
    } else if (aborted && outcome.error().code == errc::cancelled) {
        answer = {426, "Transfer aborted."};
    } else {
        answer = reply_for(outcome.error(), what, data_connected ? data_stage::connected : data_stage::not_connected);
    }
    say(answer.code, answer.text);
    return answer.code;
}

void server_machine::on_abor(const command&) {
    drop_negotiation();
    say(226, "No transfer is running.");
}

}  // namespace sallyport::proto
