#pragma once
// The queue of a client's lines that wait, in most cases for the end of a transfer (IN-05, IN-06, G5).
//
// A value, owned by a server machine or a relay machine; one thread.

#include <cstddef>
#include <vector>

#include <sallyport/proto/client_side/command_reader.hpp>

namespace sallyport::proto {

class deferred_lines {
public:
    [[nodiscard]] bool empty() const noexcept { return lines_.empty(); }
    /// No more lines may be added; the client is not read until there is space.
    [[nodiscard]] bool full() const noexcept;
    /// Consecutive NOOPs become one entry, since some clients send them for hours during a transfer.
    void push(client_line line);
    /// Adds an ABOR that was already executed.
    void push_abort() { push({.abort_done = true}); }
    /// REQUIRES: !empty().
    [[nodiscard]] const client_line& front() const noexcept { return lines_.front(); }
    /// REQUIRES: !empty().
    [[nodiscard]] client_line pop();
    /// True if an executed ABOR is queued. It also applies to the transfers before it that have not started.
    [[nodiscard]] bool has_abort() const noexcept;
    void clear() noexcept {
        lines_.clear();
        bytes_ = 0;
    }

private:
    std::vector<client_line> lines_;
    // The size of their arguments.
    std::size_t bytes_ = 0;
};

}  // namespace sallyport::proto
