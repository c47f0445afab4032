#pragma once
// What is written down of one transfer when it is over (G12): who, what, how much on each side, by which way, and how it
// ended. Of a file or directory that was made, renamed or deleted: who, what, and the answer. Plain values; any thread.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>

namespace sallyport::status {

enum class transfer_end : std::uint8_t {
    complete,
    refused,   // by the server, before data moved or while it did
    aborted,   // by ABOR
    client,    // cut or never connected on the client's side
    backend,   // cut or never connected on the server's side
    deadline,  // nothing moved for too long, or nobody came in time
    stopped,   // by this program: it was stopped, or a peer broke the protocol
};
[[nodiscard]] std::string_view name(transfer_end e) noexcept;

/// Bytes of data on one side.
struct moved_bytes {
    std::uint64_t from = 0;  // taken from it
    std::uint64_t to = 0;    // handed to it
};

/// One side: its two sockets.
struct record_leg {
    bool control_tls = false;
    bool data_tls = false;
    std::string method;                // "EPSV"; "persistent": that of the transfer before (MODE B)
    std::optional<moved_bytes> bytes;  // where they have passed here
};

struct transfer_record {
    std::string session;
    std::string user;
    endpoint client;
    std::string backend;  // its name; empty at a server, which has no second side
    std::string verb;
    std::string path;      // absolute, as far as the session's directory is known
    std::string from{};    // RNTO: the name before
    std::string cwd{};     // the session's directory
    bool transfer = true;  // false: DELE, RMD, MKD or RNTO, which have no data connection
    bool upload = false;
    std::string route;               // of the bytes at a gateway: "relay", "direct", "kernel"; empty at a server
    std::string data_path_reason{};  // one word: why that way and no other; likewise
    record_leg front{};
    record_leg behind{};
    std::chrono::system_clock::time_point ended{};
    std::chrono::duration<double> lasted{};
    transfer_end end = transfer_end::complete;
    std::string why;  // where it is not complete
    int reply = 0;    // the final reply's code; 0 where the client was gone
};

enum class record_style : std::uint8_t { words, json };

/// One line without its end. `words`: key=value, a value in quotes where it could be mistaken; `json`: an object. Whatever a
/// peer sent is escaped, so no name can begin a line of its own or pose as another field (IN-09).
[[nodiscard]] std::string line_of(const transfer_record& r, record_style style);

}  // namespace sallyport::status
