#pragma once
// The command lines of a server's client in the order in which they are obeyed: those that came while a transfer ran wait
// for its end, except ABOR and STAT (IN-05, IN-06). A value; one thread.

#include <cstddef>
#include <optional>
#include <string_view>

#include <sallyport/proto/client_side/command_reader.hpp>
#include <sallyport/proto/client_side/deferred_lines.hpp>
#include <sallyport/proto/reply_writer.hpp>

namespace sallyport::proto {

class server_input {
public:
    /// Takes what arrived. A reply, always 421, ends the session at once.
    [[nodiscard]] std::optional<local_reply> append(std::string_view bytes, bool tls, reply_writer& replies);
    /// No more lines come after those that have.
    void set_ended() noexcept { ended_ = true; }
    [[nodiscard]] bool at_end() const noexcept { return ended_; }

    /// The line whose turn it is. `log` is shown each line as it is read.
    [[nodiscard]] std::optional<client_line> next(reply_writer& log);
    /// While a transfer runs: ABOR or STAT, and all before it waits. Nothing where none has come, or where full().
    [[nodiscard]] std::optional<client_line> next_during_transfer(reply_writer& log);
    /// No more may be read before the transfer has ended.
    [[nodiscard]] bool full() const noexcept { return deferred_.full(); }
    /// An ABOR that was acted on means the transfers before it too, also those that have not begun.
    [[nodiscard]] bool has_abort() const noexcept { return deferred_.has_abort(); }

    /// What came after the line that is being obeyed. After AUTH TLS there may be nothing (TLS-01).
    [[nodiscard]] std::size_t pending() const noexcept { return reader_.pending() + (deferred_.empty() ? 0 : 1); }
    /// Before a login lines are short (IN-01).
    void set_logged_in(bool yes) noexcept { reader_.set_logged_in(yes); }
    /// QUIT has been read, and may wait for its turn.
    [[nodiscard]] bool quit_received() const noexcept { return reader_.quit_received(); }
    void clear() noexcept;

private:
    [[nodiscard]] std::optional<client_line> read(reply_writer& log);

    command_reader reader_;
    deferred_lines deferred_;
    bool ended_ = false;
};

}  // namespace sallyport::proto
