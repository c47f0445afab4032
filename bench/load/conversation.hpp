#pragma once
// A client session of the load generator: login, then commands and passive transfers as fast as possible. An unexpected
// reply is a failure that contains the command and the reply. Owned by its worker; one thread.

#include <string>
#include <string_view>

#include <load/channel.hpp>
#include <load/options.hpp>
#include <load/wire.hpp>

namespace sallyport::load {

class conversation {
public:
    /// `tls` may be null if the options do not use TLS. All arguments must outlive the conversation.
    conversation(reactor& loop, const options& wanted, SSL_CTX* tls, unsigned index);

    /// Connect, AUTH TLS if wanted, USER, PASS, TYPE I, and PROT P if wanted.
    task<result<void>> open();
    /// Sends a line and reads one reply, which must be 2xx.
    task<result<void>> command(std::string line);
    /// PASV, `line` (RETR, LIST, MLSD) and the data; returns the number of bytes.
    task<result<std::uint64_t>> receive(std::string line);
    /// What receive() has received so far, in all calls, from `start()` on.
    [[nodiscard]] reception& received() { return received_; }
    /// The same; the data must be `content`.
    task<result<void>> expect(std::string line, std::string_view content);
    /// PASV, `line` (STOR) and `size` bytes.
    task<result<void>> store(std::string line, std::uint64_t size);
    /// QUIT, its reply, and the end of the connection.
    task<result<void>> quit();

private:
    task<result<void>> completion(std::string line);
    task<result<reply>> next_reply(std::string_view command_sent);
    task<result<reply>> request(std::string line);
    task<result<void>> log_in();
    /// PASV, the connection to its port, `line` and the preliminary reply, then TLS on it if enabled.
    task<result<void>> open_data(channel& data, std::string line);

    reactor& loop_;
    const options& options_;
    SSL_CTX* tls_;
    unsigned index_;
    channel control_;
    reply_reader replies_;
    reception received_;
};

}  // namespace sallyport::load
