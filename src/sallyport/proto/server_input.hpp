#pragma once
// The command lines of a server's client, in the order of their execution: lines that arrive during a transfer are deferred
// until it has finished, except ABOR and STAT (IN-05, IN-06).
//
// A value, owned by the server machine; one thread.

#include <cstddef>
#include <optional>
#include <string_view>

#include <sallyport/proto/client_side/command_reader.hpp>
#include <sallyport/proto/client_side/deferred_lines.hpp>
#include <sallyport/proto/reply_writer.hpp>

namespace sallyport::proto {

class server_input {
public:
    /// Adds received bytes. Returns a reply, always 421, if the session must end.
    [[nodiscard]] std::optional<local_reply> append(std::string_view bytes, bool tls, reply_writer& replies);
    /// No more bytes will arrive.
    void set_ended() noexcept { ended_ = true; }
    [[nodiscard]] bool at_end() const noexcept { return ended_; }

    /// The next line to execute. `log` gets each line when it is read.
    [[nodiscard]] std::optional<client_line> next(reply_writer& log);
    /// During a transfer: ABOR or STAT; the lines before it are deferred. Nothing if there is none, or if full().
    [[nodiscard]] std::optional<client_line> next_during_transfer(reply_writer& log);
    /// No more lines can be deferred; the client is not read before the transfer has finished.
    [[nodiscard]] bool full() const noexcept { return deferred_.full(); }
    /// True if an executed ABOR is queued. It also applies to the transfers before it that have not started.
    [[nodiscard]] bool has_abort() const noexcept { return deferred_.has_abort(); }

    /// More than 0 if the client has sent bytes after the current line, which is not allowed with AUTH TLS (TLS-01).
    [[nodiscard]] std::size_t pending() const noexcept { return reader_.pending() + (deferred_.empty() ? 0 : 1); }
    /// Sets the maximum line length, which is smaller before the login (IN-01).
    void set_logged_in(bool yes) noexcept { reader_.set_logged_in(yes); }
    /// QUIT was received; it may be deferred.
    [[nodiscard]] bool quit_received() const noexcept { return reader_.quit_received(); }
    void clear() noexcept;

private:
    [[nodiscard]] std::optional<client_line> read(reply_writer& log);

    command_reader reader_;
    deferred_lines deferred_;
    bool ended_ = false;
};

}  // namespace sallyport::proto
