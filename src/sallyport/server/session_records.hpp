#pragma once
// What is written down of a session: the line in the log and the record of a transfer at its end, the record of a change,
// and what `status` shows of a running transfer (G12). Functions without state; the loop's thread, as they look at the
// transfer, which the session owns.

#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/server_actions.hpp>
#include <sallyport/server/transfer.hpp>
#include <sallyport/status/session_report.hpp>
#include <sallyport/status/transfer_record.hpp>

namespace sallyport::server {

/// Whose records these are.
struct record_owner {
    std::string session;
    std::string user;
    endpoint client;
    bool control_tls = false;
};

/// "RETR /f: 12 kB in 0.001 s", and why it failed.
[[nodiscard]] std::string transfer_text(const transfer& t, const result<proto::transfer_outcome>& outcome);
/// `stopping`: the session ends, and the transfer with it. `reply`: the code of the final reply; 0 where there was none.
[[nodiscard]] status::transfer_record transfer_record_of(const transfer& t, const result<proto::transfer_outcome>& outcome,
                                                         record_owner owner, bool stopping, int reply);
/// DELE, RMD, MKD, RNTO.
[[nodiscard]] bool is_recorded(proto::verb what) noexcept;
[[nodiscard]] status::transfer_record change_record_of(const proto::file_request& request,
                                                       const result<proto::file_result>& answer, record_owner owner,
                                                       std::string directory, int reply);
[[nodiscard]] status::running_transfer running_transfer_of(const transfer& t);

}  // namespace sallyport::server
