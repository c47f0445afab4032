#pragma once
// The client's end of a control connection as a value: commands out, replies in, each matched to its command.
//
// Commands wait in the order they were sent; a reply belongs to the oldest of them (RFC 959 section 5.4). A 1xx comes before
// the final reply and leaves the command waiting. 421 ends the session whenever it comes. A reply that nobody asked for is a
// violation: what follows can't be trusted to answer what we ask next. So is a passive port that is offered in reply to
// anything but PASV and EPSV (GW-02). After an error the channel stays in error.
// One way out of step is allowed for: firewalls exist that swallow EPSV (RFC 2428 was new once). give_up_waiting() lets the
// next command be sent; the reply that is due is dropped if it comes after all.
// No socket and no clock; one thread.

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <sallyport/base/error.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

/// A reply and the command it answers; `command` is the verb as sent, "greeting" for the first reply of all.
struct answer {
    std::string command;
    reply what;
};

class client_channel {
public:
    client_channel();  // waits for the greeting

    /// Queues a command for output(). errc::name_invalid where the argument can't be sent (CL-02), errc::unexpected where
    /// bytes of the server lie here unasked for: they would be taken for the answer.
    [[nodiscard]] result<void> send(std::string_view name, std::string_view argument = {});
    [[nodiscard]] const std::string& output() const noexcept { return output_; }
    void output_sent() noexcept { output_.clear(); }

    void receive(std::string_view bytes) { parser_.append(bytes); }
    enum class status : unsigned char { answer, need_more, ended };
    status next(answer& out);
    /// TLS has begun: what passes is not Telnet any more.
    void leave_telnet() noexcept { telnet_ = false; }
    /// The reply to the oldest command is not worth waiting for. REQUIRES: !waiting_for().empty().
    void give_up_waiting() { waiting_.front().given_up = true; }

    /// Why the channel has ended; `reply_code()` is 421 where the server said so.
    [[nodiscard]] const error& failure() const noexcept { return failure_; }
    [[nodiscard]] int reply_code() const noexcept { return reply_code_; }
    /// The command whose final reply is due; empty where none is.
    [[nodiscard]] std::string_view waiting_for() const noexcept;
    /// No byte of the server is left unread: TLS may start (TLS-02).
    [[nodiscard]] bool drained() const noexcept { return parser_.pending() == 0; }

    /// Each line of the conversation, "> " commands with secrets masked, "< " replies. Set before the first call.
    void set_trace(std::move_only_function<void(std::string_view line)> trace) { trace_ = std::move(trace); }

private:
    struct due {
        std::string command;
        bool given_up = false;
    };

    [[nodiscard]] bool drop_given_up(const reply& r);
    status end(errc code, std::string what, int reply_code = 0);
    void trace_reply(const reply& r);

    reply_parser parser_;
    std::deque<due> waiting_;
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
