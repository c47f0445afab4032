#include <sallyport/proto/relay_output.hpp>

#include <sallyport/proto/path_records.hpp>
#include <sallyport/proto/telnet.hpp>

namespace sallyport::proto {
namespace {

// Unsent output at which nothing more is made: one reply of the largest size may come on top.
constexpr std::size_t unsent_limit = 64UL * 1024;

[[nodiscard]] std::string reply_line(int code, std::string_view text) {
    std::string line;
    append_reply(line, code, text);
    return line;
}

}  // namespace

// ---- The client leg

void relay_output::forward_reply(const reply& r) {
    append_reply(to_client_, r);
    if (logs_lines_) log_line("< ", std::to_string(r.code) + ' ' + r.text());
}

void relay_output::forward_opening(reply r, const std::string& data_peer) {
    if (!r.text().starts_with("FILE: ")) addresses_.hide(r, data_peer);
    forward_reply(r);
}

void relay_output::send_local_reply(int code, std::string_view text) {
    const bool port = code == 227 || code == 229;
    const auto line = reply_line(code, port ? std::string(text) : addresses_.hidden(std::string(text)));
    if (!pending_.hold(line)) send_line(line);
}

void relay_output::send_local_reply(const reply& r) {
    std::string lines;
    append_reply(lines, r);
    if (!pending_.hold(lines)) send_line(lines);
}

void relay_output::refuse(const command& cmd, int code, std::string_view text) {
    if (notes_) note(relay_note::refused, cmd.name + ": " + std::to_string(code) + ' ' + std::string(text));
    send_local_reply(code, text);
    for (const auto& forget : sequences_.to_forget(cmd.id, pending_.has(reply_kind::transfer)))
        (void)send_command(forget, reply_kind::discarded);
}

void relay_output::send_at_once(int code, std::string_view text) { send_line(reply_line(code, text)); }

void relay_output::send_failure(const local_reply& r) {
    if (notes_) note(relay_note::refused, std::to_string(r.code) + ' ' + r.text);
    send_at_once(r.code, addresses_.hidden(r.text));
}

void relay_output::send_line(const std::string& line) {
    to_client_ += line;
    log_line("< ", std::string_view(line).substr(0, line.size() - 2));
}

// ---- The backend leg

bool relay_output::send_command(const command& cmd, reply_kind kind) {
    const auto line = format_command(cmd.name, cmd.argument);
    if (!line) {
        refuse(cmd, 501, line.error().what);
        return false;
    }
    const bool telnet = !backend_tls_ && line->find('\xff') != std::string::npos;
    to_backend_ += telnet ? telnet_escape_command(*line) : *line;
    if (kind != reply_kind::discarded) sequences_.sent(cmd.id);
    const bool path_matters = kind == reply_kind::relayed && (names_path(cmd.id) || cmd.id == verb::stat);
    const bool keep = path_matters || kind == reply_kind::prot;
    pending_.push({kind, cmd.id, keep ? cmd.argument : std::string()});
    return true;
}

void relay_output::remove_pending(std::size_t index) {
    for (const auto& line : pending_.remove(index)) send_line(line);
}

bool relay_output::abandon_pending() {
    bool transfer = false;
    while (pending_.front().kind != reply_kind::probe) {
        const auto lost = pending_.remove_first();
        if (lost.kind == reply_kind::transfer)
            transfer = true;
        else if (lost.kind == reply_kind::local)
            send_line(lost.text);
        else if (lost.kind == reply_kind::relayed)
            forward_reply(lost.id == verb::abor ? reply{226, {"Transfer aborted."}}
                                                : reply{451, {"The FTP server did not answer this command."}});
    }
    return transfer;
}

void relay_output::release_backend() {
    backend_tls_ = false;
    sequences_.reset();
    pending_.clear();
    to_backend_.clear();
}

void relay_output::hide_addresses(reply& r, const pending_reply* pending) const {
    const bool opening = pending != nullptr && pending->kind == reply_kind::transfer && r.preliminary();
    if (opening || r.offers_port()) return;
    const auto id = pending != nullptr ? pending->id : verb::unknown;
    const bool names = id == verb::pwd || id == verb::mkd || id == verb::mlst ||
                       (id == verb::stat && pending != nullptr && !pending->text.empty());
    if (!names && !r.text().starts_with("FILE: ")) addresses_.hide(r);
}

// ---- The driver

std::optional<relay_action> relay_output::next_action() {
    if (actions_.empty()) return std::nullopt;
    auto action = std::move(actions_.front());
    actions_.erase(actions_.begin());
    return action;
}

void relay_output::release_client_output(std::string& out) {
    out.clear();
    out.swap(to_client_);
}

void relay_output::release_backend_output(std::string& out) {
    out.clear();
    out.swap(to_backend_);
}

bool relay_output::client_full() const noexcept { return to_client_.size() >= unsent_limit; }

bool relay_output::full() const noexcept { return client_full() || to_backend_.size() >= unsent_limit; }

// ---- The log

void relay_output::set_notes(std::move_only_function<void(relay_note, std::string_view)> notes, bool lines) {
    notes_ = std::move(notes);
    logs_lines_ = lines;
}

void relay_output::log_line(std::string_view direction, std::string_view line) {
    if (logs_lines_) note(relay_note::line, std::string(direction).append(line));
}

}  // namespace sallyport::proto
