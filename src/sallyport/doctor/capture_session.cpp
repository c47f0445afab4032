#include <sallyport/doctor/capture_session.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/doctor/session_reader.hpp>
#include <sallyport/proto/host_port.hpp>

namespace sallyport::doctor {

namespace {

using diagnosis::method_facts;
using diagnosis::method_result;
using kind = session_event::kind;

/// Of one session; a client that copies a tree has a few for each file.
constexpr std::size_t max_lines = 20'000;
constexpr std::size_t max_data_connections = 4'000;
/// Also for a transfer without its end, which hangs.
constexpr auto patience_us = capture_connection::patience_us;
/// A control connection that is silent for a shorter time is not forgotten by a device.
constexpr std::int64_t long_silence_ms = 10'000;

[[nodiscard]] std::string_view verb_in(std::string_view line) {
    return line.substr(0, std::min(line.find(' '), line.size()));
}

[[nodiscard]] std::string_view argument_in(std::string_view line) {
    line.remove_prefix(verb_in(line).size());
    return line.substr(std::min(line.find_first_not_of(' '), line.size()));
}

/// The code of a reply's last line; 0 for other lines.
[[nodiscard]] int code_in(std::string_view line) {
    constexpr unsigned max_code = 659;
    const auto number = line.size() >= 3 ? parse_decimal(line.substr(0, 3), max_code) : std::nullopt;
    return number && (line.size() == 3 || line[3] == ' ') ? static_cast<int>(*number) : 0;
}

/// The first byte of a TLS record (of data, if the capture has begun later), and the version's first byte.
[[nodiscard]] bool is_tls(std::string_view payload) {
    return payload.size() >= 2 && payload[0] >= 0x14 && payload[0] <= 0x17 && payload[1] == 3;
}

}  // namespace

capture_session::capture_session(const endpoint& client, const endpoint& server, std::int64_t us)
    : client_(client), server_(server), started_us_(us), last_us_(us), control_(client, server, us) {}

void capture_session::add_control(const packet& p, std::int64_t us, bool keep_lines) {
    const bool of_client = p.from == client_;
    if (!p.icmp) note_silence(p, us);
    control_.add(p, us);
    if (p.icmp) return;
    auto& stream = of_client ? from_client_ : from_server_;
    auto& other = of_client ? from_server_ : from_client_;
    if (p.ack && !p.syn) {
        auto late = other.confirm(p.acknowledgment);
        if (!tls_) add_lines(std::move(late), !of_client, us, keep_lines);
    }
    if (p.syn) stream.begin_at(p.sequence);
    if (p.syn && of_client) client_sequence_ = p.sequence;
    if (p.syn) return;
    // After AUTH TLS, or on a port for implicit TLS.
    tls_ = tls_ || is_tls(p.payload);
    auto lines = stream.add(p.sequence, p.payload, p.size);
    if (!tls_) add_lines(std::move(lines), of_client, us, keep_lines);
}

void capture_session::add_lines(std::vector<std::string> texts, bool of_client, std::int64_t us, bool keep) {
    for (auto& text : texts) {
        const auto verb = to_lower(verb_in(text));
        if (of_client && (verb == "ehlo" || verb == "helo")) {
            other_protocol_ = true;
            lines_ = {};
            line_bytes_ = 0;
        }
        if (other_protocol_) return;
        if (lines_.size() >= max_lines || !keep) {
            too_long_ = true;
            return;
        }
        text.shrink_to_fit();
        line l{.of_client = of_client, .text = std::move(text), .us = us};
        note_port(l);
        line_bytes_ += sizeof(line) + l.text.capacity();
        lines_.push_back(std::move(l));
    }
}

/// What names an address for data: the data connection that follows is compared with it.
void capture_session::note_port(line& l) {
    if (!l.of_client) {
        const int code = code_in(l.text);
        const auto text = std::string_view(l.text).substr(std::min<std::size_t>(4, l.text.size()));
        if (code == 227) {
            const auto at = proto::parse_227(text);
            if (!at) return;
            expected_ = *at;
        } else if (code == 229) {
            const auto port = proto::parse_229(text);
            if (!port) return;
            expected_ = endpoint{server_.address, *port};
        } else {
            return;
        }
    } else {
        const auto verb = to_lower(verb_in(l.text));
        if (verb != "port" && verb != "eprt") return;
        const auto argument = argument_in(l.text);
        const auto at = verb == "port" ? proto::parse_host_port(argument) : proto::parse_eprt(argument);
        if (!at) return;
        expected_ = *at;
    }
    l.names_port = true;
    named_ports_.push_back(expected_->port);
    expects_server_ = l.of_client;
}

/// The first packet after a long silence, if it is repeated and nothing comes back.
void capture_session::note_silence(const packet& p, std::int64_t us) {
    const auto silent_ms = (us - last_us_) / 1000;
    last_us_ = us;
    auto& sender = p.from == client_ ? from_client_ : from_server_;
    if (p.size > 0 && sender.is_repeated(p.sequence, p.size)) {
        ++repeats_;
        return;
    }
    // The end that waits in vain gives up; that is no answer.
    if (silent_ms_ && p.from == silent_sender_ && (p.fin || p.rst)) return;
    // Any other packet shows that the connection lives, or that it has begun to be silent again.
    silent_ms_.reset();
    repeats_ = 0;
    if (p.size == 0 || silent_ms < long_silence_ms) return;
    silent_ms_ = silent_ms;
    silent_sender_ = p.from;
}

bool capture_session::expects(const endpoint& from, const endpoint& to) const {
    // What follows belongs to another session of the two hosts, or to none.
    if (other_protocol_ || has_ended()) return false;
    if (tls_) {
        if (to == server_) return false;
        const bool of_client = from.address == client_.address && to.address == server_.address && to.port > 1023;
        return of_client || (from.address == server_.address && to.address == client_.address && to.port > 1023);
    }
    if (!expected_ || to.port != expected_->port) return false;
    // The address in a 227 may be another one than the client connects to, and data may come from another server's address.
    return expects_server_ ? to.address == client_.address || to.address == expected_->address
                           : from.address == client_.address;
}

std::optional<std::size_t> capture_session::add_data(const packet& syn, std::int64_t us) {
    if (data_.size() >= max_data_connections) {
        too_long_ = true;
        return std::nullopt;
    }
    const auto number = data_.size();
    data_.emplace_back(syn.from, syn.to, us);
    for (auto l = lines_.rbegin(); !tls_ && l != lines_.rend(); ++l) {
        if (!l->names_port) continue;
        // A second connection to the same port is no other attempt.
        if (!l->data) l->data = number;
        break;
    }
    return number;
}

// ---- Facts

/// The code of the final reply to a transfer between two lines; 0 if there is none.
int capture_session::final_code_after(std::size_t from, std::size_t end) const {
    bool started = false;
    for (auto i = from; i < end; ++i) {
        const int code = lines_[i].of_client ? 0 : code_in(lines_[i].text);
        if (code == 125 || code == 150) started = true;
        if (code == 425 || code == 426 || code == 421 || (started && code >= 226 && code != 227 && code != 229)) return code;
    }
    return 0;
}

/// Whether the server has said between two lines that a transfer begins.
bool capture_session::has_begun(std::size_t from, std::size_t end) const {
    return std::any_of(lines_.begin() + static_cast<std::ptrdiff_t>(from), lines_.begin() + static_cast<std::ptrdiff_t>(end),
                       [](const line& l) { return !l.of_client && (code_in(l.text) == 125 || code_in(l.text) == 150); });
}

/// How a client program would report this failure of a connection.
session_event event_of(method_result failed) {
    if (failed == method_result::unreachable) return {.what = kind::unreachable};
    return {.what = failed == method_result::refused ? kind::refused : kind::timed_out};
}

/// What the capture has of the data connection, as a client program would report it.
void capture_session::add_outcome(const line& l, std::size_t next, std::int64_t end_us,
                                  std::vector<session_event>& to) const {
    const auto position = static_cast<std::size_t>(&l - lines_.data());
    const bool has_reply = final_code_after(position + 1, next) != 0;
    if (!l.data) {
        // In a capture at the client's side, a client that sends no SYN has not tried. At the server's side nothing came.
        if (!l.of_client || has_reply || end_us - l.us < patience_us) return;
        to.push_back({.what = kind::timed_out});
        return;
    }
    const auto& made = data_[*l.data];
    auto seen = made.seen();
    seen.control_ttl = control_.seen().answer_ttl;
    for (auto i = position + 1; i < next; ++i)
        if (!lines_[i].of_client && code_in(lines_[i].text) == 226)
            seen.reply_ms = std::max<std::int64_t>(0, (lines_[i].us - made.started_us()) / 1000);
    to.push_back({.what = kind::connecting, .at = made.target(), .packets = seen, .bytes = made.bytes()});
    // A reply says more of a connection that the server has tried to make.
    if (l.of_client && has_reply) return;
    if (const auto failed = made.failure(end_us)) to.push_back(event_of(*failed));
}

std::vector<session_event> capture_session::events(std::int64_t end_us) const {
    std::vector<session_event> out;
    // Otherwise the capture has begun in the middle of the session.
    if (control_.seen().syns > 0) out.push_back({.what = kind::connecting, .at = server_});
    const capture_connection* open_data = nullptr;
    std::size_t open_line = 0;
    const auto end_transfer = [&](std::size_t next) {
        if (open_data == nullptr) return;
        const bool hangs = has_begun(open_line + 1, next) && final_code_after(open_line + 1, next) == 0 &&
                           end_us - open_data->progress_us() >= patience_us;
        if (hangs) out.push_back({.what = kind::timed_out});
        open_data = nullptr;
    };
    for (std::size_t i = 0; i < lines_.size(); ++i) {
        const auto& l = lines_[i];
        if (l.names_port) end_transfer(i);
        out.push_back(l.of_client ? command_event(l.text) : reply_event(l.text));
        if (!l.names_port) continue;
        auto next = i + 1;
        while (next < lines_.size() && !lines_[next].names_port) ++next;
        add_outcome(l, next, end_us, out);
        if (l.data && data_[*l.data].is_established()) {
            open_data = &data_[*l.data];
            open_line = i;
        }
    }
    end_transfer(lines_.size());
    const auto failed = lines_.empty() && !tls_ ? control_.failure(end_us) : std::nullopt;
    const bool was_answered_once = control_.seen().syns == 1 && control_.seen().syn_acks > 0;
    if (failed && !(failed == method_result::silent && was_answered_once)) out.push_back(event_of(*failed));
    return out;
}

/// Under TLS: each connection between the two hosts is one attempt, whatever the command was.
void capture_session::add_hidden_methods(diagnosis::facts& to, std::int64_t end_us) const {
    for (const auto& made : data_) {
        const auto failed = made.failure(end_us);
        // The capture ends before an answer.
        if (!failed && !made.is_established()) continue;
        const bool of_server = made.opener().address == server_.address;
        method_facts m;
        m.method = of_server ? proto::data_method::eprt : proto::data_method::epsv;
        m.tls = true;
        m.target = made.target();
        if (!of_server) m.advertised = m.target;
        m.bytes = made.bytes();
        m.packets = made.seen();
        m.packets->control_ttl = control_.seen().answer_ttl;
        const bool hangs = !made.has_ended() && end_us - made.progress_us() >= patience_us;
        m.result = failed             ? *failed
                   : made.was_reset() ? method_result::reset
                   : hangs            ? method_result::stalled
                                      : method_result::ok;
        to.methods.push_back(std::move(m));
    }
}

diagnosis::facts capture_session::facts(std::int64_t end_us) {
    transcript read{"capture", false, events(end_us)};
    hide_passwords(read.events);
    auto found = facts_of(read);
    auto out = found.empty() ? diagnosis::facts{} : std::move(found.front());
    out.source = "capture";
    out.client = client_;
    out.server = server_;
    out.captured = diagnosis::control_facts{client_sequence_, control_.seen().answer_ttl, named_ports_};
    out.times.started = started_us_ / 1'000'000;
    out.times.ended = end_us / 1'000'000;
    if (tls_) {
        if (out.tls_mode == "none") out.tls_mode = lines_.empty() ? "implicit" : "explicit";
        add_hidden_methods(out, end_us);
        out.not_measured.emplace_back(
            "commands and replies under TLS, which a capture does not show: data connections are judged by their ports, as "
            "EPSV "
            "or, if the server has opened them, as EPRT");
    }
    constexpr unsigned min_repeats = 2;
    if (silent_ms_ && repeats_ >= min_repeats) out.idle.push_back({*silent_ms_ / 1000, "silent", "no answer", {}});
    if (missing() > 0)
        out.not_measured.push_back(
            fmt::format("{} bytes of the control connection, which the capture does not have", missing()));
    if (too_long_) out.not_measured.emplace_back("the rest of a session that is longer than the doctor reads");
    return out;
}

}  // namespace sallyport::doctor
