#pragma once
// The client's end of a control connection: it sends commands and assigns each reply to its command.
//
// Commands wait in the order in which they were sent, and a reply belongs to the oldest one (RFC 959, section 5.4). A 1xx
// comes before the final reply and leaves its command waiting. A reply that only a later command can have skips three kinds
// of commands:
// - a running transfer: some servers answer NOOP and ABOR immediately, others after the transfer;
// - ABOR after the reply to its transfer: some servers send one reply for both;
// - EPSV after its timeout: some firewalls drop it.
// A reply that no waiting command can have (possible_reply.hpp) is a stray reply. It ends the channel with
// errc::stray_reply, since the following replies could not be assigned reliably. 421 ends the channel at any time. After an
// error the channel stays in error.
//
// A value, owned by one client_machine, used on its thread. No sockets and no clock.

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sallyport/base/error.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

/// A reply and the command that it belongs to. `command` is the verb as sent, or "greeting" for the first reply of a
/// session. `operation` is the number that was passed to send() with the command.
struct command_reply {
    std::string command;
    reply received;
    unsigned operation = 0;
};

class client_channel {
public:
    /// Waits for the greeting.
    client_channel();

    /// Appends a command to output(). errc::name_invalid if the argument cannot be sent (CL-02). errc::stray_reply if the
    /// server has sent unsolicited bytes, which would be taken for the reply.
    [[nodiscard]] result<void> send(std::string_view name, std::string_view argument = {}, unsigned operation = 0);
    [[nodiscard]] const std::string& output() const noexcept { return output_; }
    void output_sent() noexcept { output_.clear(); }

    void receive(std::string_view bytes) { parser_.append(bytes); }
    enum class status : unsigned char { reply, need_more, ended };
    status next(command_reply& out);
    /// After TLS is established: the bytes are not Telnet any more.
    void disable_telnet() noexcept { telnet_ = false; }
    /// Stops waiting for the reply to the oldest command; a late reply is dropped. REQUIRES: !waiting_for().empty().
    void stop_waiting() { waiting_.front().may_be_unanswered = true; }

    /// The reason for the end of the channel. reply_code() is 421 if the server sent it.
    [[nodiscard]] const error& failure() const noexcept { return failure_; }
    [[nodiscard]] int reply_code() const noexcept { return reply_code_; }
    /// The oldest command without a final reply; empty if there is none.
    [[nodiscard]] std::string_view waiting_for() const noexcept;
    /// True if this command has no final reply yet.
    [[nodiscard]] bool awaits_reply_to(verb id) const noexcept;
    /// All bytes of the server were processed, so TLS can start (TLS-02).
    [[nodiscard]] bool drained() const noexcept { return parser_.pending() == 0; }
    /// errc::stray_reply if no reply is expected and one was received, or a part of one.
    [[nodiscard]] result<void> check_no_stray_reply() const;

    /// Called with each line: "> " and a command with secrets masked, or "< " and a reply. Set it before the first call.
    void set_trace(std::move_only_function<void(std::string_view line)> trace) { trace_ = std::move(trace); }

private:
    struct pending_command {
        std::string command;
        // Nothing for the greeting.
        std::optional<verb> id;
        unsigned operation = 0;
        // A 1xx was received.
        bool started = false;
        bool may_be_unanswered = false;
    };

    [[nodiscard]] std::optional<std::size_t> owner_of(int code) const noexcept;
    /// Removes an answered command from the queue; false if the reply is to be dropped.
    bool finish_command(std::size_t owner, const reply& r, command_reply& out);
    status end(errc code, std::string detail, int reply_code = 0);
    void trace_reply(const reply& r);

    reply_parser parser_;
    std::deque<pending_command> waiting_;
    std::string output_;
    error failure_{};
    int reply_code_ = 0;
    bool ended_ = false;
    bool telnet_ = true;
    std::move_only_function<void(std::string_view)> trace_;
};

/// The code and the text of all lines, for messages: "550 No such file".
[[nodiscard]] std::string summary(const reply& r);

}  // namespace sallyport::proto
