// Data connections and what runs over them: TYPE STRU MODE PORT EPRT PASV EPSV REST ALLO, the transfers, ABOR.

#include <sallyport/proto/server_machine.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/client_side/replies.hpp>
#include <sallyport/proto/list_argument.hpp>

namespace sallyport::proto {
namespace {

bool is_listing(verb id) noexcept { return data_use_of(id) == data_use::listing; }

}  // namespace

void server_machine::on_type(const command& c) {
    const std::string type = to_upper(c.argument);
    if (type == "A" || type == "A N") {
        login_.type = data_type::ascii;
        send_reply(200, "Type is ASCII.");
    } else if (type == "I" || type == "L 8" || type == "L8") {
        login_.type = data_type::image;
        send_reply(200, "Type is image (binary).");
    } else {
        send_reply(504, "Only TYPE A, I and L 8 are spoken here; the type is unchanged.");
    }
}

void server_machine::on_stru(const command& c) {
    if (iequals(c.argument, "F")) return send_reply(200, "Structure is file.");
    send_reply(504, "Only STRU F is spoken here; the structure is unchanged.");
}

void server_machine::on_mode(const command& c) {
    const bool block = iequals(c.argument, "B");
    if (!block && !iequals(c.argument, "S"))
        return send_reply(504, "Only MODE S and B are spoken here; the mode is unchanged.");
    if (!block) release_persistent_data();  // a stream ends with its connection
    login_.mode = block ? transfer_mode::block : transfer_mode::stream;
    send_reply(200, block ? "Mode is block." : "Mode is stream.");
}

void server_machine::drop_negotiation() {
    if (std::holds_alternative<passive_port>(data_)) release_pending_ = true;
    release_persistent_data();
    data_ = std::monostate{};
}

void server_machine::release_persistent_data() {
    if (!std::holds_alternative<persistent_data>(data_)) return;
    release_pending_ = true;
    data_ = std::monostate{};
}

/// Whatever was agreed before is void, also after a refusal (DC-07).
void server_machine::on_data_request(const command& c) {
    drop_negotiation();
    const auto wanted = data_requests_.read(c);
    if (!wanted) {
        if (wanted.error().bounce_attempt) ++bounce_attempts_;
        return send_reply(wanted.error().reply);
    }
    if (!is_active(wanted->method)) return open_passive(wanted->method);
    data_ = data_target{wanted->target, wanted->method};
    send_reply(active_reply(wanted->method));
}

void server_machine::open_passive(data_method method) {
    release_pending_ = false;  // the driver puts the new port in the old one's place
    passive_method_ = method;
    act_on(act::open_passive{method == data_method::epsv, protection_.data()}, awaited::passive);
}

void server_machine::passive_done(const result<endpoint>& advertised) {
    if (std::exchange(awaited_, awaited::nothing) != awaited::passive || closing_) return;
    const auto answer = passive_reply(passive_method_, advertised);
    if (answer.code != 425) data_ = passive_port{passive_method_};
    send_reply(answer);
}

void server_machine::on_rest(const command& c) {
    const std::uint64_t offset = parse_decimal(c.argument).value_or(0);
    if (offset > 0 && login_.type == data_type::ascii)
        return send_reply(504, "REST needs TYPE I: in TYPE A offsets depend on the lines of the file.");  // FS-08
    login_.restart_at = offset;
    send_reply(350, fmt::format("Restarting at {}. Send RETR or STOR.", offset));
}

/// "1024" or "1024 R 80": only the first number says something about a file that is a stream of bytes.
void server_machine::on_allo(const command& c) {
    const std::string_view text = c.argument;
    const std::size_t blank = text.find(' ');
    const auto bytes = parse_decimal(text.substr(0, blank));
    const std::string_view rest = blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
    if (!bytes || (!rest.empty() && !(starts_with_icase(rest, "R ") && parse_decimal(rest.substr(2)))))
        return send_reply(501, "Syntax: ALLO bytes [R bytes]");
    login_.announced = *bytes;
    send_reply(200, fmt::format("{} bytes announced.", *bytes));
}

void server_machine::on_file_transfer(const command& c) {
    const std::uint64_t offset = std::exchange(login_.restart_at, 0);
    const std::optional<std::uint64_t> announced = std::exchange(login_.announced, std::nullopt);
    const bool restartable = c.id == verb::retr || c.id == verb::stor;
    if (offset > 0 && !restartable) return send_reply(503, fmt::format("REST does not go with {}.", c.name));
    if (offset > 0 && login_.type == data_type::ascii) return send_reply(504, "REST needs TYPE I.");
    const auto path = path_of(c);
    if (!path) return;
    start_transfer({.command = c.id, .path = *path, .offset = offset, .announced = announced, .facts = {}});
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
        send_reply(error{errc::name_invalid, 0, {}}, c.id);
        return std::nullopt;
    }
    transfer_request request{.command = c.id,
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
    if (const auto no = protection_.refuse_transfer(data_must_be_protected())) return send_reply(*no);
    if (std::holds_alternative<std::monostate>(data_)) return send_reply(425, replies::no_data_connection);
    // An ABOR that came behind this command, while an earlier transfer ran, means this one too.
    if (deferred_.has_abort()) {
        drop_negotiation();
        return send_reply(426, replies::aborted_before);
    }
    request.type = login_.type;
    request.mode = login_.mode;
    request.protect = protection_.data() ? protection::private_ : protection::clear;
    request.data = std::exchange(data_, std::monostate{});
    was_persistent_ = std::holds_alternative<persistent_data>(request.data);
    transfer_ = request.command;
    transfer_running_ = true;
    abort_requested_ = false;
    pending_action_ = act::start_transfer{std::move(request)};
}

void server_machine::transfer_opened(std::string_view text) {
    if (transfer_running_ && !closing_) send_reply(was_persistent_ ? 125 : 150, text);
}

int server_machine::transfer_done(const result<transfer_outcome>& outcome, bool data_connected, bool data_persists) {
    note_activity();
    if (!std::exchange(transfer_running_, false)) return 0;
    if (data_persists) data_ = persistent_data{};
    const verb command = std::exchange(transfer_, verb::unknown);
    const bool aborted = std::exchange(abort_requested_, false);
    if (closing_) return 0;
    local_reply answer;
    if (outcome) {
        const char* text = is_listing(command) ? "Listing completed." : "Transfer completed.";
        // RFC 959 section 5.4: 226 closes the data connection, 250 leaves it open.
        answer = {data_persists ? 250 : 226, outcome->note.empty() ? text : fmt::format("{} {}", text, outcome->note)};
    } else if (aborted && outcome.error().code == errc::cancelled) {
        answer = {426, std::string(replies::aborted)};
    } else {
        answer = reply_for(outcome.error(), command, data_connected ? data_stage::connected : data_stage::not_connected);
    }
    send_reply(answer.code, answer.text);
    return answer.code;
}

void server_machine::on_abor(const command&) {
    drop_negotiation();
    send_reply(226, replies::nothing_to_abort);
}

}  // namespace sallyport::proto
