#pragma once
// The output of a relay machine: bytes for both legs, actions for the driver, notes for the log, and the queue of commands
// that the backend has not answered yet. A reply that the gateway makes itself takes its place in that queue, so the client
// gets all replies in the order of its commands (GW-04). Addresses of the backend leg are removed from replies here. A
// value, owned by the machine; one thread.

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sallyport/proto/command.hpp>
#include <sallyport/proto/command_sequences.hpp>
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
    /// A reply that the gateway makes itself; it follows the replies to earlier commands.
    void send_local_reply(int code, std::string_view text);
    void send_local_reply(const local_reply& r) { send_local_reply(r.code, r.text); }
    /// The same, of several lines.
    void send_local_reply(const reply& r);
    /// The same, with a note that the command was refused. The backend, which does not receive it, forgets the RNFR before
    /// it, and if it is a transfer, the offset of an earlier REST.
    void refuse(const command& cmd, int code, std::string_view text);
    /// A reply that the gateway makes itself; it precedes the replies to earlier commands.
    void send_at_once(int code, std::string_view text);
    /// The same, for a failed transfer: with a note, and without addresses of the backend leg.
    void send_failure(const local_reply& r);
    /// Replies to Telnet negotiations are appended here.
    [[nodiscard]] std::string& telnet_answers() noexcept { return to_client_; }

    // The backend leg
    /// False if the argument cannot be sent; the client gets 501.
    bool send_command(const command& cmd, reply_kind kind);
    [[nodiscard]] const pending_replies& pending() const noexcept { return pending_; }
    /// Treats the first pending reply as the reply to `by`, and forwards it to the client.
    void forward_first_as(verb by) { pending_.front() = {reply_kind::relayed, by, {}}; }
    /// Removes a reply that has arrived, and sends the gateway's own replies that were waiting for it.
    void remove_pending(std::size_t index);
    /// Gives up the replies before that to NOOP, which the backend has skipped: the client gets replies that the gateway
    /// makes itself. True if the reply to a transfer was among them.
    bool abandon_pending();
    /// Over TLS, commands are not escaped for Telnet.
    void set_backend_tls(bool active) noexcept { backend_tls_ = active; }
    [[nodiscard]] bool backend_tls() const noexcept { return backend_tls_; }
    /// Discards what concerns the present backend, before another one is connected or none.
    void release_backend();
    void set_addresses(inside_addresses addresses) { addresses_ = std::move(addresses); }
    /// Removes the addresses of the backend leg from the reply to `pending` (nullptr: to no command). Names and facts of
    /// files are left unchanged, even if they look like an address. A 227 or 229 is never forwarded unchanged.
    void hide_addresses(reply& r, const pending_reply* pending) const;

    // The driver
    void request(relay_action action) { actions_.push_back(std::move(action)); }
    [[nodiscard]] std::optional<relay_action> next_action();
    /// Swaps the unsent bytes with `out`, whose old content is discarded.
    void release_client_output(std::string& out);
    void release_backend_output(std::string& out);
    [[nodiscard]] bool has_client_output() const noexcept { return !to_client_.empty(); }
    [[nodiscard]] bool has_backend_output() const noexcept { return !to_backend_.empty(); }
    /// So much output is unsent that no more should be added.
    [[nodiscard]] bool client_full() const noexcept;
    [[nodiscard]] bool full() const noexcept;
    /// The session ends: no reply is pending any more.
    void clear_pending() noexcept { pending_.clear(); }

    // The log
    void set_notes(std::move_only_function<void(relay_note, std::string_view)> notes, bool lines);
    void note(relay_note kind, std::string_view text) {
        if (notes_) notes_(kind, text);
    }
    /// False: no one reads notes, so a caller need not format their text.
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
    command_sequences sequences_;
    std::move_only_function<void(relay_note, std::string_view)> notes_;
    bool logs_lines_ = false;
};

}  // namespace sallyport::proto
