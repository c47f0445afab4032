#pragma once
// The options of one run of the load generator. A value; any thread.

#include <cstdint>
#include <optional>
#include <string>

#include <netinet/in.h>

namespace sallyport::load {

enum class mode : std::uint8_t {
    sessions,  // connect, log in, RETR, QUIT, repeatedly
    get,       // RETR of one path in persistent sessions; small_get is the same for a small file
    share,     // the same, but what runs after `seconds` is cut off
    put,       // STOR of `size` bytes in persistent sessions
    noop,
    pasv,  // without the data connection
    list,
    mlsd,
    hold,  // open `count` sessions, then wait for the end of standard input
};

struct options {
    mode what = mode::noop;
    std::string host = "127.0.0.1";
    std::uint16_t port = 21;
    std::string user = "anonymous";
    std::string password = "load@example.org";
    std::string path;
    std::string expected;  // a local file that `path` must be equal to; get and share
    std::uint64_t size = 1024;
    bool tls = false;
    unsigned connections = 1;
    double seconds = 2;
    std::optional<std::uint64_t> count;  // operations; in place of `seconds`
    unsigned sources = 1;                // local addresses 127.0.0.1 and up, when there are more sessions than ports

    [[nodiscard]] sockaddr_in address(std::uint16_t at_port) const;
    /// The local address of connection number `index`; none if the kernel chooses.
    [[nodiscard]] std::optional<sockaddr_in> source(unsigned index) const;
};

/// Parses the command line; prints errors and sets the exit code.
[[nodiscard]] std::optional<options> parse_options(int argc, char** argv, int& exit_code);

}  // namespace sallyport::load
