#include <sallyport/diagnosis/report.hpp>

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/diagnosis/comparison_lines.hpp>
#include <sallyport/diagnosis/interruption.hpp>
#include <sallyport/diagnosis/path.hpp>
#include <sallyport/diagnosis/rule_support.hpp>
#include <sallyport/diagnosis/rules.hpp>

namespace sallyport::diagnosis {

namespace {

constexpr std::size_t width = 96;
constexpr std::size_t max_detail = 60;

/// Words on lines of `width`, the first after `head`, the others below its end.
std::string paragraph(std::string_view head, std::string_view text) {
    std::string out;
    std::string line(head);
    const std::string indent(head.size(), ' ');
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        const auto word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.size() > head.size() && line.size() + 1 + word.size() > width) {
            out += line + '\n';
            line = indent;
        }
        if (line.size() > head.size()) line += ' ';
        line += word;
    }
    return out + line + '\n';
}

std::string safe(std::string_view text, std::size_t max = 400) { return escape(text, max); }

bool refuses_all_listings(const facts& known) {
    return std::ranges::all_of(known.methods,
                               [](const method_facts& m) { return m.result == method_result::listing_refused; });
}

std::string_view summary_of(overall o, const facts& known) {
    switch (o) {
        case overall::healthy: return "works";
        case overall::impaired:
            return refuses_all_listings(known) ? "the login works, but the server refuses the listing" : "works partly";
        case overall::undecided:
            return was_interrupted(known) ? "nothing failed so far" : "the cause could not be determined";
        case overall::broken: break;
    }
    const auto* const failed = known.failed_phase();
    if (failed == nullptr) return "the login works, but no data connection does";
    if (failed->name == "resolve") return "the host name has no address";
    if (failed->name == "greeting")
        return failed->reply_code != 0 ? "connected, but the server refuses the session"
                                       : "connected, but no FTP greeting arrived";
    // After the login, the server may refuse the protection of data connections.
    if (failed->name == "tls") return "connected, but TLS failed";
    if (failed->name == "transfer") return "the client's command failed, and not because of a data connection";
    return failed->name == "login" ? "connected, but the login failed" : "cannot connect";
}

std::string phases_text(const facts& known) {
    std::string out;
    for (const auto& each : known.phases)
        out += fmt::format("  {:<16}{:<8}{:>5} ms  {}\n", safe(each.name, max_detail), each.ok ? "ok" : "FAILED", each.ms,
                           safe(each.detail, max_detail));
    return out;
}

std::string methods_text(const facts& known) {
    std::string out;
    for (const auto& m : known.methods) {
        const auto about = evidence_of(m);
        const auto colon = about.find(": ");
        const bool usable = m.result == method_result::ok;
        auto detail = about.substr(colon + 2);
        const bool has_reason = m.result == method_result::failed || m.result == method_result::verb_refused ||
                                m.result == method_result::listing_refused;
        if (has_reason) detail += ": " + (m.reply.empty() ? m.detail : m.reply);
        out += paragraph(fmt::format("  {:<16}{:<8}{:>5} ms  ", about.substr(0, colon), usable ? "ok" : "FAILED", m.ms),
                         safe(detail));
    }
    for (const auto& each : comparison_lines(known))
        out += paragraph(fmt::format("  {:<16}{:<8}{:>10}", each.name, each.ok ? "ok" : "FAILED", ""), safe(each.detail));
    return out;
}

/// What the server knows of other clients of this user, for a person who has one that fails.
std::string other_sessions_text(const facts& known) {
    std::string out;
    for (const auto& each : known.compared.other_sessions) {
        auto seen = each.negotiated.empty() ? std::string("no data connection yet") : '"' + each.negotiated + '"';
        if (each.source) seen += ", data connection from " + each.source->text();
        if (!each.negotiated.empty() && !each.source) seen += ", no data connection";
        for (const auto& other : each.others) seen += ", rejected one from " + other.text();
        out += paragraph("  other session   ", safe(fmt::format("{}: {}", each.peer.text(), seen)));
    }
    return out;
}

unsigned length_of_path(const facts& known) {
    if (const auto distance = distance_to_server(known)) return *distance;
    unsigned out = 0;
    for (const auto& trace : known.traces) out = std::max(out, trace.last_expired());
    return out;
}

char mark_of(const path_trace* trace, unsigned ttl) {
    const auto* const answer = trace == nullptr ? nullptr : trace->answer_at(ttl);
    switch (answer == nullptr ? hop_answer::none : answer->what) {
        case hop_answer::expired: return '|';
        case hop_answer::opened: return 'o';
        case hop_answer::refused:
        case hop_answer::unreachable: return 'X';
        case hop_answer::none: break;
    }
    return '?';
}

/// The control and the data connection side by side, and the hop at which the data connection ends.
std::string path_text(const facts& known, const std::vector<verdict>& found) {
    const auto length = length_of_path(known);
    if (length == 0 || known.traces.empty()) return {};
    const auto marked = std::ranges::find_if(found, [](const verdict& v) { return v.hop.has_value(); });
    const auto* const data = known.data_trace();
    const auto proxy = hop_of_proxy(known);
    auto out = fmt::format("\n  {:<44}control  data\n", "path");
    for (unsigned hop = 0; hop <= length; ++hop) {
        const auto address =
            hop == length && known.server.port != 0 ? std::optional(known.server.address) : address_of_hop(known, hop);
        const auto who = hop == 0 ? std::string("this computer") : address ? address->text() : std::string("(no answer)");
        const bool is_break = marked != found.end() && hop >= marked->hop->first && hop <= marked->hop->last;
        char control_mark = hop == 0 ? '|' : mark_of(known.control_trace(), hop);
        char data_mark = hop == 0 ? '|' : mark_of(data, hop);
        if (data == nullptr) data_mark = ' ';
        // The control connection ends there.
        if (proxy && hop > *proxy) control_mark = ' ';
        out += fmt::format("  {:>3}  {:<29}{:<10}   {}       {}{}\n", hop, who, name(side_of_hop(known, hop)), control_mark,
                           data_mark, is_break ? "  <== here" : "");
    }
    return out;
}

std::string_view label_of(const verdict& v) { return v.severity == severity::note ? "note     " : "cause    "; }

/// What a person can do where no rule names a cause.
std::string_view next_step(const facts& known) {
    if (was_interrupted(known)) return "Run the command again and let it finish.";
    if (!known.source.empty())
        return "Run 'sallyport doctor URL', which measures what a file does not show; or ask the server's administrator, "
               "whose log has the other half of the session.";
    if (known.traces.empty())
        return "Run the command again with --trace, which measures the path; with --save FILE, it writes a file for the "
               "server's administrator.";
    return "Run the command again with --save FILE, and send the file to the server's administrator.";
}

}  // namespace

std::string verdict_text(const verdict& v) {
    auto out = paragraph(label_of(v), safe(v.cause));
    auto sure = fmt::format("{}; {}", name(v.confidence),
                            v.side == side::undecided ? "the side is undecided" : fmt::format("side: {}", name(v.side)));
    if (v.hop) sure += "; " + text_of(*v.hop);
    out += paragraph("         ", fmt::format("({}) [{}]", sure, v.id));
    std::string_view head = "why      ";
    for (const auto& each : v.evidence) {
        out += paragraph(fmt::format("{}- ", head), safe(each));
        head = "         ";
    }
    out += paragraph("to do    ", safe(v.remedy, 1000));
    for (const auto& each : v.rules) out += "           " + safe(each, 1000) + '\n';
    return out;
}

std::string report_text(const facts& known, const std::vector<verdict>& found, bool complete) {
    const auto state = overall_of(known, found);
    const auto tls = known.tls_mode == "none" ? std::string("without TLS") : safe(known.tls_mode, max_detail) + " TLS";
    auto out = fmt::format("{}, {}: {}{}\n\n", safe(known.host.empty() ? known.server.text() : known.host), tls,
                           was_interrupted(known) ? "interrupted; " : "", summary_of(state, known));
    out += phases_text(known) + methods_text(known) + other_sessions_text(known) + path_text(known, found);
    bool is_first = true;
    for (const auto& each : found) {
        if (is_first || complete)
            out += '\n' + verdict_text(each);
        else
            out += '\n' +
                   paragraph(label_of(each), fmt::format("{} ({}) [{}]", safe(each.cause), name(each.confidence), each.id));
        is_first = false;
    }
    if (state == overall::undecided) out += '\n' + paragraph("to do    ", next_step(known));
    for (const auto& each : known.not_measured) out += paragraph("not measured: ", safe(each));
    return out;
}

}  // namespace sallyport::diagnosis
