#pragma once
// The client's lines at a relay machine, and which of them may be acted on now. A command that
// decides how the next line is read waits until all earlier ones are answered. Lines that arrive during a transfer wait for
// its end, except ABOR and STAT (IN-05, IN-06). A value of one machine; one thread.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/proto/client_side/command_reader.hpp>
#include <sallyport/proto/client_side/deferred_lines.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/relay_output.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

/// Nothing is sent to the backend after it until it is answered.
[[nodiscard]] bool goes_alone(verb id) noexcept;

class relay_client_lines {
public:
    /// A reply, always 421, ends the session at once.
    [[nodiscard]] std::optional<local_reply> append(std::string_view bytes, bool tls, relay_output& out) {
        return reader_.append(bytes, tls, out.telnet_answers());
    }
    /// No more bytes will arrive.
    void end() noexcept { ended_ = true; }

    /// The next line if no transfer is running. Empty if no line is complete, or if it has to wait for pending replies.
    [[nodiscard]] std::optional<client_line> next(relay_output& out);
    /// The next line that may be acted on while a transfer runs. Those before it that may not are deferred.
    [[nodiscard]] std::optional<client_line> next_during_transfer(relay_output& out);

    /// All lines were handled, and no more will arrive.
    [[nodiscard]] bool finished() const noexcept { return ended_ && deferred_.empty(); }
    [[nodiscard]] bool wants_bytes() const noexcept;
    /// The number of bytes that arrived after the command being handled; a deferred line counts as one.
    [[nodiscard]] std::size_t pending_bytes() const noexcept { return reader_.pending() + (deferred_.empty() ? 0 : 1); }
    [[nodiscard]] bool quit_received() const noexcept { return reader_.quit_received(); }

    /// ABOR was acted on before its turn. True: its reply waits for those to the deferred lines; otherwise the backend
    /// replies.
    [[nodiscard]] bool defer_abort();
    /// Such an ABOR also cancels a transfer that has not started yet.
    [[nodiscard]] bool has_abort() const noexcept { return deferred_.has_abort(); }

    void set_logged_in(bool yes) noexcept { reader_.set_logged_in(yes); }
    /// The session ends.
    void clear() noexcept;

private:
    [[nodiscard]] std::optional<client_line> read(relay_output& out);

    command_reader reader_;
    deferred_lines deferred_;
    bool ended_ = false;
};

}  // namespace sallyport::proto
