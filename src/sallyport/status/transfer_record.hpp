#pragma once
// The record of one finished transfer (G12): user, path, bytes on each leg, data path and result. Also the record of a
// created, renamed or deleted path: user, path and result. Plain values; any thread.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>

namespace sallyport::status {

enum class transfer_result : std::uint8_t {
    complete,
    // Refused by the server, before or during the transfer of data.
    refused,
    // Aborted with ABOR.
    aborted,
    // The client's connection was interrupted or not established.
    client_failed,
    // The connection to the backend was interrupted or not established.
    backend_failed,
    // There was no progress, or no data connection, within the time limit.
    timeout,
    // Ended by this program: it was stopped, or a peer violated the protocol.
    stopped,
};
[[nodiscard]] std::string_view name(transfer_result r) noexcept;

/// Bytes of data on one leg.
struct byte_counts {
    // Received from the peer.
    std::uint64_t received = 0;
    // Sent to the peer.
    std::uint64_t sent = 0;
};

/// The control and the data connection of one leg.
struct leg_record {
    bool control_tls = false;
    bool data_tls = false;
    // The data method, for example "EPSV"; "persistent" for the data connection of an earlier transfer (MODE B).
    std::string method;
    // Nothing if the data did not pass through this process.
    std::optional<byte_counts> bytes;
};

struct transfer_record {
    std::string session;
    std::string user;
    endpoint client;
    // The name of the backend; empty for a server, which has no backend leg.
    std::string backend;
    std::string verb;
    // Absolute, as far as the session's directory is known.
    std::string path;
    // RNTO: the old path.
    std::string renamed_from{};
    // The session's working directory.
    std::string cwd{};
    // False for DELE, RMD, MKD and RNTO, which have no data connection.
    bool transfer = true;
    bool upload = false;
    // TYPE A, as far as it is known; the gateway does not know it.
    bool ascii = false;
    // "relay", "direct" or "kernel"; empty for a server.
    std::string data_path;
    // Why this data path was chosen, in one word; empty for a server.
    std::string data_path_reason{};
    leg_record client_leg{};
    leg_record backend_leg{};
    std::chrono::system_clock::time_point ended_at{};
    std::chrono::duration<double> duration{};
    transfer_result result = transfer_result::complete;
    // Why the transfer is not complete.
    std::string reason;
    // The code of the final reply; 0 if the client had closed the connection.
    int reply_code = 0;
};

enum class record_format : std::uint8_t {
    // key=value, with texts of peers in quotes.
    text,
    // One JSON object.
    json,
    // The format of wu-ftpd, vsftpd and ProFTPD; xferlog(5). It has transfers of files and deleted files only.
    xferlog,
    // The common log format of web servers: host, user, time, command, code of the reply and bytes.
    common,
};

/// LIST, NLST or MLSD.
[[nodiscard]] bool is_listing(const transfer_record& r) noexcept;

/// One line without a line end; empty if the format has no line for this record. Texts of peers are escaped, so that no name
/// can start a new line or imitate another field (IN-09).
[[nodiscard]] std::string line_of(const transfer_record& r, record_format format);

}  // namespace sallyport::status
