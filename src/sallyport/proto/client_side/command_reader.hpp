#pragma once
// What a client says on its control connection, line by line: Telnet taken out, overlong lines and other protocols refused
// (RFC 959 section 4.1.3, RFC 854; IN-01, IN-02, IN-03, GW-01, TLS-07).
//
// A value that both machines with a client in front own one of. Nothing that next() gives is a view, so a line may be kept.
// No socket, no exception. One thread.

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

/// One line: a command, or what is wrong with it.
struct client_line {
    command cmd{};
    std::optional<local_reply> refused{};  // it is no command, and this is its reply; 421 ends the session
    std::uint64_t times = 1;               // a run of NOOP is one entry
    bool abort_done = false;               // this ABOR has stopped the transfer, and only its reply is due

    /// Nothing of the client counts after it.
    [[nodiscard]] bool ends_session() const noexcept { return refused && refused->code == 421; }
};

class command_reader {
public:
    /// Takes what arrived. `tls`: it came under TLS, where nothing is Telnet; else answers to Telnet's negotiations are
    /// appended to `answers`. A reply, always 421, ends the session at once.
    [[nodiscard]] std::optional<local_reply> append(std::string_view bytes, bool tls, std::string& answers);
    /// The next line, and in `raw`, until append() or next(), its bytes for the log; nullptr where it was overlong.
    [[nodiscard]] std::optional<client_line> next(std::string_view& raw);

    /// Before a login lines are short (IN-01).
    void set_logged_in(bool yes) noexcept;
    /// Bytes of which no line was made yet. After AUTH TLS there may be none (TLS-01).
    [[nodiscard]] std::size_t pending() const noexcept { return lines_.pending(); }
    /// QUIT has been read, and may wait for its turn.
    [[nodiscard]] bool quit_received() const noexcept { return quit_received_; }
    void clear() noexcept { lines_.clear(); }

private:
    [[nodiscard]] client_line refusal(int code, std::string_view text);
    [[nodiscard]] client_line line_of(std::string_view raw);

    telnet_filter telnet_;
    line_buffer lines_{limits::max_command_line_before_login};
    int overlong_lines_ = 0;
    bool byte_received_ = false;  // a byte came
    bool ended_ = false;          // by a line that ends the session
    bool quit_received_ = false;
};

}  // namespace sallyport::proto
