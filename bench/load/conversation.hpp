#pragma once
// A client's session as a load generator needs it: log in, then commands and passive transfers, as fast as it goes. Any
// answer other than the expected one is a failure that names the command and the server's words. One thread.

#include <string>
#include <string_view>

#include <load/channel.hpp>
#include <load/options.hpp>
#include <load/wire.hpp>

namespace sallyport::load {

class conversation {
public:
    /// `tls` may be null where the options ask for none. All of it must outlive the conversation.
    conversation(reactor& loop, const options& wanted, SSL_CTX* tls, unsigned index);

    /// Connect, AUTH TLS if wanted, USER, PASS, TYPE I, and PROT P if wanted.
    task<result<void>> open();
    /// Sends a line and takes one reply, which must complete the command.
    task<result<void>> command(std::string line);
    /// PASV, `line` (RETR, LIST, MLSD) and everything that comes; the number of bytes.
    task<result<std::uint64_t>> receive(std::string line);
    /// The same, where every byte of it must be as in `content`.
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
    /// PASV, the connection to its port, `line` and the preliminary reply, then TLS on it where wanted.
    task<result<void>> open_data(channel& data, std::string line);

    reactor& loop_;
    const options& options_;
    SSL_CTX* tls_;
    unsigned index_;
    channel control_;
    reply_reader replies_;
};

}  // namespace sallyport::load
