#pragma once
// What is written down of a session: the line in the log and the record of a transfer at its end, the record of a change,
// and what `status` shows of a running transfer (G12). Functions without state; the loop's thread, as they look at the
// transfer, which the session owns.

#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/server_actions.hpp>
#include <sallyport/server/transfer.hpp>
#include <sallyport/status/session_report.hpp>
#include <sallyport/status/session_summary.hpp>
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
[[nodiscard]] status::transfer_kind kind_of(const transfer& t) noexcept;

/// "TLSv1.3, TLS_AES_256_GCM_SHA384", or why there is no TLS.
[[nodiscard]] std::string tls_text(const result<void>& handshake, const net::stream& control);
/// For the 421 of a session that does not end by itself.
[[nodiscard]] std::string_view reply_text_of(status::session_end by) noexcept;
/// `reply`: the code of the last one. `at_end`: what `status` would show.
[[nodiscard]] std::string end_text(status::session_end by, int reply, status::session_summary of,
                                   const status::session_report& at_end);

}  // namespace sallyport::server
