#include <sallyport/proto/server_transfer.hpp>

#include <string>
#include <utility>

#include <fmt/format.h>

#include <sallyport/proto/client_side/replies.hpp>
#include <sallyport/proto/failure_reply.hpp>

namespace sallyport::proto {

void server_transfer::start(const transfer_request& request) noexcept {
    verb_ = request.command;
    running_ = true;
    was_persistent_ = std::holds_alternative<persistent_data>(request.data);
    abort_requested_ = false;
}

reply server_transfer::opened(std::string_view text) const { return {was_persistent_ ? 125 : 150, {std::string(text)}}; }

bool server_transfer::abort() noexcept { return !std::exchange(abort_requested_, true); }

reply server_transfer::finish(const result<transfer_outcome>& outcome, bool data_connected, bool data_persists) {
    running_ = false;
    const verb id = std::exchange(verb_, verb::unknown);
    const bool aborted = std::exchange(abort_requested_, false);
    if (outcome) {
        const char* text = data_use_of(id) == data_use::listing ? "Listing completed." : "Transfer completed.";
        // 226 closes the data connection, 250 leaves it open (RFC 959, section 5.4).
        return {data_persists ? 250 : 226, {outcome->note.empty() ? text : fmt::format("{} {}", text, outcome->note)}};
    }
    if (aborted && outcome.error().code == errc::cancelled) return {426, {std::string(replies::aborted)}};
    return as_reply(reply_for(outcome.error(), id, data_connected ? data_stage::connected : data_stage::not_connected));
}

}  // namespace sallyport::proto
