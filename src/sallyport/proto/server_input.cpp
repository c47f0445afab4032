#include <sallyport/proto/server_input.hpp>

#include <string>
#include <utility>

namespace sallyport::proto {

std::optional<local_reply> server_input::append(std::string_view bytes, bool tls, reply_writer& replies) {
    std::string telnet_answers;
    auto end = reader_.append(bytes, tls, telnet_answers);
    replies.append(telnet_answers);
    return end;
}

std::optional<client_line> server_input::read(reply_writer& log) {
    std::string_view raw;
    auto line = reader_.next(raw);
    if (line && raw.data() != nullptr) log.show_command(raw);
    return line;
}

std::optional<client_line> server_input::next(reply_writer& log) {
    return deferred_.empty() ? read(log) : std::optional(deferred_.pop());
}

std::optional<client_line> server_input::next_during_transfer(reply_writer& log) {
    while (!full()) {
        auto line = read(log);
        if (!line) break;
        const bool now = !line->refused && acts_during_transfer(line->cmd);
        if (now && line->cmd.id == verb::abor) {
            // Its own reply follows the reply to the transfer.
            deferred_.push_abort();
            return line;
        }
        if (now && deferred_.empty()) return line;
        deferred_.push(std::move(*line));
    }
    return std::nullopt;
}

void server_input::clear() noexcept {
    deferred_.clear();
    reader_.clear();
}

}  // namespace sallyport::proto
