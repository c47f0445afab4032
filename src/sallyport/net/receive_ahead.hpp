#pragma once
// What comes next of a large transfer, received by a second thread while the loop encrypts and sends what it has: else one
// transfer under TLS goes no faster than one core.
//
// A few threads serve the process, each one transfer at a time. Where all have theirs, there are transfers enough to keep
// the cores busy, and each is its loop's work alone. A thread that comes too late holds nothing up: the loop takes its work
// back.

#include <cstddef>
#include <memory>
#include <span>

#include <sallyport/net/event.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::net {

struct received {
    std::size_t size = 0;
    bool ended = false;  // behind these bytes
    int os = 0;          // why there was no more; EAGAIN as a rule

    [[nodiscard]] bool goes_on() const noexcept;
};

/// All there is, and the end too where it is known: it can then leave in one packet with the last bytes.
[[nodiscard]] received receive(int socket, std::span<char> into);

class receive_ahead {
public:
    /// Pieces of up to `size` bytes. Nothing where no thread is free for this transfer. REQUIRES: !from.is_tls()
    [[nodiscard]] static std::unique_ptr<receive_ahead> of(const stream& from, std::size_t size);
    ~receive_ahead();
    receive_ahead(const receive_ahead&) = delete;
    receive_ahead& operator=(const receive_ahead&) = delete;

    /// Has the thread go on until the source has no more for now, or enough waits to be taken.
    void begin();
    /// What comes next, without waiting for the source, in `piece`, whose memory is used again. The loop receives it itself
    /// where the thread has not begun to.
    task<received> next(std::unique_ptr<char[]>& piece);
    /// True where the thread is not at work and next() has taken all: others may receive.
    [[nodiscard]] bool at_rest() const;

private:
    struct shared;
    receive_ahead(loop& l, std::shared_ptr<shared> work);

    const std::shared_ptr<shared> shared_;  // with the thread, which may be in the middle of a piece when this object goes
    const std::shared_ptr<event> changed_;  // the loop's alone
};

}  // namespace sallyport::net
