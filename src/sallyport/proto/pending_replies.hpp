#pragma once
// The commands that a backend has not answered yet, in order, and the gateway's own replies that wait between them (GW-04).
//
// A value, owned by one relay machine; one thread at a time.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/proto/command.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

enum class reply_kind : std::uint8_t {
    // A command of the client; its reply is forwarded.
    relayed,
    // A command of the client, sent again to another backend.
    replayed,
    // A reply of the gateway that waits for its turn; `text` is the complete reply.
    local,
    // A transfer of the client; its replies are forwarded in step with the data connections.
    transfer,
    // The gateway's EPSV, PASV, EPRT or PORT.
    negotiation,
    // The gateway's PBSZ or PROT.
    protection,
    // The gateway's AUTH.
    auth,
    // The client's PROT, which applies to both legs; `text` is the level.
    prot,
    // The gateway's PWD.
    directory,
    // The gateway's ABOR, or its REST 0 or RNTO after a command that it has refused.
    discarded,
    // The gateway's NOOP, after which no earlier reply is expected any more.
    probe,
};

struct pending_reply {
    reply_kind kind = reply_kind::relayed;
    verb id = verb::unknown;
    std::string text{};
};

class pending_replies {
public:
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] pending_reply& front() noexcept { return entries_.front(); }
    [[nodiscard]] const pending_reply& front() const noexcept { return entries_.front(); }
    [[nodiscard]] const pending_reply& operator[](std::size_t index) const noexcept { return entries_[index]; }
    [[nodiscard]] bool has(reply_kind kind) const noexcept;
    [[nodiscard]] bool has(verb id) const noexcept;

    /// Adds a command that was sent.
    void push(pending_reply command) { entries_.push_back(std::move(command)); }
    /// Adds a reply of the gateway to a command after the pending ones. False if nothing is pending, so that the reply can
    /// be sent immediately.
    [[nodiscard]] bool hold(const std::string& reply_text);

    /// The entry that `r` belongs to, or nothing for an unsolicited reply. Replies come in the order of the commands. Only
    /// STAT can be answered during a transfer; its codes cannot end one. `transfer_answered`: the transfer at the front has
    /// its final reply.
    [[nodiscard]] std::optional<std::size_t> match(const reply& r, bool transfer_answered) const noexcept;
    /// Removes an answered entry. Returns the gateway's own replies that waited for it, in order.
    [[nodiscard]] std::vector<std::string> remove(std::size_t index);
    /// Removes the first entry without a reply.
    [[nodiscard]] pending_reply remove_first();
    void clear() noexcept { entries_.clear(); }

private:
    std::deque<pending_reply> entries_;
};

}  // namespace sallyport::proto
