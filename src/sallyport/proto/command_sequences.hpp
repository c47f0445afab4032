#pragma once
// What a backend remembers for its next command: the RNFR before an RNTO, and the offset of a REST before a transfer (RFC
// 959, section 4.1.3). If the gateway refuses the command that follows, the backend does not receive it and has to be made
// to forget.
//
// A value, owned by the output of one relay machine; one thread.

#include <vector>

#include <sallyport/proto/command.hpp>

namespace sallyport::proto {

class command_sequences {
public:
    /// The backend was sent this command of the client or of the gateway, except those of to_forget().
    void sent(verb id) noexcept;
    /// The commands to be sent after one was refused; from now on they count as sent. `in_transfer`: the reply to a transfer
    /// is pending.
    [[nodiscard]] std::vector<command> to_forget(verb refused, bool in_transfer);
    /// Another backend, or none.
    void reset() noexcept { *this = {}; }

private:
    // RNFR, and no RNTO since.
    bool renaming_ = false;
    // REST or RANG, and no transfer since.
    bool has_offset_ = false;
};

}  // namespace sallyport::proto
