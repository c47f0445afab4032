#pragma once
// The transfer that a server's session runs, from the driver's start to the final reply (RFC 959 section 5.4; IN-05). A
// value; one thread.

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
    /// verb::unknown where none runs.
    [[nodiscard]] verb active_verb() const noexcept { return verb_; }

    /// 150, or 125 over a connection that was open before.
    [[nodiscard]] reply opened(std::string_view text) const;
    /// ABOR. True the first time: the driver has to give the transfer up.
    [[nodiscard]] bool abort() noexcept;
    /// Its final reply. `data_connected`, `data_persists`: as in server_machine::transfer_done(). REQUIRES: running()
    [[nodiscard]] reply finish(const result<transfer_outcome>& outcome, bool data_connected, bool data_persists);

private:
    verb verb_ = verb::unknown;
    bool running_ = false;
    bool was_persistent_ = false;
    bool abort_requested_ = false;
};

}  // namespace sallyport::proto
