#pragma once
// The client's end of a control connection as a value: commands out, replies in, each routed to its command.
//
// Commands wait in the order they were sent, and a reply belongs to the oldest of them (RFC 959 section 5.4). A 1xx comes
// before the final reply and leaves its command waiting. Three kinds of command may be passed over by a reply that only a
// later one can have:
// - a transfer that runs: some servers answer NOOP and ABOR at once, others when the transfer is over;
// - ABOR after the reply of its transfer: some servers send one reply for both;
// - EPSV once it was given up: firewalls exist that swallow it (RFC 2428 was new once).
// A reply that no waiting command can have (possible_reply.hpp) is a stray: what follows can't be trusted to answer what is
// asked next, so it ends the channel with errc::stray_reply. 421 ends it whenever it comes. After an error the channel stays
// in error. No socket and no clock; one thread.

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

/// A reply and the command it answers; `command` is the verb as sent, "greeting" for the first reply of all. `order` is what
/// the sender gave with the command.
struct command_reply {
    std::string command;
    reply received;
    unsigned operation = 0;
};

class client_channel {
public:
    client_channel();  // waits for the greeting

    /// Queues a command for output(). errc::name_invalid where the argument can't be sent (CL-02), errc::stray_reply where
    /// bytes of the server lie here unasked for: they would be taken for the answer.
    [[nodiscard]] result<void> send(std::string_view name, std::string_view argument = {}, unsigned operation = 0);
    [[nodiscard]] const std::string& output() const noexcept { return output_; }
    void output_sent() noexcept { output_.clear(); }

    void receive(std::string_view bytes) { parser_.append(bytes); }
    enum class status : unsigned char { reply, need_more, ended };
    status next(command_reply& out);
    /// TLS has begun: what passes is not Telnet any more.
    void disable_telnet() noexcept { telnet_ = false; }
    /// The reply to the oldest command is not worth waiting for; it is dropped if it comes after all. REQUIRES:
    /// !waiting_for().empty().
    void stop_waiting() { waiting_.front().may_be_unanswered = true; }

    /// Why the channel has ended; `reply_code()` is 421 where the server said so.
    [[nodiscard]] const error& failure() const noexcept { return failure_; }
    [[nodiscard]] int reply_code() const noexcept { return reply_code_; }
    /// The oldest command whose final reply is due; empty where none is.
    [[nodiscard]] std::string_view waiting_for() const noexcept;
    /// Whether a reply to this command is due.
    [[nodiscard]] bool awaits_reply_to(verb id) const noexcept;
    /// No byte of the server is left unread: TLS may start (TLS-02).
    [[nodiscard]] bool drained() const noexcept { return parser_.pending() == 0; }
    /// errc::stray_reply where no reply is due and one has come all the same, or its beginning.
    [[nodiscard]] result<void> check_no_stray_reply() const;

    /// Each line of the conversation, "> " commands with secrets masked, "< " replies. Set before the first call.
    void set_trace(std::move_only_function<void(std::string_view line)> trace) { trace_ = std::move(trace); }

private:
    struct pending_command {
        std::string command;
        std::optional<verb> id;  // nothing: the greeting
        unsigned operation = 0;
        bool started = false;  // a 1xx has come
        bool may_be_unanswered = false;
    };

    [[nodiscard]] std::optional<std::size_t> owner_of(int code) const noexcept;
    /// Takes the reply off the queue; false where nobody wants to know of it.
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

/// "550 No such file": code and text of all lines, for messages.
[[nodiscard]] std::string summary(const reply& r);

}  // namespace sallyport::proto
