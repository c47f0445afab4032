#pragma once
// One TCP connection, with TLS if start_tls was called; control and data alike. Bulk bytes cost this side as little as can
// be: plain ones are dropped or taken from a page cache inside the kernel. One thread; the reactor must outlive it.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <netinet/in.h>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>

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

    /// Begins to connect, from `source` where one is given; what comes of it shows in the first read or write.
    [[nodiscard]] result<void> connect(const sockaddr_in& to, const std::optional<sockaddr_in>& source);
    void close() noexcept;

    /// `resume` may be null.
    task<result<void>> start_tls(SSL_CTX* context, SSL_SESSION* resume);
    /// What a later data connection may resume.
    [[nodiscard]] ssl_session session() const;

    /// 0 at the end of the stream.
    task<result<std::size_t>> read(std::span<char> into);
    task<result<void>> write(std::string_view bytes);

    /// Reads to the end and throws away; returns how much there was. Under TLS the records are counted by their headers,
    /// and only the first is decrypted: else it would be this side that sets the figure.
    task<result<std::uint64_t>> drain();
    /// Reads to the end; an error where that is not `content`.
    task<result<void>> expect(std::string_view content);
    /// Writes `size` bytes of no meaning.
    task<result<void>> fill(std::uint64_t size);
    /// Tells the peer that nothing more comes, so that it loses nothing of what it has not read yet.
    task<result<void>> finish();

private:
    task<result<std::uint64_t>> drain_plain();
    task<result<std::uint64_t>> drain_records();
    [[nodiscard]] result<std::optional<std::size_t>> try_read(std::span<char> into);
    [[nodiscard]] result<std::optional<std::size_t>> try_write(std::string_view bytes);
    [[nodiscard]] result<std::optional<std::size_t>> try_receive(char* into, std::size_t size, int flags);
    [[nodiscard]] result<std::optional<std::size_t>> tls_outcome(int returned, const char* during);

    reactor& loop_;
    unique_fd socket_;
    readiness state_;
    ssl_connection tls_;
    bool wants_write_ = false;  // what TLS waits for after an empty outcome
    bool ended_ = false;        // the kernel has announced the end and everything before it was read
};

}  // namespace sallyport::load
