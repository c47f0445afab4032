#pragma once
// Runs the commands for files that need no data connection: CWD CDUP DELE RMD MKD SIZE MDTM MLST MFMT STAT RNFR RNTO.
//
// Called on the session's loop, as a coroutine that owns its arguments; what `disk` refers to must outlive it.

#include <memory>

#include <sallyport/proto/server_actions.hpp>
#include <sallyport/server/accounts.hpp>
#include <sallyport/server/disk_access.hpp>
#include <sallyport/server/session_context.hpp>

namespace sallyport::server {

/// Queries are answered on the loop if the answer is cached in memory, otherwise on the pool. Changes are made on the pool.
/// STAT of a directory ends early, with errc::cancelled, if that is set in `disk`.
net::task<result<proto::file_result>> run_file_command(std::shared_ptr<session_context> shared, disk_access disk,
                                                       account user_account, proto::file_request request);

}  // namespace sallyport::server
