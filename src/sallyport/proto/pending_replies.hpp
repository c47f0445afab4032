#pragma once
// What a gateway's backend has been sent and has not answered, in order, and between that the gateway's own replies that
// wait for their turn (GW-04). A value; one thread.

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
    relayed,      // the client's command: its reply is passed on
    replayed,     // the same again, for a backend that has not heard it
    local,        // `text` is the reply, whole; it waits for its turn
    transfer,     // passed on in step with the data connections
    negotiation,  // our EPSV, PASV, EPRT or PORT
    protection,   // our PBSZ or PROT
    auth,         // our AUTH
    prot,         // the client's PROT, which both legs follow; `text` is the level
    directory,    // our PWD
    discarded,    // our ABOR
    probe,        // our NOOP, after which nothing is owed any more
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

    /// A command was sent.
    void push(pending_reply command) { entries_.push_back(std::move(command)); }
    /// A reply of the gateway's own, to a command that came after those that are owed. False: nothing is owed, so it goes
    /// out at once.
    [[nodiscard]] bool hold(const std::string& reply_text);

    /// Which one `r` answers. Replies come in the order of the commands. STAT alone may be answered while a transfer runs;
    /// its codes can't end one. `transfer_answered`: the transfer at the front has its final reply. Nothing: nobody asked
    /// for it.
    [[nodiscard]] std::optional<std::size_t> match(const reply& r, bool transfer_answered) const noexcept;
    /// An answered one leaves. Returns those of the gateway's own that were waiting for it, in order.
    [[nodiscard]] std::vector<std::string> remove(std::size_t index);
    /// Takes the first one without an answer.
    [[nodiscard]] pending_reply remove_first();
    void clear() noexcept { entries_.clear(); }

private:
    std::deque<pending_reply> entries_;
};

}  // namespace sallyport::proto
