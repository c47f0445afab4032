// Rules about sessions with one difference: smaller TCP segments, another data method before, another TLS version; and about
// an upload.

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/diagnosis/refusal_words.hpp>
#include <sallyport/diagnosis/rule_support.hpp>

namespace sallyport::diagnosis {

namespace {

/// ": 425 no"; empty without a reply.
std::string quoted_reply(const std::string& reply) { return reply.empty() ? std::string() : ": " + reply; }

// ---- Full-sized packets

/// The link before which a long line is held back, although an incomplete short one passes.
std::optional<hop_span> holder_of_full_packets(const facts& known) {
    return holder_of(known, "half line") ? std::nullopt : holder_of(known, "long line");
}

/// In a capture: a full segment that is sent again and again, without an ICMP error.
bool judge_repeated_segments(const facts& known, std::vector<verdict>& out) {
    constexpr unsigned min_repeats = 3;
    const auto* const m = first_of(known.methods, [](const method_facts& each) {
        return each.packets && each.packets->repeated_full >= min_repeats && !succeeded(each.result);
    });
    if (m == nullptr) return false;
    auto found = verdict_of("full-packets-lost", side::undecided, confidence::likely);
    found.method = m->method;
    found.evidence.push_back(fmt::format("{}: connected; a full segment was sent {} more times, and nothing newer",
                                         proto::name(m->method), m->packets->repeated_full));
    found.evidence.emplace_back(m->packets->size_reported
                                    ? "an ICMP error has named a smaller size, and the sender has not used it"
                                    : "no ICMP error names a smaller size");
    out.push_back(std::move(found));
    return true;
}

void judge_full_packets(const facts& known, std::vector<verdict>& out) {
    if (judge_repeated_segments(known, out)) return;
    const auto* const small =
        first_of(known.compared.segments, [](const segment_probe& each) { return succeeded(each.result); });
    const auto* const stalled = known.passive_attempt(method_result::stalled);
    const auto link = holder_of_full_packets(known);
    const bool has_smaller = small != nullptr && stalled != nullptr;
    if (!has_smaller && !link) return;
    auto found =
        verdict_of("full-packets-lost", side::undecided, has_smaller && link ? confidence::certain : confidence::likely);
    // The line alone may be held back because it is a long command.
    if (!has_smaller && !(known.compared.upload && known.compared.upload->stopped())) {
        found.confidence = confidence::possible;
        found.severity = severity::note;
        found.cause =
            "A device on the path holds back long lines of the control connection, or full-sized packets are lost.";
        found.remedy = "Nothing while listings and uploads work.";
    }
    if (has_smaller) {
        found.method = small->method;
        found.evidence.push_back(
            fmt::format("{}: connected, {} bytes arrived, then no more", proto::name(stalled->method), stalled->bytes));
        found.evidence.push_back(
            fmt::format("with TCP segments of at most {} bytes, all {} bytes arrive", small->max_segment, small->bytes));
    }
    if (link) {
        found.hop = link;
        found.side = side_of(known, *link);
        found.evidence.push_back(fmt::format(
            "a line of 1400 bytes on the control connection is lost at {}, and a short one is not", text_of(*link)));
    }
    out.push_back(std::move(found));
}

// ---- Sequences

void judge_sequence(const facts& known, std::vector<verdict>& out) {
    for (const auto& each : known.compared.sequences) {
        const auto* const alone = find_method(known, each.second, each.tls);
        if (succeeded(each.result) || alone == nullptr || !is_usable(*alone)) continue;
        const auto* const before = find_method(known, each.first, each.tls);
        // Clients go on to another method only if the first one fails.
        const bool matters = before != nullptr && !is_usable(*before);
        auto found = verdict_of("second-method-fails", side::undecided, confidence::likely,
                                matters ? severity::problem : severity::note);
        found.method = each.second;
        found.evidence.push_back(fmt::format("{} in a session of its own works; after {} in the same session: {}{}",
                                             proto::name(each.second), proto::name(each.first), name(each.result),
                                             quoted_reply(each.reply)));
        found.remedy =
            fmt::format("Use the method that works from the start (--data-methods {}).", to_lower(proto::name(each.second)));
        out.push_back(std::move(found));
        return;
    }
}

// ---- The time of the connection

void judge_timing(const facts& known, std::vector<verdict>& out) {
    const auto* const works =
        first_of(known.compared.timings, [](const timing_probe& each) { return each.result == method_result::ok; });
    if (works == nullptr) return;
    const auto* const usual = find_method(known, works->method, works->tls);
    if (usual == nullptr || usual->result != method_result::refused) return;
    auto found = verdict_of("passive-port-opens-late", side::server, confidence::likely);
    found.method = works->method;
    found.evidence.push_back(evidence_of(*usual));
    found.evidence.emplace_back(works->after_command ? "a connection after the transfer command is established"
                                                     : "a connection half a second after the reply is established");
    out.push_back(std::move(found));
}

// ---- TLS

std::string text_of(const tls_probe& each) {
    return fmt::format("{}, {}: {}{}", each.version, each.reuse ? "with session reuse" : "without session reuse",
                       name(each.result), quoted_reply(each.reply));
}

/// The version works without session reuse, and not with it.
const tls_probe* find_failing_reuse(const facts& known) {
    const auto& all = known.compared.tls_versions;
    return first_of(all, [&all](const tls_probe& with) {
        return with.reuse && !succeeded(with.result) && std::ranges::any_of(all, [&with](const tls_probe& without) {
                   return !without.reuse && without.version == with.version && succeeded(without.result);
               });
    });
}

const tls_probe* find_probe(const facts& known, bool reuse, bool works) {
    return first_of(known.compared.tls_versions, [reuse, works](const tls_probe& each) {
        return each.reuse == reuse && succeeded(each.result) == works;
    });
}

void judge_tls_version(const facts& known, std::vector<verdict>& out) {
    const auto* const works = find_probe(known, true, true);
    const auto* const fails = find_probe(known, true, false);
    if (works == nullptr || fails == nullptr || works->version == fails->version) return;
    if (find_failing_reuse(known) != nullptr) return;
    auto found = verdict_of("tls-version-fails", side::server, confidence::likely);
    found.cause = fmt::format("Data connections work over {}, and fail over {}.", works->version, fails->version);
    for (const auto& each : known.compared.tls_versions) found.evidence.push_back(text_of(each));
    out.push_back(std::move(found));
}

void judge_reuse_fails(const facts& known, std::vector<verdict>& out) {
    const auto* const fails = find_failing_reuse(known);
    if (fails == nullptr) return;
    auto found = verdict_of("tls-reuse-fails", side::server, confidence::likely);
    found.cause = fmt::format("Data connections that resume the TLS session fail over {}.", fails->version);
    for (const auto& each : known.compared.tls_versions) found.evidence.push_back(text_of(each));
    out.push_back(std::move(found));
}

void judge_reuse_required(const facts& known, std::vector<verdict>& out) {
    const auto* const with = find_probe(known, true, true);
    const auto* const without = find_probe(known, false, false);
    if (with == nullptr || without == nullptr || find_probe(known, false, true) != nullptr) return;
    auto found = verdict_of("tls-reuse-required", side::server_config, confidence::likely, severity::note);
    found.evidence.push_back(text_of(*with));
    found.evidence.push_back(text_of(*without));
    out.push_back(std::move(found));
}

// ---- The upload

constexpr std::string_view proxy_header = "PROXY header";

void judge_header_in_files(const facts& known, std::vector<verdict>& out) {
    if (!known.compared.upload || known.compared.upload->difference != proxy_header) return;
    out.push_back(verdict_of("proxy-header-in-files", side::server_config, confidence::certain));
    out.back().evidence.emplace_back("the file that was received again begins with a PROXY header");
}

void judge_upload_changed(const facts& known, std::vector<verdict>& out) {
    if (!known.compared.upload || known.compared.upload->difference.empty() ||
        known.compared.upload->difference == proxy_header)
        return;
    out.push_back(verdict_of("upload-changed", side::undecided, confidence::likely));
    out.back().evidence.push_back("the file that was received again: " + known.compared.upload->difference);
}

bool has_words(const upload_facts& upload, std::initializer_list<std::string_view> words) {
    return contains_any(to_lower(upload.reply), words);
}

/// A missing permission is no matter of the network. Some servers use the same codes for a full disk.
bool is_refused_upload(const upload_facts& upload) {
    const bool has_code = upload.reply_code == 532 || upload.reply_code == 550 || upload.reply_code == 553;
    return has_code && !has_words(upload, {"quota", "space", "disk", "full", "exceed"});
}

void judge_upload_refused(const facts& known, std::vector<verdict>& out) {
    if (!known.compared.upload || known.compared.upload->result == method_result::ok ||
        !is_refused_upload(*known.compared.upload))
        return;
    const bool names_permission = known.compared.upload->reply_code == 532 ||
                                  has_words(*known.compared.upload, {"permi", "denied", "not allowed", "not authorized",
                                                                     "forbidden", "read-only", "read only"});
    out.push_back(verdict_of("upload-refused", side::server_config,
                             names_permission ? confidence::certain : confidence::likely, severity::note));
    out.back().evidence.push_back("the server's reply: " + known.compared.upload->reply);
}

void judge_upload_failed(const facts& known, std::vector<verdict>& out) {
    if (!known.compared.upload || known.compared.upload->result == method_result::ok ||
        is_refused_upload(*known.compared.upload))
        return;
    if (known.compared.upload->reply_code == 0 && has_id(out, {"full-packets-lost"})) return;
    out.push_back(verdict_of("upload-failed", side::undecided, confidence::possible));
    out.back().evidence.push_back(fmt::format("the upload of a small file: {}{}", name(known.compared.upload->result),
                                              quoted_reply(known.compared.upload->reply)));
}

void judge_left_over(const facts& known, std::vector<verdict>& out) {
    if (!known.compared.upload || known.compared.upload->left_over.empty()) return;
    // Of an upload that failed, nothing may be there.
    const bool was_stored = known.compared.upload->result == method_result::ok;
    auto found = verdict_of("upload-left-over", side::server_config, was_stored ? confidence::certain : confidence::possible,
                            severity::note);
    found.cause = fmt::format("The file of the upload, {}, was not deleted.", known.compared.upload->left_over);
    found.evidence.push_back("the file is " + known.compared.upload->left_over);
    out.push_back(std::move(found));
}

}  // namespace

std::span<const rule> comparison_rules() noexcept {
    static const auto table = std::to_array<rule>({
        {{"full-packets-lost", "Full-sized packets are lost on the path, and the message about their size does not arrive.",
          "a listing that stops and arrives with smaller TCP segments; a long line with growing TTL that is not "
          "acknowledged",
          "listings that stop with smaller segments as well; devices that hold back every incomplete line",
          "a stateful device that checks sequence numbers of some packets only; a device that limits the length of FTP "
          "commands",
          "Operator of the device before this link: permit ICMP type 3 code 4 (IPv6: type 2), or limit the segment size "
          "there (nftables: tcp option maxseg size set rt mtu). Until then, lower the MTU of this computer's interface to "
          "1280."},
         judge_full_packets},
        {{"second-method-fails",
          "A data method that works in a session of its own fails after another one in the same session.",
          "a passive negotiation without a connection, and a transfer with another method after it",
          "methods that fail in sessions of their own", "a server that is busy at that moment",
          "Use the method that works from the start (--data-methods)."},
         judge_sequence},
        {{"passive-port-opens-late", "The server opens its passive port later than clients connect to it.",
          "a port that is refused at first, and open later", "ports that stay closed",
          "a load balancer that learns of the port late",
          "Server's administrator: update the server; a client that tries again, or that sends the transfer command first, "
          "works."},
         judge_timing},
        {{"tls-version-fails", "Data connections work with one version of TLS only.",
          "the same listing over TLS 1.2 and TLS 1.3", "failures with both versions",
          "a cluster whose nodes differ; a gateway on the path that ends TLS",
          "Server's administrator: update the server or its TLS library, or offer only the version that works. A client can "
          "choose it (curl: --tls-max 1.2)."},
         judge_tls_version},
        {{"tls-reuse-fails", "Data connections that resume the TLS session fail.",
          "the same listing with and without session reuse", "failures without session reuse as well",
          "a cluster whose nodes do not share their TLS sessions; a gateway on the path that ends TLS",
          "Server's administrator: update the server or its TLS library. Clients that do not reuse the session, or that use "
          "another version of TLS, may work."},
         judge_reuse_fails},
        {{"tls-reuse-required", "The server requires TLS session reuse on data connections.",
          "listings with and without session reuse", "a server that accepts both", "none",
          "Nothing for clients that reuse the session; others fail until the server permits it (vsftpd: "
          "require_ssl_reuse=NO; ProFTPD: TLSOptions NoSessionReuseRequired)."},
         judge_reuse_required},
        {{"proxy-header-in-files", "The server writes the load balancer's PROXY header into files.",
          "a small file that was sent and received again", "files that are the same", "none",
          "Disable the PROXY protocol for the passive ports in the load balancer, or let the server read it on data "
          "connections too (Sallyport: --proxy-protocol-from)."},
         judge_header_in_files},
        {{"upload-changed", "A file is not the same after it was sent and received again.",
          "a small file that was sent and received again", "files that are the same",
          "a server that converts texts; a scanner that changes files; an upload that was cut off",
          "Compare the file on the server with the one that was sent."},
         judge_upload_changed},
        {{"upload-refused", "The server does not permit this login to upload a file here.", "the reply to STOR",
          "an upload that was accepted", "a quota; a file name that is not permitted",
          "Nothing if this login may only read; otherwise name a directory in the URL that it may write to."},
         judge_upload_refused},
        {{"upload-failed", "Listings work, and an upload does not.", "the result of an upload", "a refusal by permission",
          "full-sized packets that are lost towards the server; a virus scanner; a full disk",
          "Server's administrator: look for this upload in the server's log."},
         judge_upload_failed},
        {{"upload-left-over", "The file of the upload was not deleted.", "the reply to DELE", "a deleted file",
          "a login without the right to delete", "Delete it by hand."},
         judge_left_over},
    });
    return table;
}

}  // namespace sallyport::diagnosis
