#include <sallyport/proto/relay_client_lines.hpp>

#include <utility>

#include <sallyport/base/limits.hpp>

namespace sallyport::proto {

bool goes_alone(verb id) noexcept {
    switch (id) {
        case verb::user:
        case verb::pass:
        case verb::acct:
        case verb::rein:
        case verb::quit:
        case verb::auth:
        case verb::ccc: return true;
        default: return data_use_of(id) != data_use::none;
    }
}

namespace {

client_line noted(client_line line, relay_output& out) {
    if (!line.refused && line.cmd.id != verb::unknown) out.note(relay_note::command, row_of(line.cmd.id).name);
    return line;
}

}  // namespace

std::optional<client_line> relay_client_lines::next(relay_output& out) {
    if (deferred_.empty()) {
        auto line = read(out);
        if (!line) return std::nullopt;
        deferred_.push(std::move(*line));
    }
    const auto& first = deferred_.front();
    const bool waits = first.refused ? first.ends_session() : goes_alone(first.cmd.id);
    if (waits && !out.pending().empty()) return std::nullopt;
    return noted(deferred_.pop(), out);
}

std::optional<client_line> relay_client_lines::next_during_transfer(relay_output& out) {
    while (!deferred_.full()) {
        auto line = read(out);
        if (!line) break;
        const bool now = !line->refused && acts_during_transfer(line->cmd);
        if (now && (line->cmd.id == verb::abor || deferred_.empty())) return noted(std::move(*line), out);
        deferred_.push(std::move(*line));
    }
    return std::nullopt;
}

bool relay_client_lines::wants_bytes() const noexcept { return reader_.pending() < limits::control_read_size; }

bool relay_client_lines::defer_abort() {
    if (deferred_.empty()) return false;
    deferred_.push_abort();
    return true;
}

void relay_client_lines::clear() noexcept {
    deferred_.clear();
    reader_.clear();
}

std::optional<client_line> relay_client_lines::read(relay_output& out) {
    std::string_view raw;
    auto line = reader_.next(raw);
    if (line && out.logs_lines() && raw.data() != nullptr) out.log_line("> ", mask_secrets(raw));
    return line;
}

}  // namespace sallyport::proto
