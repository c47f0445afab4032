#pragma once
// The lines of a client that wait for their turn, most of them because a transfer runs (IN-05, IN-06, G5). Values; one
// thread.

#include <vector>

#include <sallyport/proto/client_side/command_reader.hpp>

namespace sallyport::proto {

class deferred_lines {
public:
    [[nodiscard]] bool empty() const noexcept { return lines_.empty(); }
    /// No more may be added: the client must wait.
    [[nodiscard]] bool full() const noexcept;
    /// Clients keep a control connection awake by NOOP for hours, so a run of them is one entry.
    void push(client_line line);
    /// An ABOR that was acted on before its turn.
    void push_abort() { push({.abort_done = true}); }
    [[nodiscard]] const client_line& front() const noexcept { return lines_.front(); }  // REQUIRES: !empty()
    [[nodiscard]] client_line pop();                                                    // REQUIRES: !empty()
    /// An ABOR waits that was acted on: it means the transfers before it too, also those that have not begun.
    [[nodiscard]] bool has_abort() const noexcept;
    void clear() noexcept { lines_.clear(); }

private:
    std::vector<client_line> lines_;
};

}  // namespace sallyport::proto
