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

enum class transfer_result : std::uint8_t {
    complete,
    // Refused by the server, before data moved or while it did.
    refused,
    // Aborted by ABOR.
    aborted,
    // Cut or never connected on the client's side.
    client_failed,
    // Cut or never connected on the server's side.
    backend_failed,
    // Nothing moved for too long, or nobody came in time.
    timeout,
    // By this program: it was stopped, or a peer broke the protocol.
    stopped,
};
[[nodiscard]] std::string_view name(transfer_result r) noexcept;

/// Bytes of data on one side.
struct byte_counts {
    // Taken from it.
    std::uint64_t received = 0;
    // Handed to it.
    std::uint64_t sent = 0;
};

/// One side: its two sockets.
struct leg_record {
    bool control_tls = false;
    bool data_tls = false;
    // "EPSV"; "persistent": that of the transfer before (MODE B).
    std::string method;
    // Where they have passed here.
    std::optional<byte_counts> bytes;
};

struct transfer_record {
    std::string session;
    std::string user;
    endpoint client;
    // Its name; empty at a server, which has no second side.
    std::string backend;
    std::string verb;
    // Absolute, as far as the session's directory is known.
    std::string path;
    // RNTO: the name before.
    std::string renamed_from{};
    // The session's directory.
    std::string cwd{};
    // False: DELE, RMD, MKD or RNTO, which have no data connection.
    bool transfer = true;
    bool upload = false;
    // Of the bytes at a gateway: "relay", "direct", "kernel"; empty at a server.
    std::string data_path;
    // One word: why that way and no other; likewise.
    std::string data_path_reason{};
    leg_record client_leg{};
    leg_record backend_leg{};
    std::chrono::system_clock::time_point ended_at{};
    std::chrono::duration<double> duration{};
    transfer_result result = transfer_result::complete;
    // Where it is not complete.
    std::string reason;
    // The final reply's code; 0 where the client was gone.
    int reply_code = 0;
};

enum class record_format : std::uint8_t { text, json };

/// One line without its end. `words`: key=value, a value in quotes where it could be mistaken; `json`: an object. Whatever a
/// peer sent is escaped, so no name can begin a line of its own or pose as another field (IN-09).
[[nodiscard]] std::string line_of(const transfer_record& r, record_format format);

}  // namespace sallyport::status
