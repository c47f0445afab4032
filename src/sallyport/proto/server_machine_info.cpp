// What the server says about itself: FEAT HELP STAT SYST OPTS LANG SITE NOOP CLNT. FEAT and HELP come from the command
// table, less what is switched off here.

#include <sallyport/proto/server_machine.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/client_side/replies.hpp>

namespace sallyport::proto {
namespace {

/// First word and the rest, without the blanks between them.
std::pair<std::string_view, std::string_view> split_word(std::string_view text) {
    const std::size_t blank = std::min(text.find(' '), text.size());
    const std::size_t rest = std::min(text.find_first_not_of(' ', blank), text.size());
    return {text.substr(0, blank), text.substr(rest)};
}

}  // namespace

void server_machine::on_feat(const command&) {
    std::vector<std::string> features;
    for (const command_row& row : command_table()) {
        if (row.feat.empty() || !is_offered(row.id)) continue;
        // The one line that depends on the session (RFC 3659 section 7.8).
        features.push_back(row.id == verb::mlst ? fmt::format("MLST {}", login_.facts.feat()) : std::string(row.feat));
    }
    send_reply(211, "Features:", features, "End");
}

/// Verbs in rows, short enough for the reply to stay below 512 bytes before login (RX-08).
void server_machine::list_verbs(std::string_view first) {
    constexpr std::size_t verbs_in_a_row = 12;
    std::vector<std::string> rows;
    std::size_t count = 0;
    for (const command_row& row : command_table()) {
        if (!is_offered(row.id)) continue;
        if (count++ % verbs_in_a_row == 0) rows.emplace_back();
        rows.back() += fmt::format(" {:<4}", row.name);
    }
    send_reply(214, first, rows, "HELP with a name tells its form.");
}

void server_machine::on_help(const command& c) {
    if (c.argument.empty()) return list_verbs("Commands:");
    if (iequals(c.argument, "SITE")) return send_reply(214, "Syntax: SITE HELP");
    for (const command_row& row : command_table()) {
        if (!iequals(row.name, c.argument) || !is_offered(row.id)) continue;
        return send_reply(214, fmt::format("Syntax: {}{}{}", row.name, row.syntax.starts_with('<') ? " " : "", row.syntax));
    }
    send_reply(502, "No such command here; HELP lists all.");
}

void server_machine::on_stat(const command& c) {
    if (!c.argument.empty()) {
        auto listing = listing_of(c);
        if (!listing) return;
        return run_file({.command = c.id, .path = listing->path, .facts = {}, .listing = std::move(listing)});
    }
    const std::string_view data = std::holds_alternative<passive_port>(data_)      ? "passive port is open"
                                  : std::holds_alternative<data_target>(data_)     ? "active target is set"
                                  : std::holds_alternative<persistent_data>(data_) ? "the data connection stands"
                                                                                   : "nothing is negotiated";
    send_reply(
        211, "Status:",
        {fmt::format(" Connected from {}", settings_.peer.address.text()), fmt::format(" Logged in as {}", login_.user),
         fmt::format(" Type: {}, structure: file, mode: {}", login_.type == data_type::ascii ? "ASCII" : "image",
                     login_.mode == transfer_mode::block ? "block" : "stream"),
         fmt::format(" Control connection: {}, data connections: {}", protection_.tls() ? "TLS" : "clear text",
                     protection_.data() ? "TLS" : "clear text"),
         transfer_running_ ? fmt::format(" Transfer: {} is running", row_of(transfer_).name)
                           : fmt::format(" Transfer: none; {}", data)},
        "End of status.");
}

void server_machine::on_syst(const command&) { send_reply(215, replies::system); }

void server_machine::on_opts(const command& c) {
    const auto [name, options] = split_word(c.argument);
    if (iequals(name, "UTF8") || iequals(name, "UTF-8")) {
        if (options.empty() || iequals(options, "ON")) return send_reply(200, "Names are UTF-8.");
        return send_reply(501, "Names are UTF-8 always.");
    }
    if (iequals(name, "MLST")) {
        login_.facts = fact_set::parse(options);
        return send_reply(200, fmt::format("MLST OPTS {}", login_.facts.text()));
    }
    send_reply(501, "OPTS knows UTF8 and MLST.");
}

void server_machine::on_lang(const command& c) {
    if (c.argument.empty() || iequals(c.argument, "EN") || starts_with_icase(c.argument, "EN-"))
        return send_reply(200, "Messages are in English.");
    send_reply(504, "Messages are in English only.");
}

void server_machine::on_site(const command& c) {
    if (iequals(without_trailing_blanks(c.argument), "HELP")) return send_reply(214, "SITE knows HELP and nothing else.");
    send_reply(504, "SITE knows HELP only.");  // no extras, so none to be abused (IN-12)
}

void server_machine::on_noop(const command&) { send_reply(200, replies::noop); }

void server_machine::on_clnt(const command&) { send_reply(200, replies::noted); }

}  // namespace sallyport::proto
