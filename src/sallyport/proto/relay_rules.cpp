#include <sallyport/proto/relay_rules.hpp>

#include <algorithm>
#include <array>
#include <string_view>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/client_side/replies.hpp>
#include <sallyport/proto/relay_negotiation.hpp>

namespace sallyport::proto {
namespace {

// Verbs that send data connections past the gateway or wrap the session in what it could not read: RFC 1639 (LPRT, LPSV),
// RFC 2228 (ADAT, MIC, CONF, ENC), and the tools of server-to-server transfers under TLS (CPSV, SSCN, SPSV).
constexpr auto never_forwarded =
    std::to_array<std::string_view>({"ADAT", "CONF", "CPSV", "ENC", "LPRT", "LPSV", "MIC", "SPSV", "SSCN"});

[[nodiscard]] std::string code_and_text(const reply& r) { return std::to_string(r.code) + ' ' + r.text(); }

// What ends at the gateway, or what it never forwards.
constexpr auto gateway_features =
    std::to_array<std::string_view>({"AUTH", "CCC", "CPSV", "EPRT", "EPSV", "LPRT", "LPSV", "PBSZ", "PROT", "SPSV", "SSCN"});

[[nodiscard]] bool is_forwarded(std::string_view line, const relay_settings& settings) {
    const auto name = line.substr(0, line.find(' '));
    const auto id = find_verb(name);
    if (settings.policy.hides(id) || iequals(line, "MODE B")) return false;
    if (settings.auth == client_tls::passes && (id == verb::auth || id == verb::pbsz || id == verb::prot)) return true;
    return std::ranges::none_of(gateway_features, [&](std::string_view one) { return iequals(one, name); });
}

}  // namespace

std::optional<local_reply> refuse_forwarding(const command& cmd, bool after_rnfr) {
    if (cmd.id == verb::rnto && !after_rnfr) return local_reply{503, std::string(replies::rnfr_first)};
    // MODE B leaves data connections open after a transfer; here each serves one (RFC 959 section 3.4.2).
    if (cmd.id == verb::mode && iequals(cmd.argument, "B"))
        return local_reply{504, "MODE B is not supported here; the mode is unchanged."};
    const auto is_name = [&](std::string_view one) { return iequals(one, cmd.name); };
    if (cmd.id == verb::unknown && std::ranges::any_of(never_forwarded, is_name))
        return local_reply{502, cmd.name + " is not supported here."};
    return std::nullopt;
}

std::optional<local_reply> translation_status(const command& cmd, const relay_settings& settings) {
    const auto& server = settings.backend.peer;
    const bool translates = settings.client_peer.address.is_v6() && server.port != 0 && server.address.is_v4();
    if (!translates || cmd.id != verb::unknown || !iequals(cmd.name, "ALGS")) return std::nullopt;
    constexpr auto requests = std::to_array<std::string_view>({"STATUS64", "ENABLE64", "DISABLE64"});
    if (std::ranges::none_of(requests, [&](std::string_view one) { return iequals(one, cmd.argument); }))
        return local_reply{504, "Use ALGS STATUS64, ENABLE64 or DISABLE64."};
    return local_reply{216, "EPSV EPRT"};
}

std::optional<reply> own_reply(const command& cmd, const relay_settings& settings) {
    if (auto status = translation_status(cmd, settings)) return as_reply(std::move(*status));
    const auto& facts = settings.callbacks.site_doctor;
    if (cmd.id != verb::site || !facts || !is_site_doctor(cmd.argument)) return std::nullopt;
    return site_doctor_reply(facts());
}

inside_addresses addresses_of(const relay_backend& backend, const relay_settings& s) {
    return {backend.peer.address, backend.gateway, s.client_peer.address, s.client_destination};
}

std::optional<std::string> violation_of(const reply& r, const pending_reply* pending) {
    if (pending == nullptr) return "unexpected reply: " + code_and_text(r);
    if (r.protected_reply()) return "a protected reply (RFC 2228)";
    const bool port_requested =
        pending->kind == reply_kind::negotiation && (pending->id == verb::pasv || pending->id == verb::epsv);
    if (r.offers_port() && !port_requested) return "a port that was not requested (GW-02)";
    return std::nullopt;
}

reply relay_features(const reply& backend, const relay_settings& settings, const client_protection& protection) {
    reply out{211, {"Features:"}};
    for (std::size_t i = 1; i + 1 < backend.lines.size(); ++i) {
        const auto start = backend.lines[i].find_first_not_of(' ');
        if (start == std::string::npos) continue;
        const auto line = std::string_view(backend.lines[i]).substr(start);
        if (is_forwarded(line, settings)) out.lines.emplace_back(line);
    }
    if (protection.offered() && settings.auth != client_tls::passes)
        out.lines.insert(out.lines.end(), {"AUTH TLS", "PBSZ", "PROT"});
    if (settings.ccc_allowed && protection.tls()) out.lines.emplace_back("CCC");
    out.lines.insert(out.lines.end(), {"EPRT", "EPSV", "End"});
    return out;
}

reply own_features(const relay_settings& settings, const client_protection& protection) {
    return relay_features({211, {"Features:", "HOST", "UTF8", "End"}}, settings, protection);
}

}  // namespace sallyport::proto
