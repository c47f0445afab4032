// What passes between the two control connections, and what does not. Data connections: relay_data.cpp.

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>
#include <sallyport/proto/client_side/replies.hpp>
#include <sallyport/proto/relay_machine.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::proto {
namespace {

// Commands under way to the backend; more wait in the line buffer, then in the client's socket.
constexpr std::size_t pending_limit = 64;
// Unsent output at which nothing more is made: one reply of the largest size may come on top.
constexpr std::size_t output_limit = 64UL * 1024;

// Verbs that aim data connections past us or wrap the conversation in what we could not read: RFC 1639 (LPRT, LPSV), RFC
// 2228 (ADAT, MIC, CONF, ENC), and the tools of server-to-server transfers under TLS (CPSV, SSCN, SPSV).
constexpr auto never_passed =
    std::to_array<std::string_view>({"ADAT", "CONF", "CPSV", "ENC", "LPRT", "LPSV", "MIC", "SPSV", "SSCN"});
// FEAT lines that speak of what ends at the gateway; its own take their place.
constexpr auto client_features =
    std::to_array<std::string_view>({"AUTH", "CCC", "CPSV", "EPRT", "EPSV", "LPRT", "LPSV", "PBSZ", "PROT", "SPSV", "SSCN"});

[[nodiscard]] bool among(std::string_view name, const auto& names) {
    return std::ranges::any_of(names, [&](std::string_view one) { return iequals(one, name); });
}

// Commands whose effect decides how the next line is read: they go out when all before them is answered, and alone.
[[nodiscard]] bool goes_alone(verb id) noexcept {
    switch (id) {
        case verb::user:
        case verb::pass:
        case verb::acct:
        case verb::rein:
        case verb::quit:
        case verb::auth: return true;
        default: return data_use_of(id) != data_use::none;
    }
}

[[nodiscard]] bool waits_for_replies(const client_line& line) noexcept {
    return line.refused ? line.ends_session() : goes_alone(line.cmd.id);
}

[[nodiscard]] std::string one_line(int code, std::string_view text) {
    std::string line;
    append_reply(line, code, text);
    return line;
}

[[nodiscard]] protection_rules rules_of(const relay_settings& s) noexcept {
    return {.implicit_tls = s.tls_active, .auth_offered = s.tls_available, .ccc_allowed = s.ccc_allowed};
}

}  // namespace

relay_machine::relay_machine(relay_settings settings, const reply& greeting)
    : settings_(std::move(settings)),
      backend_(settings_.backend),
      certificate_user_(settings_.certificate_user),
      times_{.now = settings_.now, .activity = settings_.now, .login_since = settings_.accepted},
      protection_(rules_of(settings_)),
      data_requests_(settings_.client_peer.address, true, true),
      inside_(backend_.peer.address, backend_.gateway, settings_.client_peer.address, settings_.client_destination) {
    auto shown = greeting;
    hide_inside(shown, nullptr);
    append_reply(to_client_, shown);
}

relay_machine::relay_machine(relay_settings settings)
    : settings_(std::move(settings)),
      certificate_user_(settings_.certificate_user),
      has_backend_(false),
      times_{.now = settings_.now, .activity = settings_.now, .login_since = settings_.accepted},
      protection_(rules_of(settings_)),
      data_requests_(settings_.client_peer.address, true, true) {
    login_.chooses = true;
    append_reply(to_client_, 220, "FTP service ready.");
}

// ---- Bytes in, actions out

void relay_machine::from_client(std::string_view bytes) {
    if (stage_ == stage::closing || bytes.empty()) return;
    times_.activity = times_.now;
    if (logged_in_) times_.login_since = times_.now;  // it may be REIN
    // Between 234 and the handshake, and between CCC's reply and the end of TLS, nobody can tell whose bytes these are.
    if (stage_ == stage::awaiting_auth_reply || stage_ == stage::starting_backend_tls ||
        stage_ == stage::starting_client_tls)
        return refuse_line({421, std::string(replies::bytes_after_auth)});
    if (stage_ == stage::ending_client_tls) return refuse_line({421, std::string(replies::bytes_after_ccc)});
    if (const auto end = reader_.append(bytes, protection_.tls(), to_client_)) refuse_line(*end);
}

void relay_machine::from_backend(std::string_view bytes) {
    if (stage_ == stage::closing) return;
    times_.activity = times_.now;
    if (!in_doubt()) ++turn_;  // a reply that goes on has its time anew
    replies_.append(bytes);
}

relay_action relay_machine::next() {
    for (;;) {
        if (!actions_.empty()) {
            auto action = std::move(actions_.front());
            actions_.erase(actions_.begin());
            return action;
        }
        if (stage_ == stage::closing) return relay_act::close{};
        if (take_reply()) continue;
        if (stage_ == stage::starting_client_tls) return relay_act::start_tls{leg::client};
        if (stage_ == stage::starting_backend_tls) return relay_act::start_tls{leg::backend};
        if (stage_ == stage::ending_client_tls) return relay_act::end_tls{};
        if (stage_ == stage::passthrough) return relay_act::start_passthrough{};
        if (handle_next_line() || !actions_.empty() || stage_ == stage::closing) continue;
        if (!input_ended_ || stage_ != stage::open || !deferred_.empty() || !pending_.empty()) {
            keep_word_deadline();
            return relay_act::idle{deadline()};
        }
        say_goodbye();
    }
}

void relay_machine::release_client_output(std::string& out) {
    out.clear();
    out.swap(to_client_);
}

void relay_machine::release_backend_output(std::string& out) {
    out.clear();
    out.swap(to_backend_);
}

bool relay_machine::can_read_client() const noexcept {
    switch (stage_) {
        case stage::awaiting_auth_reply:
        case stage::starting_backend_tls:
        case stage::starting_client_tls:
        case stage::ending_client_tls:
        case stage::passthrough:
        case stage::closing: return false;
        default:
            return reader_.pending() < limits::control_read_size && to_client_.size() < output_limit &&
                   to_backend_.size() < output_limit;
    }
}

bool relay_machine::can_read_backend() const noexcept {
    return has_backend_ && stage_ != stage::closing && stage_ != stage::starting_backend_tls &&
           stage_ != stage::passthrough && to_client_.size() < output_limit;
}

void relay_machine::backend_closed(std::string_view why) {
    if (stage_ == stage::closing || !has_backend_) return;
    if (replace_backend()) return note(relay_note::violation, "the backend failed at the login: " + std::string(why));
    if (stage_ == stage::transfer && !transfer_.answered) {
        emit(one_line(426, "Transfer cut: the connection to the server behind this gateway was lost."));
        actions_.emplace_back(
            relay_act::transfer_finished{426, transfer_.ended.value_or(data_outcome{data_result::backend_failed, {}})});
    }
    note(relay_note::violation, "the backend's control connection ended: " + std::string(why));
    end_session("The server behind this gateway ended the connection; connect again.");
}

void relay_machine::terminate(std::string_view text) {
    if (stage_ != stage::closing) end_session(text);
}

// ---- What the client says

bool relay_machine::handle_next_line() {
    if (stage_ != stage::open && stage_ != stage::transfer) return false;
    if (pending_.size() >= pending_limit || to_client_.size() >= output_limit || to_backend_.size() >= output_limit)
        return false;
    if (stage_ == stage::transfer) return handle_line_during_transfer();
    if (deferred_.empty()) {
        auto line = read_line();
        if (!line) return false;
        deferred_.push(std::move(*line));
    }
    if (waits_for_replies(deferred_.front()) && !pending_.empty()) return false;
    handle_line(deferred_.pop());
    return true;
}

/// A line while a transfer runs: ABOR and STAT pass at once, all else waits its turn (IN-05, IN-06).
bool relay_machine::handle_line_during_transfer() {
    if (deferred_.full()) return false;
    auto line = read_line();
    if (!line) return false;
    const bool now = !line->refused && acts_during_transfer(line->cmd);
    if (now && (line->cmd.id == verb::abor || deferred_.empty()))
        handle_line(*line);
    else
        deferred_.push(std::move(*line));
    return true;
}

std::optional<client_line> relay_machine::read_line() {
    std::string_view raw;
    auto line = reader_.next(raw);
    if (line && tell_conversation_ && raw.data() != nullptr) said("> ", mask_secrets(raw));
    return line;
}

void relay_machine::handle_line(const client_line& line) {
    if (line.abort_done) return answer(226, replies::aborted);
    if (line.refused) return refuse_line(*line.refused);
    handle_command(line.cmd);
}

/// A line that is no command.
void relay_machine::refuse_line(const local_reply& no) {
    if (no.code == 421) {
        note(relay_note::violation, "the client gets 421 " + no.text);
        return end_session(no.text);
    }
    note(relay_note::refused, "a line that is no command");
    answer(no.code, no.text);
}

session_stage relay_machine::login_stage() const noexcept {
    if (logged_in_) return session_stage::logged_in;
    return user_given_ ? session_stage::user_given : session_stage::connected;
}

void relay_machine::handle_command(const command& cmd) {
    const bool tls_missing = settings_.tls_required && !protection_.tls();
    if (const auto no = refuse_early(cmd, login_stage(), tls_missing)) return refuse(cmd, *no);
    if (const auto no = settings_.policy.refuses(cmd)) return refuse(cmd, *no);
    switch (cmd.id) {
        case verb::auth: return auth(cmd);
        case verb::pbsz: return pbsz(cmd);
        case verb::prot: return prot(cmd);
        case verb::ccc: return ccc(cmd);
        case verb::rein: return rein(cmd);
        case verb::host: return host(cmd);
        case verb::user: return begin_login(cmd);
        default: break;
    }
    if (!has_backend_) return before_login(cmd);
    query_directory(cmd);
    switch (data_use_of(cmd.id)) {
        case data_use::passive:
        case data_use::active: return negotiate(cmd);
        case data_use::download:
        case data_use::upload:
        case data_use::listing: return transfer(cmd);
        case data_use::none: break;
    }
    switch (cmd.id) {
        case verb::abor: return abor(cmd);
        case verb::mode: return mode(cmd);
        default:
            if (cmd.id == verb::unknown && among(cmd.name, never_passed)) {
                return refuse(cmd, 502, "This gateway does not pass " + cmd.name + " on.");
            }
            return pass(cmd);
    }
}

void relay_machine::pass(const command& cmd) {
    remember(cmd);
    send_backend(cmd, reply_kind::relayed);
    if (goes_alone(cmd.id)) stage_ = stage::awaiting_reply;
}

void relay_machine::abor(const command& cmd) {
    if (stage_ != stage::transfer) {
        reset_channel();
        return pass(cmd);
    }
    if (!transfer_.ended) {
        drop_data();
        transfer_.ended = data_outcome{data_result::aborted, "aborted at your request"};
    }
    // Where others wait for their replies, so does this one.
    send_backend(cmd, deferred_.empty() ? reply_kind::relayed : reply_kind::discarded);
    if (!deferred_.empty()) deferred_.push_abort();
    join_transfer();
}

// ---- What the backend says

bool relay_machine::take_reply() {
    if (to_client_.size() >= output_limit) return false;
    reply r;
    switch (replies_.next(r)) {
        case reply_parser::status::need_more: return false;
        case reply_parser::status::error: violation(replies_.failure().what); return false;
        case reply_parser::status::reply: on_reply(std::move(r)); return true;
    }
    return false;
}

void relay_machine::on_reply(reply r) {
    const auto index = pending_.match(r, transfer_.final.has_value());
    hide_inside(r, index ? &pending_[*index] : nullptr);
    if (r.code == 421) {
        if (replace_backend()) return note(relay_note::violation, "the backend failed at the login: 421 " + r.text());
        deliver(r);
        return end_session({});
    }
    if (!index) return violation("a reply that nobody asked for: " + std::to_string(r.code) + ' ' + r.text());
    if (r.protected_reply()) return violation("a protected reply (RFC 2228)");
    const auto& asked = pending_[*index];
    const bool asks_for_port = asked.kind == reply_kind::negotiation && (asked.id == verb::pasv || asked.id == verb::epsv);
    if (r.offers_port() && !asks_for_port) return violation("a port offered where none was asked for (GW-02)");
    if (passes_over(r)) return give_up_replies();
    switch (pending_[*index].kind) {
        case reply_kind::relayed: return on_relayed(*index, r);
        case reply_kind::replayed: return on_replayed(r);
        case reply_kind::transfer: return on_transfer(std::move(r));
        case reply_kind::negotiation: return on_negotiation(r);
        case reply_kind::protection: return on_protection(r, pending_[*index].id);
        case reply_kind::auth: return on_auth(r);
        case reply_kind::prot: return on_level(r);
        case reply_kind::directory:
            if (r.preliminary()) return;
            paths_.reply_received(verb::pwd, {}, r);
            return forget(*index);
        case reply_kind::discarded:
        case reply_kind::probe:
            if (!r.preliminary()) forget(*index);
            return;
        case reply_kind::local: return;  // never the first: forget() sends them
    }
}

void relay_machine::on_relayed(std::size_t index, const reply& r) {
    const verb id = pending_[index].id;
    if (must_be_admitted(r, id)) {
        login_reply_ = r;
        stage_ = stage::admitting;
        return actions_.push_back(relay_act::admit_user{login_.user});
    }
    if (id == verb::feat && r.code == 211)
        deliver_features(r);
    else
        deliver(r);
    if (r.preliminary()) return;
    if (names_path(id) || id == verb::pwd) paths_.reply_received(id, pending_[index].text, r);
    if (id == verb::user || id == verb::pass || id == verb::acct) on_login(r, id);
    if (id == verb::rein && r.positive()) forget_login();
    if (id == verb::quit && r.positive()) return end_session({});
    forget(index);
}

// Only who knows the password counts as its user: else anybody could use up a user's sessions by the name alone.
bool relay_machine::must_be_admitted(const reply& r, verb id) {
    const bool login = id == verb::user || id == verb::pass || id == verb::acct;
    return settings_.limit_users && login && (r.code == 230 || r.code == 232) && stage_ != stage::admitting;
}

void relay_machine::user_admitted(bool yes) {
    if (stage_ != stage::admitting) return;
    if (!yes) return end_session("Too many sessions of this user; close one, or try again later.");
    on_relayed(0, login_reply_);
    if (stage_ == stage::admitting) stage_ = pending_.empty() ? stage::open : stage::awaiting_reply;
}

void relay_machine::deliver_features(const reply& r) {
    reply mine{211, {"Features:"}};
    for (std::size_t i = 1; i + 1 < r.lines.size(); ++i) {
        const auto start = r.lines[i].find_first_not_of(' ');
        if (start == std::string::npos) continue;
        const auto line = std::string_view(r.lines[i]).substr(start);
        const auto name = line.substr(0, line.find(' '));
        const auto known = parse_command(name);
        const bool hidden = settings_.policy.hides(known ? known->id : verb::unknown);
        if (!among(name, client_features) && !iequals(line, "MODE B") && !hidden) mine.lines.emplace_back(line);
    }
    if (protection_.offered()) mine.lines.insert(mine.lines.end(), {"AUTH TLS", "PBSZ", "PROT"});
    if (settings_.ccc_allowed && protection_.tls()) mine.lines.emplace_back("CCC");
    mine.lines.insert(mine.lines.end(), {"EPRT", "EPSV", "End"});
    deliver(mine);
}

// ---- Both ways

void relay_machine::send_backend(const command& cmd, reply_kind kind) {
    const auto line = format_command(cmd.name, cmd.argument);
    if (!line) return refuse(cmd, 501, line.error().what);
    const bool telnet = !backend_.protect && line->find('\xff') != std::string::npos;
    to_backend_ += telnet ? telnet_escape_command(*line) : *line;
    const bool path_matters = kind == reply_kind::relayed && (names_path(cmd.id) || cmd.id == verb::stat);
    const bool keep = path_matters || kind == reply_kind::prot;
    pending_.push({kind, cmd.id, keep ? cmd.argument : std::string()});
}

void relay_machine::deliver(const reply& r) {
    append_reply(to_client_, r);
    if (tell_conversation_) said("< ", std::to_string(r.code) + ' ' + r.text());
}

void relay_machine::emit(const std::string& line) {
    to_client_ += line;
    said("< ", std::string_view(line).substr(0, line.size() - 2));
}

void relay_machine::answer(int code, std::string_view text) {
    const bool port = code == 227 || code == 229;
    const auto line = one_line(code, port ? std::string(text) : inside_.hidden(std::string(text)));
    if (!pending_.hold(line)) emit(line);
}

void relay_machine::refuse(const command& cmd, int code, std::string_view text) {
    if (notes_) note(relay_note::refused, cmd.name + ": " + std::to_string(code) + ' ' + std::string(text));
    answer(code, text);
}

/// 421 ends the session.
void relay_machine::refuse(const command& cmd, const local_reply& no) {
    if (no.code == 421) return refuse_line(no);
    refuse(cmd, no.code, no.text);
}

// An answered command leaves the queue, and replies of our own that waited behind it go out.
void relay_machine::forget(std::size_t index) {
    for (const auto& line : pending_.remove(index)) emit(line);
    ++turn_;
    if (stage_ == stage::awaiting_reply && pending_.empty()) stage_ = stage::open;
}

void relay_machine::violation(std::string_view what) {
    note(relay_note::violation, "the backend broke the protocol: " + std::string(what));
    end_session("The server behind this gateway broke the protocol.");
}

void relay_machine::end_session(std::string_view text) {
    if (stage_ == stage::transfer || stage_ == stage::reserving || negotiation_.own || channel_) drop_data();
    if (!text.empty()) emit(one_line(421, text));
    stage_ = stage::closing;
    channel_.reset();
    pending_.clear();
    deferred_.clear();
    reader_.clear();
}

}  // namespace sallyport::proto
