#pragma once
// What is known of one FTP session and its path: the input of the rules (rules.hpp). Probes of a live run fill it, and so do
// the readers of logs and transcripts. A run can be saved as JSON and read again (facts_json.hpp).
//
// A fact that was not measured is absent: an empty optional or an empty list. No fact holds a password, a token or an ACCT
// argument. Texts of a peer are unescaped, so escape them before display. Plain values; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/proto/data_method.hpp>

namespace sallyport::diagnosis {

/// The place from which the facts were seen.
enum class vantage : std::uint8_t { client, server };
[[nodiscard]] std::string_view name(vantage v) noexcept;

/// One step of a session: "resolve", "connect", "greeting", "tls", "login".
struct phase {
    std::string name;
    bool ok = false;
    std::int64_t ms = 0;
    /// The error's code (`name(errc)`); empty if the step succeeded.
    std::string error;
    /// The code of the server's refusal; 0 if there was none.
    int reply_code = 0;
    /// The error's text, or what the step found: an address, a greeting, a TLS version.
    std::string detail;
};

/// How one attempt with a data method ended.
enum class method_result : std::uint8_t {
    ok,
    // The data connection was refused: RST, or 425 with that reason.
    refused,
    // No answer within the time limit.
    silent,
    // The data connection was established and then reset.
    reset,
    // ICMP: a device rejects the connection, or there is no route.
    unreachable,
    // The data connection failed because of the address in the 227, PORT or EPRT.
    wrong_address,
    // The server or the client refused the other end's address ("425 Security: Bad IP connecting").
    wrong_peer,
    // The server answered the command with 4xx or 5xx, or with a reply without a usable port.
    verb_refused,
    // No reply to the command itself.
    verb_dropped,
    // The data connection was established, and then no more bytes arrived.
    stalled,
    // The server refused the listing itself: no such path, no permission. A passive data connection was established.
    listing_refused,
    // The control connection or TLS failed: no matter of the data connection.
    failed
};
/// As in the report: "verb-refused".
[[nodiscard]] std::string_view name(method_result r) noexcept;
/// The data connection worked, also if the server then refused the listing.
[[nodiscard]] bool succeeded(method_result r) noexcept;

/// How the stream of a data connection ended.
enum class stream_end : std::uint8_t {
    unknown,
    // FIN; with TLS after close_notify.
    clean,
    // With TLS: FIN without close_notify.
    truncated,
    reset,
    // Neither end closed it before the time limit.
    open
};
[[nodiscard]] std::string_view name(stream_end e) noexcept;

/// What a capture has of a data connection. It is of captures only, and a saved run does not have it.
struct packet_facts {
    /// SYNs of the end that opens it, with their repeats; answers that accept; RSTs before it was established.
    unsigned syns = 0;
    unsigned syn_acks = 0;
    unsigned refusals = 0;
    /// What the first answer has left of its TTL where it was captured, and packets of the server's control connection.
    std::optional<unsigned> answer_ttl;
    std::optional<unsigned> control_ttl;
    /// An ICMP error "unreachable" about it.
    std::optional<ip_address> icmp_sender;
    int icmp_type = 0;
    int icmp_code = 0;
    /// How often the last full segment was repeated without a newer one, and whether an ICMP error has named a smaller size.
    unsigned repeated_full = 0;
    bool size_reported = false;
    /// From its SYN on: the last byte, the first FIN, and the final reply on the control connection.
    std::optional<std::int64_t> last_byte_ms;
    std::optional<std::int64_t> end_ms;
    std::optional<std::int64_t> reply_ms;
};

/// What the server knows of a session, after one attempt or of another client, by SITE DOCTOR
/// (proto/client_side/site_doctor.hpp).
struct server_view {
    /// The client's end of the control connection.
    endpoint peer;
    /// The PORT or EPRT that it has received, or the 227 or 229 that it has sent; empty if there was none.
    std::string negotiated;
    /// The client's end of the data connection.
    std::optional<endpoint> source;
    /// Other addresses that connected to the passive port.
    std::vector<ip_address> others;
};

/// One attempt to transfer a listing or a file with one data method.
struct method_facts {
    proto::data_method method = proto::data_method::epsv;
    /// The control connection was encrypted when the command was sent, so no device could read it.
    bool tls = false;
    method_result result = method_result::failed;
    /// Passive mode: the address that was connected to. Active mode: the one in PORT or EPRT.
    std::optional<endpoint> target;
    /// Passive mode: the address in the 227 or 229.
    std::optional<endpoint> advertised;
    /// A second attempt to connect: to the advertised address if `target` is the peer's, or the reverse.
    std::optional<method_result> other_address;
    /// The reply that refused the method or the transfer, or the final one; 0 and empty if there was none.
    int reply_code = 0;
    std::string reply;
    /// The error's text; empty on success.
    std::string detail;
    /// Why a 227 or 229 could not be read: the name of the parser's error.
    std::string malformed;
    /// For a command without a reply: whether TCP acknowledged it.
    std::optional<bool> acknowledged;
    std::uint64_t bytes = 0;
    std::int64_t ms = 0;
    /// The data connection resumed the TLS session of the control connection.
    std::optional<bool> resumed;
    stream_end end = stream_end::unknown;
    std::optional<packet_facts> packets;
    std::optional<server_view> seen_by_server;
};

/// A transfer that hangs although its data connection has ended, or although its final reply has arrived.
[[nodiscard]] bool lacks_only_its_end(const method_facts& m) noexcept;

/// What a SYN with a limited TTL got.
enum class hop_answer : std::uint8_t {
    none,
    // ICMP: time exceeded; `from` is the hop.
    expired,
    // The connection was established.
    opened,
    // RST.
    refused,
    // ICMP: destination unreachable; `from` is the device that rejects.
    unreachable
};
[[nodiscard]] std::string_view name(hop_answer a) noexcept;

struct ttl_answer {
    unsigned ttl = 0;
    hop_answer what = hop_answer::none;
    std::optional<ip_address> from;
    /// Of the ICMP message.
    int icmp_type = 0;
    int icmp_code = 0;
};

/// SYNs with growing TTL to one port. Where a helper may be on the path, each went to a freshly negotiated port.
struct path_trace {
    /// The control port; otherwise a data port.
    bool control = false;
    endpoint to;
    /// In the order of their TTL.
    std::vector<ttl_answer> answers;
    /// The TTL that the SYN-ACK or RST had left; a sender usually starts with 64, 128 or 255.
    std::optional<unsigned> reply_ttl;

    /// What the SYN with this TTL got; nullptr if there was none.
    [[nodiscard]] const ttl_answer* answer_at(unsigned ttl) const noexcept;
    /// The answer of the device at this distance; nothing if it did not answer.
    [[nodiscard]] const ttl_answer* expired_at(unsigned ttl) const noexcept;
    /// The largest TTL that expired; 0 if none did.
    [[nodiscard]] unsigned last_expired() const noexcept;
    /// The smallest TTL with this answer; nothing if there is none.
    [[nodiscard]] std::optional<unsigned> first(hop_answer what) const noexcept;
    /// The distance to the device that answered instead of expiring: opened, refused or unreachable.
    [[nodiscard]] std::optional<unsigned> distance() const noexcept;
};

/// Commands with growing TTL on throw-away connections to the control port: after which hop they are not acknowledged.
struct line_probe {
    /// "half PORT", "half line" to compare with, or "long line", which fills a packet; "half PORT on port 21" and "half line
    /// on port 21" if they were sent to that port for comparison.
    std::string line;
    /// TTL by TTL: whether TCP acknowledged it or ICMP reported that it expired. False: a device held it back.
    struct answer {
        unsigned ttl = 0;
        bool passed = false;
        bool expired = false;
    };
    std::vector<answer> answers;

    /// The smallest TTL at which the line was held back; nothing if it always passed.
    [[nodiscard]] std::optional<unsigned> held_from() const noexcept;
};

/// One of several negotiations for comparing ports.
struct port_round {
    proto::data_method method = proto::data_method::epsv;
    std::uint16_t port = 0;
    method_result result = method_result::failed;
    /// A second connection to the same port, without a new negotiation.
    std::optional<method_result> again;
    /// A third one, after a pause.
    std::optional<method_result> after_pause;
    /// The reply that refused the negotiation; 0 and empty if the server named a port.
    int reply_code = 0;
    std::string reply;
};

/// A listing with TCP segments of a limited size.
struct segment_probe {
    proto::data_method method = proto::data_method::epsv;
    bool tls = false;
    int max_segment = 0;
    method_result result = method_result::failed;
    std::uint64_t bytes = 0;
};

/// A transfer after a passive negotiation with another method, in the same session, for which no connection was made.
struct sequence_probe {
    proto::data_method first = proto::data_method::epsv;
    proto::data_method second = proto::data_method::pasv;
    bool tls = false;
    method_result result = method_result::failed;
    int reply_code = 0;
    std::string reply;
};

/// A connection to a passive port at another time than clients make it.
struct timing_probe {
    proto::data_method method = proto::data_method::epsv;
    bool tls = false;
    /// After the transfer command; otherwise half a second after the reply that names the port.
    bool after_command = false;
    method_result result = method_result::failed;
};

/// A listing over one version of TLS.
struct tls_probe {
    /// Of the control connection: "TLSv1.2".
    std::string version;
    /// The client offered the control connection's TLS session to the data connection.
    bool reuse = true;
    method_result result = method_result::failed;
    std::optional<bool> resumed;
    int reply_code = 0;
    std::string reply;
};

/// The size of the file of an upload: several full segments, so that it stops where these are lost.
inline constexpr std::size_t upload_kib = 16;

/// A small file that was sent, and received again.
struct upload_facts {
    method_result result = method_result::failed;
    int reply_code = 0;
    std::string reply;
    /// "PROXY header", "truncated", "changed"; empty if it is the same.
    std::string difference;
    /// The name of the file if it could not be deleted.
    std::string left_over;

    /// It has no final reply, so full segments may be lost towards the server.
    [[nodiscard]] bool stopped() const noexcept;
};

/// A session that was silent for some time and then used again.
struct idle_probe {
    std::int64_t seconds = 0;
    /// "silent", "keepalive" (TCP) or "NOOP".
    std::string kept_by;
    /// "alive", "reset", "no answer", "closed" (by FIN or a 421).
    std::string result;
    /// The last hop at which the NOOP still expired; the device that has forgotten the connection is this hop or the next.
    std::optional<unsigned> hop;
};

/// Sessions and connections with one difference.
struct comparison_facts {
    std::vector<segment_probe> segments;
    std::vector<sequence_probe> sequences;
    std::vector<timing_probe> timings;
    std::vector<tls_probe> tls_versions;
    std::optional<upload_facts> upload;
    /// SYNs to another port of the server, which a proxy for FTP does not intercept, from the TTL on at which the control
    /// connection opens; with growing TTL as long as they expire.
    std::optional<path_trace> other_port;
    /// Sessions of other clients of the same user and address, from SITE DOCTOR.
    std::vector<server_view> other_sessions;
};

/// The last second of the year 9999: a date is written with four digits.
inline constexpr std::int64_t max_time = 253'402'300'799;

/// Seconds. Two clocks that are set by hand differ by a few minutes.
inline constexpr std::int64_t max_clock_difference = 300;

/// What a capture has of the control connection, which is the same session in another one.
struct control_facts {
    /// Of the client's SYN: NAT routers leave it.
    std::optional<std::uint32_t> client_sequence;
    /// What the server's SYN-ACK has left of its TTL: the more, the nearer was the capture to the server.
    std::optional<unsigned> server_ttl;
    /// That its commands and replies have named for data connections, whether one was made or not.
    std::vector<std::uint16_t> named_ports;
};

/// When a live run or a capture began and ended, in seconds since 1970 (UTC); 0: not known.
struct run_times {
    std::int64_t started = 0;
    std::int64_t ended = 0;

    [[nodiscard]] bool are_known() const noexcept { return started != 0; }
};

struct facts {
    vantage seen_from = vantage::client;
    /// A file's name, or empty for a live run.
    std::string source;
    run_times times;
    std::string host;
    /// "none", "explicit", "implicit".
    std::string tls_mode = "none";
    /// The ends of the control connection, as the vantage sees them.
    endpoint client;
    endpoint server;
    /// All addresses of the host's name.
    std::vector<ip_address> host_addresses;
    /// The IPv4 address for which the server's IPv6 address stands, with a NAT64 translator between.
    std::optional<ip_address> translated_server;
    std::string greeting;
    /// Without a greeting: whether one arrived after a PROXY header.
    std::optional<bool> greeted_after_proxy_header;
    std::vector<std::string> features;
    std::vector<phase> phases;
    /// Of captures only; a saved run does not have it.
    std::optional<control_facts> captured;
    std::vector<method_facts> methods;
    std::vector<path_trace> traces;
    std::vector<line_probe> lines;
    std::vector<port_round> rounds;
    std::vector<idle_probe> idle;
    comparison_facts compared;
    /// What could not be measured, and why.
    std::vector<std::string> not_measured;

    [[nodiscard]] const phase* failed_phase() const noexcept;
    /// The trace to the control port; nullptr if there is none.
    [[nodiscard]] const path_trace* control_trace() const noexcept;
    /// The first trace to a data port; nullptr if there is none.
    [[nodiscard]] const path_trace* data_trace() const noexcept;
    /// The first passive attempt with this result; nullptr if there is none.
    [[nodiscard]] const method_facts* passive_attempt(method_result how) const noexcept;
};

/// Calls `on_text` with each text that may quote the server or the user, except the host's name.
template <class Function>
void for_each_text(facts& known, Function on_text) {
    on_text(known.source);
    on_text(known.greeting);
    for (auto& each : known.features) on_text(each);
    for (auto& each : known.not_measured) on_text(each);
    for (auto& each : known.phases) on_text(each.detail);
    for (auto& each : known.methods) {
        for (auto* const text : {&each.reply, &each.detail, &each.malformed}) on_text(*text);
        if (each.seen_by_server) on_text(each.seen_by_server->negotiated);
    }
    for (auto& each : known.compared.other_sessions) on_text(each.negotiated);
    for (auto& each : known.rounds) on_text(each.reply);
    for (auto& each : known.compared.sequences) on_text(each.reply);
    for (auto& each : known.compared.tls_versions) on_text(each.reply);
    if (known.compared.upload)
        for (auto* const text : {&known.compared.upload->reply, &known.compared.upload->left_over}) on_text(*text);
}

}  // namespace sallyport::diagnosis
