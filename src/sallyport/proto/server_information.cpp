#include <sallyport/proto/server_information.hpp>

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>

namespace sallyport::proto {
namespace {

/// The first word and the rest, without the blanks between them.
[[nodiscard]] std::pair<std::string_view, std::string_view> split_word(std::string_view text) {
    const std::size_t blank = std::min(text.find(' '), text.size());
    const std::size_t rest = std::min(text.find_first_not_of(' ', blank), text.size());
    return {text.substr(0, blank), text.substr(rest)};
}

/// The verbs in rows. Before the login the reply must be shorter than 512 bytes (RX-08).
[[nodiscard]] reply list_verbs(const server_offer& offer) {
    constexpr std::size_t verbs_in_a_row = 12;
    reply out{214, {"Commands:"}};
    std::size_t count = 0;
    for (const command_row& row : command_table()) {
        if (!is_offered(row.id, offer)) continue;
        if (count++ % verbs_in_a_row == 0) out.lines.emplace_back();
        out.lines.back() += fmt::format(" {:<4}", row.name);
    }
    out.lines.emplace_back("Send HELP with a command for its syntax.");
    return out;
}

/// With the algorithm alone, as the draft requires.
[[nodiscard]] reply opts_hash(std::string_view wanted, hash_algorithm& selected) {
    if (wanted.empty()) return {200, {std::string(sallyport::name(selected))}};
    const auto known = parse_hash_algorithm(wanted);
    if (!known) return {504, {"There is no such algorithm; FEAT lists those of HASH."}};
    selected = *known;
    return {200, {std::string(sallyport::name(selected))}};
}

}  // namespace

bool is_offered(verb id, const server_offer& offer) noexcept {
    if (offer.policy.hides(id)) return false;
    switch (id) {
        case verb::acct:
        case verb::smnt: return false;
        case verb::auth:
        case verb::pbsz:
        case verb::prot: return offer.tls;
        case verb::ccc: return offer.ccc;
        default: break;
    }
    switch (data_use_of(id)) {
        case data_use::passive: return offer.passive;
        case data_use::active: return offer.active;
        default: return true;
    }
}

reply feat_reply(const server_offer& offer, const session_options& selected) {
    reply out{211, {"Features:"}};
    for (const command_row& row : command_table()) {
        if (row.feat.empty() || !is_offered(row.id, offer)) continue;
        // The only lines that depend on the session (RFC 3659, section 7.8).
        if (row.id == verb::mlst)
            out.lines.push_back("MLST " + selected.facts.feat());
        else if (row.id == verb::hash)
            out.lines.push_back(hash_feature(selected.algorithm));
        else
            out.lines.emplace_back(row.feat);
    }
    out.lines.emplace_back("End");
    return out;
}

reply help_reply(std::string_view argument, const server_offer& offer) {
    if (argument.empty()) return list_verbs(offer);
    if (iequals(argument, "SITE"))
        return {214,
                {fmt::format("Syntax: SITE HELP{}, SITE CHMOD mode name or SITE UTIME time name",
                             offer.doctor ? ", SITE DOCTOR" : "")}};
    for (const command_row& row : command_table()) {
        if (!iequals(row.name, argument) || !is_offered(row.id, offer)) continue;
        return {214, {fmt::format("Syntax: {}{}{}", row.name, row.syntax.starts_with('<') ? " " : "", row.syntax)}};
    }
    return {502, {"Unknown command; HELP lists all commands."}};
}

reply opts_reply(std::string_view argument, session_options& selected) {
    const auto [name, options] = split_word(argument);
    if (iequals(name, "UTF8") || iequals(name, "UTF-8")) {
        if (options.empty() || iequals(options, "ON")) return {200, {"Names are UTF-8."}};
        return {501, {"Names are always UTF-8."}};
    }
    if (iequals(name, "MLST")) {
        selected.facts = fact_set::parse(options);
        return {200, {fmt::format("MLST OPTS {}", selected.facts.text())}};
    }
    if (iequals(name, "HASH")) return opts_hash(options, selected.algorithm);
    return {501, {"OPTS supports only UTF8, MLST and HASH."}};
}

reply lang_reply(std::string_view argument) {
    if (argument.empty() || iequals(argument, "EN") || starts_with_icase(argument, "EN-"))
        return {200, {"Messages are in English."}};
    return {504, {"Messages are in English only."}};
}

reply site_reply(std::string_view argument, const server_offer& offer) {
    // There are no SITE commands that copy files or run programs (IN-12).
    const bool help = iequals(without_trailing_blanks(argument), "HELP");
    return {help ? 214 : 504, {fmt::format("SITE supports only CHMOD, UTIME{} and HELP.", offer.doctor ? ", DOCTOR" : "")}};
}

reply stat_reply(const session_status& session) {
    const auto protection_name = [](bool tls) { return tls ? "TLS" : "unencrypted"; };
    return {
        211,
        {"Status:", fmt::format(" Connected from {}", session.client.text()), fmt::format(" Logged in as {}", session.user),
         fmt::format(" Type: {}, structure: file, mode: {}", session.type == data_type::ascii ? "ASCII" : "image",
                     session.mode == transfer_mode::block ? "block" : "stream"),
         fmt::format(" Control connection: {}, data connections: {}", protection_name(session.tls),
                     protection_name(session.data_protected)),
         session.transfer != verb::unknown ? fmt::format(" Transfer: {} is running", row_of(session.transfer).name)
                                           : fmt::format(" Transfer: none; {}", session.data),
         "End of status."}};
}

}  // namespace sallyport::proto
