#pragma once
// The running transfer of a server session, from its start by the driver to its final reply (RFC 959, section 5.4; IN-05).
//
// A value, owned by the server machine; one thread.

#include <optional>
#include <string_view>

#include <sallyport/proto/command.hpp>
#include <sallyport/proto/reply.hpp>
#include <sallyport/proto/server_actions.hpp>

namespace sallyport::proto {

class server_transfer {
public:
    void start(const transfer_request& request) noexcept;
    [[nodiscard]] bool running() const noexcept { return running_; }
    /// verb::unknown if no transfer is running.
    [[nodiscard]] verb active_verb() const noexcept { return verb_; }

    /// The 150, or the 125 for a connection that was already open.
    [[nodiscard]] reply opened(std::string_view text) const;
    /// ABOR. True for the first one: the driver must abort the transfer.
    [[nodiscard]] bool abort() noexcept;
    /// The final reply. `data_connected` and `data_persists` as in server_machine::transfer_done(). REQUIRES: running().
    [[nodiscard]] reply finish(const result<transfer_outcome>& outcome, bool data_connected, bool data_persists);

private:
    verb verb_ = verb::unknown;
    bool running_ = false;
    bool was_persistent_ = false;
    bool abort_requested_ = false;
};

}  // namespace sallyport::proto
