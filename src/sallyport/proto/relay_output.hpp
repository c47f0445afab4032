#pragma once
// What a relay machine has to send and to have done: the bytes for either leg, the actions for the driver, the notes for the
// log, and between them the queue of commands that the backend has not answered. A reply of the gateway's own takes its turn
// in that queue, so the client gets all replies in the order of its commands (GW-04). Addresses of the backend leg are taken
// out of replies here. A value of one machine; one thread.

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sallyport/proto/command.hpp>
#include <sallyport/proto/inside_addresses.hpp>
#include <sallyport/proto/pending_replies.hpp>
#include <sallyport/proto/relay_actions.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

class relay_output {
public:
    // The client leg
    /// A reply of the backend.
    void forward_reply(const reply& r);
    /// A transfer's 1xx. Some name the other end of the data connection: for the client that is `data_peer`, its own.
    void forward_opening(reply r, const std::string& data_peer);
    /// A reply of the gateway's own, after those to earlier commands.
    void send_local_reply(int code, std::string_view text);
    void send_local_reply(const local_reply& r) { send_local_reply(r.code, r.text); }
    /// The same, with a note that the command was refused.
    void refuse(const command& cmd, int code, std::string_view text);
    /// A reply of the gateway's own, ahead of those to earlier commands.
    void send_at_once(int code, std::string_view text);
    /// The same, for a failed transfer: with a note, and without addresses of the backend leg.
    void send_failure(const local_reply& r);
    /// Answers to Telnet's negotiations are appended here.
    [[nodiscard]] std::string& telnet_answers() noexcept { return to_client_; }

    // The backend leg
    /// False: the argument can't be sent, and the client gets 501.
    bool send_command(const command& cmd, reply_kind kind);
    [[nodiscard]] const pending_replies& pending() const noexcept { return pending_; }
    /// The first pending reply is the one to `by` from now on, for the client.
    void forward_first_as(verb by) { pending_.front() = {reply_kind::relayed, by, {}}; }
    /// A pending reply has arrived. The gateway's own replies that waited for it are sent.
    void remove_pending(std::size_t index);
    /// The backend has answered NOOP and not what it was sent before: the client gets replies of the gateway's own to that.
    /// True: the transfer's reply was among them.
    bool abandon_pending();
    /// Under TLS nothing is escaped for Telnet.
    void set_backend_tls(bool active) noexcept { backend_tls_ = active; }
    [[nodiscard]] bool backend_tls() const noexcept { return backend_tls_; }
    /// Another backend takes the place of the present one, or none.
    void release_backend();
    void set_addresses(inside_addresses addresses) { addresses_ = std::move(addresses); }
    /// Takes the addresses of the backend leg out of a reply to `pending`, or to nothing. Not where lines are names or facts
    /// of files: there the text is the file's, whatever it looks like. A 227 or 229 is never forwarded as it is.
    void hide_addresses(reply& r, const pending_reply* pending) const;

    // The driver
    void request(relay_action action) { actions_.push_back(std::move(action)); }
    [[nodiscard]] bool has_actions() const noexcept { return !actions_.empty(); }
    [[nodiscard]] std::optional<relay_action> next_action();
    /// Moves what is to be sent into `out`, whose old content is dropped and whose memory is used again.
    void release_client_output(std::string& out);
    void release_backend_output(std::string& out);
    [[nodiscard]] bool has_client_output() const noexcept { return !to_client_.empty(); }
    [[nodiscard]] bool has_backend_output() const noexcept { return !to_backend_.empty(); }
    /// So much is unsent that nothing more should be made.
    [[nodiscard]] bool client_full() const noexcept;
    [[nodiscard]] bool full() const noexcept;
    /// Nothing is pending any more: the session ends.
    void clear_pending() noexcept { pending_.clear(); }

    // The log
    void set_notes(std::move_only_function<void(relay_note, std::string_view)> notes, bool lines);
    void note(relay_note kind, std::string_view text) {
        if (notes_) notes_(kind, text);
    }
    /// A note has a reader: else its text need not be made.
    [[nodiscard]] bool has_notes() const noexcept { return static_cast<bool>(notes_); }
    [[nodiscard]] bool logs_lines() const noexcept { return logs_lines_; }
    /// A line of a control connection; `direction` is "> " or "< ".
    void log_line(std::string_view direction, std::string_view line);

private:
    void send_line(const std::string& line);

    std::string to_client_;
    std::string to_backend_;
    pending_replies pending_;
    // In order; the first one is returned next.
    std::vector<relay_action> actions_;
    inside_addresses addresses_;
    bool backend_tls_ = false;
    std::move_only_function<void(relay_note, std::string_view)> notes_;
    bool logs_lines_ = false;
};

}  // namespace sallyport::proto
