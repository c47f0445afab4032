// Rules about idle control connections.

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

#include <sallyport/diagnosis/rule_support.hpp>

namespace sallyport::diagnosis {

namespace {

struct silences {
    std::int64_t longest_alive = 0;
    const idle_probe* first_lost = nullptr;
};

bool is_lost(const idle_probe& p) { return p.result == "reset" || p.result == "no answer"; }

silences silences_of(const facts& known) {
    silences out;
    for (const auto& each : known.idle) {
        if (each.kept_by != "silent") continue;
        if (each.result == "alive") out.longest_alive = std::max(out.longest_alive, each.seconds);
        if (is_lost(each) && (out.first_lost == nullptr || each.seconds < out.first_lost->seconds)) out.first_lost = &each;
    }
    return out;
}

std::string text_of(const idle_probe& p) {
    return fmt::format("{} for {} s: {}", p.kept_by == "silent" ? "idle" : "kept alive by " + p.kept_by, p.seconds,
                       p.result);
}

/// The server itself had closed a session before a loss could show, so a device had no state to drop.
bool server_closed_before(const facts& known, const idle_probe& lost) {
    return std::ranges::any_of(known.idle,
                               [&](const idle_probe& p) { return p.result == "closed" && p.seconds <= lost.seconds; });
}

void judge_idle(const facts& known, std::vector<verdict>& out) {
    const auto [longest_alive, first_lost] = silences_of(known);
    if (first_lost == nullptr || server_closed_before(known, *first_lost)) return;
    auto found = verdict_of("idle-timeout", side::undecided, confidence::likely);
    if (first_lost->hop) {
        const auto hop = *first_lost->hop;
        found.hop = hop_span{hop, hop + 1, address_of_hop(known, hop)};
        found.side = side_of_hop(known, hop);
        found.evidence.push_back(fmt::format("a packet of the lost connection passes up to hop {}", hop));
    }
    for (const auto& each : known.idle) found.evidence.push_back(text_of(each));
    const auto beat = std::max<std::int64_t>(1, (longest_alive > 0 ? longest_alive : first_lost->seconds) / 2);
    found.remedy = fmt::format(
        "Use a TCP keepalive of at most {} s at the client or the server (--keepalive-idle {} of serve and gate), or a "
        "longer timeout in that device.",
        beat, beat);
    out.push_back(std::move(found));
}

std::string time_of(std::string_view what, std::optional<std::int64_t> ms) {
    return ms ? fmt::format("{} after {:.1f} s", what, static_cast<double>(*ms) / 1000) : fmt::format("{}: missing", what);
}

verdict unfinished(proto::data_method method, bool has_ended) {
    auto found = verdict_of("transfer-unfinished", side::undecided, confidence::likely);
    found.method = method;
    if (has_ended) found.cause = "The data connection ended, and the final reply to the transfer did not arrive.";
    return found;
}

/// In a run.
void judge_missing_end(const facts& known, std::vector<verdict>& out) {
    const auto* const m = first_of(known.methods, lacks_only_its_end);
    if (m == nullptr) return;
    const bool has_ended = m->end == stream_end::clean;
    const auto state = [](bool arrived) { return arrived ? "arrived" : "missing"; };
    auto found = unfinished(m->method, has_ended);
    if (!has_ended)
        found.cause = "The final reply to a transfer arrived, and the last bytes or the end (FIN) of its data did not.";
    found.evidence.push_back(fmt::format("{}: {} bytes arrived", proto::name(m->method), m->bytes));
    found.evidence.push_back(fmt::format("the end (FIN) of the data connection: {}", state(has_ended)));
    found.evidence.push_back(fmt::format("the final reply (226): {}", state(!has_ended)));
    out.push_back(std::move(found));
}

/// In a capture: a transfer whose bytes have arrived, and whose end has not.
void judge_unfinished(const facts& known, std::vector<verdict>& out) {
    if (has_id(out, {"full-packets-lost", "idle-timeout"})) return;
    const auto* const m = first_of(known.methods, [](const method_facts& each) {
        return each.packets && each.result == method_result::stalled && each.packets->last_byte_ms;
    });
    if (m == nullptr) return judge_missing_end(known, out);
    const auto& seen = *m->packets;
    auto found = unfinished(m->method, seen.end_ms.has_value());
    found.evidence.push_back(time_of("the last byte", seen.last_byte_ms));
    found.evidence.push_back(time_of("the end (FIN) of the data connection", seen.end_ms));
    found.evidence.push_back(time_of("the final reply (226)", seen.reply_ms));
    out.push_back(std::move(found));
}

void judge_server_timeout(const facts& known, std::vector<verdict>& out) {
    const auto* const closed =
        first_of(known.idle, [](const idle_probe& p) { return p.kept_by == "silent" && p.result == "closed"; });
    if (closed == nullptr) return;
    auto found = verdict_of("server-idle-timeout", side::server_config, confidence::certain, severity::note);
    found.evidence.push_back(text_of(*closed));
    out.push_back(std::move(found));
}

}  // namespace

std::span<const rule> time_rules() noexcept {
    static const auto table = std::to_array<rule>({
        {{"idle-timeout", "A device on the path drops the state of idle control connections.",
          "sessions that were idle for growing times; a NOOP with growing TTL on a lost one",
          "a server that closes the session itself (421, FIN)", "a server or a router that has restarted meanwhile",
          "Use a TCP keepalive that is shorter than the device's timeout."},
         judge_idle},
        {{"transfer-unfinished",
          "The data of a transfer arrived, but the end of the connection (FIN) or the final reply did not.",
          "the last byte, the FIN and the final reply of a transfer, of which one is missing for five seconds",
          "full segments that are repeated; a control connection that a device has forgotten",
          "a server or a disk that is slow; a proxy that keeps one of the two connections open",
          "Look at what is missing: without a FIN, the sender or a proxy has not ended the data connection; without the "
          "final reply, the server waits, or a proxy has lost it."},
         judge_unfinished},
        {{"server-idle-timeout", "The server closes idle sessions.", "an idle session that the server ended",
          "a lost or reset connection", "none",
          "Nothing for most clients; raise the server's idle timeout if transfers take longer."},
         judge_server_timeout},
    });
    return table;
}

}  // namespace sallyport::diagnosis
