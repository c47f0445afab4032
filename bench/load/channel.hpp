#pragma once
// One TCP connection for control or data, with TLS after start_tls(). Received bytes cost little CPU time: unencrypted
// ones are dropped in the kernel, and sent ones come from the page cache. Owned by its user, on one thread; the reactor
// must outlive it.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <netinet/in.h>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>

#include <load/measurement.hpp>
#include <load/reactor.hpp>
#include <load/task.hpp>
#include <load/tls.hpp>

namespace sallyport::load {

class channel {
public:
    explicit channel(reactor& loop) : loop_(loop) {}
    channel(const channel&) = delete;
    channel& operator=(const channel&) = delete;
    ~channel() { close(); }

    /// Starts to connect, from `source` if one is given; the first read or write returns the result.
    [[nodiscard]] result<void> connect(const sockaddr_in& to, const std::optional<sockaddr_in>& source);
    void close() noexcept;

    /// `resume` may be null.
    task<result<void>> start_tls(SSL_CTX* context, SSL_SESSION* resume);
    /// The TLS session, which a later data connection may resume.
    [[nodiscard]] ssl_session session() const;

    /// 0 at the end of the stream.
    task<result<std::size_t>> read(std::span<char> into);
    task<result<void>> write(std::string_view bytes);

    /// Reads to the end and discards the data, which are counted in `into`. With TLS, records are counted by their headers
    /// and only the first one is decrypted; otherwise the generator would limit the rate.
    task<result<void>> drain(reception& into);
    /// Reads to the end; an error if the data are not `content`.
    task<result<void>> expect(std::string_view content);
    /// Writes `size` arbitrary bytes.
    task<result<void>> fill(std::uint64_t size);
    /// Ends sending, so that the peer still reads everything.
    task<result<void>> finish();

private:
    task<result<void>> drain_plain(reception& into);
    task<result<void>> drain_records(reception& into);
    [[nodiscard]] result<std::optional<std::size_t>> try_read(std::span<char> into);
    [[nodiscard]] result<std::optional<std::size_t>> try_write(std::string_view bytes);
    [[nodiscard]] result<std::optional<std::size_t>> try_receive(char* into, std::size_t size, int flags);
    [[nodiscard]] result<std::optional<std::size_t>> tls_outcome(int returned, const char* during);

    reactor& loop_;
    unique_fd socket_;
    readiness state_;
    ssl_connection tls_;
    /// TLS waits for writability after an empty result.
    bool wants_write_ = false;
    /// The kernel has reported the end, and everything before it was read.
    bool ended_ = false;
};

}  // namespace sallyport::load
