#pragma once
// Reads commands from a client's control connection: removes Telnet commands, refuses overlong lines and other protocols
// (RFC 959, section 4.1.3; RFC 854; IN-01, IN-02, IN-03, GW-01, TLS-07).
//
// A value, owned by a server machine or a relay machine; one thread. next() returns no views, so a line may be stored. No
// sockets, no exceptions.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/limits.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/line_buffer.hpp>
#include <sallyport/proto/reply.hpp>
#include <sallyport/proto/telnet.hpp>

namespace sallyport::proto {

/// One line: a command, or the reply that refuses it.
struct client_line {
    command cmd{};
    // The reply to a line that is not a command. 421 ends the session.
    std::optional<local_reply> refused{};
    // Consecutive NOOPs are one entry with their number.
    std::uint64_t times = 1;
    // This ABOR has stopped the transfer; only its reply is missing.
    bool abort_done = false;

    /// True if later bytes of the client are ignored.
    [[nodiscard]] bool ends_session() const noexcept { return refused && refused->code == 421; }
};

class command_reader {
public:
    /// Adds received bytes. With `tls` there are no Telnet commands; otherwise the answers to Telnet negotiations are
    /// appended to `answers`. Returns a reply, always 421, if the session must end.
    [[nodiscard]] std::optional<local_reply> append(std::string_view bytes, bool tls, std::string& answers);
    /// The next line. `raw` is set to its bytes for the log, valid until append() or next(); nullptr for an overlong line.
    [[nodiscard]] std::optional<client_line> next(std::string_view& raw);

    /// Sets the maximum line length, which is smaller before the login (IN-01).
    void set_logged_in(bool yes) noexcept;
    /// The number of bytes that are not part of a returned line yet. After AUTH TLS it must be 0 (TLS-01).
    [[nodiscard]] std::size_t pending() const noexcept { return lines_.pending(); }
    /// QUIT was received; it may still be deferred.
    [[nodiscard]] bool quit_received() const noexcept { return quit_received_; }
    void clear() noexcept { lines_.clear(); }

private:
    [[nodiscard]] client_line refusal(int code, std::string_view text);
    [[nodiscard]] client_line line_of(std::string_view raw);

    telnet_filter telnet_;
    line_buffer lines_{limits::max_command_line_before_login};
    int overlong_lines_ = 0;
    bool byte_received_ = false;
    // A line has ended the session.
    bool ended_ = false;
    bool quit_received_ = false;
};

}  // namespace sallyport::proto
